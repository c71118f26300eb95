//! What files say about themselves, and the description beside a CSV.

use std::ops::ControlFlow;
use std::process::Command;

use airshed_store::csv::{Delimiter, Dialect};
use airshed_store::{
    AqiStandard, Column, Encoder, Flags, Format, LICENCE, Memory, Metadata, Network, Pages, Query,
    Reading, RunningMean, Spelling, Store, Window, conformance, import,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{bare, berlin, block_on, python};

fn metadata() -> Metadata {
    let mut query = Query::new(
        "2020-06-11T00:00:00Z".parse().unwrap(),
        "2020-06-11T23:59:59Z".parse().unwrap(),
    );
    query.standard = "us_aqi:2024".parse().unwrap();
    query.windows = vec![Window::Day24];
    query.without = Flags::ZERO.union(Flags::STUCK);
    Metadata::new(&query, "A and B\nand \"C\"")
        .with_source(Network::SENSOR_COMMUNITY, "A", Some(LICENCE))
        .with_source("my-school".parse().unwrap(), "B", Some("https://example.org/by"))
        .with_source("other".parse().unwrap(), "C", Some(LICENCE))
        .with_mean(Some(RunningMean::Day24))
        .with_request([("country".to_owned(), "DE,FR".to_owned())])
        .with_state(Some("7".to_owned()))
        .with_stored("2020-06-12T03:04:05Z".parse().ok())
        .with_rows(Some(2))
}

async fn encode(readings: &[Reading], encoder: Encoder) -> Vec<u8> {
    let store = Memory::new();
    store.put(readings).await.unwrap();
    let mut pages = Pages::new(std::sync::Arc::new(store), Query::everything());
    let (mut encoder, mut file) = (encoder, Vec::new());
    while let Some(page) = pages.next().await {
        encoder.page(&mut file, &page.unwrap()).unwrap();
    }
    encoder.finish(&mut file).unwrap();
    file
}

fn read(file: &[u8]) -> Vec<Reading> {
    let mut readings = Vec::new();
    let others = import::read(file, &mut |row| {
        readings.push(row.unwrap().reading);
        ControlFlow::Continue(())
    });
    assert_eq!(others.unwrap().names(), [""; 0], "nothing is unknown");
    readings
}

#[test]
fn the_metadata_say_what_the_query_and_its_sources_are() {
    let message: Value = serde_json::from_str(&metadata().to_json()).unwrap();
    assert_eq!(message["attribution"], "A and B\nand \"C\"");
    assert_eq!(message["licences"], json!([LICENCE, "https://example.org/by"]));
    assert_eq!(
        message["sources"][1],
        json!({ "network": "my-school", "attribution": "B", "licence": "https://example.org/by" })
    );
    assert_eq!(message["software"], airshed_store::SOFTWARE);
    assert_eq!(
        (&message["index"]["id"], &message["index"]["name"], &message["index"]["definedFor"]),
        (
            &json!("us_aqi:2024"),
            &json!("US EPA Air Quality Index"),
            &json!(["24h", "day", "nowcast"])
        )
    );
    assert_eq!(message["averaging"]["windows"], json!(["24h"]));
    assert_eq!(message["averaging"]["mean"], "24h");
    assert_eq!(message["stored"], json!("2020-06-12T03:04:05Z"));
    assert_eq!(message["leftOut"], json!(["zero", "stuck"]));
    assert_eq!(message["query"], json!({ "country": "DE,FR" }));
    assert_eq!(
        (&message["from"], &message["until"], &message["state"], &message["rows"]),
        (&json!("2020-06-11T00:00:00Z"), &json!("2020-06-11T23:59:59Z"), &json!("7"), &json!(2))
    );
    let limits = message["limits"].to_string();
    assert!(limits.contains("no O3, NO2, SO2") && limits.contains("indicative"), "{limits}");
    let everything = Metadata::new(&Query::everything(), "A").to_json();
    let everything: Value = serde_json::from_str(&everything).unwrap();
    for unknown in ["from", "until", "query", "state", "rows"] {
        assert_eq!(everything.get(unknown), None, "{unknown}");
    }
}

#[test]
fn every_flag_has_a_meaning() {
    let message: Value = serde_json::from_str(&metadata().to_json()).unwrap();
    let explained: Vec<_> = message["flags"].as_object().unwrap().keys().collect();
    let mut names = Flags::NAMES.map(|(_, name)| name);
    names.sort_unstable();
    assert_eq!(explained, names);
}

/// GeoJSON, Parquet and Arrow contain them without being asked, and CSV and JSON do not.
#[tokio::test]
async fn a_file_contains_its_metadata_where_there_is_a_place() {
    let facts: Value = serde_json::from_str(&metadata().to_json()).unwrap();
    let readings = [berlin(), bare()];
    let file = async |format: Format, with_metadata: bool| {
        let encoder = Encoder::about(metadata(), format, Column::DEFAULT).unwrap();
        encode(&readings, encoder.with_metadata(with_metadata)).await
    };
    for with_metadata in [false, true] {
        let collection = file(Format::GeoJson, with_metadata).await;
        let collection: Value = serde_json::from_slice(&collection).unwrap();
        assert_eq!(collection["metadata"], facts);
        assert_eq!((&collection["rows"], &collection["doubtfulRows"]), (&json!(2), &json!(2)));
        assert_eq!(collection["features"].as_array().unwrap().len(), 2);
    }
    let object = file(Format::Json(Spelling::Default), true).await;
    let object: Value = serde_json::from_slice(&object).unwrap();
    assert_eq!(object["metadata"], facts);
    assert_eq!((&object["rows"], &object["doubtfulRows"]), (&json!(2), &json!(2)));
    let array = file(Format::Json(Spelling::Default), false).await;
    assert_eq!(serde_json::from_slice::<Value>(&array).unwrap(), object["readings"]);
    let lines = file(Format::NdJson(Spelling::Default), true).await;
    assert_eq!(lines, file(Format::NdJson(Spelling::Default), false).await);

    let csv = |comments| file(Format::Csv(Dialect::DEFAULT.with_byte_order_mark()), comments);
    let with_comments = String::from_utf8(csv(true).await).unwrap();
    let plain = String::from_utf8(csv(false).await).unwrap();
    let text = with_comments.strip_prefix('\u{feff}').expect("the mark stays first");
    let (comments, rows): (Vec<_>, Vec<_>) =
        text.split_inclusive('\n').partition(|line| line.starts_with("# "));
    assert_eq!(rows.concat(), plain.trim_start_matches('\u{feff}'));
    for message in [
        "# Attribution: A and B and \"C\"\n",
        "# Licence: https://example.org/by\n",
        "# Networks: sensor.community, my-school, other\n",
        "# Query: country=DE,FR\n",
        "# Left out: readings with any of the flags zero, stuck\n",
        "# Flag zero: a value is zero, or 5 % of the samples are; not of models with whole numbers\n",
        "# From: 2020-06-11T00:00:00Z\n",
        "# Particulate matter only: no O3, NO2, SO2.\n",
    ] {
        assert!(comments.contains(&message), "{message} is not in {comments:?}");
    }

    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Parquet, Format::Arrow] {
        let path = folder.path().join("readings");
        std::fs::write(&path, file(format, false).await).unwrap();
        let script = match format {
            Format::Parquet => {
                "import sys, pyarrow.parquet as p; f = p.ParquetFile(sys.argv[1]); \
                 s = f.schema_arrow.metadata; m = f.metadata.metadata; \
                 print(s[b'airshed'].decode()); print(m[b'airshed'].decode()); \
                 print(m[b'rows'].decode(), m[b'doubtful_rows'].decode())"
            }
            _ => {
                "import sys, pyarrow as p; f = p.ipc.open_file(sys.argv[1]); \
                 s = f.schema.metadata; m = f.metadata; print(s[b'airshed'].decode()); \
                 print(s[b'airshed'].decode()); print(m[b'rows'].decode(), m[b'doubtful_rows'].decode())"
            }
        };
        let printed = lines_of(Command::new(python()).args(["-c", script]).arg(&path));
        let [schema, footer, counts] = printed.as_slice() else { panic!("{printed:?}") };
        assert_eq!(serde_json::from_str::<Value>(schema).unwrap(), facts);
        assert_eq!(serde_json::from_str::<Value>(footer).unwrap(), facts);
        assert_eq!(counts, "2 2");
    }
}

