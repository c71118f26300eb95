//! The feed's parser on real files and on what can go wrong.

use airshed::feed::{DIAGNOSTICS, DiagnosticKind, Feed, parse};
use proptest::prelude::*;
use store::{Flags, Reading, Window};

use super::support::{NOW, at, shared_data};

fn read(text: &str) -> Feed {
    parse(text.as_bytes(), Window::Day24, at(NOW)).unwrap()
}

fn offset_of_break(bytes: &[u8]) -> usize {
    parse(bytes, Window::Day24, at(NOW)).unwrap_err().offset
}

#[test]
fn the_days_of_aberdeen() {
    let Some(path) = shared_data("derived/data.24h.json") else {
        return;
    };
    let file = std::fs::read(path).unwrap();
    let feed = parse(&file, Window::Day24, at(NOW)).unwrap();
    assert_eq!(feed.records, 1827);
    assert_eq!(feed.readings.len(), 914);
    assert_eq!(feed.count(DiagnosticKind::Skipped), 913);
    assert_eq!(feed.diagnostics.len(), 913);
    // The DAQI once more, from the values as text: whole number and one more from .5 on.
    let records: Vec<serde_json::Value> = serde_json::from_slice(&file).unwrap();
    let value = |record: &serde_json::Value, kind: &str| -> Option<f64> {
        let values = record["sensordatavalues"].as_array()?;
        let found = values.iter().find(|value| value["value_type"] == kind)?;
        found["value"].as_str()?.parse().ok()
    };
    let row = |rounded: f64, tops: [f64; 9]| tops.iter().filter(|top| rounded > **top).count() + 1;
    let pm10_tops = [16., 33., 50., 58., 66., 75., 83., 91., 100.];
    let pm25_tops = [11., 23., 35., 41., 47., 53., 58., 64., 70.];
    let expected: Vec<usize> = records
        .iter()
        .filter_map(|record| Some((value(record, "P1")?, value(record, "P2")?)))
        .map(|(pm10, pm25)| {
            let half_up = |value: f64| (value + 0.5).floor();
            row(half_up(pm10), pm10_tops).max(row(half_up(pm25), pm25_tops))
        })
        .collect();
    let indices = feed.readings.iter().map(|r| usize::from(r.index().unwrap().get()));
    assert_eq!(indices.collect::<Vec<_>>(), expected);
}

#[test]
fn the_network_of_2017() {
    let Some(path) = shared_data("live/v1-network-2017-01-16.json") else {
        return;
    };
    let file = std::fs::read(path).unwrap();
    let feed = parse(&file, Window::FiveMinutes, at(NOW)).unwrap();
    assert_eq!(feed.records, 1218);
    assert_eq!(feed.readings.len() + feed.count(DiagnosticKind::Skipped), 1218);
    assert_eq!((feed.readings.len(), feed.count(DiagnosticKind::Skipped)), (740, 478));
    let is_counter = |r: &&Reading| r.sensor_type.is_some_and(|kind| kind.counts_particles());
    let counters: Vec<_> = feed.readings.iter().filter(is_counter).collect();
    assert_eq!(counters.len(), 95);
    assert!(counters.iter().all(|r| r.index().is_none() && r.flags().contains(Flags::COUNTS)));
    assert_eq!(feed.readings.iter().filter(|r| r.index().is_some()).count(), 645);
    // 27 of the 1,218 records have empty coordinates; 18 of those carry P1 and P2.
    let records: Vec<serde_json::Value> = serde_json::from_slice(&file).unwrap();
    let empty = records.iter().filter(|record| record["location"]["latitude"].is_null());
    assert_eq!(empty.count(), 27);
    assert_eq!(feed.readings.iter().filter(|r| r.latitude.is_none()).count(), 18);
}

