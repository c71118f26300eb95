//! Files of the archive: usual, odd, damaged, packed, and not of the archive.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use airshed_history::archive::{Reason, Report, Station, read};
use airshed_history::{Error, ErrorKind, Fixed};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::tz::Offset;
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;
use store::SensorType;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A row as it was passed on.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    sensor: u64,
    second: i64,
    /// `P1`, `P2`, temperature, humidity.
    values: [Option<Fixed>; 4],
    station: Station,
}

/// The rows and the report, and the error that they ended with.
fn read_named(bytes: &[u8], name: &str) -> (Vec<Kept>, Report, Result<(), Error>) {
    let (mut rows, mut report) = (Vec::new(), Report::default());
    let result = read(bytes, name, &mut report, &mut |row| {
        let ([p1, p2], [temperature, humidity]) = (row.particulates, row.climate);
        let values = [p1, p2, temperature, humidity];
        let station = Station::clone(row.station);
        rows.push(Kept { sensor: row.sensor, second: row.second, values, station });
        ControlFlow::Continue(())
    });
    let parts = [report.kept, report.without_values, report.passed_over, report.refused];
    assert_eq!(report.rows, parts.iter().sum::<u64>(), "{report:?}");
    assert_eq!(report.kept, rows.len() as u64);
    (rows, report, result)
}

fn read_whole(bytes: &[u8]) -> (Vec<Kept>, Report) {
    let (rows, report, result) = read_named(bytes, "");
    result.unwrap();
    (rows, report)
}

/// The error of a file of which no row is passed on.
fn refused(bytes: &[u8]) -> Error {
    let (rows, report, result) = read_named(bytes, "");
    assert!(rows.is_empty() && report.rows == 0);
    result.unwrap_err()
}

fn value(text: &str) -> Option<Fixed> {
    Some(Fixed::parse(text.as_bytes()).unwrap())
}

fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// One whose members' lengths stand after them.
pub(super) fn zip_stream_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The files of the cases that are named for this test's folder of them.
fn shared_case(name: &str) -> Option<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    }
    let path = folder.join(name);
    let bytes = fs::read(&path).unwrap();
    Some((path, bytes))
}

fn read_case(name: &str) -> Option<(Vec<Kept>, Report, Result<(), Error>)> {
    let (path, bytes) = shared_case(name)?;
    Some(read_named(&bytes, path.to_str().unwrap()))
}

#[test]
fn the_usual_file_plain_indoor_and_packed() {
    let name = "2021-02-14_sds011_sensor_41201";
    for (case, indoor) in [
        (format!("01-{name}.csv"), false),
        (format!("08-{name}_indoor.csv"), true),
        (format!("09-{name}.csv.gz"), false),
    ] {
        let Some((rows, report, result)) = read_case(&case) else { return };
        result.unwrap();
        assert_eq!((report.rows, report.kept, report.notes.len()), (2, 2, 0));
        let expected = Kept {
            sensor: 41201,
            second: second("2021-02-14T00:01:12Z"),
            values: [value("14.31"), value("9.87"), None, None],
            station: Station {
                sensor_type: "SDS011".parse().unwrap(),
                location: Some(20955),
                latitude: Some("51.214".parse().unwrap()),
                longitude: Some("7.018".parse().unwrap()),
                indoor: Some(indoor),
            },
        };
        assert_eq!(rows[0], expected);
        assert_eq!(rows[1].second, second("2021-02-14T00:03:40Z"));
    }
}

#[test]
fn other_types_have_other_columns() {
    let Some((rows, report, _)) = read_case("02-pms1003.csv") else { return };
    assert_eq!(rows[0].values, [value("7"), value("5"), None, None]);
    assert_eq!((rows.len(), report.notes.len(), rows[0].station.indoor), (2, 0, None));
    let (rows, report, _) = read_case("05-sps30.csv").unwrap();
    let values = |n: usize| (rows[n].second, rows[n].values[0], rows[n].values[1]);
    assert_eq!(values(0), (second("2025-06-15T00:00:00Z"), value("9.6"), value("5.4")));
    assert_eq!(values(1), (values(0).0, value("4.0"), value("3.8")));
    assert!(report.notes.is_empty());
    let (rows, ..) = read_case("07-bme280.csv").unwrap();
    assert_eq!(rows[0].values, [None, None, value("7.24"), value("93.40")]);
    let (rows, report, result) = read_case("07-laerm.csv").unwrap();
    assert!(result.is_ok() && rows.is_empty());
    assert_eq!((report.rows, report.passed_over, report.notes.len()), (1, 1, 0));
}

