//! The country of a reading beside its coordinates.

use std::sync::Arc;

use airshed_ingest::place::check_countries;
use store::{Flags, Memory, Query, Reading, View, Window};

use super::support::{RawServer, answer, at, collector};

/// A reading at a place, with the country that the feed gives.
fn reading(latitude: &str, longitude: &str, country: &str) -> Reading {
    let mut reading = Reading::new(1, Window::Day24, at("2026-02-01T11:00:00Z"));
    reading.pm10 = Some(10.into());
    reading.latitude = (!latitude.is_empty()).then(|| latitude.parse().unwrap());
    reading.longitude = (!longitude.is_empty()).then(|| longitude.parse().unwrap());
    reading.country = (!country.is_empty()).then(|| country.parse().unwrap());
    reading
}

#[test]
fn a_country_is_doubted_only_away_from_its_borders() {
    let doubted = [
        ("52.520", "13.405", "FR"),   // Berlin
        ("48.857", "2.352", "DE"),    // Paris
        ("48.574", "7.752", "DE"),    // Strasbourg, three kilometres from the Rhine
        ("57.144", "-2.109", "IE"),   // Aberdeen
        ("42.698", "23.322", "RO"),   // Sofia
        ("-33.869", "151.209", "AT"), // Sydney, not Austria
    ];
    let right = [
        ("52.520", "13.405", "DE"),
        ("48.573", "7.805", "FR"), // Kehl, on the German bank of the Rhine
        ("48.573", "7.797", "DE"), // and on the French one
        ("47.659", "9.173", "CH"), // Konstanz, at the border
        ("47.659", "9.173", "DE"),
        ("51.441", "4.929", "NL"), // Baarle, in both
        ("51.441", "4.929", "BE"),
        ("50.815", "-0.137", "GB"), // Brighton, on its pier
        ("43.739", "7.427", "FR"),  // Monaco is small
        ("43.739", "7.427", "MC"),
        ("22.320", "114.170", "HK"),
        ("0", "0", "DE"),
        ("", "", "DE"),
        ("52.520", "", "FR"),
        ("30.000", "-40.000", "DE"), // in the Atlantic: nobody's
        ("90", "0", "NO"),
    ];
    let cases = doubted.map(|place| (place, true)).into_iter();
    for ((latitude, longitude, country), is_doubted) in
        cases.chain(right.map(|place| (place, false)))
    {
        let given = reading(latitude, longitude, country);
        let mut checked = [given.clone()];
        check_countries(&mut checked);
        let [checked] = checked;
        let flags = checked.flags();
        let found = flags.contains(Flags::COUNTRY_DOUBTED);
        assert_eq!(found, is_doubted, "{country} at {latitude}, {longitude}");
        assert_eq!(checked.country, given.country, "it is kept");
        assert!(!Flags::IMPLAUSIBLE.contains(Flags::COUNTRY_DOUBTED), "it only informs");
    }
    for (latitude, longitude, country) in [
        ("52.520", "13.405", "DE"),
        ("57.144", "-2.109", "GB"),
        ("0", "0", ""),
        ("", "", ""),
        ("30.000", "-40.000", ""),
    ] {
        let mut missing = [reading(latitude, longitude, "")];
        check_countries(&mut missing);
        assert_eq!(missing[0], reading(latitude, longitude, country));
    }
}

#[tokio::test]
async fn the_feeds_countries_are_completed_and_checked() {
    let record = |sensor: u64, country: &str| {
        format!(
            r#"{{"timestamp":"2026-02-01 11:00:00","location":{{"id":{sensor},"latitude":"52.520","longitude":"13.405","country":"{country}"}},"sensor":{{"id":{sensor},"sensor_type":{{"name":"SDS011"}}}},"sensordatavalues":[{{"value":"10","value_type":"P1"}}]}}"#
        )
    };
    let body = format!("[{},{},{}]", record(1, "DE"), record(2, ""), record(3, "FR"));
    let feed = RawServer::start(vec![answer("200 OK", "", &body)]).await;
    let store = Arc::new(Memory::new());
    assert_eq!(collector(&feed.url, store.clone()).collect().await.unwrap().kept, 3);
    let page = store.query(&Query::everything(), None).await.unwrap();
    let mut found: Vec<_> = page
        .rows()
        .map(|row| row.reading())
        .map(|r| {
            (
                r.sensor.id,
                r.country.unwrap().to_string(),
                r.flags().contains(Flags::COUNTRY_DOUBTED),
            )
        })
        .collect();
    found.sort();
    let expected =
        [(1, "DE".to_owned(), false), (2, "DE".to_owned(), false), (3, "FR".to_owned(), true)];
    assert_eq!(found, expected);
}