#[test]
fn the_modern_schema() {
    let Some(path) = shared_data("live/v2-schema-2-records.json") else {
        return;
    };
    let feed = parse(&std::fs::read(path).unwrap(), Window::Day24, at(NOW)).unwrap();
    assert_eq!((feed.records, feed.readings.len(), feed.diagnostics.len()), (2, 2, 0));
    let expected = Reading {
        measurement: Some(757_225_623),
        pm10: Some("5.15".parse().unwrap()),
        pm25: Some("2.87".parse().unwrap()),
        sensor_type: Some("SDS011".parse().unwrap()),
        location: Some(15975),
        latitude: Some("50.55591005174".parse().unwrap()),
        longitude: Some("8.49543571448".parse().unwrap()),
        altitude: Some("151.2".parse().unwrap()),
        country: Some("DE".parse().unwrap()),
        indoor: Some(false),
        exact: Some(true),
        ..Reading::new(28842, Window::Day24, at("2020-06-11T09:40:41Z"))
    };
    assert_eq!(feed.readings[0], expected);
}

#[test]
fn the_broken_file_is_refused_with_the_offset() {
    let Some(path) = shared_data("live/broken-2019-04-16.json.txt") else {
        return;
    };
    let file = std::fs::read(path).unwrap();
    let error = parse(&file, Window::Day24, at(NOW)).unwrap_err();
    assert_eq!(error.to_string(), "not a feed: expected the `[` of a JSON array at byte 1");
    // What is between is sound: with brackets around it, it is a feed.
    let bracketed = [b"[", file.as_slice(), b"]"].concat();
    assert_eq!(parse(&bracketed, Window::Day24, at(NOW)).unwrap().records, 243);
}

#[test]
fn what_is_no_array_is_refused_where_it_breaks() {
    assert_eq!(offset_of_break(b""), 0);
    assert_eq!(offset_of_break(b" \n "), 3);
    assert_eq!(offset_of_break(b"{}"), 0);
    assert_eq!(offset_of_break(b"<html>"), 0);
    assert_eq!(offset_of_break(b"[{\"id\":1},\n{\"id\":2}"), 19);
    assert_eq!(offset_of_break(b"[\n\n{\"id\" 1}]"), 9);
    assert_eq!(offset_of_break(b"[{}] x"), 5);
    // However deep: a cut is found, and what is whole is one bad record.
    let depth = 100_000;
    assert_eq!(offset_of_break("[".repeat(depth).as_bytes()), depth);
    let feed = read(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert_eq!((feed.records, feed.count(DiagnosticKind::Refused)), (1, 1));
}

/// A record with some of its text replaced.
fn record(from: &str, to: &str) -> String {
    let whole = r#"{"id":9,"timestamp":"2026-01-31 10:20:30",
        "location":{"id":5,"latitude":"50.5","longitude":"8.25","altitude":"3","country":"DE",
                    "exact_location":1,"indoor":0},
        "sensor":{"id":7,"sensor_type":{"name":"SDS011"}},
        "sensordatavalues":[{"value_type":"P1","value":"20"},{"value_type":"P2","value":"5.50"}]}"#;
    assert!(whole.contains(from), "{from}");
    format!("[{}]", whole.replace(from, to))
}

