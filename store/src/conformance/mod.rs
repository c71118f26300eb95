//! The contract of [`Store`] as tests, for custom stores, with generated readings.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! airshed_store::conformance::run(|| async { airshed_store::Memory::new() }).await;
//! # }
//! ```
//!
//! [`Model`] is a slow, naive reference store to compare with; [`readings`] and [`query`] generate
//! inputs.

mod bytes;
mod generate;

use std::collections::BTreeMap;
use std::future::Future;

use aqi::Decimal;
use jiff::Timestamp;

#[doc(hidden)]
pub use self::bytes::{block_of, read_block};
use self::generate::models;
pub use self::generate::{any_reading, any_standard, query, readings};
use crate::Window;
use crate::csv::{self, Dialect};
use crate::{
    AqiStandard, Area, Column, Country, Flags, Network, Position, Query, Reading, Sensor, Store,
    Summary, View,
};

/// Runs every test; `empty` creates an empty store for each. Panics if the contract is violated.
pub async fn run<S: Store, F: Future<Output = S>>(empty: impl Fn() -> F) {
    an_empty_store_answers_with_nothing(&empty().await).await;
    what_was_put_comes_back(&empty().await).await;
    putting_twice_changes_nothing(&empty().await).await;
    the_same_identity_replaces(&empty().await).await;
    the_later_of_a_batch_wins(&empty().await).await;
    a_bad_reading_leaves_the_whole_batch_out(&empty().await).await;
    both_ends_of_the_time_range_belong_to_it(&empty().await).await;
    every_filter_filters(&empty().await).await;
    pages_go_on_where_they_ended(&empty().await).await;
    the_newest_of_each_sensor_is_its_latest(&empty().await).await;
    what_is_too_old_is_deleted(&empty().await).await;
    what_a_query_matches_is_deleted(&empty().await).await;
    a_version_changes_with_what_is_there(&empty().await).await;
    readings_are_counted_by_days(&empty().await).await;
    one_number_in_two_networks_is_two_sensors(&empty().await).await;
}

/// Runs the test for stores with snapshots: see [`Store::snapshot`].
pub async fn run_snapshots<S: Store, F: Future<Output = S>>(empty: impl Fn() -> F) {
    let store = &empty().await;
    let nothing = store.snapshot().await.expect("snapshot");
    store.put(&sample()).await.expect("put");
    let before = (all(store, &Query::everything()).await, store.summary().await.expect("summary"));
    let snapshot = store.snapshot().await.expect("snapshot");
    let changed = sample().into_iter().map(|r| Reading { pm10: Some(Decimal::TEN), ..r });
    store.put(&changed.collect::<Vec<_>>()).await.expect("put");
    store.put(&[reading(99, 5, None, "5")]).await.expect("put");
    store.delete_before(at(86_400)).await.expect("delete");
    let page = snapshot.query(&Query::everything(), None).await.expect("query");
    assert_eq!(page.next, None, "the sample fits in a page");
    let held: Vec<_> = page.rows().map(|row| row.reading()).collect();
    assert_same(&held, &before.0);
    assert_eq!(snapshot.summary().await.expect("summary"), before.1);
    assert_eq!(nothing.summary().await.expect("summary"), Summary::default());
}

async fn an_empty_store_answers_with_nothing(store: &(impl Store + ?Sized)) {
    store.put(&[]).await.expect("an empty batch is not an error");
    assert_eq!(all(store, &Query::everything()).await, []);
    assert_eq!(store.summary().await.expect("summary"), Summary::default());
}

async fn what_was_put_comes_back(store: &(impl Store + ?Sized)) {
    let readings = sample();
    store.put(&readings).await.expect("put");
    let mut expected = readings.clone();
    expected.sort_by_key(Position::of);
    assert_same(&all(store, &Query::everything()).await, &expected);

    let summary = store.summary().await.expect("summary");
    assert_eq!(summary.readings(), readings.len() as u64);
    assert_eq!(summary.extent, Some((at(0), at(2 * 86_400))));
    let mut countries: Vec<_> = readings.iter().map(|r| r.country).collect();
    countries.sort();
    countries.dedup();
    let counted: Vec<_> = summary.countries.iter().map(|(country, _)| *country).collect();
    assert_eq!(counted, countries);
}