#[test]
fn odd_values_are_missing_and_an_odd_date_refuses_its_row() {
    let Some((rows, report, result)) = read_case("10-archive-odd-values.csv") else { return };
    result.unwrap();
    let values: Vec<_> = rows.iter().map(|row| [row.values[0], row.values[1]]).collect();
    assert_eq!(values, [[None, value("3.20")], [value("8.2"), value("3.2")]]);
    assert_eq!(rows[1].station.latitude, None); // empty, and not a fault
    assert_eq!((report.rows, report.without_values, report.refused), (5, 2, 1));
    let notes: Vec<_> = report.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "line 2: P1 `unavailable` is not a number",
            "line 2: P2 `unavailable` is not a number",
            "line 3: P1 `%.1f` is not a number",
            "line 3: P2 `%.1f` is not a number",
            "line 4: P1 `nan` is not a number",
            "line 5: timestamp `03.05.2020 00:08` is not like 2021-02-14T00:01:12",
        ]
    );
}

#[test]
fn what_is_not_of_the_archive_is_said() {
    if let Some((_, page)) = shared_case("12-html-as.csv") {
        assert_eq!(refused(&page).to_string(), "a page of HTML, not CSV");
    }
    let page: &[u8] = b"\n<HTML>";
    let zipped = zip_of(&[("2019-01_sds011.csv", page)]);
    let deep = (0..6).fold(b"sensor_id;timestamp\n".to_vec(), |bytes, _| gzip(&bytes));
    let utf16: Vec<u8> = "\u{feff}sensor_id;".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, message) in [
        (page, "a page of HTML, not CSV"),
        (&gzip(page), "a page of HTML, not CSV"),
        (&zipped, "a page of HTML, not CSV"),
        (b"<?xml version='1.0'?><Error/>", "XML, not CSV"),
        (b"[{\"sensor\":{}}]", "JSON, not CSV"),
        (b"\xef\xbb\xbf{}", "JSON, not CSV"),
        (b"", "an empty file"),
        (b"\r\n\n  \n", "an empty file"),
        (b"\x7fELF\x00\x01", "binary data, not CSV"),
        (
            b"sensor_id;timestamp;P1\r1;2020-01-01T00:00:00;5\r",
            "lines end with a carriage return only: save the file with line feeds",
        ),
        (&utf16, "text in UTF-16, not UTF-8"),
        (&zip_of(&[]), "an empty zip archive"),
        (&zip_of(&[("__MACOSX/a", b"x")]), "a zip archive without a file"),
        (&deep, "a file that is compressed too many times"),
        (
            b"sensor_id,timestamp,P1\n1,2020-01-01T00:00:00,5\n",
            "not an archive file: no column sensor_id in the `;`-separated header \
             `sensor_id,timestamp,P1`",
        ),
        (
            b"sensor_id;P1\n",
            "not an archive file: no column timestamp in the `;`-separated header `sensor_id;P1`",
        ),
    ] {
        let error = refused(bytes);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, message));
        assert!(!error.is_transient());
    }
    let (kind, words) = match cfg!(feature = "parquet") {
        true => (ErrorKind::Damaged, "a damaged, truncated or unsupported Parquet file"),
        false => (ErrorKind::Invalid, "built without them"),
    };
    let cut = refused(b"PAR1\x15\x00");
    assert_eq!(cut.kind(), kind);
    assert!(cut.to_string().contains(words), "{cut}");
}

const SMALL: &str = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n";