proptest! {
    // Each case is many files.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..<_>::default() })]

    #[test]
    fn a_file_with_its_metadata_is_read_like_one_without(readings in conformance::readings()) {
        block_on(async {
            let semicolon = Dialect::new(Delimiter::Semicolon).with_decimal_comma().unwrap();
            let dialects = [Dialect::DEFAULT, semicolon.with_byte_order_mark()].map(Format::Csv);
            let formats = Format::ALL.iter().copied().chain(dialects);
            // An attribution of any length: many times what is looked at to find the delimiter.
            let long = Metadata::new(&Query::everything(), &"µ, ; ".repeat(4_000));
            for format in formats.filter(|_| !readings.is_empty()) {
                for metadata in [metadata(), long.clone()] {
                    let encoder = || Encoder::about(metadata.clone(), format, Column::ALL).unwrap();
                    let plain = read(&encode(&readings, encoder()).await);
                    let described = encode(&readings, encoder().with_metadata(true)).await;
                    conformance::assert_same(&read(&described), &plain);
                    let model = conformance::Model::default();
                    model.put(&readings);
                    assert_eq!(plain.len(), model.query(&Query::everything()).len());
                }
            }
        });
    }
}

#[test]
fn lines_are_counted_from_the_start_of_the_file() {
    let file =
        "# one\n# two\nsensor_id,window,timestamp,P1\n1,1h,2026-02-01T09:00:00Z,5\n1,1h,never,5\n";
    for (before, line) in [("", 5), ("\u{feff}", 5), ("# zero\r\n", 6)] {
        let mut refused = Vec::new();
        let text = format!("{before}{file}");
        import::read(text.as_bytes(), &mut |row| {
            refused.extend(row.err().map(|error| error.to_string()));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(refused[0].starts_with(&format!("line {line}: ")), "{refused:?}");
        assert_eq!(refused.len(), 1);
    }
    for only in ["# one", "# one\n", "#", "# "] {
        import::read(only.as_bytes(), &mut |_| ControlFlow::Continue(())).unwrap_err();
    }
}

/// On one line, as programs write it again.
#[tokio::test]
async fn a_json_object_of_readings_is_read_however_it_is_laid_out() {
    let encoder = Encoder::new(Format::Json(Spelling::Default), Column::ALL, "").unwrap();
    let file = encode(&[berlin(), bare()], encoder.with_metadata(true)).await;
    let value: Value = serde_json::from_slice(&file).unwrap();
    for text in [value.to_string(), format!("{value:#}"), format!("{value}\n")] {
        assert_eq!(read(text.as_bytes()).len(), 2);
    }
}

/// With `csvw`, the reference in Python, which reads the file by its description: the values have the
/// described types, and are those of the file.
#[tokio::test]
async fn a_csv_is_read_by_its_description() {
    let mut runner = TestRunner::deterministic();
    let any = proptest::collection::vec(conformance::any_reading(), 300);
    let mut readings = any.new_tree(&mut runner).unwrap().current();
    readings.extend([berlin(), bare()]);
    // Python's calendar has no year 0.
    let first = "0001-01-01T00:00:00Z".parse().unwrap();
    readings.retain(|reading| reading.timestamp >= first);
    assert!(readings.len() > 200);
    let semicolon = Dialect::new(Delimiter::Semicolon).with_decimal_comma().unwrap();
    let cases = [
        (Dialect::DEFAULT, false),
        (Dialect::DEFAULT, true),
        (semicolon.with_byte_order_mark().with_spelling(Spelling::Spreadsheet), false),
        (Dialect::new(Delimiter::Tab).with_spelling(Spelling::Report), true),
    ];
    let usual = encode(
        &readings,
        Encoder::new(Format::NdJson(Spelling::Default), Column::ALL, "").unwrap(),
    );
    let usual = String::from_utf8(usual.await).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.csv");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_csvw.py");
    for (dialect, with_comments) in cases {
        let metadata = Metadata::new(&Query::everything(), "Somebody");
        let metadata = metadata.with_source(Network::default(), "Somebody", Some(LICENCE));
        let encoder = Encoder::about(metadata.clone(), Format::Csv(dialect), Column::ALL).unwrap();
        let file = encode(&readings, encoder.with_metadata(with_comments)).await;
        std::fs::write(&path, file).unwrap();
        let description = metadata.csvw(dialect, Column::ALL, "readings.csv", with_comments);
        std::fs::write(folder.path().join("readings.csv-metadata.json"), &description).unwrap();
        let printed = lines_of(Command::new(python()).arg(script).arg(&path));
        let expected: Vec<_> = usual.lines().collect();
        assert_eq!(printed.len(), expected.len(), "{dialect:?}");
        for (printed, expected) in printed.iter().zip(expected) {
            let mut expected: Value = serde_json::from_str(expected).unwrap();
            if dialect == cases[3].0 && expected["Range"] == "Moderate" {
                expected["Range"] = "Medium".into();
            }
            assert_eq!(serde_json::from_str::<Value>(printed).unwrap(), expected, "{dialect:?}");
        }
    }
}

#[test]
fn a_description_has_what_the_standard_names() {
    let columns = [Column::Timestamp, Column::Network, Column::SensorId, Column::P1, Column::Flags];
    let message = metadata().csvw(Dialect::DEFAULT, &columns, "query?x=1", false);
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["@context"][0], "http://www.w3.org/ns/csvw");
    assert_eq!(message["url"], "query?x=1");
    assert_eq!(
        message["dc:license"],
        json!([{ "@id": LICENCE }, { "@id": "https://example.org/by" }])
    );
    assert_eq!(message["dc:rights"], metadata_standard().credit("A and B\nand \"C\""));
    assert_eq!(message["dialect"]["delimiter"], ",");
    let schema = &message["tableSchema"];
    assert_eq!(schema["primaryKey"], json!(["network", "sensor_id", "timestamp"]), "one window");
    assert_eq!(schema["columns"][3]["schema:unitText"], "µg/m³");
    assert_eq!(schema["columns"][3]["datatype"], json!({ "base": "decimal" }));
    assert_eq!(schema["columns"][0]["required"], true);
    assert_eq!(schema["columns"][3].get("required"), None);
    assert_eq!(schema["columns"][4]["separator"], " ");
    assert_eq!(message["notes"][0]["rows"], 2);
    // Without the network, rows of two sensors could have the same key.
    let fewer = metadata().csvw(Dialect::DEFAULT, &columns[2..], "", false);
    let fewer: Value = serde_json::from_str(&fewer).unwrap();
    assert_eq!(fewer["tableSchema"].get("primaryKey"), None);
}

fn metadata_standard() -> AqiStandard {
    "us_aqi:2024".parse().unwrap()
}

fn lines_of(command: &mut Command) -> Vec<String> {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}