#[test]
fn values_come_as_text_or_number_or_nonsense() {
    let cases = [
        (r#""20""#, "20.25", Some("20.25")),
        (r#""20""#, "2e1", Some("20")),
        (r#""20""#, r#"" 20.250 ""#, Some("20.250")),
        (r#""20""#, r#""\u0032""#, Some("2")),
        (r#""20""#, r#""""#, None),
        (r#""20""#, r#""nan""#, None),
        (r#""20""#, "null", None),
        (r#""20""#, r#""-78 dBm""#, None),
        (r#""20""#, r#""1_0""#, None),
        (r#""20""#, "1e400", None),
        (r#""20""#, "[]", None),
        (r#""20""#, r#"{"a":1}"#, None),
        (r#""20""#, "true", None),
    ];
    for (from, to, pm10) in cases {
        let feed = read(&record(from, to));
        assert_eq!(feed.readings.len(), 1, "{to}");
        let value = feed.readings[0].pm10.map(|value| value.to_string());
        assert_eq!(value.as_deref(), pm10, "{to}");
        assert_eq!(feed.readings[0].pm25.unwrap().to_string(), "5.50");
    }
}

#[test]
fn fields_may_be_missing_and_doubtful_ones_are_left_out_with_a_diagnostic() {
    let fine = [
        (r#""id":9,"#, ""),
        (r#""id":5,"#, ""),
        (r#""50.5""#, r#""""#),
        (r#""50.5""#, "50.5"),
        (r#""country":"DE","#, ""),
        (r#""DE""#, r#""""#),
        (r#","indoor":0"#, ""),
        (r#","sensor_type":{"name":"SDS011"}"#, ""),
        (r#"2026-01-31 10"#, "2026-01-31T10"),
    ];
    for (from, to) in fine {
        let feed = read(&record(from, to));
        assert_eq!((feed.readings.len(), feed.diagnostics.len()), (1, 0), "{from} -> {to}");
        assert_eq!(feed.readings[0].timestamp, at("2026-01-31T10:20:30Z"));
    }
    let doubtful = [
        (r#""50.5""#, r#""95.1""#, "invalid latitude `95.1`"),
        (r#""50.5""#, r#""north""#, "invalid latitude `north`"),
        (r#""8.25""#, r#""-180.5""#, "invalid longitude `-180.5`"),
        (r#""DE""#, r#""ZZ""#, "invalid country `ZZ`"),
        (r#""SDS011""#, r#""=HYPERLINK(1)""#, "invalid sensor type `=HYPERLINK(1)`"),
        (r#""SDS011""#, r#""<script>""#, "invalid sensor type `<script>`"),
        (r#""id":9"#, r#""id":"abc""#, "invalid id `abc`"),
        (r#""id":9"#, r#""id":1180591620717411303424"#, "invalid id `1180591620717411303424`"),
        (r#""id":9"#, r#""id":-9"#, "invalid id `-9`"),
        (r#""id":9"#, r#""id":[9]"#, "invalid id `[9]`"),
        (r#""id":5"#, r#""id":"5.5""#, "invalid location id `5.5`"),
        (r#""id":5"#, r#""id":{}"#, "invalid location id `{}`"),
    ];
    for (from, to, diagnostic) in doubtful {
        let feed = read(&record(from, to));
        assert_eq!(feed.readings.len(), 1, "{to}");
        assert_eq!(feed.diagnostics[0].kind, DiagnosticKind::FieldLeftOut);
        assert_eq!(feed.diagnostics[0].reason, diagnostic);
    }
}

#[test]
fn a_bad_record_is_refused_alone() {
    let cases = [
        (r#""sensor":{"id":7,"#, r#""sensor":{"#, "sensor.id is missing"),
        (r#""sensor":{"id":7,"#, r#""sensor":{"id":null,"#, "sensor.id is missing"),
        (
            r#""sensor":{"id":7,"#,
            r#""sensor":{"id":-7,"#,
            "sensor.id -7 is not an integer up to 2^63 - 1",
        ),
        (
            r#""sensor":{"id":7,"#,
            r#""sensor":{"id":7.5,"#,
            "sensor.id 7.5 is not an integer up to 2^63 - 1",
        ),
        ("2026-01-31 10:20:30", "2026-01-31", "timestamp is missing or unreadable"),
        ("2026-01-31 10:20:30", "2026-01-31 10:20", "timestamp is missing or unreadable"),
        ("2026-01-31 10:20:30", "yesterday", "timestamp is missing or unreadable"),
        ("2026-01-31 10:20:30", "2026-13-31 10:20:30", "timestamp is missing or unreadable"),
        ("2026-01-31 10:20:30", "9999-12-31 10:20:30", "timestamp is missing or unreadable"),
        (
            "2026-01-31 10:20:30",
            "2026-02-01 12:10:01",
            "timestamp 2026-02-01T12:10:01Z is in the future",
        ),
        (
            "2026-01-31 10:20:30",
            "2014-12-31 23:59:59",
            "timestamp 2014-12-31T23:59:59Z is before 2015",
        ),
    ];
    let good = record("50.5", "50.5");
    for (from, to, reason) in cases {
        let bad = record(from, to);
        let both = format!("{},{}", bad.trim_end_matches(']'), good.trim_start_matches('['));
        let feed = read(&both);
        assert_eq!((feed.records, feed.readings.len()), (2, 1), "{to}");
        assert_eq!(feed.diagnostics[0].kind, DiagnosticKind::Refused);
        assert_eq!(feed.diagnostics[0].reason, reason);
    }
    for bad in ["1", "null", "[]", "\"x\""] {
        let feed = read(&format!("[{bad},{}", good.trim_start_matches('[')));
        assert_eq!((feed.records, feed.readings.len(), feed.diagnostics.len()), (2, 1, 1), "{bad}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_cost_what_they_stand_in_alone() {
    let good = record("50.5", "50.5");
    let bad = good.replacen("SDS011", "Gr\u{f6}\u{df}e", 1);
    let both = format!("{},{}", bad.trim_end_matches(']'), good.trim_start_matches('['));
    let latin: Vec<u8> = both.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let feed = parse(&latin, Window::Day24, super::support::at("2026-02-01T12:00:00Z")).unwrap();
    assert_eq!((feed.records, feed.readings.len() + feed.diagnostics.len()), (2, 3), "{feed:?}");
    assert!(feed.diagnostics[0].reason.contains("sensor type"), "{feed:?}");
    // A whole number is one, however it is written.
    let feed = read(&record(r#""sensor":{"id":7,"#, r#""sensor":{"id":"7.0","#));
    assert_eq!(feed.readings[0].sensor, 7.into());
}

#[test]
fn a_bad_part_never_costs_the_good_ones() {
    let location = r#""location":{"id":5,"latitude":"50.5","longitude":"8.25","altitude":"3","country":"DE",
                    "exact_location":1,"indoor":0},"#;
    let cases = [
        (location, r#""location":null,"#, 0),
        (location, r#""location":"unknown","#, 1),
        (location, r#""location":7,"#, 1),
        // Not its fields in order.
        (location, r#""location":[],"#, 1),
        (location, r#""location":[5,"50.5","8.25"],"#, 1),
        (r#"[{"value_type":"P1""#, r#"[["P1","99"],{"value_type":"P1""#, 1),
        (r#"{"name":"SDS011"}"#, r#"["SDS011"]"#, 1),
        (r#"{"name":"SDS011"}"#, r#""SDS011""#, 0),
        (r#"{"name":"SDS011"}"#, "14", 0),
        (r#"{"name":"SDS011"}"#, "null", 0),
        (r#"[{"value_type":"P1""#, r#"[null,{"value_type":"P1""#, 0),
        (r#"[{"value_type":"P1""#, r#"["P1",{"value_type":"P1""#, 1),
        (r#""50.5""#, "[]", 1),
        (r#""indoor":0"#, r#""indoor":"no""#, 1),
        (
            r#"[{"value_type":"P1","value":"20"},{"value_type":"P2","value":"5.50"}]"#,
            r#"{"P1":"20","P2":5.50}"#,
            0,
        ),
    ];
    for (from, to, diagnostics) in cases {
        let feed = read(&record(from, to));
        assert_eq!((feed.readings.len(), feed.diagnostics.len()), (1, diagnostics), "{to}");
        let values = [feed.readings[0].pm10, feed.readings[0].pm25].map(|value| value.unwrap());
        assert_eq!(values.map(|value| value.to_string()), ["20", "5.50"], "{to}");
    }
}

#[test]
fn an_index_is_for_known_sensors_of_particulate_matter() {
    let with = |kind: &str| read(&record("SDS011", kind)).readings.remove(0);
    let known =
        ["SDS021", "sds011", "PMS7003", "PMSA003", "HPM", "SPS30", "SEN5X", "NextPM", "IPS-7100"];
    for kind in known {
        let reading = with(kind);
        assert!(reading.index().is_some() && reading.flags().is_empty(), "{kind}");
    }
    for kind in
        ["DHT22", "Dylos DC1100", "AirGradient ONE-V9 outdoor station", "=cmd|' /C calc'!A0"]
    {
        let reading = with(kind);
        assert_eq!(reading.index(), None, "{kind}");
        assert_eq!(reading.flags().names().collect::<Vec<_>>(), ["unknown_type"], "{kind}");
        assert_eq!(reading.pm10.unwrap().to_string(), "20", "{kind}");
    }
    // The network's feed always names one.
    let unnamed = [
        (r#","sensor_type":{"name":"SDS011"}"#, ""),
        (r#"{"name":"SDS011"}"#, "null"),
        (r#"{"name":"SDS011"}"#, "{}"),
        (r#"{"name":"SDS011"}"#, r#"["SDS011"]"#),
        (r#""SDS011""#, "null"),
        (r#""SDS011""#, r#"" ""#),
    ];
    for (from, to) in unnamed {
        let reading = read(&record(from, to)).readings.remove(0);
        assert_eq!(reading.index(), None, "{to}");
        assert_eq!(reading.flags().names().collect::<Vec<_>>(), ["unknown_type"], "{to}");
    }
    for kind in ["PPD42NS", "ppd42ns", "PPD42NS "] {
        assert_eq!(with(kind).flags().names().collect::<Vec<_>>(), ["counts"], "{kind}");
    }
}

#[test]
fn of_several_records_of_one_identity_each_names_the_one_that_it_replaces() {
    let one = record("50.5", "50.5");
    let one = one.trim_matches(['[', ']']);
    let feed = read(&format!("[{one}]"));
    let kept = feed.readings.clone();
    let feed = read(&format!("[{}]", [one; 4].join(",")));
    assert_eq!((feed.records, feed.readings, feed.diagnostics.len()), (4, kept, 3));
    for (earlier, diagnostic) in feed.diagnostics.iter().enumerate() {
        assert_eq!((diagnostic.kind, diagnostic.record), (DiagnosticKind::Collided, earlier + 1));
        let named = format!(": this replaces record {earlier}");
        assert!(diagnostic.reason.ends_with(&named), "{}", diagnostic.reason);
    }
}

#[test]
fn places_that_are_none_are_flagged_and_other_codes_read_as_what_they_mean() {
    let feed = read(&record(
        r#""latitude":"50.5","longitude":"8.25""#,
        r#""latitude":"0.0","longitude":0"#,
    ));
    assert_eq!(feed.readings[0].flags().names().collect::<Vec<_>>(), ["null_island"]);
    for (code, country) in [("UK", "GB"), ("el", "GR")] {
        let feed = read(&record("DE", code));
        assert_eq!(feed.readings[0].country, Some(country.parse().unwrap()));
        assert_eq!(feed.diagnostics[0].kind, DiagnosticKind::Corrected);
        assert_eq!(feed.diagnostics[0].reason, format!("country `{code}` read as {country}"));
    }
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let good = record("50.5", "50.5");
    assert_eq!(read(&format!("\u{feff}{good}")).readings.len(), 1);
    assert_eq!(read(&format!("\u{feff}\n{}", record("DE", "ZZ"))).readings.len(), 1);
    assert_eq!(offset_of_break("\u{feff}".as_bytes()), 3);
    assert_eq!(offset_of_break("\u{feff}[{}] x".as_bytes()), 8);
}

#[test]
fn a_value_given_twice_is_named() {
    let feed = read(&record(
        r#"{"value_type":"P2""#,
        r#"{"value_type":"P1","value":"99"},{"value_type":"P2""#,
    ));
    assert_eq!(feed.readings[0].pm10.unwrap().to_string(), "20");
    assert_eq!(feed.diagnostics[0].reason, "duplicate P1 `99`: kept 20");
    let feed = read(&record(
        r#"{"value_type":"P1","value":"20"}"#,
        r#"{"value_type":"P1","value":"?"},{"value_type":"P1","value":"21"}"#,
    ));
    assert_eq!(feed.readings[0].pm10.unwrap().to_string(), "21");
    assert_eq!(feed.diagnostics[0].reason, "P1 `?` is not a number");
}

#[test]
fn records_without_particulates_are_skipped() {
    let cases = [
        (
            "P1\",\"value\":\"20\"},{\"value_type\":\"P2",
            "temperature\",\"value\":\"20\"},{\"value_type\":\"humidity",
            "no P1 or P2",
        ),
        (
            "P1\",\"value\":\"20\"},{\"value_type\":\"P2\",\"value\":\"5.50",
            "P1\",\"value\":\"\"},{\"value_type\":\"P2\",\"value\":\"nan",
            "P1 `` is not a number; P2 `nan` is not a number",
        ),
    ];
    for (from, to, reason) in cases {
        let feed = read(&record(from, to));
        assert_eq!((feed.records, feed.readings.len()), (1, 0));
        let given = reason != "no P1 or P2";
        let kind = if given { DiagnosticKind::Refused } else { DiagnosticKind::Skipped };
        assert_eq!(feed.diagnostics[0].kind, kind);
        assert_eq!(
            (feed.diagnostics[0].id, feed.diagnostics[0].reason.as_ref()),
            (Some(9), reason)
        );
    }
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_every_record_is_accounted_for(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        place in 0usize..400, cut in 0usize..400,
    ) {
        let _ = parse(&bytes, Window::Day24, at(NOW));
        // A good file with something written over it, and cut.
        let mut file = record("50.5", "50.5").into_bytes();
        let place = place.min(file.len() - 1);
        let end = (place + bytes.len().min(5)).min(file.len());
        file[place..end].copy_from_slice(&bytes[..end - place]);
        file.truncate(file.len().saturating_sub(cut / 40));
        if let Ok(feed) = parse(&file, Window::Day24, at(NOW)) {
            let kinds = [DiagnosticKind::Skipped, DiagnosticKind::Refused, DiagnosticKind::Collided];
            let others: usize = kinds.into_iter().map(|kind| feed.count(kind)).sum();
            prop_assert_eq!(feed.records, feed.readings.len() + others);
        }
    }

    #[test]
    fn a_cut_file_is_never_taken_for_a_whole_one(cut in 1usize..600) {
        let file = record("50.5", "50.5");
        let end = file.len() - 1 - cut.min(file.len() - 1);
        prop_assert!(parse(&file.as_bytes()[..end], Window::Day24, at(NOW)).is_err());
    }
}

#[test]
fn all_remarks_are_counted_and_the_first_ones_kept() {
    let most = DIAGNOSTICS;
    let file = format!("[{}]", vec!["{}"; most + 7].join(","));
    let feed = parse(file.as_bytes(), Window::Day24, at("2026-02-01T12:00:00Z")).unwrap();
    assert_eq!((feed.records, feed.diagnostics.len()), (most + 7, most));
    assert_eq!(feed.count(DiagnosticKind::Skipped), most + 7);
}

#[test]
fn a_remark_is_one_line_whatever_text_it_quotes() {
    let value = r"9\u001b[31m\nairshed: all is well\u0007";
    let file = format!(
        r#"[{{"sensor":{{"id":1}},"timestamp":"2026-02-01 11:00:00","sensordatavalues":[
           {{"value_type":"P1","value":"{value}"}},{{"value_type":"P2","value":5}}]}},
           "{}"]"#,
        "x".repeat(10_000)
    );
    let feed = parse(file.as_bytes(), Window::Day24, at("2026-02-01T12:00:00Z")).unwrap();
    assert_eq!(feed.readings.len(), 1);
    assert!(!feed.diagnostics.is_empty());
    for diagnostic in &feed.diagnostics {
        assert!(!diagnostic.reason.contains(char::is_control), "{diagnostic:?}");
        assert!(diagnostic.reason.len() < 1000, "{diagnostic:?}");
    }
}
