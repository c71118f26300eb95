//! What a month costs: the estimate beside what a system counted, and the command.

use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::daemon::{Daemon, airshed};
use super::emulator::Emulator;

/// A feed as the network's is, of so many sensors whose numbers are spread as the network's are.
fn feed(sensors: u64, now: Timestamp) -> Value {
    let germany = ("DE", 50, 9);
    let others = [
        ("BG", 42, 25),
        ("PL", 52, 19),
        ("NL", 52, 5),
        ("FR", 47, 2),
        ("GB", 52, -1),
        ("IT", 43, 12),
    ];
    let places = [[germany; 4].as_slice(), &others].concat();
    let record = |n: u64| {
        let timestamp = now - SignedDuration::from_secs((n % 300) as i64);
        let (country, latitude, longitude) = places[n as usize % 10];
        json!({
            "id": 21_000_000_000u64 + n,
            "timestamp": timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "sampling_rate": null,
            "location": {
                "id": 40_000 + n, "latitude": format!("{latitude}.{:013}", n * 7),
                "longitude": format!("{longitude}.{:013}", n * 11), "altitude": "127.4",
                "country": country, "exact_location": 0, "indoor": n % 10 / 9,
            },
            "sensor": {
                "id": n * 90_000 / sensors, "pin": "1",
                "sensor_type": { "id": 14, "name": "SDS011", "manufacturer": "Nova Fitness" },
            },
            "sensordatavalues": [
                { "value_type": "P1", "value": format!("{}.{:02}", n % 60, n % 97) },
                { "value_type": "P2", "value": format!("{}.{:02}", n % 30, n % 89) },
            ],
        })
    };
    (0..sensors).map(record).collect()
}