async fn putting_twice_changes_nothing(store: &(impl Store + ?Sized)) {
    store.put(&sample()).await.expect("put");
    let (before, summary) = (all(store, &Query::everything()).await, store.summary().await);
    store.put(&sample()).await.expect("put again");
    assert_same(&all(store, &Query::everything()).await, &before);
    assert_eq!(store.summary().await.expect("summary"), summary.expect("summary"));
}

async fn the_same_identity_replaces(store: &(impl Store + ?Sized)) {
    let old = reading(7, 1000, Some("DE"), "5.0");
    let other_window = Reading { window: Window::Hour, ..old.clone() };
    store.put(&[old.clone(), other_window.clone()]).await.expect("put");
    let digits = Reading { pm10: Some("5.00".parse().expect("decimal")), ..old.clone() };
    store.put(std::slice::from_ref(&digits)).await.expect("put with other digits");
    assert_same(&all(store, &Query::everything()).await, &[other_window.clone(), digits]);
    for country in [Some("FR"), None, Some("DE")] {
        let new = reading(7, 1000, country, "60");
        store.put(std::slice::from_ref(&new)).await.expect("put with another country");
        let mut expected = [other_window.clone(), new];
        expected.sort_by_key(Position::of);
        assert_same(&all(store, &Query::everything()).await, &expected);
    }
}

async fn the_later_of_a_batch_wins(store: &(impl Store + ?Sized)) {
    let first = reading(7, 1000, Some("DE"), "5");
    let second = reading(7, 1000, Some("FR"), "6");
    let third = reading(7, 1000, Some("DE"), "7");
    store.put(&[first, second, third.clone()]).await.expect("put");
    assert_same(&all(store, &Query::everything()).await, &[third]);
}

async fn a_bad_reading_leaves_the_whole_batch_out(store: &(impl Store + ?Sized)) {
    let good = reading(7, 1000, Some("DE"), "5");
    let half = Timestamp::new(1000, 500_000_000).expect("a timestamp");
    let times = [half, at(-719_528 * 86_400 - 1), at(2_932_895 * 86_400)];
    let untimely = times.map(|timestamp| Reading { timestamp, ..good.clone() });
    let degrees = |degrees: &str| Some(degrees.parse().expect("a decimal"));
    let impossible = [
        Reading { pm10: None, pm25: None, ..good.clone() },
        Reading { latitude: degrees("90.1"), ..good.clone() },
        Reading { longitude: degrees("-180.1"), ..good.clone() },
    ];
    for bad in untimely.into_iter().chain(impossible) {
        let error = store.put(&[good.clone(), bad]).await.expect_err("a reading that cannot be");
        assert_eq!(error.kind(), crate::ErrorKind::Invalid);
        assert_eq!(all(store, &Query::everything()).await, []);
    }
}

/// If the store knows them: see [`View::readings_in_days`].
async fn readings_are_counted_by_days(store: &(impl Store + ?Sized)) {
    let count = async |from, until| store.readings_in_days(at(from), at(until)).await;
    if count(0, 0).await.expect("count").is_none() {
        return;
    }
    let of_day = |day: i64| reading(7, day * 86_400, Some("DE"), "5");
    let elsewhere = reading(9, 86_400 + 7, None, "5");
    let readings = [of_day(0), of_day(1), elsewhere, of_day(2)];
    store.put(&readings).await.expect("put");
    store.put(&readings[..1]).await.expect("put");
    for (from, until, there) in
        [(0, 0, 1), (86_399, 86_400, 3), (86_400, 86_400, 2), (5, 2 * 86_400, 4), (86_400, 0, 0)]
    {
        assert_eq!(count(from, until).await.expect("count"), Some(there), "{from} to {until}");
    }
    store.delete_before(at(86_401)).await.expect("delete");
    assert_eq!(count(0, 3 * 86_400).await.expect("count"), Some(2));
}

/// If the store has versions: see [`View::version`].
async fn a_version_changes_with_what_is_there(store: &(impl Store + ?Sized)) {
    let version = async || store.version(at(0), at(86_399)).await.expect("version");
    let mut seen = vec![version().await];
    if seen[0].is_none() {
        return;
    }
    for changed in ["5", "6"] {
        store.put(&[reading(7, 1000, Some("DE"), changed)]).await.expect("put");
        seen.push(version().await);
    }
    store.put(&[reading(7, 1000, Some("FR"), "6")]).await.expect("put elsewhere");
    seen.push(version().await);
    store.delete_before(at(1001)).await.expect("delete");
    seen.push(version().await);
    for (number, version) in seen.iter().enumerate() {
        assert!(!seen[..number].contains(version), "{version:?} names two states: {seen:?}");
    }
    assert_eq!(version().await, seen[seen.len() - 1], "nothing changed");
}