#[test]
fn timestamps_have_forms() {
    for (text, expected) in [
        ("2021-02-14T00:01:12", Some("2021-02-14T00:01:12Z")),
        ("2021-02-14 00:01:12", Some("2021-02-14T00:01:12Z")),
        (" \"2021-02-14T00:01:12\" ", Some("2021-02-14T00:01:12Z")),
        ("2015-10-01T02:00:00.712345+02:00", Some("2015-10-01T00:00:00Z")),
        ("2015-10-01 00:00:00.712345+00:00", Some("2015-10-01T00:00:00Z")),
        ("2015-10-01T00:00:00.7", Some("2015-10-01T00:00:00Z")),
        ("1969-12-31T23:59:59.5Z", Some("1969-12-31T23:59:59Z")),
        ("2016-02-29T23:59:59Z", Some("2016-02-29T23:59:59Z")),
        ("0000-01-01T00:00:00", Some("0000-01-01T00:00:00Z")),
        ("2016-12-31T23:59:60", Some("2016-12-31T23:59:59Z")), // a leap second
        ("2021-02-29T00:00:00", None),
        ("2021-02-14T24:00:00", None),
        ("2021-02-14T00:01", None),
        ("2021-02-14T00:01Z", None),
        ("2021-02-14", None),
        ("9999-01-01T00:00:00", None),
        ("-000001-01-01T00:00:00", None),
        ("1613260872", None),
        ("", None),
    ] {
        let (rows, report) = read_whole(format!("{SMALL}1;SDS011;2;3;4;{text};5;6\n").as_bytes());
        let found = rows.first().map(|row| row.second);
        assert_eq!(found, expected.map(second), "{text}");
        assert_eq!(report.refused, u64::from(expected.is_none()));
    }
}

#[test]
fn sensors_and_what_describes_them() {
    let rows = [
        "9223372036854775807;SDS011;11;-90;180.000;2020-01-01T00:00:00;5;6",
        "7.0;;;;;2020-01-01T00:00:00;5;6",
        "7;=cmd();-3;90.1;nan;2020-01-01T00:00:00;5;6",
        "7;=cmd();-3;90.1;nan;2020-01-01T00:00:01;5;6",
        "\"8\" ;\"PMS7003\";\"12\";\"1.5\";\"2.50\";\"2020-01-01T00:00:00\";\"5\";\"6\"",
        "9223372036854775808;SDS011;11;0;0;2020-01-01T00:00:00;5;6",
        "-7;SDS011;11;0;0;2020-01-01T00:00:00;5;6",
        ";SDS011;11;0;0;2020-01-01T00:00:00;5;6",
        "7;\"SDS;011\";11;0;0;2020-01-01T00:00:00;5;6",
    ];
    let (rows, report) = read_whole(format!("{SMALL}{}", rows.join("\r\n")).as_bytes());
    let station =
        |model: &str, location, latitude: Option<&str>, longitude: Option<&str>| Station {
            sensor_type: model.parse().unwrap(),
            location,
            latitude: latitude.map(|degrees| degrees.parse().unwrap()),
            longitude: longitude.map(|degrees| degrees.parse().unwrap()),
            indoor: None,
        };
    let unreadable = station(SensorType::UNREADABLE.as_str(), None, None, None);
    let found: Vec<_> = rows.into_iter().map(|row| (row.sensor, row.station)).collect();
    assert_eq!(
        found,
        [
            (i64::MAX as u64, station("SDS011", Some(11), Some("-90"), Some("180.000"))),
            (7, station(SensorType::UNKNOWN.as_str(), None, None, None)),
            (7, unreadable.clone()),
            (7, unreadable),
            (8, station("PMS7003", Some(12), Some("1.5"), Some("2.50"))),
        ]
    );
    let reasons = [(Reason::BadSensor, 3), (Reason::BadQuotes, 1), (Reason::BadStation, 8)];
    assert_eq!(report.reasons, reasons.into());
    assert_eq!(report.refused, 4);
    assert_eq!(report.notes[0].to_string(), "line 4: invalid sensor_type `=cmd()`");
    // The first five of the stations.
    assert_eq!(report.notes.len(), 5 + 3 + 1);
}

#[test]
fn an_odd_quote_takes_no_other_row_with_it() {
    let rows = "1;SDS011;2;3;4;\"2020-01-01T00:00:00;5;6\n\
                1;SDS011;2;3;4;2020-01-01T00:00:01;5;6\n\
                1;SDS011;2;3;4;2020-01-01T00:00:02;5;\"\n\
                1;SDS011;2;3;4;2020-01-01T00:00:03;5\n";
    let (rows, report) = read_whole(format!("\u{feff}\r\n{SMALL}\n\r\n{rows}").as_bytes());
    let lines: Vec<_> = report.notes.iter().filter_map(|note| note.line).collect();
    assert_eq!(lines, [5, 7, 8]);
    let seconds: Vec<_> = rows.iter().map(|row| row.second % 60).collect();
    assert_eq!((seconds, report.refused), (vec![1, 3], 2));
    assert_eq!(report.reasons[&Reason::NoCell], 1); // P2 of the last
}

