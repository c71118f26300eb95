//! Files read back: our own of every kind, what other programs make of them, and what is
//! no file of readings.

use std::io::Write;
use std::ops::ControlFlow;

use airshed_store::csv::{self, Delimiter, Dialect};
use airshed_store::import::{ImportedRow, RowError};
use airshed_store::{Column, ErrorKind, Format, Kind, Reading, Spelling, conformance};
use proptest::prelude::*;

use super::{block_on, encode};

type Rows = Vec<Result<ImportedRow, RowError>>;

fn read(file: &[u8]) -> Result<Rows, (Rows, airshed_store::Error)> {
    let mut rows = Vec::new();
    let read = airshed_store::import::read(file, &mut |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    match read {
        Ok(_) => Ok(rows),
        Err(error) => Err((rows, error)),
    }
}

/// The readings of a file without a fault.
fn readings(file: &[u8]) -> Vec<Reading> {
    let rows = read(file).map_err(|(_, error)| error.to_string()).unwrap();
    let plain = |row: Result<ImportedRow, RowError>| {
        let row = row.unwrap();
        assert_eq!((row.left_out, row.differs), (vec![], None), "{}", row.place);
        row.reading
    };
    rows.into_iter().map(plain).collect()
}

/// What is said of a file that cannot be read.
fn refusal(file: &[u8]) -> String {
    let (rows, error) = read(file).unwrap_err();
    assert!(rows.is_empty());
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    error.to_string()
}

fn gzip(file: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(file).unwrap();
    packed.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, file) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(file).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Every way to write every digit.
fn exact_formats() -> Vec<Format> {
    let mut formats = vec![Format::GeoJson];
    for spelling in [Spelling::Default, Spelling::Spreadsheet, Spelling::Report] {
        formats.extend([Format::Json(spelling), Format::NdJson(spelling)]);
        for delimiter in [Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab] {
            let dialect = Dialect::new(delimiter).with_spelling(spelling);
            let comma = dialect.with_decimal_comma();
            let dialects = [Some(dialect), comma].into_iter().flatten();
            for dialect in dialects {
                formats.extend([dialect, dialect.with_byte_order_mark()].map(Format::Csv));
            }
        }
    }
    formats
}

/// A reading as a file can hold it: no id that is no signed number, and places on Earth.
fn possible(reading: Reading) -> Reading {
    let within = |degrees: Option<aqi::Decimal>, most: u32| {
        degrees.filter(|degrees| degrees.abs() <= most.into())
    };
    Reading {
        measurement: reading.measurement.map(|id| id >> 1),
        latitude: within(reading.latitude, 90),
        longitude: within(reading.longitude, 180),
        ..reading
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..<_>::default() })]
    #[test]
    fn our_own_files_come_back_whole(some in conformance::readings()) {
        block_on(async {
            let some: Vec<_> = some.into_iter().map(possible).collect();
            let csv = Format::Csv(Dialect::DEFAULT);
            let expected = encode(&some, csv, Column::ALL).await;
            for format in exact_formats() {
                let file = encode(&some, format, Column::ALL).await;
                if some.is_empty() && matches!(format, Format::NdJson(_)) {
                    continue; // an empty file
                }
                for packed in [file.clone(), gzip(&file), zstd::encode_all(&file[..], 1).unwrap()] {
                    let again = encode(&readings(&packed), csv, Column::ALL).await;
                    assert_eq!(again, expected, "{format:?}");
                }
            }
        });
    }

    #[test]
    fn parquet_and_arrow_come_back_as_the_nearest_doubles(some in conformance::readings()) {
        block_on(async {
            let some: Vec<_> = some.into_iter().map(possible).collect();
            let expected = readings(&encode(&some, Format::Json(Spelling::Default), Column::ALL).await);
            for format in [Format::Parquet, Format::Arrow] {
                let file = encode(&some, format, Column::ALL).await;
                let found = read(&file).map_err(|(_, error)| error).unwrap();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.into_iter().zip(&expected) {
                    let found = found.unwrap();
                    let double = |value: Option<aqi::Decimal>| value.map(|v| v.to_string().parse::<f64>().unwrap());
                    let doubles = |r: &Reading| {
                        let decimals = Column::ALL.iter().filter(|c| c.kind() == Kind::Decimal);
                        decimals.map(|c| double(r.value(*c).decimal())).collect::<Vec<_>>()
                    };
                    assert_eq!(doubles(&found.reading), doubles(expected));
                    let mut rest = found.reading;
                    for column in Column::ALL.iter().filter(|c| c.kind() == Kind::Decimal) {
                        rest.set(*column, expected.value(*column));
                    }
                    assert_eq!(&rest, expected);
                }
            }
        });
    }

    #[test]
    fn no_bytes_make_it_panic(
        start in proptest::sample::select(vec![
            &b""[..], b"{", b"[", b"PAR1", b"ARROW1\0\0", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xff\xff\xff",
            b"\x28\xb5\x2f\xfd", b"sensor_id;window;timestamp;P1\n", b"<", b"%PDF-1.7",
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = read(&[start, &rest].concat());
    }
}

const HEADER: &str =
    "sensor_id,window,timestamp,P1,P2,loc_lat,loc_alt,loc_country,AQI,Range,indoor,flags";

/// A row of [`HEADER`].
fn row(cells: &str) -> Result<ImportedRow, RowError> {
    let file = format!("{HEADER}\n{cells}\n");
    let mut rows = csv::CsvReader::new(file.as_bytes()).unwrap();
    rows.next().unwrap()
}

#[test]
fn what_other_programs_make_of_a_cell_means_the_same() {
    let plain = row("7,24h,2026-11-26T20:19:33Z,8,4,51.2,43,NA,1,Low,0,").unwrap().reading;
    for same in [
        "7.0,24h,2026-11-26 20:19:33,8.0,4.0,51.2,43.0,NA,1.0,Low,False,",
        "7,24h,2026-11-26T20:19:33,8,4,51.2,43,na,1,low,FALSE,nan",
        "7,24h,2026-11-26 20:19:33+00:00,8.,+4,51.2,4.3e1,NA,1,Low,0.0,",
        "7,24h,2026-11-26T21:19:33+01:00,008,4,51.20,43,NA,1,Low,false,",
        "7,24h,2026-11-26 20:19:33 UTC,8,4,51.2,43,NA,1,Low,0,",
        "7,24h,2026-11-26 20:19:33.000,8,4,51.2,43,NA,1,Low,0,",
        " 7 , 24h ,\"2026-11-26T20:19:33Z\",\"8.0\",\"4\",\"51.2\",43,NA,\"1.0\",Low,\"0.0\",\r",
    ] {
        let found = row(same).unwrap_or_else(|e| panic!("{same}: {e}"));
        assert_eq!(found.reading, plain, "{same}");
        assert_eq!((found.left_out, found.differs), (vec![], None), "{same}");
    }
    // Commas, where something else stands between the cells.
    for between in [';', '\t'] {
        let header = HEADER.replace(',', &between.to_string());
        let cells = "7,0;24h;2026-11-26T20:19:33Z;8,0;4;51,2;43;NA;1,0;Low;0,0;";
        let file = format!("{header}\n{}\n", cells.replace(';', &between.to_string()));
        assert_eq!(readings(file.as_bytes()), std::slice::from_ref(&plain));
    }
    // Codes that are in use beside ISO's, as in the feed.
    for (other, iso) in [("UK", "GB"), ("el", "GR")] {
        let found = row(&format!("7,24h,2026-11-26T20:19:33Z,8,4,,,{other},1,Low,,")).unwrap();
        assert_eq!(found.reading.country.map(|country| country.to_string()).as_deref(), Some(iso));
        assert_eq!(found.left_out, vec![]);
    }
    // Means over days are stamped with midnight, which tables shorten.
    let day = row("7,day,2026-11-26,8,4,,,,,,,").unwrap().reading;
    assert_eq!(day.timestamp.to_string(), "2026-11-26T00:00:00Z");
}

#[test]
fn a_field_that_cannot_be_read_costs_that_field() {
    for (cells, left_out) in [
        (
            "7,5min,2026-11-26 20:19:33,unavailable,4,,,,1,Low,,",
            vec!["P1: `unavailable`: not a decimal number"],
        ),
        ("7,5min,2026-11-26 20:19:33,%.1f,4,,,,1,Low,,", vec!["P1: `%.1f`: not a decimal number"]),
        ("7,5min,2026-11-26 20:19:33,8,nan,,,,1,Low,,", vec!["P2: `nan`: not a decimal number"]),
        (
            "7,5min,2026-11-26 20:19:33,8,4 µg/m³,,,,1,Low,,",
            vec!["P2: `4 µg/m³`: not a decimal number"],
        ),
        (
            "7,5min,2026-11-26 20:19:33,8,4,151.2,,,1,Low,,",
            vec!["loc_lat: `151.2`: beyond 90 degrees"],
        ),
        (
            "7,5min,2026-11-26 20:19:33,8,4,north,high,ZZ,1,Low,maybe,",
            vec![
                "loc_lat: `north`: not a decimal number",
                "loc_alt: `high`: not a decimal number",
                "loc_country: `ZZ`: not an ISO 3166-1 alpha-2 country code such as DE",
                "indoor: `maybe`: neither true (1) nor false (0)",
            ],
        ),
        // A thousand, or a bit more than one?
        (
            "7,24h,2026-11-26 20:19:33,\"1,234\",4,\"51,2\",,,1,Low,\"0,0\",",
            vec![
                "P1: `1,234`: ambiguous: a comma within a number is a decimal comma only if the cells are separated by semicolons or tabs",
                "loc_lat: `51,2`: ambiguous: a comma within a number is a decimal comma only if the cells are separated by semicolons or tabs",
                "indoor: `0,0`: neither true (1) nor false (0)",
            ],
        ),
        // What is missing is no fault.
        ("7,5min,2026-11-26 20:19:33,8,4,nan,NaN,None,1,Low,nan,", vec![]),
    ] {
        let found = row(cells).unwrap_or_else(|e| panic!("{cells}: {e}"));
        let found: Vec<_> = found.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(found, left_out, "{cells}");
    }
}

#[test]
fn a_model_that_cannot_be_read_gets_no_index() {
    let file = b"sensor_id,window,timestamp,P1,sensor_type\n7,24h,2026-11-26T20:19:33Z,8,=SDS011\n";
    let found = csv::CsvReader::new(&file[..]).unwrap().next().unwrap().unwrap();
    assert_eq!(found.left_out.len(), 1);
    assert_eq!((found.reading.index(), found.reading.sensor_type.is_some()), (None, true));
}

#[test]
fn a_row_without_identity_or_values_is_refused_with_its_line() {
    for (cells, reason) in [
        (",24h,2026-11-26T20:19:33Z,8,4,,,,,,,", "sensor_id is empty"),
        ("7.5,24h,2026-11-26T20:19:33Z,8,4,,,,,,,", "sensor_id: `7.5`: not a whole number"),
        ("\"9,000\",24h,2026-11-26T20:19:33Z,8,4,,,,,,,", "sensor_id: `9,000`: ambiguous"),
        (
            "7,24h,2026-11-26T20:19:33Z,\"1,234\",,,,,,,,",
            "neither P1 nor P2; P1: `1,234`: ambiguous",
        ),
        ("7E3,24h,2026-11-26T20:19:33Z,8,4,,,,,,,", "sensor_id: `7E3`: not a whole number"),
        (
            "7,5m,2026-11-26T20:19:33Z,8,4,,,,,,,",
            "window: `5m`: the averaging windows are 5min, 1h, 24h and day",
        ),
        (
            "7,24h,03.05.2020 00:08,8,4,,,,,,,",
            "timestamp: `03.05.2020 00:08`: not a timestamp such as",
        ),
        (
            "7,24h,2026-11-26 20:19,8,4,,,,,,,",
            "timestamp: `2026-11-26 20:19`: not a timestamp such as",
        ),
        ("7,24h,2026-11-26,8,4,,,,,,,", "timestamp: `2026-11-26`: not a timestamp such as"),
        (
            "7,24h,2026-11-26T20:19:33[Europe/Berlin],8,4,,,,,,,",
            "timestamp: `2026-11-26T20:19:33[Europe/Berlin]`",
        ),
        ("7,24h,2026-11-26T20:19:33.5Z,8,4,,,,,,,", "with a fraction of a second"),
        ("7,24h,2026-11-26T20:19:33Z,,,,,,,,,", "neither P1 nor P2"),
        (
            "7,24h,2026-11-26T20:19:33Z,unavailable,%.1f,,,,,,,",
            "the reading has neither P1 nor P2; P1: `unavailable`: not a decimal number; P2: `%.1f`: not a decimal number",
        ),
        ("7,24h,2026-11-26T20:19:33Z,8", "4 cells, where the header has 12 columns"),
    ] {
        let error = row(cells).map(|row| row.reading).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(reason), "{cells}: {error}");
    }
}