async fn both_ends_of_the_time_range_belong_to_it(store: &(impl Store + ?Sized)) {
    let readings: Vec<_> = [-1, 0, 86_399, 86_400].map(|s| reading(7, s, None, "5")).into();
    store.put(&readings).await.expect("put");
    let day = Query::new(at(0), at(86_399));
    assert_same(&all(store, &day).await, &readings[1..3]);
    let moment = Query::new(at(0), at(0));
    assert_same(&all(store, &moment).await, &readings[1..2]);
    let between = Timestamp::new(0, 1).expect("a timestamp");
    assert_same(&all(store, &Query::new(between, at(86_399))).await, &readings[2..3]);
    assert_eq!(all(store, &Query::new(at(1), at(0))).await, []);
}

async fn every_filter_filters(store: &(impl Store + ?Sized)) {
    let readings = sample();
    store.put(&readings).await.expect("put");
    let model = Model::default();
    model.put(&readings);
    for query in sample_queries() {
        let expected = model.query(&query);
        assert_same(&all(store, &query).await, &expected);
        assert!(!expected.is_empty(), "the sample does not try {query:?}");
    }
}

async fn pages_go_on_where_they_ended(store: &(impl Store + ?Sized)) {
    let many: Vec<_> = (0..60_000)
        .map(|n| reading(n % 9_973, (n / 3) as i64, [Some("DE"), None][n as usize % 2], "5"))
        .collect();
    let model = Model::default();
    for batch in many.chunks(25_000) {
        store.put(batch).await.expect("put");
        model.put(batch);
    }
    let every_hundredth =
        Query { sensors: (0..100).map(Sensor::from).collect(), ..Query::everything() };
    for query in [Query::everything(), every_hundredth] {
        let expected = model.query(&query);
        assert_same(&all(store, &query).await, &expected);
        let halfway = &expected[expected.len() / 2];
        let mut rest = Vec::new();
        let mut next = Some(Position::of(halfway));
        while let Some(after) = next {
            let page = store.query(&query, Some(after)).await.expect("query");
            rest.extend(page.rows().map(|row| row.reading()));
            next = page.next;
        }
        assert_same(&rest, &expected[expected.len() / 2 + 1..]);
    }
}

async fn the_newest_of_each_sensor_is_its_latest(store: &(impl Store + ?Sized)) {
    let readings = sample();
    store.put(&readings).await.expect("put");
    let model = Model::default();
    model.put(&readings);
    for query in sample_queries().into_iter().chain([Query::everything()]) {
        let page = store.latest(&query).await.expect("latest");
        assert_eq!(page.next, None);
        let latest: Vec<_> = page.rows().map(|row| row.reading()).collect();
        assert_same(&latest, &model.latest(&query));
    }
}

async fn one_number_in_two_networks_is_two_sensors(store: &(impl Store + ?Sized)) {
    let of = |name: &str, mut reading: Reading| {
        reading.sensor.network = name.parse().expect("a network");
        reading
    };
    let default = [reading(1, 10, Some("DE"), "5"), reading(2, 10, None, "6")];
    store.put(&default).await.expect("put");
    let alone = store.networks().await.expect("networks");
    assert_eq!(alone, [Network::SENSOR_COMMUNITY], "the networks of one");
    let others = [
        of("my-school", reading(1, 10, Some("DE"), "7")),
        of("my-school", reading(3, 10, None, "8")),
        of("zz", reading(1, 10, Some("DE"), "9")),
    ];
    store.put(&others).await.expect("put");
    // Only that of its own network is replaced, also where its country has changed.
    store.put(&[of("zz", reading(1, 10, Some("FR"), "9.5"))]).await.expect("put");
    let model = Model::default();
    model.put(&default);
    model.put(&others);
    model.put(&[of("zz", reading(1, 10, Some("FR"), "9.5"))]);
    let school = "my-school".parse().expect("a network");
    let in_school = |id| Sensor { network: school, id };
    for (networks, sensors) in [
        (vec![], vec![]),
        (vec![school], vec![]),
        (vec![Network::SENSOR_COMMUNITY, school], vec![]),
        (vec![], vec![1.into()]),
        (vec![], vec![in_school(1), 2.into()]),
        (vec![Network::SENSOR_COMMUNITY], vec![in_school(1)]),
    ] {
        let query = Query { networks, sensors, ..Query::everything() };
        assert_same(&all(store, &query).await, &model.query(&query));
        let latest = store.latest(&query).await.expect("latest");
        let latest: Vec<_> = latest.rows().map(|row| row.reading()).collect();
        assert_same(&latest, &model.latest(&query));
    }
    let networks = store.networks().await.expect("networks");
    let every =
        ["sensor.community", "my-school", "zz"].map(|name| name.parse().expect("a network"));
    assert_eq!(networks, every, "the networks, in order");
}

