//! What each format says of the same readings: golden files, the CSV as a model for the
//! others, and the readers that analysts use.
#![allow(clippy::unwrap_used)]

mod import;
mod metadata;
mod times;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use airshed_store::csv::{Delimiter, Dialect};
use airshed_store::{
    ATTRIBUTION, AqiStandard, Column, Encoder, Flags, Format, Kind, Memory, Origin, Pages, Query,
    Reading, Spelling, Store, View, Window, conformance,
};
use aqi::Decimal;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::value::RawValue;

fn berlin() -> Reading {
    Reading {
        measurement: Some(7_500_000_001),
        pm10: Some("51.30".parse().unwrap()),
        pm25: Some("20.5".parse().unwrap()),
        sensor_type: Some("SDS011".parse().unwrap()),
        location: Some(11),
        latitude: Some("52.520".parse().unwrap()),
        longitude: Some("-13.405".parse().unwrap()),
        altitude: Some("34.8".parse().unwrap()),
        country: Some("DE".parse().unwrap()),
        indoor: Some(false),
        hours: Some(23),
        stored_flags: Flags::SPIKE,
        samples: Some(540),
        temperature: Some("-2.50".parse().unwrap()),
        humidity: Some("87".parse().unwrap()),
        ..Reading::new(28842, Window::Day24, "2020-06-11T09:40:41Z".parse().unwrap())
    }
}

fn bare() -> Reading {
    let moment = "2020-06-11T09:40:42Z".parse().unwrap();
    Reading { pm25: Some(Decimal::ZERO), ..Reading::new(7, Window::Hour, moment) }
}

async fn encode(readings: &[Reading], format: Format, columns: &[Column]) -> Vec<u8> {
    let store = Memory::new();
    store.put(readings).await.unwrap();
    let mut pages = Pages::new(Arc::new(store), Query::everything());
    let mut encoder = Encoder::new(format, columns, ATTRIBUTION).unwrap();
    let mut file = Vec::new();
    while let Some(page) = pages.next().await {
        encoder.page(&mut file, &page.unwrap()).unwrap();
    }
    encoder.finish(&mut file).unwrap();
    file
}

async fn text(readings: &[Reading], format: Format, columns: &[Column]) -> String {
    String::from_utf8(encode(readings, format, columns).await).unwrap()
}