#[test]
fn what_follows_from_the_values_is_not_taken_from_the_file() {
    for (derived, differs) in [
        (",,", Some(Column::Aqi)),
        ("1,Low,,", None),
        ("2,Low,,", Some(Column::Aqi)),
        ("eleven,Low,,", Some(Column::Aqi)),
        ("1,High,,", Some(Column::Range)),
        ("1,Low,,zero", Some(Column::Flags)),
        ("1,Low,,a_flag_of_later", Some(Column::Flags)),
    ] {
        let cells = format!("7,24h,2026-11-26T20:19:33Z,8,4,,,,{derived}");
        let cells = if derived == ",," { format!("{cells},") } else { cells };
        let found = row(&cells).unwrap_or_else(|e| panic!("{cells}: {e}"));
        assert_eq!(found.differs, differs, "{cells}");
        assert_eq!(found.reading.index().map(|index| index.get()), Some(1));
    }
    let moderate = row("7,24h,2026-11-26T20:19:33Z,51,4,,,,4,Medium,,coarse").unwrap();
    assert_eq!(moderate.differs, None);
    // What a table makes of a text that looks like a number, where a row has none.
    for (text, differs) in
        [("1", None), ("1.0", None), ("2.0", Some(Column::AqiText)), ("x", Some(Column::AqiText))]
    {
        let file = format!(
            "sensor_id,window,timestamp,P2,AQI_text\n7,24h,2026-11-26T20:19:33Z,4,{text}\n"
        );
        let found = csv::CsvReader::new(file.as_bytes()).unwrap().next().unwrap().unwrap();
        assert_eq!(found.differs, differs, "{text}");
    }
    let two = row("7,24h,2026-11-26T20:19:33Z,0,4,,,,1,Low,,inverted zero").unwrap();
    assert_eq!(two.differs, None, "in any order");
}