async fn what_is_too_old_is_deleted(store: &(impl Store + ?Sized)) {
    assert_eq!(store.delete_before(Timestamp::MAX).await.expect("delete"), 0);
    let model = Model::default();
    model.put(&sample());
    store.put(&sample()).await.expect("put");
    let between = Timestamp::new(100_799, 1).expect("a timestamp");
    for moment in [Timestamp::MIN, at(0), at(720), between, at(100_800), at(2 * 86_400)] {
        let deleted = store.delete_before(moment).await.expect("delete");
        assert_eq!(deleted, model.delete_before(moment), "before {moment}");
        for query in sample_queries().into_iter().chain([Query::everything()]) {
            assert_same(&all(store, &query).await, &model.query(&query));
        }
    }
    assert_eq!(store.summary().await.expect("summary").readings(), 1);
    store.put(&sample()).await.expect("put again what was deleted");
    assert_eq!(all(store, &Query::everything()).await.len(), sample().len());
    assert_eq!(store.delete_before(Timestamp::MAX).await.expect("delete"), sample().len() as u64);
    assert_eq!(store.summary().await.expect("summary"), Summary::default());
}

async fn what_a_query_matches_is_deleted(store: &(impl Store + ?Sized)) {
    assert_eq!(store.delete(&Query::everything()).await.expect("delete"), 0);
    let model = Model::default();
    model.put(&sample());
    store.put(&sample()).await.expect("put");
    let window = |window| Query { windows: vec![window], ..Query::new(at(720), at(100_800)) };
    let some = [Window::FiveMinutes, Window::Day, Window::FiveMinutes].map(window);
    let place = Query { indoor: Some(true), ..Query::everything() };
    let index = Query { indices: Some((7, 8)), ..Query::everything() };
    for query in some.into_iter().chain([place, index]) {
        let deleted = store.delete(&query).await.expect("delete");
        assert_eq!(deleted, model.delete(&query), "{query:?}");
        for query in sample_queries().into_iter().chain([Query::everything()]) {
            assert_same(&all(store, &query).await, &model.query(&query));
        }
    }
    let left = model.query(&Query::everything()).len() as u64;
    assert_eq!(store.summary().await.expect("summary").readings(), left);
    assert_eq!(store.delete(&Query::everything()).await.expect("delete"), left);
    assert_eq!(store.summary().await.expect("summary"), Summary::default());
}

/// All readings returned by a store, page by page.
pub async fn all(store: &(impl View + ?Sized), query: &Query) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut after = None;
    loop {
        let page = store.query(query, after).await.expect("query");
        readings.extend(page.rows().map(|row| row.reading()));
        match page.next {
            None => return readings,
            next => after = next,
        }
    }
}

/// Asserts equality to the last digit, with a short message.
pub fn assert_same(actual: &[Reading], expected: &[Reading]) {
    // Decimals are equal that have other digits: 5.0 and 5.00.
    let digits = |reading: &Reading| {
        let &Reading { pm10, pm25, latitude, longitude, altitude, .. } = reading;
        [pm10, pm25, latitude, longitude, altitude].map(|number| number.map(|n| n.serialize()))
    };
    for (actual, expected) in actual.iter().zip(expected) {
        if actual != expected || digits(actual) != digits(expected) {
            assert_eq!(format!("{actual:?}"), format!("{expected:?}"));
            assert_eq!(actual, expected);
        }
    }
    assert_eq!(actual.len(), expected.len(), "number of readings");
}

/// A naive reference store: a map by identity, scanned for each query.
#[derive(Debug, Default)]
pub struct Model(std::sync::Mutex<BTreeMap<(Sensor, Window, Timestamp), Reading>>);

