//! The table: capacity units of queries, and readings written per second.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use serde_json::{Value, json};
use store::dynamodb::{DynamoDb, DynamoDbOptions, Endpoint, TableOptions, provision};
use store::{Pages, Query, Store};

use crate::Scale;
use crate::emulator::{self, Emulator};
use crate::network::{day, readings};

pub(crate) async fn measure(scale: &Scale) {
    println!("Readings written a second:");
    println!(
        "| emulator  | one put at a time: boto3, as the report | a bare client | batches in parallel |"
    );
    write(scale, "ministack", &Emulator::ministack()).await;
    let emulator = Emulator::dynalite();
    let store = write(scale, "dynalite", &emulator).await;

    let scan = scan(&emulator).await;
    println!("\nRead capacity units, three days of {} readings, dynalite:", scale.a_day);
    println!("| query                    |   rows |    ours | the report's scan |");
    let hours = |from: i64, hours: i64| {
        let from = day(1) + SignedDuration::from_hours(from);
        Query::new(from, from + SignedDuration::from_hours(hours) - SignedDuration::from_secs(1))
    };
    let germany = |mut query: Query| {
        query.countries = vec!["DE".parse().unwrap()];
        query
    };
    let mut high = Query::new(day(-20), day(10));
    high.indices = Some((7, 10));
    let queries = [
        ("DE, an hour", germany(hours(9, 1))),
        ("DE, a day", germany(hours(0, 24))),
        ("AQI 7 and more, a month", high),
    ];
    for (name, query) in queries {
        let before = store.consumed().read;
        let mut pages = Pages::new(store.clone(), query);
        let mut rows = 0;
        while let Some(page) = pages.next().await {
            rows += page.unwrap().len();
        }
        let units = store.consumed().read - before;
        println!("| {name:<24} | {rows:>6} | {units:>7.1} | {scan:>17.1} |");
    }
}

/// Three days of readings, compared with the report's way of writing.
async fn write(scale: &Scale, name: &str, emulator: &Emulator) -> Arc<DynamoDb> {
    let mut options = DynamoDbOptions::default();
    options.endpoint = Endpoint::Emulator(emulator.url());
    provision("QualityAirTable", &TableOptions::default(), options.clone()).await.unwrap();
    let store = Arc::new(DynamoDb::open("QualityAirTable", options).await.unwrap());
    make_report_table(emulator).await;
    let report = as_the_report(emulator, scale.single_puts);
    let single = one_at_a_time(emulator, scale.single_puts).await;
    let begun = Instant::now();
    for of_day in 0..3 {
        store.put(&readings(of_day, scale.a_day)).await.unwrap();
    }
    let ours = 3.0 * scale.a_day as f64 / begun.elapsed().as_secs_f64();
    println!(
        "| {name:<9} | {report:>39.0} | {single:>13.0} | {ours:>8.0}: {:.1} and {:.1} times |",
        ours / report,
        ours / single
    );
    store
}

async fn make_report_table(emulator: &Emulator) {
    let table = json!({
        "TableName": "Report",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let http = reqwest::Client::new();
    call(&http, emulator, "CreateTable", table).await;
    let named = json!({ "TableName": "Report" });
    while call(&http, emulator, "DescribeTable", named.clone()).await["Table"]["TableStatus"]
        != "ACTIVE"
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// The report's item: its attributes, with its types.
fn report_items(count: u64) -> Vec<Value> {
    let item = |reading: store::Reading| {
        let text = |value: Option<String>| json!({ "S": value.unwrap_or_default() });
        let number = |value: Option<String>| json!({ "N": value.unwrap_or("0".to_owned()) });
        let index = reading.index();
        json!({
            "id": text(reading.measurement.map(|id| id.to_string())),
            "timestamp": text(Some(reading.timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string())),
            "P1": number(reading.pm10.map(|value| value.to_string())),
            "P2": number(reading.pm25.map(|value| value.to_string())),
            "loc_id": text(reading.location.map(|id| id.to_string())),
            "loc_lat": text(reading.latitude.map(|value| value.to_string())),
            "loc_long": text(reading.longitude.map(|value| value.to_string())),
            "loc_alt": text(reading.altitude.map(|value| value.to_string())),
            "loc_country": text(reading.country.map(|code| code.to_string())),
            "AQI": number(index.map(|index| index.get().to_string())),
            "Range": text(index.map(|index| index.band().to_string())),
        })
    };
    readings(0, count).into_iter().map(item).collect()
}

/// The report's way, with its client, boto3: one item per call, sequentially; returns items per
/// second.
fn as_the_report(emulator: &Emulator, count: u64) -> f64 {
    const PUT: &str = "
import json, sys, time
import boto3
from boto3.dynamodb.types import TypeDeserializer
table = boto3.resource(
    'dynamodb', region_name='eu-west-2', endpoint_url=sys.argv[1],
    aws_access_key_id='emulator', aws_secret_access_key='emulator').Table('Report')
of = TypeDeserializer().deserialize
items = [{name: of(value) for name, value in item.items()} for item in json.load(sys.stdin)]
begun = time.monotonic()
for item in items:
    table.put_item(Item=item)
print(len(items) / (time.monotonic() - begun))
";
    let mut python = Command::new(emulator::python("python"));
    let python = python.args(["-c", PUT, &emulator.url()]);
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let items = serde_json::to_vec(&report_items(count)).unwrap();
    python.stdin.take().unwrap().write_all(&items).unwrap();
    let done = python.wait_with_output().unwrap();
    assert!(done.status.success());
    String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
}

/// The same with a minimal client, without signing.
async fn one_at_a_time(emulator: &Emulator, count: u64) -> f64 {
    let http = reqwest::Client::new();
    let begun = Instant::now();
    for item in report_items(count) {
        call(&http, emulator, "PutItem", json!({ "TableName": "Report", "Item": item })).await;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

/// The consumed capacity of a scan of the whole table, regardless of filters.
async fn scan(emulator: &Emulator) -> f64 {
    let http = reqwest::Client::new();
    let mut scan = json!({ "TableName": "QualityAirTable", "ReturnConsumedCapacity": "TOTAL", "Select": "COUNT" });
    let mut units = 0.0;
    loop {
        let page = call(&http, emulator, "Scan", scan.clone()).await;
        units += page["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap();
        match page.get("LastEvaluatedKey") {
            Some(key) => scan["ExclusiveStartKey"] = key.clone(),
            None => return units,
        }
    }
}

async fn call(http: &reqwest::Client, emulator: &Emulator, what: &str, body: Value) -> Value {
    let signed = "AWS4-HMAC-SHA256 Credential=emulator/20260101/eu-west-2/dynamodb/aws4_request, \
                  SignedHeaders=host;x-amz-date;x-amz-target, Signature=unchecked";
    let call = http.post(emulator.url()).header("authorization", signed);
    let call = call.header("x-amz-date", "20260101T000000Z");
    let call = call.header("x-amz-target", format!("DynamoDB_20120810.{what}"));
    let call = call.header("content-type", "application/x-amz-json-1.0");
    let answer = call.body(body.to_string()).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{what}: {text}");
    serde_json::from_str(&text).unwrap()
}
