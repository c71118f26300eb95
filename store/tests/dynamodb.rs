//! The table on AWS, against two emulators.
#![allow(clippy::unwrap_used)]

mod emulator;
mod model;
mod network;

use std::collections::HashMap;
use std::sync::Arc;

use airshed_store::conformance::{self, all};
use airshed_store::dynamodb::{
    Capacity, DynamoDb, DynamoDbOptions, Encryption, Endpoint, TableOptions, provision,
};
use airshed_store::{CacheOptions, Cached, ErrorKind, Query, Store, View};
use aws_sdk_dynamodb::types::AttributeValue;
use emulator::Emulator;
use jiff::{SignedDuration, Timestamp};
use model::{Step, steps, walk_beside_the_model};
use network::{day, readings};
use proptest::prelude::*;

fn options(emulator: &Emulator) -> DynamoDbOptions {
    let mut options = DynamoDbOptions::default();
    options.endpoint = Endpoint::Emulator(emulator.url());
    options
}

/// A new table, empty.
async fn table(emulator: &Emulator) -> DynamoDb {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("QualityAirTable{number}");
    let made = provision(&name, &TableOptions::default(), options(emulator)).await.unwrap();
    assert!(made.created);
    DynamoDb::open(&name, options(emulator)).await.unwrap()
}

#[tokio::test]
async fn dynalite_keeps_the_contract() {
    let emulator = Emulator::dynalite();
    conformance::run(|| table(&emulator)).await;
}

#[tokio::test]
async fn ministack_keeps_the_contract() {
    let emulator = Emulator::ministack();
    conformance::run(|| table(&emulator)).await;
}

/// Steps without snapshots, which a table elsewhere does not hold.
fn steps_alone() -> impl Strategy<Value = Vec<Step>> {
    steps().prop_map(|mut steps| {
        steps.retain(|step| !matches!(step, Step::Snapshot));
        steps
    })
}

fn does_what_the_model_does(emulator: Emulator) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() };
    proptest!(config, |(steps in steps_alone())| {
        runtime.block_on(async {
            walk_beside_the_model(table(&emulator).await, steps, |store| store).await;
        });
    });
}

#[test]
fn dynalite_does_what_the_model_does() {
    does_what_the_model_does(Emulator::dynalite());
}

#[test]
fn ministack_does_what_the_model_does() {
    does_what_the_model_does(Emulator::ministack());
}

/// The service itself, to look at what lies in the table.
async fn client(emulator: &Emulator) -> aws_sdk_dynamodb::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(emulator.url())
        .region("eu-west-2")
        .test_credentials()
        .load();
    aws_sdk_dynamodb::Client::new(&config.await)
}