impl Model {
    /// Stores readings; a later one replaces an earlier one.
    pub fn put(&self, batch: &[Reading]) {
        let mut kept = self.0.lock().expect("the model");
        for reading in batch {
            let identity = (reading.sensor, reading.window, reading.timestamp);
            kept.insert(identity, reading.clone());
        }
    }

    /// Deletes older readings; returns their number.
    pub fn delete_before(&self, moment: Timestamp) -> u64 {
        let mut kept = self.0.lock().expect("the model");
        let before = kept.len();
        kept.retain(|(_, _, timestamp), _| *timestamp >= moment);
        (before - kept.len()) as u64
    }

    /// Deletes what a query matches; returns the number of readings.
    pub fn delete(&self, query: &Query) -> u64 {
        let mut kept = self.0.lock().expect("the model");
        let before = kept.len();
        kept.retain(|_, reading| !query.matches(reading));
        (before - kept.len()) as u64
    }

    /// The newest match of each sensor, in the order of rows.
    pub fn latest(&self, query: &Query) -> Vec<Reading> {
        let mut newest = BTreeMap::new();
        let mut matching = self.query(query);
        matching.sort_by_key(|reading| (reading.timestamp, reading.window));
        for reading in matching {
            newest.insert(reading.sensor, reading);
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by_key(Position::of);
        newest
    }

    /// The matching readings, in the order of rows.
    pub fn query(&self, query: &Query) -> Vec<Reading> {
        let wanted = |reading: &Reading| {
            let number = reading.index_by(query.standard).map(aqi::Index::place);
            let band = number.map(|number| query.standard.category_of(number));
            let in_list = |empty: bool, found: bool| empty || found;
            query.from <= reading.timestamp
                && reading.timestamp <= query.until
                && in_list(
                    query.countries.is_empty(),
                    query.countries.iter().any(|c| Some(*c) == reading.country),
                )
                && query.indices.is_none_or(|(low, high)| {
                    number.is_some_and(|number| low <= number && number <= high)
                })
                && query.least_low.is_none_or(|least| {
                    let range = reading.range_by(query.standard);
                    range.is_some_and(|(low, _)| low.place() >= least)
                })
                && in_list(
                    query.bands.is_empty(),
                    query.bands.iter().any(|wanted| Some(*wanted) == band),
                )
                && in_list(query.sensors.is_empty(), query.sensors.contains(&reading.sensor))
                && in_list(
                    query.networks.is_empty(),
                    query.networks.contains(&reading.sensor.network),
                )
                && in_list(
                    query.sensor_types.is_empty(),
                    query.sensor_types.iter().any(|wanted| {
                        let wanted = wanted.as_str().to_uppercase();
                        reading.sensor_type.is_some_and(|t| t.as_str().to_uppercase() == wanted)
                    }),
                )
                && in_list(query.windows.is_empty(), query.windows.contains(&reading.window))
                && (query.indoor.is_none() || query.indoor == reading.indoor)
                && query.area.is_none_or(|area| is_in(area, reading))
                && reading
                    .flags()
                    .names()
                    .all(|name| query.without.names().all(|unwanted| unwanted != name))
        };
        let kept = self.0.lock().expect("the model");
        let mut found: Vec<_> = kept.values().filter(|r| wanted(r)).cloned().collect();
        found.sort_by_key(Position::of);
        found
    }
}

/// The area, computed with vectors: the angle between two points at the Earth's centre.
fn is_in(area: Area, reading: &Reading) -> bool {
    let degrees = |number: Option<Decimal>| number?.to_string().parse::<f64>().ok();
    let (Some(latitude), Some(longitude)) = (degrees(reading.latitude), degrees(reading.longitude))
    else {
        return false;
    };
    if latitude.abs() > 90.0 || longitude.abs() > 180.0 {
        return false;
    }
    match area {
        Area::Box { west, south, east, north } => {
            let turned = |degrees: f64| (degrees - west).rem_euclid(360.0);
            let width = if west <= east { east - west } else { east - west + 360.0 };
            south <= latitude && latitude <= north && turned(longitude) <= width
        }
        Area::Circle { latitude: to_latitude, longitude: to_longitude, kilometres } => {
            let point = |latitude: f64, longitude: f64| {
                let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
                let (height, out) = latitude.sin_cos();
                [out * longitude.cos(), out * longitude.sin(), height]
            };
            let (a, b) = (point(latitude, longitude), point(to_latitude, to_longitude));
            let cross =
                [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
            let sine = cross.iter().map(|side| side * side).sum::<f64>().sqrt();
            let cosine: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            sine.atan2(cosine) * 6371.0088 <= kilometres
        }
    }
}

/// The CSV of a query's pages.
pub async fn csv_of(store: &(impl View + ?Sized), query: &Query, columns: &[Column]) -> Vec<u8> {
    let mut text = Vec::new();
    csv::write_header(&mut text, columns, Dialect::DEFAULT);
    let mut after = None;
    loop {
        let page = store.query(query, after).await.expect("query");
        csv::write_page(&mut text, &page, columns, Dialect::DEFAULT);
        match page.next {
            None => return text,
            next => after = next,
        }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a second within the calendar")
}

fn reading(sensor: u64, second: i64, country: Option<&str>, pm10: &str) -> Reading {
    let country: Option<Country> = country.map(|code| code.parse().expect("a country"));
    let pm10 = Some(pm10.parse().expect("a decimal"));
    Reading { country, pm10, ..Reading::new(sensor, Window::Day24, at(second)) }
}

/// Three days, several countries, every window, type and index.
fn sample() -> Vec<Reading> {
    let countries = [Some("DE"), None, Some("GB"), Some("XK")];
    (0..=240u64)
        .map(|n| {
            let second = n as i64 * 720;
            let place = Some(Decimal::new(n as i64 * 7, 3));
            Reading {
                measurement: (n % 3 > 0).then_some(n * 1_000_000_007),
                pm25: (n % 5 > 0).then(|| Decimal::new(n as i64 * 4, 1)),
                sensor_type: ["SDS011", "PPD42NS", ""][n as usize % 7 % 3].parse().ok(),
                location: Some(n % 13),
                latitude: place,
                longitude: place.map(|p| -p),
                altitude: (n % 2 == 0).then_some(Decimal::ONE),
                indoor: [None, Some(false), Some(true)][n as usize % 3],
                exact: [Some(true), None][n as usize % 2],
                window: Window::KEPT[n as usize % 4],
                ..reading(n % 17, second, countries[n as usize % 4], &format!("{}.{}", n, n % 10))
            }
        })
        .collect()
}

fn sample_queries() -> Vec<Query> {
    let everything = Query::everything();
    let country = |code: &str| code.parse::<Country>().expect("a country");
    let band = |name| AqiStandard::DEFAULT.category(name).expect("a band");
    let us: AqiStandard = "us_aqi:2024".parse().expect("a standard");
    vec![
        Query { countries: vec![country("DE")], ..everything.clone() },
        Query { countries: vec![country("GB"), country("XK")], ..everything.clone() },
        Query { indices: Some((4, 6)), ..everything.clone() },
        Query { indices: Some((1, 10)), ..everything.clone() },
        Query { indices: Some((7, 10)), ..everything.clone() },
        Query {
            indices: Some((8, 10)),
            countries: vec![country("GB"), country("DE")],
            ..Query::new(at(40_000), at(120_000))
        },
        Query { bands: vec![band("Low"), band("Very High")], ..everything.clone() },
        Query { indices: Some((2, 5)), bands: vec![band("Moderate")], ..everything.clone() },
        Query { standard: us, indices: Some((20, 110)), ..everything.clone() },
        Query {
            standard: us,
            bands: us.category("Good").into_iter().collect(),
            ..everything.clone()
        },
        Query { sensors: vec![3.into(), 16.into()], ..everything.clone() },
        Query { sensor_types: models(&["SDS011"]), ..everything.clone() },
        Query { sensor_types: models(&["ppd42ns", "sds011"]), ..everything.clone() },
        Query { windows: vec![Window::Hour, Window::Day], ..everything.clone() },
        Query { indoor: Some(true), ..everything.clone() },
        Query { without: Flags::COUNTS.union(Flags::ZERO), ..everything.clone() },
        Query {
            area: Some(Area::Box { west: -1.0, south: 0.25, east: -0.5, north: 0.8 }),
            ..everything.clone()
        },
        Query {
            area: Some(Area::Circle { latitude: 0.7, longitude: -0.7, kilometres: 12.5 }),
            ..everything.clone()
        },
        Query {
            countries: vec![country("DE")],
            bands: vec![band("low")],
            indoor: Some(false),
            ..Query::new(at(3600), at(100_000))
        },
    ]
}
