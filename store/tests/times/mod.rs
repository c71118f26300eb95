//! Timestamps in a time zone: the same instants, in every format.

use std::ops::ControlFlow;
use std::sync::Arc;

use airshed_store::csv::{Delimiter, Dialect};
use airshed_store::{
    Column, Encoder, Format, Memory, Metadata, Pages, Query, Reading, Spelling, Store, TimeZone,
    Window,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::block_on;

const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/St_Johns", // half an hour
    "Asia/Kathmandu",   // three quarters
    "Africa/Monrovia",  // minutes and seconds until 1972
    "Pacific/Apia",
    "Pacific/Kiritimati", // fourteen hours
];

fn spreadsheet() -> Format {
    Format::Csv(Dialect::new(Delimiter::Semicolon).with_spelling(Spelling::Spreadsheet))
}

fn file(readings: &[Reading], format: Format, zone: &str) -> Vec<u8> {
    let store = Memory::new();
    block_on(store.put(readings)).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let metadata = Metadata::new(&Query::everything(), "us").with_times_in(Some(zone));
    let mut encoder = Encoder::about(metadata, format, Column::ALL).unwrap();
    let mut pages = Pages::new(Arc::new(store), Query::everything());
    let mut file = Vec::new();
    while let Some(page) = block_on(pages.next()) {
        encoder.page(&mut file, &page.unwrap()).unwrap();
    }
    encoder.finish(&mut file).unwrap();
    file
}

/// The readings of a file, and what is said of its refused rows.
fn imported(file: &[u8]) -> (Vec<Reading>, Vec<String>) {
    let (mut readings, mut refused) = (Vec::new(), Vec::new());
    airshed_store::import::read(file, &mut |row| {
        match row {
            Ok(row) => readings.push(row.reading),
            Err(error) => refused.push(error.to_string()),
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    readings.sort_by_key(|reading| reading.timestamp);
    (readings, refused)
}

fn readings(seconds: &[i64]) -> Vec<Reading> {
    let mut seconds = seconds.to_vec();
    seconds.sort_unstable();
    seconds.dedup();
    let reading = |second: &i64| {
        let mut hour = Reading::new(7, Window::Hour, Timestamp::from_second(*second).unwrap());
        hour.pm10 = Some(20.into());
        hour
    };
    seconds.iter().map(reading).collect()
}

proptest! {
    #[test]
    fn a_file_with_local_times_has_the_same_instants(
        // Of the years 0 to 9999; around the present, with changes of the clock.
        seconds in proptest::collection::vec(
            prop_oneof![-62_167_219_200..=253_402_300_799i64, 1_730_000_000..1_800_000_000i64], 1..20,
        ),
        zone in proptest::sample::select(ZONES.to_vec()),
    ) {
        let readings = readings(&seconds);
        for format in Format::ALL.iter().copied() {
            prop_assert_eq!(imported(&file(&readings, format, zone)), (readings.clone(), vec![]));
        }
    }

    /// But for those that occur twice, or never, which are refused.
    #[test]
    fn local_times_without_an_offset_are_those_of_the_zone_in_their_column(
        seconds in proptest::collection::vec(1_730_000_000..1_800_000_000i64, 1..20),
        autumn in 1_761_436_800..1_761_447_600i64, // the two hours around 2025-10-26 01:00 UTC
        zone in proptest::sample::select(ZONES.to_vec()),
    ) {
        let readings = readings(&[&seconds[..], &[autumn]].concat());
        let tz = TimeZone::get(zone).unwrap();
        let text = String::from_utf8(file(&readings, spreadsheet(), zone)).unwrap();
        let expected = format!("timestamp ({zone})");
        prop_assert!(text.lines().next().unwrap().split(';').any(|name| name == expected));
        let local = |reading: &Reading| tz.to_datetime(reading.timestamp);
        for (line, reading) in text.lines().skip(1).zip(&readings) {
            let cell = local(reading).strftime("%Y-%m-%d %H:%M:%S").to_string();
            prop_assert!(line.split(';').any(|other| other == cell), "{}", line);
        }
        let is_once = |reading: &&Reading| !tz.to_ambiguous_timestamp(local(reading)).is_ambiguous();
        let once: Vec<_> = readings.iter().filter(is_once).cloned().collect();
        let refused = readings.len() - once.len();
        let (found, reasons) = imported(text.as_bytes());
        prop_assert_eq!(found, once);
        prop_assert_eq!(reasons.len(), refused);
        prop_assert!(reasons.iter().all(|reason| reason.contains(zone)), "{:?}", reasons);
    }
}

#[test]
fn a_timestamp_has_its_offset_and_a_column_its_zone() {
    let readings = readings(&[1_767_268_800]); // 2026-01-01T12:00:00Z
    for format in
        [Format::Csv(Dialect::DEFAULT), Format::NdJson(Spelling::Default), Format::GeoJson]
    {
        let text = String::from_utf8(file(&readings, format, "Europe/Berlin")).unwrap();
        assert!(text.contains("2026-01-01T13:00:00+01:00"), "{text}");
        assert!(!text.contains("12:00:00Z"), "{text}");
        let utc = String::from_utf8(file(&readings, format, "UTC")).unwrap();
        assert!(utc.contains("2026-01-01T12:00:00Z"), "{utc}");
    }
    let newfoundland = file(&readings, Format::Csv(Dialect::DEFAULT), "America/St_Johns");
    let newfoundland = String::from_utf8(newfoundland).unwrap();
    assert!(newfoundland.contains("2026-01-01T08:30:00-03:30"), "{newfoundland}");
    let unknown = b"sensor_id,window,timestamp (Europe/Berlim),P1\n7,1h,2026-01-01 12:00:00,5\n";
    let refused = airshed_store::import::read(&unknown[..], &mut |_| ControlFlow::Continue(()));
    assert!(refused.unwrap_err().to_string().contains("Europe/Berlim"));
}

#[cfg(feature = "columnar")]
#[test]
fn columnar_files_have_the_zone_in_their_type() {
    use std::io::Write;

    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let readings = readings(&[1_767_268_800]);
    for (zone, expected) in
        [("Europe/Berlin", "Europe/Berlin"), ("Etc/UTC", "Etc/UTC"), ("UTC", "UTC")]
    {
        let file = file(&readings, Format::Parquet, zone);
        let mut on_disk = tempfile::tempfile().unwrap();
        on_disk.write_all(&file).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(on_disk).unwrap();
        let kind = reader.schema().field_with_name("timestamp").unwrap().data_type().to_string();
        assert!(kind.contains(expected), "{kind}");
    }
}