#[test]
fn zip_archives_of_several_files() {
    let file = |id: u64| format!("{SMALL}{id};SDS011;2;3;4;2020-01-01T00:00:00;5;x\n");
    let (one, two, packed) = (file(1), file(2), gzip(file(3).as_bytes()));
    let files: [(&str, &[u8]); 6] = [
        ("__MACOSX/._a.csv", b"\0\x05"),
        ("2020-01-01_sds011_sensor_1.csv", one.as_bytes()),
        ("readme.html", b"<html></html>"),
        ("2020-01-01_sds011_sensor_2_indoor.csv", two.as_bytes()),
        ("packed.csv.gz", &packed),
        ("empty.csv", SMALL.as_bytes()),
    ];
    let streamed = zip_stream_of(&files);
    assert_ne!(streamed[6] & 8, 0, "the lengths are known in advance");
    for archive in [zip_of(&files), streamed] {
        let (rows, report) = read_whole(&archive);
        let found: Vec<_> = rows.iter().map(|row| (row.sensor, row.station.indoor)).collect();
        assert_eq!(found, [(1, Some(false)), (2, Some(true)), (3, None)]);
        let notes: Vec<_> = report.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "2020-01-01_sds011_sensor_1.csv, line 2: P2 `x` is not a number",
                "readme.html: a page of HTML, not CSV",
                "2020-01-01_sds011_sensor_2_indoor.csv, line 2: P2 `x` is not a number",
                "packed.csv.gz, line 2: P2 `x` is not a number",
            ]
        );
        // Truncated after the third row: what is read one after the other has it.
        let directory = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        let (rows, _, result) = read_named(&archive[..directory - 40], "");
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(rows.len(), if archive[6] & 8 == 0 { 3 } else { 0 });
    }
}

#[test]
fn whoever_asks_can_break_off() {
    let rows = (0..100).map(|n| format!("{n};SDS011;2;3;4;2020-01-01T00:00:00;5;6\n"));
    let file = format!("{SMALL}{}", rows.collect::<String>());
    let zip = zip_of(&[("a.csv", file.as_bytes()), ("b.csv", file.as_bytes())]);
    for bytes in [file.as_bytes(), &gzip(file.as_bytes()), &zip] {
        let (mut seen, mut report) = (0, Report::default());
        let each = &mut |_: airshed_history::archive::Row<'_>| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        read(bytes, "", &mut report, each).unwrap();
        assert_eq!((seen, report.rows), (3, 3));
    }
}

#[test]
fn a_line_without_an_end_is_not_read_into_memory() {
    let mut file = format!("{SMALL}1;SDS011;2;3;4;2020-01-01T00:00:00;5;6\n").into_bytes();
    file.resize(file.len() + (3 << 20), b';');
    let (rows, _, result) = read_named(&file, "");
    assert_eq!((rows.len(), result.unwrap_err().kind()), (1, ErrorKind::Damaged));
}

/// A part of a number is no number: the other rows count, and the file is named.
#[test]
fn a_file_that_ends_within_a_row_is_cut() {
    let row = |second: u32| format!("1;SDS011;2;3;4;2020-01-01T00:00:{second:02};15.25;;;12.75;;");
    let whole = format!("{HEADER}\n{}\n{}", row(0), row(1));
    assert_eq!(read_whole(whole.as_bytes()).0.len(), 2, "without a line break, but whole");
    let after_header = format!("{HEADER};;\n{}", row(0));
    assert_eq!(read_whole(after_header.as_bytes()).0.len(), 1, "columns without a name are none");
    let cut = whole.strip_suffix("5;;").unwrap();
    let sound = format!("{HEADER}\n{}\n", row(2));
    let members = [("a.csv", cut.as_bytes()), ("b.csv", sound.as_bytes())];
    let forms =
        [cut.as_bytes().to_vec(), gzip(cut.as_bytes()), zip_of(&members), zip_stream_of(&members)];
    for (bytes, rows, member) in forms
        .iter()
        .zip([1, 1, 2, 2])
        .zip(["", "", "a.csv: ", "a.csv: "])
        .map(|((b, n), m)| (b, n, m))
    {
        let (kept, report, result) = read_named(bytes, "");
        assert_eq!((kept.len(), report.rows, report.refused), (rows, rows as u64 + 1, 1));
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Cut, false));
        assert_eq!(error.to_string(), format!("{member}the file ends within its last row, line 3"));
        assert!(
            report.notes[0]
                .text
                .starts_with("the file ends within its last row, `1;SDS011;2;3;4;2020")
        );
    }
}

