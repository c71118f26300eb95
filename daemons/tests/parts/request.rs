//! Requests: what is understood, and what is refused by which field.

use airshed::request::{Defaults, FIELDS, QueryRequest};
use proptest::prelude::*;
use store::csv::{Delimiter, Dialect};
use store::{AqiStandard, Area, Column, Flags, Format, Query, Spelling};

use super::support::at;

const WHEN: &str = r#""startDate":"2026-01-31 00:00:00","endDate":"2026-01-31T23:59:59Z""#;

fn query(json: &str) -> Query {
    Defaults::default().json(json.as_bytes()).unwrap().query
}

#[test]
fn the_reports_payload() {
    let query = query(
        r#"{"startDate":"2023-05-11 00:00:00","endDate":"2023-05-11 01:00:00","country":"DE",
            "range":"Medium","minAqi":0,"maxAqi":"10","id":"7f3c"}"#,
    );
    assert_eq!((query.from, query.until), (at("2023-05-11T00:00:00Z"), at("2023-05-11T01:00:00Z")));
    assert_eq!(query.countries, ["DE".parse().unwrap()]);
    assert_eq!(query.bands, [AqiStandard::DEFAULT.category("Moderate").unwrap()]);
    assert_eq!(query.indices, None, "bounds at the ends of the scale bound nothing");
}

#[test]
fn moments_are_read_as_people_write_them() {
    let cases = [
        ("2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T23:59:59Z"),
        ("2026-01-31 10:20", "2026-01-31T10:20:00Z", "2026-01-31T10:20:00Z"),
        ("2026-01-31T10:20", "2026-01-31T10:20:00Z", "2026-01-31T10:20:00Z"),
        (" 2026-01-31T10:20:30+02:00", "2026-01-31T08:20:30Z", "2026-01-31T08:20:30Z"),
        ("9999-12-31", "9999-12-30T22:00:00.999999999Z", "9999-12-30T22:00:00.999999999Z"),
        (
            "9999-12-31T23:59:59Z",
            "9999-12-30T22:00:00.999999999Z",
            "9999-12-30T22:00:00.999999999Z",
        ),
    ];
    for (text, from, until) in cases {
        let query = query(&format!(r#"{{"startDate":"{text}","endDate":"{text}"}}"#));
        assert_eq!((query.from, query.until), (at(from), at(until)), "{text}");
    }
}

#[test]
fn json_form_and_query_string_say_the_same() {
    let json = format!(
        r#"{{{WHEN},"country":["de","FR"],"range":"very high","columns":["P1","AQI"],
            "sensor":[7,8],"window":"1h","indoor":true,"sensorType":"SDS011","minAqi":null}}"#
    );
    let form = "startDate=2026-01-31+00:00:00&endDate=2026-01-31T23:59:59Z&country=de,FR\
                &range=Very%20High&columns=P1,AQI&sensor=7&sensor=8&window=1h&indoor=1\
                &sensorType=SDS011&minAqi=&maxAqi=";
    let (json, form) = (
        Defaults::default().json(json.as_bytes()).unwrap(),
        Defaults::default().form(form.as_bytes()).unwrap(),
    );
    assert_eq!(json.query, form.query);
    assert_eq!(json.columns, [Column::P1, Column::Aqi]);
    assert_eq!(form.columns, json.columns);
    let name =
        "airshed-DE_FR-very_high-sensor7_8-SDS011-1h-indoor-20260131T000000Z-20260131T235959Z.csv";
    assert_eq!(form.file_name(), name);
    // What a job record keeps is the same request.
    for ask in [json, form] {
        let again = QueryRequest::from_object(ask.to_object()).unwrap();
        assert_eq!((&again.query, &again.columns), (&ask.query, &ask.columns));
    }
}