fn cost(arguments: &[&str]) -> Value {
    let mut command = airshed(&[&["cost", "--json"], arguments].concat());
    let done = command.env_remove("AWS_REGION").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// The quantity of a price in a bill, of some lines.
fn quantity(bill: &Value, price: &str, of: impl Fn(&str) -> bool) -> f64 {
    let charges = bill["charges"].as_array().unwrap().iter();
    let of =
        charges.filter(|charge| charge["price"] == price && of(charge["what"].as_str().unwrap()));
    of.map(|charge| charge["quantity"].as_f64().unwrap()).sum()
}

#[tokio::test]
async fn the_estimate_of_a_known_workload_is_what_dynalite_counts() {
    const SENSORS: u64 = 8000;
    const QUERIES: u64 = 60;
    let emulator = Emulator::dynalite();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.24h.json");
    let (now, day) = (Timestamp::now(), SignedDuration::from_hours(24));
    let on = |arguments: &[&str]| -> Command {
        let mut command = airshed(arguments);
        command.env("AWS_ENDPOINT_URL", emulator.url()).env("AWS_REGION", "eu-west-2");
        command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
        command
    };
    let made = on(&["provision", "tables", "--queue", "channel:", "--no-recovery"]).output();
    assert!(made.unwrap().status.success());
    let store = ["--store", "dynamodb:QualityAirTable", "--listen", "127.0.0.1:0"];
    let data = folder.path().join("data");
    let places = ["--data", data.to_str().unwrap(), "--schedule", "0 0 29 2 *"];
    let (url, workers) = (format!("file:{}", file.display()), ["--workers", "1"]);
    // Sensors are noted when they are first seen, which is not what a day costs.
    std::fs::write(&file, feed(SENSORS, now - 2 * day).to_string()).unwrap();
    let table = ["--store", "dynamodb:QualityAirTable"];
    let mut first = on(&[&["collect", "--once", "--feed", &url], &table[..]].concat());
    assert!(first.stderr(Stdio::null()).status().unwrap().success());
    std::fs::write(&file, feed(SENSORS, now).to_string()).unwrap();
    let arguments = [&["serve", "--feed", &url], &store[..], &places, &workers].concat();
    let daemon = Daemon::spawn(on(&arguments));
    let base = daemon.base();
    daemon.wait_for("feed collected");

    // A day of queries, no two the same.
    let mut rows = 0;
    for n in 0..QUERIES {
        let from = (now - day).strftime("%Y-%m-%d 00:00").to_string();
        let query = format!("startDate={from}:{n:02}&endDate=2099-01-01&limit=100000");
        let answer = reqwest::get(format!("{base}/api/query?{query}&country=DE")).await.unwrap();
        assert_eq!(answer.status(), 200);
        rows += answer.text().await.unwrap().lines().count() as u64 - 1;
    }
    assert_eq!(rows, QUERIES * SENSORS * 4 / 10);

    let measured = cost(&["--measured", &base, "--over", "1", "--keep-readings", "1"]);
    let work = &measured["work"];
    assert_eq!(work["readingsADay"], SENSORS as f64);
    assert_eq!(work["queriesADay"], QUERIES as f64);
    assert_eq!(work["rows"], rows as f64 / QUERIES as f64);
    let (sensors, queries) = (SENSORS.to_string(), QUERIES.to_string());
    let mean = (rows / QUERIES).to_string();
    let estimated = cost(&[
        "--sensors",
        &sensors,
        "--queries",
        &queries,
        "--rows",
        &mean,
        "--jobs",
        "0",
        "--keep-readings",
        "1",
        "--countries",
        "7",
        "--no-cloudwatch",
    ]);
    let (measured, estimated) = (&measured["ours"], &estimated["ours"]);
    // dynalite counts no writes to an index, other than DynamoDB.
    for (price, without) in [("dynamodb_read_unit", "-"), ("dynamodb_write_unit", "in the index")] {
        let counted = quantity(measured, price, |_| true);
        let expected = quantity(estimated, price, |what| !what.contains(without));
        let ratio = expected / counted;
        eprintln!("{price}: {expected:.0} estimated, {counted:.0} counted, {ratio:.3}");
        assert!((0.9..=1.1).contains(&ratio), "{price}: {expected} estimated, {counted} counted");
    }
}

#[test]
fn each_line_is_its_quantity_less_what_is_free_times_its_price() {
    for free in ["none", "always", "first-year"] {
        let answer = cost(&["--free-tier", free, "--queries", "50000", "--balancer"]);
        for bill in [&answer["ours"], &answer["report"]] {
            let mut total = 0.0;
            for charge in bill["charges"].as_array().unwrap() {
                let number = |name: &str| charge[name].as_f64().unwrap();
                let paid = number("quantity") - number("free");
                assert!((paid * number("unit_price") - number("usd")).abs() < 1e-9, "{charge}");
                assert!(paid >= 0.0 && (free != "none" || number("free") == 0.0), "{charge}");
                assert!(!charge["formula"].as_str().unwrap().is_empty());
                total += number("usd");
            }
            assert!((total - bill["total"].as_f64().unwrap()).abs() < 1e-6);
        }
    }
    let free = |tier: &str, price: &str| {
        let bill = cost(&["--free-tier", tier, "--capacity", "50,50"])["report"].clone();
        let charges = bill["charges"].as_array().unwrap().iter();
        let of = charges.filter(|charge| charge["price"] == price);
        of.map(|charge| charge["free"].as_f64().unwrap()).sum::<f64>()
    };
    assert_eq!(free("first-year", "instance_hour t2.micro"), 750.0);
    assert_eq!(free("always", "instance_hour t2.micro"), 0.0);
    assert_eq!(free("always", "sqs_request"), 1e6);
    let ours = cost(&["--capacity", "50,50"])["ours"].clone();
    let units = |charge: &&Value| charge["price"] == "dynamodb_write_capacity_hour";
    let capacity = ours["charges"].as_array().unwrap().iter().find(units).unwrap().clone();
    assert_eq!(capacity["free"], 25.0 * 730.0, "25 units of DynamoDB");
}

#[test]
fn prices_can_be_replaced_and_what_is_wrong_with_them_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.json");
    let shown = airshed(&["cost", "--show-prices"]).output().unwrap().stdout;
    let mut table: Value = serde_json::from_slice(&shown).unwrap();
    assert!(table["as_of"].as_str().unwrap() >= "2026");
    assert!(table["sources"].as_array().unwrap().len() > 5);
    let path = file.to_str().unwrap();
    let region = &mut table["regions"]["eu-west-2"];
    region["instance_hour t3.micro"]["usd"] = json!(100.0);
    region["data_out_gb"]["usd"] = json!(0);
    std::fs::write(&file, table.to_string()).unwrap();
    let bill = cost(&["--prices", path, "--free-tier", "none"])["ours"].clone();
    assert!(bill["total"].as_f64().unwrap() > 3.0 * 730.0 * 100.0);

    let refused = |arguments: &[&str], part: &str| {
        let done = airshed(&[&["cost"], arguments].concat()).output().unwrap();
        let message = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && message.contains(part), "{arguments:?}: {message}");
    };
    refused(
        &["--region", "mars-1"],
        "--region mars-1: no prices for this region; known regions: eu-central-1",
    );
    refused(&["--instance", "t9.vast"], "it has instance_hour t2.micro");
    refused(&["--prices", "/nowhere/prices.json"], "/nowhere/prices.json");
    refused(&["--schedule", "0 0 30 2 *"], "has no fetch");
    refused(&["--jobs", "101"], "from 0 to 100");
    refused(&["--measured", "http://127.0.0.1:1"], "127.0.0.1:1");
    std::fs::write(&file, "{}").unwrap();
    refused(&["--prices", path], "cannot be read: missing field");
    table["regions"]["eu-west-2"]["ipv4_hour"]["per"] = json!(0);
    std::fs::write(&file, table.to_string()).unwrap();
    refused(&["--prices", path], "ipv4_hour in eu-west-2");
}