#[tokio::test]
async fn golden_files() {
    let readings = [berlin(), bare()];
    let cases = [
        (
            Format::Csv(Dialect::DEFAULT),
            "id,timestamp,P1,P2,loc_id,loc_lat,loc_long,loc_alt,loc_country,AQI,Range,sensor_id,sensor_type,window,indoor,exact_location,flags,hours,samples,AQI_text,index_basis,dominant,network,stored_flags,AQI_P1,AQI_P2,AQI_low,AQI_high,temperature,humidity,P1_scaled,P2_scaled\n\
             ,2020-06-11T09:40:42Z,,0,,,,,,1,Low,7,,1h,,,zero one_pollutant,,,1,indicative,PM2.5,sensor.community,,,1,,,,,,\n\
             7500000001,2020-06-11T09:40:41Z,51.30,20.5,11,52.520,-13.405,34.8,DE,4,Moderate,28842,SDS011,24h,0,,dummy_location spike,23,540,4,defined,PM10,sensor.community,spike,4,2,2,10,-2.50,87,,\n",
        ),
        (
            Format::Csv(Dialect::new(Delimiter::Semicolon).with_decimal_comma().unwrap()),
            "id;timestamp;P1;P2;loc_id;loc_lat;loc_long;loc_alt;loc_country;AQI;Range;sensor_id;sensor_type;window;indoor;exact_location;flags;hours;samples;AQI_text;index_basis;dominant;network;stored_flags;AQI_P1;AQI_P2;AQI_low;AQI_high;temperature;humidity;P1_scaled;P2_scaled\n\
             ;2020-06-11T09:40:42Z;;0;;;;;;1;Low;7;;1h;;;zero one_pollutant;;;1;indicative;PM2.5;sensor.community;;;1;;;;;;\n\
             7500000001;2020-06-11T09:40:41Z;51,30;20,5;11;52,520;-13,405;34,8;DE;4;Moderate;28842;SDS011;24h;0;;dummy_location spike;23;540;4;defined;PM10;sensor.community;spike;4;2;2;10;-2,50;87;;\n",
        ),
        (
            Format::Json(Spelling::Default),
            "[\n\
             {\"id\":null,\"timestamp\":\"2020-06-11T09:40:42Z\",\"P1\":null,\"P2\":0,\"loc_id\":null,\"loc_lat\":null,\"loc_long\":null,\"loc_alt\":null,\"loc_country\":null,\"AQI\":1,\"Range\":\"Low\",\"sensor_id\":7,\"sensor_type\":null,\"window\":\"1h\",\"indoor\":null,\"exact_location\":null,\"flags\":[\"zero\",\"one_pollutant\"],\"hours\":null,\"samples\":null,\"AQI_text\":\"1\",\"index_basis\":\"indicative\",\"dominant\":\"PM2.5\",\"network\":\"sensor.community\",\"stored_flags\":[],\"AQI_P1\":null,\"AQI_P2\":1,\"AQI_low\":null,\"AQI_high\":null,\"temperature\":null,\"humidity\":null,\"P1_scaled\":null,\"P2_scaled\":null},\n\
             {\"id\":7500000001,\"timestamp\":\"2020-06-11T09:40:41Z\",\"P1\":51.30,\"P2\":20.5,\"loc_id\":11,\"loc_lat\":52.520,\"loc_long\":-13.405,\"loc_alt\":34.8,\"loc_country\":\"DE\",\"AQI\":4,\"Range\":\"Moderate\",\"sensor_id\":28842,\"sensor_type\":\"SDS011\",\"window\":\"24h\",\"indoor\":false,\"exact_location\":null,\"flags\":[\"dummy_location\",\"spike\"],\"hours\":23,\"samples\":540,\"AQI_text\":\"4\",\"index_basis\":\"defined\",\"dominant\":\"PM10\",\"network\":\"sensor.community\",\"stored_flags\":[\"spike\"],\"AQI_P1\":4,\"AQI_P2\":2,\"AQI_low\":2,\"AQI_high\":10,\"temperature\":-2.50,\"humidity\":87,\"P1_scaled\":null,\"P2_scaled\":null}\n\
             ]\n",
        ),
    ];
    for (format, golden) in cases {
        assert_eq!(text(&readings, format, Column::ALL).await, golden);
    }
    for (format, golden) in [
        (
            Format::Csv(Dialect::new(Delimiter::Semicolon).with_spelling(Spelling::Spreadsheet)),
            "timestamp;Range\n2020-06-11 09:40:42;Low\n2020-06-11 09:40:41;Moderate\n",
        ),
        (
            Format::Csv(Dialect::DEFAULT.with_spelling(Spelling::Report)),
            "timestamp,Range\n2020-06-11 09:40:42,Low\n2020-06-11 09:40:41,Medium\n",
        ),
        (
            Format::Json(Spelling::Report),
            "[\n{\"timestamp\":\"2020-06-11 09:40:42\",\"Range\":\"Low\"},\n\
             {\"timestamp\":\"2020-06-11 09:40:41\",\"Range\":\"Medium\"}\n]\n",
        ),
    ] {
        assert_eq!(text(&readings, format, &[Column::Timestamp, Column::Range]).await, golden);
    }
    let some = [Column::Timestamp, Column::Aqi, Column::Latitude, Column::Flags];
    assert_eq!(
        text(&readings, Format::NdJson(Spelling::Default), &some).await,
        "{\"timestamp\":\"2020-06-11T09:40:42Z\",\"AQI\":1,\"loc_lat\":null,\"flags\":[\"zero\",\"one_pollutant\"]}\n\
         {\"timestamp\":\"2020-06-11T09:40:41Z\",\"AQI\":4,\"loc_lat\":52.520,\"flags\":[\"dummy_location\",\"spike\"]}\n"
    );
    let metadata = airshed_store::Metadata::new(&Query::everything(), ATTRIBUTION).to_json();
    let golden = format!(
        "{{\"type\":\"FeatureCollection\",\"attribution\":\"Sensor.Community contributors, Open Database License (ODbL) 1.0; index: UK Daily Air Quality Index, computed by Airshed\",\"metadata\":{metadata},\"features\":[\n\
         {{\"type\":\"Feature\",\"geometry\":null,\"properties\":{{\"timestamp\":\"2020-06-11T09:40:42Z\",\"AQI\":1,\"flags\":[\"zero\",\"one_pollutant\"]}}}},\n\
         {{\"type\":\"Feature\",\"geometry\":{{\"type\":\"Point\",\"coordinates\":[-13.405,52.520]}},\"properties\":{{\"timestamp\":\"2020-06-11T09:40:41Z\",\"AQI\":4,\"flags\":[\"dummy_location\",\"spike\"]}}}}\n\
         ],\"rows\":2,\"doubtfulRows\":2}}\n"
    );
    assert_eq!(text(&readings, Format::GeoJson, &some).await, golden);
}