#[test]
fn one_bound_of_the_index_is_enough() {
    let low = query(&format!(r#"{{{WHEN},"minAqi":4}}"#)).indices.unwrap();
    let high = query(&format!(r#"{{{WHEN},"maxAqi":4}}"#)).indices.unwrap();
    assert_eq!((low, high), ((4, 10), (1, 4)));
    assert_eq!(query(&format!("{{{WHEN}}}")).indices, None);
    for none in
        ["\"minAqi\":1", "\"minAqi\":-3", "\"maxAqi\":11", "\"maxAqi\":10.0", "\"minAqi\":0.0"]
    {
        assert_eq!(query(&format!("{{{WHEN},{none}}}")).indices, None, "{none}");
    }
    // However long.
    let long = "9".repeat(40);
    for none in [
        format!("\"maxAqi\":{long}"),
        format!("\"minAqi\":-{long}"),
        format!("\"maxAqi\":\"{long}\""),
        format!("\"minAqi\":\"-{long}.0\""),
        // Beyond every type that JSON's numbers are usually read into.
        format!("\"maxAqi\":{}", "9".repeat(400)),
        format!("\"minAqi\":[-{}.00]", "9".repeat(400)),
        "\"minAqi\":1e0".to_owned(),
    ] {
        assert_eq!(query(&format!("{{{WHEN},{none}}}")).indices, None, "{none}");
    }
    let max = "maxAqi=99999999999999999999&minAqi=-99999999999999999999";
    let form = format!("startDate=2026-01-31&endDate=2026-01-31&{max}");
    assert_eq!(Defaults::default().form(form.as_bytes()).unwrap().query.indices, None);
    for (wrong, field) in [
        (format!("\"minAqi\":\"{long}\""), "minAqi"),
        (format!("\"maxAqi\":\"-{long}\""), "maxAqi"),
        ("\"maxAqi\":\"\u{0664}\"".to_owned(), "maxAqi"),
        ("\"minAqi\":\"+4\"".to_owned(), "minAqi"),
        ("\"minAqi\":\"--4\"".to_owned(), "minAqi"),
        ("\"minAqi\":\"-\"".to_owned(), "minAqi"),
        ("\"minAqi\":1e-5".to_owned(), "minAqi"),
    ] {
        let bad = Defaults::default().json(format!("{{{WHEN},{wrong}}}").as_bytes()).unwrap_err();
        assert_eq!(bad.field, field, "{wrong}");
        assert!(bad.reason.contains("from 1 to 10"), "{bad}");
    }
    let confirmed = query(&format!(r#"{{{WHEN},"minAqi":4,"alarm":"confirmed"}}"#));
    assert_eq!((confirmed.indices.map(|(low, _)| low), confirmed.least_low), (Some(4), Some(4)));
    let all = query(&format!(r#"{{{WHEN},"minAqi":1,"alarm":"confirmed"}}"#));
    assert_eq!((all.indices, all.least_low), (None, Some(1)));
    let (low, high) =
        query(&format!(r#"{{{WHEN},"minAqi":4.0,"maxAqi":"7.00"}}"#)).indices.unwrap();
    assert_eq!((low, high), (4, 7));
}

#[test]
fn the_quality_is_asked_for() {
    let with = |quality: &str| {
        Defaults::default()
            .form(format!("startDate=2026-01-31&endDate=2026-01-31{quality}").as_bytes())
    };
    assert_eq!(with("").unwrap().wanted().without, Flags::NONE);
    assert_eq!(with("&quality=all").unwrap().wanted().without, Flags::NONE);
    let plausible = with("&quality=plausible&without=inverted").unwrap().wanted().without;
    assert_eq!(plausible, Flags::IMPLAUSIBLE.union(Flags::INVERTED));
    assert_eq!(with("&quality=good").unwrap_err().field, "quality");
}

#[test]
fn an_id_is_ignored_in_a_body_alone() {
    let form = "startDate=2026-01-31&endDate=2026-01-31&id=7";
    assert!(Defaults::default().form_body(form.as_bytes()).is_ok());
    assert_eq!(Defaults::default().form(form.as_bytes()).unwrap_err().field, "id");
    let object =
        Defaults::default().json(format!(r#"{{{WHEN},"id":[1]}}"#).as_bytes()).unwrap().to_object();
    assert!(!object.contains_key("id"));
}

#[test]
fn areas_and_flags() {
    let asked = query(&format!(r#"{{{WHEN},"bbox":[5.9,47.3,15,55.1],"without":"counts,zero"}}"#));
    let germany = Area::Box { west: 5.9, south: 47.3, east: 15.0, north: 55.1 };
    assert_eq!(asked.area, Some(germany));
    assert_eq!(asked.without, Flags::COUNTS.union(Flags::ZERO));
    let asked = query(&format!(r#"{{{WHEN},"near":"52.52, 13.405, 25"}}"#));
    let berlin = Area::Circle { latitude: 52.52, longitude: 13.405, kilometres: 25.0 };
    assert_eq!(asked.area, Some(berlin));
    for (json, field) in [
        (r#""bbox":"1,2,3""#, "bbox"),
        (r#""bbox":"1,9,3,8""#, "bbox"),
        (r#""bbox":"1,2,181,3""#, "bbox"),
        (r#""bbox":"1,2,nan,3""#, "bbox"),
        (r#""near":"91,0,5""#, "near"),
        (r#""near":"0,0,-5""#, "near"),
        (r#""near":"0,0,1e999""#, "near"),
        (r#""near":"0,0,5","bbox":"1,2,3,4""#, "near"),
        (r#""without":"doubt""#, "without"),
    ] {
        let bad = Defaults::default().json(format!("{{{WHEN},{json}}}").as_bytes()).unwrap_err();
        assert_eq!(bad.field, field, "{json}");
    }
}

#[test]
fn what_is_wrong_is_refused_by_its_field() {
    let cases = [
        (r#"{"endDate":"2026-01-31"}"#.to_owned(), "startDate", "missing"),
        (r#"{"startDate":"2026-01-31","endDate":""}"#.to_owned(), "endDate", "missing"),
        (
            r#"{"startDate":"31.1.2026","endDate":"2026-01-31"}"#.to_owned(),
            "startDate",
            "not a date",
        ),
        (
            r#"{"startDate":"2026-02-30","endDate":"2026-03-31"}"#.to_owned(),
            "startDate",
            "not a date",
        ),
        (r#"{"startDate":5,"endDate":"2026-03-31"}"#.to_owned(), "startDate", "not a date"),
        (r#"{"startDate":"2026-02-01","endDate":"2026-01-31"}"#.to_owned(), "endDate", "before"),
        (format!(r#"{{{WHEN},"country":"ZZ"}}"#), "country", "ISO 3166"),
        (format!(r#"{{{WHEN},"country":"Germany"}}"#), "country", "ISO 3166"),
        (format!(r#"{{{WHEN},"range":"Awful"}}"#), "range", "Moderate"),
        (format!(r#"{{{WHEN},"minAqi":11}}"#), "minAqi", "1 to 10"),
        (format!(r#"{{{WHEN},"maxAqi":0}}"#), "maxAqi", "1 to 10"),
        (format!(r#"{{{WHEN},"minAqi":1.5}}"#), "minAqi", "1 to 10"),
        (format!(r#"{{{WHEN},"minAqi":"1e1"}}"#), "minAqi", "1 to 10"),
        (format!(r#"{{{WHEN},"country":"UK"}}"#), "country", "write GB"),
        (format!(r#"{{{WHEN},"columns":","}}"#), "columns", "a list without a value"),
        (format!(r#"{{{WHEN},"country":" , "}}"#), "country", "a list without a value"),
        (
            r#"{"startDate":"2026-01-31T10:20:30 01:00","endDate":"2026-01-31"}"#.to_owned(),
            "startDate",
            "write 2026-01-31T10:20:30%2B01:00",
        ),
        (
            r#"{"startDate":"10000-01-01","endDate":"2026-01-31"}"#.to_owned(),
            "startDate",
            "not a date",
        ),
        (format!(r#"{{{WHEN},"maxAqi":2.5}}"#), "maxAqi", "1 to 10"),
        (format!(r#"{{{WHEN},"maxAqi":[1,2]}}"#), "maxAqi", "more than once"),
        (format!(r#"{{{WHEN},"minAqi":7,"maxAqi":3}}"#), "minAqi", "above maxAqi"),
        (format!(r#"{{{WHEN},"minAqi":{{}}}}"#), "minAqi", "string, a number"),
        (format!(r#"{{{WHEN},"columns":"P3"}}"#), "columns", "the columns are"),
        (format!(r#"{{{WHEN},"columns":"P1,AQI,P1"}}"#), "columns", "P1 is given twice"),
        (format!(r#"{{{WHEN},"sensor":"-1"}}"#), "sensor", ""),
        (format!(r#"{{{WHEN},"window":"2h"}}"#), "window", "5min"),
        (format!(r#"{{{WHEN},"indoor":"maybe"}}"#), "indoor", "true or false"),
        (format!(r#"{{{WHEN},"alarm":"confirmed"}}"#), "alarm", "needs minAqi"),
        (format!(r#"{{{WHEN},"alarm":"all","minAqi":7}}"#), "alarm", "expected confirmed"),
        (format!(r#"{{{WHEN},"tz":"Berlin"}}"#), "tz", "IANA"),
        (format!(r#"{{{WHEN},"county":"DE"}}"#), "county", "unknown"),
        (format!(r#"{{{WHEN},"country":"DE","country":"FR"}}"#), "country", "more than once"),
        (format!(r#"{{{WHEN},"format":"xlsx"}}"#), "format", "the formats are csv, json"),
        (format!(r#"{{{WHEN},"delimiter":"|"}}"#), "delimiter", "semicolon"),
        (format!(r#"{{{WHEN},"format":"json","decimal":"comma"}}"#), "decimal", "only CSV"),
        (format!(r#"{{{WHEN},"dialect":"excel"}}"#), "dialect", "report or spreadsheet"),
        (format!(r#"{{{WHEN},"dialect":"report","format":"arrow"}}"#), "dialect", "CSV, JSON and"),
        (format!(r#"{{{WHEN},"dialect":"spreadsheet","format":"json"}}"#), "dialect", "only CSV"),
        (
            format!(r#"{{{WHEN},"decimal":"comma","delimiter":"comma"}}"#),
            "delimiter",
            "a decimal comma requires",
        ),
        (format!(r#"{{{WHEN},"":""}}"#), "", "unknown"),
        ("[]".to_owned(), "body", "not a JSON object"),
        ("{".to_owned(), "body", "not a JSON object"),
        (String::new(), "body", "not a JSON object"),
    ];
    for (json, field, reason) in cases {
        let bad = Defaults::default().json(json.as_bytes()).unwrap_err();
        assert_eq!(bad.field, field, "{json}");
        assert!(bad.reason.contains(reason), "{json}: {bad}");
    }
    let twice = format!(r#"{{{WHEN},"columns":["P1","AQI","P1"]}}"#);
    assert_eq!(Defaults::default().json(twice.as_bytes()).unwrap_err().reason, "P1 is given twice");
    let many = format!(r#"{{{WHEN},"sensor":"{}"}}"#, "1,".repeat(400));
    assert_eq!(Defaults::default().json(many.as_bytes()).unwrap_err().field, "sensor");
}

#[test]
fn the_format_and_its_dialect() {
    let format =
        |more: &str| Defaults::default().json(format!("{{{WHEN}{more}}}").as_bytes()).unwrap();
    assert_eq!(format("").format, Format::Csv(Dialect::DEFAULT));
    assert_eq!(format(r#","format":"geojson""#).format, Format::GeoJson);
    let semicolons = Dialect::new(Delimiter::Semicolon).with_decimal_comma().unwrap();
    let spreadsheet = format(r#","decimal":"comma","bom":true"#);
    let semicolons = semicolons.with_byte_order_mark().with_spelling(Spelling::Spreadsheet);
    assert_eq!(spreadsheet.format, Format::Csv(semicolons));
    assert_eq!(format(r#","dialect":"spreadsheet""#).format, Format::Csv(semicolons));
    let points = Dialect::DEFAULT.with_byte_order_mark().with_spelling(Spelling::Spreadsheet);
    for commas in [r#""decimal":"point""#, r#""delimiter":"comma""#] {
        let format = format(&format!(r#","dialect":"spreadsheet",{commas}"#)).format;
        assert_eq!(format, Format::Csv(points), "{commas}");
    }
    assert_eq!(format(r#","dialect":"report""#).format, Format::Json(Spelling::Report));
    let lines = format(r#","dialect":"report","format":"ndjson""#);
    assert_eq!(lines.format, Format::NdJson(Spelling::Report));
    let csv = format(r#","dialect":"report","format":"csv""#);
    assert_eq!(csv.format, Format::Csv(Dialect::DEFAULT.with_spelling(Spelling::Report)));
    let tabs = format(r#","delimiter":"tab","decimal":"point","format":"csv""#);
    assert_eq!(tabs.format, Format::Csv(Dialect::new(Delimiter::Tab)));
    assert!(format(r#","format":"parquet""#).file_name().ends_with(".parquet"));
}

#[test]
fn a_file_name_says_what_was_filtered_by() {
    let name = |more: &str| {
        let ask = Defaults::default().json(format!("{{{WHEN}{more}}}").as_bytes()).unwrap();
        ask.file_name()
    };
    let all = name("");
    let span = all.strip_prefix("airshed-").unwrap();
    assert_eq!(span.split('-').count(), 2, "{all}");
    for (more, filters) in [
        (r#","country":"DE","range":"Moderate""#, "DE-moderate"),
        (r#","country":"DE,FR","range":"Very High","indoor":false"#, "DE_FR-very_high-outdoor"),
        (r#","country":"DE,FR,AT,CH,PL","minAqi":4"#, "5countries-aqi4to10"),
        (r#","sensor":"28842","window":"24h","limit":100"#, "sensor28842-24h"),
        (r#","sensorType":"SEN5X (a+b)/c.d","maxAqi":1"#, "aqi1-SEN5X__a_b__c_d"),
        (r#","without":"counts,zero","bbox":"5,47,15,55""#, "area-without_counts_zero"),
        (r#","minAqi":3,"maxAqi":3"#, "aqi3"),
    ] {
        assert_eq!(name(more), format!("airshed-{filters}-{span}"), "{more}");
    }
}

proptest! {
    #[test]
    fn a_file_name_is_short_and_safe(
        countries in proptest::collection::vec(proptest::sample::select(vec!["DE", "FR", "XK"]), 0..6),
        sensors in proptest::collection::vec(any::<u64>(), 0..6),
        types in proptest::collection::vec("[A-Za-z0-9][A-Za-z0-9 ._/+()-]{0,23}", 0..6),
        limit in 1..u64::MAX,
    ) {
        let ask = serde_json::json!({
            "startDate": "2026-01-01", "endDate": "2026-12-31", "country": countries, "limit": limit,
            "sensor": sensors, "sensorType": types, "range": ["Low", "Moderate", "High", "Very High"],
            "without": "counts,saturated,zero,negative", "window": "5min,1h,24h,day",
        });
        let serde_json::Value::Object(ask) = ask else { unreachable!() };
        let name = QueryRequest::from_object(ask).unwrap().file_name();
        prop_assert!(name.len() <= 220, "{}", name);
        prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{}", name);
    }

    #[test]
    fn nothing_asked_for_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        values in proptest::collection::vec((0usize..FIELDS.len(), ".{0,30}"), 0..5),
    ) {
        let _ = Defaults::default().json(&bytes);
        let _ = Defaults::default().form(&bytes);
        let object = values.iter().map(|(f, v)| (FIELDS[*f].to_owned(), v.clone().into())).collect();
        if let Ok(ask) = QueryRequest::from_object(object) {
            let again = QueryRequest::from_object(ask.to_object()).unwrap();
            prop_assert_eq!((again.format, again.columns), (ask.format, ask.columns));
            prop_assert_eq!(again.query, ask.query);
        }
    }
}