/// A reader that fails after some bytes.
struct Failing<'a>(&'a [u8]);

impl std::io::Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("the connection was closed")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_reader_that_fails_may_be_tried_again() {
    let long = "1;SDS011;2;3;4;2020-01-01T00:00:00;5;6\n".repeat(5000);
    let (mut rows, mut report) = (0, Report::default());
    let file = format!("{SMALL}{long}");
    let error = read(Failing(file.as_bytes()), "", &mut report, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    });
    let error = error.unwrap_err();
    assert!(error.is_transient() && error.kind() == ErrorKind::Io);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the connection was closed");
    assert!(rows > 1000 && report.kept == rows);
}

/// A line, and what becomes of it.
#[derive(Debug, Clone)]
enum Line {
    Kept(String, Box<(i64, [Option<Fixed>; 2])>),
    WithoutValues(String),
    Refused(String),
    Blank,
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Self::Kept(line, _) | Self::WithoutValues(line) | Self::Refused(line) => line,
            Self::Blank => "",
        }
    }
}

/// Whether a last line without an end is not the whole row.
fn is_part(line: &[u8]) -> bool {
    let cells = line.split(|byte| *byte == b';').count();
    !line.trim_ascii().is_empty() && cells < HEADER.split(';').count()
}

fn cell() -> impl Strategy<Value = (String, Option<Fixed>)> {
    let number = (0u32..200_000).prop_map(|hundredths| {
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        let read = Fixed::parse(text.as_bytes()).ok();
        (text, read)
    });
    let odd =
        prop::sample::select(vec!["", "nan", "unavailable", "%.1f", "1e99", "5,3", "--", "\u{e9}"]);
    prop_oneof![4 => number, 1 => odd.prop_map(|text| (text.to_owned(), None))]
}

fn line() -> impl Strategy<Value = Line> {
    let good = (1_450_000_000i64..1_700_000_000, cell(), cell(), any::<[bool; 2]>());
    let good = good.prop_map(|(second, (p1, one), (p2, two), [quoted, short])| {
        let moment = TimeZone::UTC.to_datetime(Timestamp::from_second(second).unwrap());
        let quote = if quoted { "\"" } else { "" };
        let mut line =
            format!("{quote}5331{quote};SDS011;2603;57.135;{quote}-2.083{quote};{moment};{p1}");
        let mut values = [one, two];
        match short {
            true => values[1] = None,
            false => line = format!("{line};;;{quote}{p2}{quote};;"),
        }
        match values {
            [None, None] => Line::WithoutValues(line),
            _ => Line::Kept(line, Box::new((second, values))),
        }
    });
    let refused = prop::sample::select(vec![
        "5331;SDS011;2603;57.135;-2.083;2018-02-30T00:00:00;1;;;1;;",
        "abc;SDS011;2603;57.135;-2.083;2018-02-03T00:00:00;1;;;1;;",
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2",
        "5331;SDS011;2603;57.135;-2.083;\"2018-02-03T00:00:00;1;;;1;;",
        ";;;;;;;;;;;",
        "5331",
        "\"",
    ]);
    prop_oneof![
        8 => good, 1 => refused.prop_map(|line| Line::Refused(line.to_owned())), 1 => Just(Line::Blank)
    ]
}

pub(super) const HEADER: &str =
    "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2";