#[tokio::test]
async fn an_answer_without_rows_is_a_whole_file_too() {
    let columns = [Column::Aqi, Column::P1];
    let marked = Dialect::new(Delimiter::Tab).with_byte_order_mark();
    assert_eq!(text(&[], Format::Csv(marked), &columns).await, "\u{feff}AQI\tP1\n");
    assert_eq!(text(&[], Format::NdJson(Spelling::Default), &columns).await, "");
    for format in [Format::Json(Spelling::Default), Format::GeoJson] {
        let file = text(&[], format, &columns).await;
        assert!(serde_json::from_str::<serde_json::Value>(&file).is_ok(), "{file}");
    }
    for format in [Format::Parquet, Format::Arrow] {
        assert_eq!(read_back(&encode(&[], format, &columns).await, format), Vec::<String>::new());
    }
}

#[test]
fn a_decimal_comma_cannot_stand_between_commas() {
    assert_eq!(Dialect::DEFAULT.with_decimal_comma(), None);
    assert!(Dialect::new(Delimiter::Tab).with_decimal_comma().is_some());
}

#[test]
fn formats_are_found_by_name() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(*format));
    }
    let error = "xlsx".parse::<Format>().unwrap_err();
    assert_eq!(error.to_string(), "the formats are csv, json, ndjson, geojson, parquet, arrow");
}