#[test]
fn tables_that_other_programs_saved_come_back() {
    let expected = readings(b"sensor_id,window,timestamp,P1\n7,24h,2026-11-26T20:19:33Z,8\n");
    let same: &[&[u8]] = &[
        b"\xef\xbb\xbfsensor_id;window;timestamp;P1\r\n7;24h;2026-11-26 20:19:33;8\r\n",
        b",sensor_id,window,timestamp,P1\n0,7,24h,2026-11-26T20:19:33Z,8\n",
        b"Unnamed: 0\tsensor_id\twindow\ttimestamp\tp1\n0\t7\t24h\t2026-11-26T20:19:33Z\t8\n",
        b"\"P1\",\"timestamp\",\"SENSOR_ID\",\"window\"\n\"8\",\"2026-11-26T20:19:33Z\",\"7\",\"24h\"\n",
        b"sensor_id;window;timestamp;P1;note,with,many,commas\n7;24h;2026-11-26 20:19:33;8;a,b,c\n",
        b"sensor_id,window,timestamp,P1,Stra\xdfe\n7,24h,2026-11-26T20:19:33Z,8,\xfc\n",
        b"{\"sensor_id\":7,\"window\":\"24h\",\"timestamp\":\"2026-11-26 20:19:33\",\"P1\":8}\n\n",
        b"\xef\xbb\xbf{\"P1\":\"8\",\"sensor_id\":\"7\",\"window\":\"24h\",\"timestamp\":\"2026-11-26T20:19:33Z\",\"x\":{}}",
        b"[{\"sensor_id\":7.0,\"window\":\"24h\",\"timestamp\":\"2026-11-26T20:19:33Z\",\n\"P1\":8,\"P2\":null}]",
        b"{\"features\":[{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"sensor_id\":7,\"window\":\"24h\",\"timestamp\":\"2026-11-26T20:19:33Z\",\"P1\":8}}]}",
        b"{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"sensor_id\":7,\"window\":\"24h\",\"timestamp\":\"2026-11-26T20:19:33Z\",\"P1\":8}}\n",
    ];
    for file in same {
        let shown = String::from_utf8_lossy(file);
        let found = read(file).unwrap_or_else(|(_, e)| panic!("{shown}: {e}"));
        let found: Vec<_> = found.into_iter().map(|row| row.unwrap().reading).collect();
        assert_eq!(found, expected, "{shown}");
    }
}