#[tokio::test]
async fn a_table_that_is_not_there_or_is_another_is_named() {
    let emulator = Emulator::ministack();
    let error = DynamoDb::open("QualityAirTable", options(&emulator)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(text.contains("QualityAirTable") && text.contains("airshed provision"), "{text}");
    let error = DynamoDb::open("no/name", options(&emulator)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);

    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let id = AttributeDefinition::builder().attribute_name("id");
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let create = client(&emulator).await.create_table().table_name("Other");
    let create =
        create.attribute_definitions(id.attribute_type(ScalarAttributeType::S).build().unwrap());
    let create = create.key_schema(key.build().unwrap()).billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
    for error in [
        DynamoDb::open("Other", options(&emulator)).await.err().unwrap(),
        provision("Other", &TableOptions::default(), options(&emulator)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("not Airshed's"), "{error}");
    }
}

#[tokio::test]
async fn an_item_has_the_reports_attributes_and_what_is_none_is_named() {
    let emulator = Emulator::dynalite();
    provision("Table", &TableOptions::default(), options(&emulator)).await.unwrap();
    let store = DynamoDb::open("Table", options(&emulator)).await.unwrap();
    let reading = readings(0, 25_000).remove(12_345);
    store.put(std::slice::from_ref(&reading)).await.unwrap();

    let text = |text: &str| AttributeValue::S(text.to_owned());
    let item = HashMap::from(
        [
            ("day_country", text("2026-01-30#IT")),
            ("time_sensor", text("11:51:04#e12345#2")),
            ("day_aqi", text("2026-01-30#02")),
            ("country_time_sensor", text("IT#11:51:04#e12345#2")),
            ("id", text("7500012345")),
            ("timestamp", text("2026-01-30T11:51:04Z")),
            ("P1", text("24.15")),
            ("P2", text("8.05")),
            ("loc_id", text("6172")),
            ("loc_lat", text("52.64345")),
            ("loc_long", text("13.52845")),
            ("loc_alt", text("34.80")),
            ("loc_country", text("IT")),
            ("AQI", AttributeValue::N("2".to_owned())),
            ("Range", text("Low")),
            ("sensor_type", text("SDS011")),
            ("indoor", AttributeValue::Bool(false)),
            ("exact_location", AttributeValue::Bool(false)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let client = client(&emulator).await;
    let get = client.get_item().table_name("Table").key("day_country", item["day_country"].clone());
    let stored = get.key("time_sensor", item["time_sensor"].clone()).send().await.unwrap();
    assert_eq!(stored.item, Some(item.clone()));
    assert_eq!(all(&store, &Query::everything()).await, [reading]);

    for (attribute, value) in
        [("time_sensor", "12:00:00#7#2"), ("time_sensor", "12:00:00#a7#9"), ("P1", "12,5")]
    {
        let mut other = item.clone();
        other.insert(attribute.to_owned(), text(value));
        let put = client.put_item().table_name("Table").set_item(Some(other.clone()));
        put.send().await.unwrap();
        let error = store.query(&Query::everything(), None).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        let message = error.to_string();
        assert!(message.contains(attribute) && message.contains(value), "{message}");
        let delete = client.delete_item().table_name("Table");
        let delete = delete.key("day_country", other["day_country"].clone());
        delete.key("time_sensor", other["time_sensor"].clone()).send().await.unwrap();
    }
}

#[tokio::test]
async fn provisioning_again_changes_nothing_and_says_what_differs() {
    let emulator = Emulator::ministack();
    let mut wanted = TableOptions::default();
    let made = provision("Table", &wanted, options(&emulator)).await.unwrap();
    assert!(made.created && made.differs.is_empty(), "{made}");
    let again = provision("Table", &wanted, options(&emulator)).await.unwrap();
    assert!(!again.created && again.completed.is_empty() && again.differs.is_empty(), "{again}");

    // What is cheap to lose is put right; what costs is said.
    let client = client(&emulator).await;
    let off = aws_sdk_dynamodb::types::PointInTimeRecoverySpecification::builder();
    let off = off.point_in_time_recovery_enabled(false).build().unwrap();
    let update = client.update_continuous_backups().table_name("Table");
    update.point_in_time_recovery_specification(off).send().await.unwrap();
    wanted.capacity = Capacity::Provisioned { read: 10, write: 5 };
    wanted.encryption = Encryption::Managed;
    let again = provision("Table", &wanted, options(&emulator)).await.unwrap();
    assert_eq!(again.completed, ["point-in-time recovery"]);
    assert_eq!(again.differs.len(), 2, "{again}");
    assert!(again.to_string().contains("on demand, not provisioned (10 read"), "{again}");

    let made = provision("Provisioned", &wanted, options(&emulator)).await.unwrap();
    assert!(made.created, "{made}");
    let table = client.describe_table().table_name("Provisioned").send().await.unwrap();
    let table = table.table.unwrap();
    let units = table.provisioned_throughput().unwrap();
    assert_eq!((units.read_capacity_units(), units.write_capacity_units()), (Some(10), Some(5)));
    DynamoDb::open("Provisioned", options(&emulator)).await.unwrap();
}

/// Bytes of an item as DynamoDB counts them ("DynamoDB item sizes and formats" in its
/// developer guide): names and texts by their bytes, numbers by pairs of digits and one.
fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.trim_matches('0').len().div_ceil(2) + 1,
        AttributeValue::Bool(_) => 1,
        other => unreachable!("{other:?}"),
    };
    item.iter().map(|(name, item)| name.len() + value(item)).sum()
}

#[tokio::test]
async fn a_query_consumes_what_it_returns() {
    let emulator = Emulator::dynalite();
    let store = table(&emulator).await;
    for of_day in 0..3 {
        store.put(&readings(of_day, 25_000)).await.unwrap();
    }
    let mut items = Vec::new();
    let client = client(&emulator).await;
    let tables = client.list_tables().send().await.unwrap();
    let name = tables.table_names().last().unwrap().clone();
    let mut scan = client.scan().table_name(name).into_paginator().items().send();
    while let Some(item) = scan.next().await {
        items.push(item.unwrap());
    }
    let is = |item: &HashMap<String, AttributeValue>, wanted: &str| {
        item.get("loc_country").is_some_and(|country| country.as_s().unwrap() == wanted)
    };
    let at = |item: &HashMap<String, AttributeValue>| match item.get("timestamp") {
        Some(moment) => moment.as_s().unwrap().clone(),
        None => String::new(),
    };
    let aqi = |item: &HashMap<String, AttributeValue>| match item.get("AQI") {
        Some(index) => index.as_n().unwrap().parse().unwrap(),
        None => 0,
    };

    let mut hour = Query::new(
        day(1) + SignedDuration::from_hours(9),
        day(1) + SignedDuration::from_secs(10 * 3600 - 1),
    );
    hour.countries = vec!["DE".parse().unwrap()];
    let mut whole = Query::new(day(1), day(2) - SignedDuration::from_secs(1));
    whole.countries = vec!["DE".parse().unwrap()];
    let mut high = Query::new(day(-20), day(10));
    high.indices = Some((7.try_into().unwrap(), 10.try_into().unwrap()));
    type Wanted<'a> = Box<dyn Fn(&HashMap<String, AttributeValue>) -> bool + 'a>;
    let cases: [(&str, Query, Wanted<'_>); 3] = [
        ("DE, an hour", hour, Box::new(|i| is(i, "DE") && at(i).starts_with("2026-01-31T09:"))),
        ("DE, a day", whole, Box::new(|i| is(i, "DE") && at(i).starts_with("2026-01-31"))),
        ("AQI 7 and more, a month", high, Box::new(|i| aqi(i) >= 7)),
    ];
    for (name, query, wanted) in cases {
        let matching: Vec<_> = items.iter().filter(|item| wanted(item)).collect();
        let bytes: usize = matching.iter().map(|item| item_bytes(item)).sum();
        let before = store.consumed().read;
        let found = all(&store, &query).await.len();
        let consumed = store.consumed().read - before;
        assert_eq!(found, matching.len(), "{name}");
        assert!(found > 100, "{name}: {found}");
        // Half a unit for each 4 KB that are read eventually consistently.
        let needed = bytes.div_ceil(4096) as f64 / 2.0;
        assert!(consumed <= 1.3 * needed, "{name}: {consumed} units for {needed}");
    }
    let before = store.consumed().read;
    let cached =
        Arc::new(Cached::new(Arc::new(store.clone()), CacheOptions::default(), Timestamp::now));
    let mut one = Query::new(day(1), day(1) + SignedDuration::from_hours(1));
    one.countries = vec!["DE".parse().unwrap()];
    let asked = (0..500).map(|_| {
        let (cached, one) = (Arc::clone(&cached), one.clone());
        tokio::spawn(async move { all(&*cached, &one).await.len() })
    });
    let mut answers = Vec::new();
    for answer in asked.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }
    let of_many = store.consumed().read - before;
    let before = store.consumed().read;
    let found = all(&store, &one).await.len();
    assert_eq!(answers, vec![found; 500]);
    let of_one = store.consumed().read - before;
    let before = store.consumed().read;
    store.version(one.from, one.until).await.unwrap();
    let of_version = store.consumed().read - before;
    assert!(of_version <= 1.0, "{of_version} units for a version");
    assert_eq!(of_many, of_one + of_version, "500 equal queries cost one read, and one version");
}

#[tokio::test]
async fn a_day_that_comes_again_is_of_another_version() {
    let emulator = Emulator::dynalite();
    let store = table(&emulator).await;
    let version = async || store.version(day(0), day(2)).await.unwrap().unwrap();
    let mut versions = vec![version().await];
    for _ in 0..3 {
        store.put(&readings(0, 50)).await.unwrap();
        versions.push(version().await);
        assert_eq!(version().await, versions[versions.len() - 1], "nothing has changed");
        assert_eq!(store.delete_before(day(2)).await.unwrap(), 50);
    }
    let different: std::collections::BTreeSet<_> = versions.iter().collect();
    assert_eq!(different.len(), versions.len(), "{versions:?}");
}

#[tokio::test]
async fn what_one_process_counted_spares_the_others() {
    let emulator = Emulator::dynalite();
    let first = table(&emulator).await;
    first.put(&readings(0, 4000)).await.unwrap();
    let name = first.name().to_owned();
    let open = || async { DynamoDb::open(&name, options(&emulator)).await.unwrap() };
    let counting = first.consumed().read;
    let summary = first.summary().await.unwrap();
    let counting = first.consumed().read - counting;
    assert_eq!(summary.readings(), 4000);
    let second = open().await;
    assert_eq!(second.summary().await.unwrap(), summary);
    let spared = second.consumed().read;
    assert!(spared * 10.0 < counting, "{spared} units for what took {counting}");

    // What changes is counted anew, by whoever looks: puts, and deletions of a part of a day.
    second.put(&readings(1, 100)).await.unwrap();
    assert_eq!(first.summary().await.unwrap().readings(), 4100);
    let noon = day(0) + SignedDuration::from_hours(12);
    let deleted = second.delete_before(noon).await.unwrap();
    assert!(deleted > 1000, "{deleted}");
    for store in [&first, &second, &open().await] {
        let summary = store.summary().await.unwrap();
        assert_eq!((summary.readings(), summary.extent.unwrap().0 >= noon), (4100 - deleted, true));
    }
    // A day that went and came again has none of its former counts.
    second.delete_before(day(2)).await.unwrap();
    second.put(&readings(0, 50)).await.unwrap();
    for store in [&first, &open().await] {
        assert_eq!(store.summary().await.unwrap().readings(), 50);
    }
}