/// Lines of cells: what the other formats are held against. (Reading it back gives what
/// was put: see `store.rs`.)
async fn cells(readings: &[Reading]) -> Vec<Vec<String>> {
    let file = text(readings, Format::Csv(Dialect::new(Delimiter::Tab)), Column::ALL).await;
    file.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// A cell as it has to stand in JSON.
fn json_cell(column: Column, cell: &str) -> String {
    match column.kind() {
        Kind::Flags => {
            let names: Vec<_> = cell.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            format!("[{}]", names.join(","))
        }
        _ if cell.is_empty() => "null".to_owned(),
        Kind::Truth => (cell == "1").to_string(),
        Kind::Timestamp | Kind::Text => format!("\"{cell}\""),
        _ => cell.to_owned(),
    }
}

/// A cell as `read_back.py` prints it.
fn columnar_cell(column: Column, cell: &str) -> String {
    match column.kind() {
        Kind::Timestamp => cell.parse::<jiff::Timestamp>().unwrap().as_millisecond().to_string(),
        Kind::Decimal if !cell.is_empty() => {
            let nearest: f64 = cell.parse().unwrap();
            format!("{:016x}", nearest.to_bits())
        }
        _ => cell.to_owned(),
    }
}

type Object<'a> = std::collections::BTreeMap<&'a str, &'a RawValue>;

fn assert_object(object: &Object<'_>, cells: &[String], columns: &[Column]) {
    let expected = Column::ALL.iter().zip(cells).filter(|(column, _)| columns.contains(column));
    assert_eq!(object.len(), columns.len());
    for (column, cell) in expected {
        assert_eq!(object[column.name()].get(), json_cell(*column, cell), "{}", column.name());
    }
}

proptest! {
    /// Some scales go on without an end, and readings are anything.
    #[test]
    fn every_format_takes_every_reading_by_every_standard(
        readings in conformance::readings(),
        standard in conformance::any_standard(),
    ) {
        block_on(async {
            let store = Memory::new();
            store.put(&readings).await.unwrap();
            let page = store.query(&Query::everything(), None).await.unwrap();
            for format in Format::ALL {
                let mut encoder = Encoder::by(standard, *format, Column::ALL, "").unwrap();
                let mut file = Vec::new();
                encoder.page(&mut file, &page).unwrap();
                encoder.finish(&mut file).unwrap();
            }
        });
    }
}

proptest! {
    #[test]
    fn a_column_says_the_same_of_a_row_and_of_its_reading(readings in conformance::readings()) {
        block_on(async {
            let store = Memory::new();
            store.put(&readings).await.unwrap();
            let page = store.query(&Query::everything(), None).await.unwrap();
            for row in page.rows() {
                let reading = row.reading();
                let mut again = Reading::new(reading.sensor, reading.window, reading.timestamp);
                for column in Column::ALL {
                    let value = row.value(*column);
                    assert_eq!(value, reading.value(*column), "{}", column.name());
                    if column.origin() == Origin::Stored {
                        again.set(*column, value);
                    }
                }
                conformance::assert_same(&[again], &[reading]);
            }
        });
    }
}

proptest! {
    #[test]
    fn json_says_what_csv_says(readings in conformance::readings()) {
        block_on(async {
            let cells = cells(&readings).await;
            let array = text(&readings, Format::Json(Spelling::Default), Column::ALL).await;
            let objects: Vec<Object<'_>> = serde_json::from_str(&array).unwrap();
            let lines = text(&readings, Format::NdJson(Spelling::Default), Column::ALL).await;
            let lines: Vec<Object<'_>> =
                lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!((objects.len(), lines.len()), (cells.len(), cells.len()));
            for ((object, line), cells) in objects.iter().zip(&lines).zip(&cells) {
                assert_object(object, cells, Column::ALL);
                assert_object(line, cells, Column::ALL);
            }
        });
    }

    #[test]
    fn geojson_says_what_csv_says(readings in conformance::readings()) {
        block_on(async {
            let cells = cells(&readings).await;
            let file = text(&readings, Format::GeoJson, Column::ALL).await;
            let collection: Object<'_> = serde_json::from_str(&file).unwrap();
            assert_eq!(collection["type"].get(), "\"FeatureCollection\"");
            let features: Vec<Object<'_>> =
                serde_json::from_str(collection["features"].get()).unwrap();
            assert_eq!(features.len(), cells.len());
            let properties: Vec<_> = Column::ALL
                .iter()
                .copied()
                .filter(|column| !column.name().ends_with("lat") && !column.name().ends_with("long"))
                .collect();
            for (feature, cells) in features.iter().zip(&cells) {
                let (latitude, longitude) = (&cells[5], &cells[6]);
                // What is known alone is no point.
                let half = match (latitude.is_empty(), longitude.is_empty()) {
                    (false, true) => Some(Column::Latitude),
                    (true, false) => Some(Column::Longitude),
                    _ => None,
                };
                let properties: Vec<_> = properties.iter().copied().chain(half).collect();
                assert_object(
                    &serde_json::from_str(feature["properties"].get()).unwrap(),
                    cells,
                    &properties,
                );
                let geometry = match latitude.is_empty() || longitude.is_empty() {
                    true => "null".to_owned(),
                    false => format!(
                        "{{\"type\":\"Point\",\"coordinates\":[{longitude},{latitude}]}}"
                    ),
                };
                assert_eq!(feature["geometry"].get(), geometry);
            }
        });
    }

    #[test]
    fn no_cell_can_be_run_as_a_formula(readings in conformance::readings()) {
        block_on(async {
            for cell in cells(&readings).await.concat() {
                let is_number = cell.parse::<f64>().is_ok();
                assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
                assert!(!cell.contains([',', ';', '"', '\n', '\r']), "{cell}");
            }
        });
    }
}

#[tokio::test]
async fn parquet_and_arrow_read_back_with_pyarrow_and_duckdb() {
    // Several row groups, and every kind of reading that the generator knows.
    let mut runner = TestRunner::deterministic();
    let any = proptest::collection::vec(conformance::any_reading(), 500);
    let mut readings = any.new_tree(&mut runner).unwrap().current();
    readings.iter_mut().for_each(|r| r.measurement = r.measurement.map(|id| id >> 1));
    // A model that no list has comes late.
    let last = jiff::Timestamp::from_second(1_600_200_000).unwrap();
    let late = Reading { pm10: Some(Decimal::ONE), ..Reading::new(7, Window::Hour, last) };
    readings.push(Reading { sensor_type: Some("XYZ-1".parse().unwrap()), ..late });
    readings.extend((0..150_000).map(|n| {
        let moment = jiff::Timestamp::from_second(1_600_000_000 + n).unwrap();
        Reading { pm10: Some(Decimal::new(n, 2)), ..Reading::new(7, Window::Hour, moment) }
    }));
    let lines: Vec<_> = cells(&readings)
        .await
        .iter()
        .map(|cells| {
            let cells = Column::ALL.iter().zip(cells);
            cells.map(|(column, cell)| columnar_cell(*column, cell)).collect::<Vec<_>>().join("|")
        })
        .collect();
    for format in [Format::Parquet, Format::Arrow] {
        let found = read_back(&encode(&readings, format, Column::ALL).await, format);
        assert_eq!(found.len(), 2 * lines.len());
        for reader in ["pyarrow", "duckdb"] {
            let prefix = format!("{reader}-{}|", format.name());
            let rows: Vec<_> = found.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
            assert_eq!(rows.len(), lines.len(), "{prefix}");
            for (row, line) in rows.iter().zip(&lines) {
                assert_eq!(row, line, "{prefix}");
            }
        }
    }
}

#[tokio::test]
async fn every_id_that_can_be_kept_has_a_place_in_every_file() {
    let store = Memory::new();
    let with = |id| Reading { measurement: Some(id), ..berlin() };
    let refused = store.put(&[with(1 << 63)]).await.unwrap_err();
    assert!(refused.to_string().contains("id above 9223372036854775807"), "{refused}");
    store.put(&[with((1 << 63) - 1)]).await.unwrap();
    let page = airshed_store::View::query(&store, &Query::everything(), None).await.unwrap();
    for format in [Format::Parquet, Format::Arrow] {
        let mut encoder = Encoder::new(format, Column::ALL, ATTRIBUTION).unwrap();
        encoder.page(&mut Vec::new(), &page).unwrap();
    }
}

#[tokio::test]
async fn the_same_rows_are_the_same_file() {
    for format in Format::ALL {
        let file = encode(&[berlin(), bare()], *format, Column::ALL).await;
        for _ in 0..8 {
            assert!(encode(&[berlin(), bare()], *format, Column::ALL).await == file, "{format:?}");
        }
    }
}

#[tokio::test]
async fn an_attribution_is_written_as_it_is() {
    let attribution = r#"the "network" of \ nobody"#;
    let mut encoder = Encoder::new(Format::GeoJson, &[], attribution).unwrap();
    let mut file = Vec::new();
    encoder.page(&mut file, &airshed_store::Page::default()).unwrap();
    encoder.finish(&mut file).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(file["attribution"], AqiStandard::DEFAULT.credit(attribution));
}

/// What LibreOffice finds in a cell: `make interop`, which sees to it that it is there.
#[cfg(feature = "interop")]
#[tokio::test]
async fn a_spreadsheet_finds_dates_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let german = Dialect::new(Delimiter::Semicolon).with_decimal_comma().unwrap();
    for (dialect, filter) in [(german, "59,34,76,1,,1031"), (Dialect::DEFAULT, "44,34,76,1,,1033")]
    {
        let dialect = dialect.with_byte_order_mark().with_spelling(Spelling::Spreadsheet);
        let columns = [Column::Id, Column::Timestamp, Column::P1, Column::Range];
        let csv = encode(&[berlin()], Format::Csv(dialect), &columns).await;
        std::fs::write(at("readings.csv"), csv).unwrap();
        run(Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}", at("profile").display()))
            .args(["--headless", "--convert-to", "fods", "--outdir"])
            .arg(folder.path())
            // What stands between cells and around them, UTF-8, from line 1, the language;
            // not everything in quotes is text; dates are looked for.
            .arg(format!("--infilter=CSV:{filter},false,true"))
            .arg(at("readings.csv")));
        let sheet = std::fs::read_to_string(at("readings.fods")).unwrap();
        let cells = sheet.split("<table:table-cell").filter_map(|cell| {
            let (_, value) = cell.split('>').next()?.split_once("office:value-type=")?;
            Some(value.split(" calcext").next()?.to_owned())
        });
        let cells: Vec<_> = cells.skip(columns.len()).collect();
        let expected = [
            r#""float" office:value="7500000001""#,
            r#""date" office:date-value="2020-06-11T09:40:41""#,
            r#""float" office:value="51.3""#,
            r#""string""#,
        ];
        assert_eq!(cells, expected);
    }
}