#[test]
fn columns_that_are_none_of_ours_are_named_once() {
    let csv =
        b"sensor_id,window,timestamp,P1,PM2.5,,note,note\n7,24h,2026-11-26T20:19:33Z,8,4,x,y,z\n";
    let lines = "{\"sensor_id\":7,\"window\":\"24h\",\"timestamp\":\"2026-11-26T20:19:33Z\",\"P1\":8,\"type\":\"x\",\"note\":1}\n".repeat(3);
    let feature = r#"{"type":"Feature","geometry":null,"properties":{"sensor_id":7,"window":"24h","timestamp":"2026-11-26T20:19:33Z","P1":8,"note":2}}"#;
    let features = format!("{{\"features\":[{feature},{feature}]}}");
    let packed = gzip(&zip(&[("a.csv", csv), ("b.json", lines.as_bytes())]));
    for (file, expected) in [
        (&csv[..], &["PM2.5", "note"][..]),
        (lines.as_bytes(), &["type", "note"]),
        (features.as_bytes(), &["note"]),
        (&packed, &["PM2.5", "note", "type"]),
    ] {
        let others = airshed_store::import::read(file, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(others.names(), expected, "{}", String::from_utf8_lossy(file));
    }
}

#[test]
fn an_archive_is_read_file_by_file() {
    let csv = b"sensor_id,window,timestamp,P1\n7,24h,2026-11-26T20:19:33Z,8\n8,24h,,8\n";
    let json = br#"[{"sensor_id":9,"window":"24h","timestamp":"2026-11-26T20:19:33Z","P1":8}]"#;
    let packed = gzip(json);
    let archive = zip(&[
        ("a/one.csv", csv),
        ("__MACOSX/._one.csv", b"\0\0"),
        ("readme.html", b"<!doctype html><p>Hello"),
        ("two.json.gz", &packed),
    ]);
    let rows = read(&archive).map_err(|(_, error)| error).unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| match row {
            Ok(row) => format!("{}: sensor {}", row.place, row.reading.sensor),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        found,
        [
            "a/one.csv line 2: sensor 7",
            "a/one.csv line 3: timestamp is empty",
            "readme.html: a page of HTML",
            "two.json.gz row 1: sensor 9",
        ]
    );
    assert_eq!(refusal(&zip(&[("only.html", b"<html>")])), "a page of HTML");
}

#[test]
fn what_is_no_file_of_readings_is_named() {
    let feed = br#"[{"id":1,"timestamp":"2026-11-26 20:19:33","sensor":{"id":7},"location":{},"sensordatavalues":[]}]"#;
    let archive =
        b"sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n\
        1;SDS011;2;51.2;7.0;2021-02-14T00:01:12;14.31;;;9.87;;\n";
    let weather = b"sensor_id;sensor_type;location;lat;lon;timestamp;pressure;temperature\n1;BME280;2;51.2;7.0;x;1;2\n";
    let packed = gzip(archive);
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"\xef\xbb\xbf \r\n", "an empty file"),
        (b"\n<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html>", "a page of HTML"),
        (b"<html>", "a page of HTML"),
        (b"<?xml version=\"1.0\"?><error/>", "XML"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF"),
        (b"\x00\x01\x02\x03\x04", "binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        (b"\xff\xfes\0e\0n\0s\0o\0r\0", "text in UTF-16: save it as UTF-8"),
        (b"BZh91AY&SY\x00\x00", "compressed with bzip2: decompress it first"),
        (b"redb\x1a\x0a\xa9\x0d\x0a", "a store, not an export: export from it"),
        (b"Dear all,\nplease find the readings", "text without columns, which begins with"),
        (b"No data found.", "text without columns, which begins with `No data found.`"),
        (archive, "an archive file of Sensor.Community, whose samples `airshed backfill` averages"),
        (&packed, "an archive file of Sensor.Community"),
        (weather, "an archive file of Sensor.Community"),
        (feed, "a feed file of Sensor.Community, which is collected, not imported"),
        (
            b"temperature;humidity\n20;50\n",
            "CSV with the columns temperature, humidity, of which sensor_id, window, timestamp, P1 or P2 are missing",
        ),
        (
            b"id,timestamp,P1,sensor_id\n",
            "CSV with the columns id, timestamp, P1, sensor_id, of which window is missing",
        ),
        (b"sensor_id,window,timestamp,P1,P1\n", "CSV with two columns P1"),
        (
            b"{\"timestamp\":\"x\",\"P1\":5}\n",
            "NDJSON with the columns timestamp, P1, of which sensor_id, window are missing",
        ),
        (b"[{\"timestamp\":\"x\",\"P1\":5}]\n", "JSON with the columns timestamp, P1, of which"),
        (
            b"{\n\"readings\": 5, \"newest\": null}",
            "a JSON object with the members readings, newest",
        ),
    ];
    for (file, what) in cases {
        let message = refusal(file);
        assert!(message.starts_with(what), "{}: {message}", String::from_utf8_lossy(file));
    }
    let bomb = (0..6).fold(b"sensor_id".to_vec(), |file, _| gzip(&file));
    assert_eq!(refusal(&bomb), "a file that is compressed too many times");
}

#[tokio::test]
async fn a_cut_file_is_an_error_behind_its_rows() {
    let some: Vec<_> = (0..50).map(|n| Reading { sensor: n.into(), ..super::berlin() }).collect();
    for format in [Format::Json(Spelling::Default), Format::GeoJson, Format::Parquet, Format::Arrow]
    {
        let file = encode(&some, format, Column::ALL).await;
        let (rows, error) = read(&file[..file.len() - 200]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        let text = matches!(format, Format::Json(_) | Format::GeoJson);
        assert_eq!(rows.len(), if text { 49 } else { 0 }, "{format:?}");
    }
    let file = gzip(&encode(&some, Format::Csv(Dialect::DEFAULT), Column::ALL).await);
    let (_, error) = read(&file[..file.len() - 20]).unwrap_err();
    assert_eq!(error.to_string(), "cannot be read to its end");
    // One bad line of NDJSON is one bad row.
    let mut file = encode(&some, Format::NdJson(Spelling::Default), Column::ALL).await;
    file.truncate(file.len() - 20);
    let rows = read(&file).map_err(|(_, error)| error).unwrap();
    assert_eq!((rows.len(), rows.iter().filter(|row| row.is_err()).count()), (50, 1));
    assert!(rows[49].as_ref().unwrap_err().to_string().starts_with("line 50: not a JSON object"));
}