proptest! {
    #![proptest_config(super::cases(5000))]

    #[test]
    fn every_line_of_an_odd_file_is_accounted_for(
        lines in prop::collection::vec(line(), 0..30), mark: bool,
        end in prop::sample::select(vec!["\n", "\r\n"]), packed: bool,
    ) {
        let mut file = if mark { "\u{feff}".to_owned() } else { String::new() };
        file += HEADER;
        let (mut kept, mut without_values, mut refused) = (Vec::new(), 0, 0);
        for line in &lines {
            file += end;
            match line {
                Line::Kept(line, row) => {
                    kept.push(**row);
                    file += line;
                }
                Line::WithoutValues(line) => {
                    without_values += 1;
                    file += line;
                }
                Line::Refused(line) => {
                    refused += 1;
                    file += line;
                }
                Line::Blank => {}
            }
        }
        let bytes = if packed { gzip(file.as_bytes()) } else { file.into_bytes() };
        let (rows, report, result) = read_named(&bytes, "");
        // The last line has no end.
        let last = lines.last().map_or("", Line::text);
        let is_cut = is_part(last.as_bytes());
        match lines.last() {
            Some(Line::Kept(..)) if is_cut => drop(kept.pop()),
            Some(Line::WithoutValues(_)) if is_cut => without_values -= 1,
            Some(Line::Refused(_)) if is_cut => refused -= 1,
            _ => {}
        }
        refused += u64::from(is_cut);
        prop_assert_eq!(result.map_err(|error| error.kind()), if is_cut { Err(ErrorKind::Cut) } else { Ok(()) });
        let rows: Vec<_> = rows.iter().map(|row| (row.second, [row.values[0], row.values[1]])).collect();
        prop_assert_eq!(rows, kept);
        prop_assert_eq!((report.without_values, report.refused), (without_values, refused));
    }

    #[test]
    fn every_line_of_a_damaged_file_is_accounted_for(
        lines in prop::collection::vec(line(), 0..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body =
            lines.iter().map(|line| format!("{}\n", line.text())).collect::<String>().into_bytes();
        if !body.is_empty() {
            for (at, byte) in &damage {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len()));
            }
        }
        let rows = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let (_, report, result) = read_named(&[HEADER.as_bytes(), b"\n", &body].concat(), "");
        prop_assert_eq!(report.rows, rows as u64);
        let is_cut = body.rsplit(|byte| *byte == b'\n').next().is_some_and(is_part);
        prop_assert_eq!(result.map_err(|error| error.kind()), if is_cut { Err(ErrorKind::Cut) } else { Ok(()) });
        prop_assert_eq!(report.reasons.get(&Reason::Cut).copied(), is_cut.then_some(1));
    }

    #[test]
    fn a_damaged_packed_file_gives_all_rows_or_none(
        lines in prop::collection::vec(line(), 1..30), at: prop::sample::Index, to: Option<u8>,
        zipped: bool,
    ) {
        let texts = lines.iter().filter_map(|line| match line {
            Line::Kept(line, _) => Some(format!("{line}\n")),
            _ => None,
        });
        let file = format!("{HEADER}\n{}", texts.collect::<String>());
        let mut packed = match zipped {
            true => zip_of(&[("2018-02_sds011.csv", file.as_bytes())]),
            false => gzip(file.as_bytes()),
        };
        let (whole, _) = read_whole(&packed);
        let at = at.index(packed.len());
        match to {
            Some(byte) => packed[at] = byte,
            None => packed.truncate(at),
        }
        let (rows, _, result) = read_named(&packed, "");
        let values = |rows: &[Kept]| rows.iter().map(|row| (row.second, row.values)).collect::<Vec<_>>();
        // Rows that nobody measured are none.
        match result {
            Ok(()) => prop_assert_eq!(values(&rows), values(&whole)),
            // The directory of a zip archive comes after its members.
            Err(_) if zipped && !rows.is_empty() => prop_assert_eq!(values(&rows), values(&whole)),
            Err(_) => prop_assert!(rows.is_empty(), "{} rows", rows.len()),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, magic in 0usize..5) {
        let starts: [&[u8]; 5] =
            [b"", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"sensor_id;timestamp;P1\n"];
        drop(read_named(&[starts[magic], &bytes].concat(), ""));
    }

    #[test]
    fn timestamps_are_those_that_jiff_reads(
        second in -62_000_000_000i64..250_000_000_000, offset in -14i32..=14, digits in 0usize..9,
    ) {
        let moment = Timestamp::from_second(second).unwrap();
        let zone = TimeZone::fixed(Offset::from_hours(offset as i8).unwrap());
        let local = zone.to_datetime(moment);
        let fraction = if digits == 0 { String::new() } else { format!(".{}", "7".repeat(digits)) };
        let utc = TimeZone::UTC.to_datetime(moment).to_string();
        let texts = [
            utc.clone(),
            utc.replace('T', " "),
            format!("{utc}{fraction}"),
            format!("{utc}{fraction}Z"),
            format!("{local}{fraction}{offset:+03}:00"),
        ];
        for text in texts {
            let (rows, _) = read_whole(format!("{SMALL}1;SDS011;2;3;4;{text};5;6").as_bytes());
            prop_assert_eq!(rows.first().map(|row| row.second), Some(second), "{}", text);
        }
    }
}