#[tokio::test]
async fn a_cut_parquet_or_arrow_file_is_refused() {
    for format in [Format::Parquet, Format::Arrow] {
        let whole = encode(&[berlin(), bare()], format, Column::DEFAULT).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut");
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let read = match format {
            Format::Parquet => "import sys, pyarrow.parquet as p; p.read_table(sys.argv[1])",
            _ => "import sys, pyarrow.feather as f; f.read_table(sys.argv[1])",
        };
        let run = Command::new(python()).args(["-c", read]).arg(&path).output().unwrap();
        let message = String::from_utf8_lossy(&run.stderr);
        assert!(message.contains("ArrowInvalid"), "{message}");
    }
}

/// The lines that `read_back.py` prints of a file's rows.
fn read_back(file: &[u8], format: Format) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("readings.{}", format.name()));
    std::fs::write(&path, file).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_back.py");
    let kinds = Column::ALL.iter().map(|column| format!("{}={:?}", column.name(), column.kind()));
    let kinds = kinds.collect::<Vec<_>>().join(" ");
    let credit = AqiStandard::DEFAULT.credit(ATTRIBUTION);
    let arguments = [format.name(), path.to_str().unwrap(), &credit, &kinds];
    let run = Command::new(python()).arg(script).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A Python with what `requirements.txt` names, made when it is not there yet.
fn python() -> PathBuf {
    static READY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let ready = READY.get_or_init(|| {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let mark = folder.join("requirements.txt");
        if std::fs::read(&mark).ok() != std::fs::read(&requirements).ok() {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
            run(Command::new(folder.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(&requirements));
            std::fs::copy(&requirements, &mark).unwrap();
        }
        folder.join("bin/python")
    });
    ready.clone()
}

fn run(command: &mut Command) {
    let done = command.output();
    let done = done.expect("Python 3 with venv and pip has to be there");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