#[test]
fn a_budget_is_kept_by_what_the_answer_names() {
    let asked = ["--schedule", "*/5 * * * *", "--workers", "4"];
    let answer = |more: &[&str]| {
        let all = [&["cost", "--json"], &asked[..], more].concat();
        let done = airshed(&all).env_remove("AWS_REGION").output().unwrap();
        (done.status.success(), serde_json::from_slice::<Value>(&done.stdout).unwrap())
    };
    let (within, answered) = answer(&["--budget", "150"]);
    assert!(!within, "an exit code that a script can ask for");
    let ways = answered["savings"].as_array().unwrap();
    let knobs: Vec<_> = ways.iter().map(|way| way["setting"].as_str().unwrap()).collect();
    for (knob, begins) in
        knobs.iter().zip(["retention", "schedule", "capacity", "workers", "all of these"])
    {
        assert!(knob.starts_with(begins), "{knobs:?}");
    }
    // What is said to be enough is, when it is done.
    let schedule = &ways[1];
    assert_eq!(schedule["enough"], true, "{ways:?}");
    let cron = knobs[1].split('"').nth(1).unwrap();
    let done = cost(&["--schedule", cron, "--workers", "4"]);
    assert_eq!(done["ours"]["total"], schedule["total"]);
    let (within, _) = answer(&["--budget", "100000"]);
    assert!(within);
}

#[test]
fn a_backfill_has_its_lines() {
    let of = |more: &[&str]| {
        let always = ["--sensors", "1000", "--free-tier", "none"];
        cost(&[&always, more].concat())["ours"].clone()
    };
    let put = |bill: &Value| quantity(bill, "dynamodb_write_unit", |_| true);
    let stored = |bill: &Value| quantity(bill, "dynamodb_gb_month", |_| true);
    let (without, with) = (of(&[]), of(&["--backfilled-days", "30"]));
    let readings = 1000.0 * 30.0 * 25.0;
    assert_eq!(put(&with) - put(&without), readings * 2.0);
    assert!(stored(&with) > stored(&without));
    // Provisioned capacity is paid for in any case; what it costs is time.
    let provisioned = of(&["--backfilled-days", "30", "--capacity", "50,50"]);
    assert_eq!(put(&provisioned), 0.0);
    let lines = provisioned["charges"].as_array().unwrap();
    let line = lines.iter().find(|line| line["what"] == "table: backfilled readings put, once");
    let formula = line.unwrap()["formula"].as_str().unwrap();
    assert!(formula.ends_with("in 4.17 hours"), "{formula}");
}
