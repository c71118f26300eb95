//! The simulated network has what it promises, and the real parser bears it.

use std::collections::{BTreeMap, BTreeSet};

use airshed::demo::network::Network;
use airshed::feed::{DiagnosticKind, parse};
use store::{Flags, Window};

use super::support::at;

#[test]
fn the_network_is_the_same_for_the_same_moment_and_as_large_and_odd_as_the_real_one() {
    let moment = at("2026-02-01T12:00:00Z").as_second();
    let network = Network::new(25_000, 1);
    let file = network.feed(moment);
    assert_eq!(file, Network::new(25_000, 1).feed(moment));
    assert_ne!(file, network.feed(moment + 300));
    assert_ne!(file, Network::new(25_000, 2).feed(moment));

    let feed = parse(file.as_bytes(), Window::Day24, at("2026-02-01T12:00:00Z")).unwrap();
    assert_eq!(feed.records, 25_000);
    let refused =
        feed.diagnostics.iter().filter(|diagnostic| diagnostic.kind == DiagnosticKind::Refused);
    for diagnostic in refused {
        assert_eq!(diagnostic.reason, "P1 `` is not a number; P2 `` is not a number");
    }
    assert!(feed.count(DiagnosticKind::Refused) < 20, "{}", feed.count(DiagnosticKind::Refused));
    assert!(feed.readings.len() > 12_000, "{}", feed.readings.len());
    let mut countries = BTreeMap::new();
    for reading in &feed.readings {
        *countries.entry(reading.country).or_insert(0) += 1;
    }
    assert!(countries.len() > 55, "{} countries", countries.len());
    let german = countries[&Some("DE".parse().unwrap())] * 100 / feed.readings.len();
    assert!((35..45).contains(&german), "{german} % German");
    let flags: BTreeSet<_> = feed.readings.iter().flat_map(|r| r.flags().names()).collect();
    for flag in ["counts", "saturated", "zero", "dummy_location"] {
        assert!(flags.contains(flag), "no {flag}");
    }
    assert!(feed.readings.iter().any(|r| r.latitude.is_none()));
    assert!(feed.readings.iter().any(|r| r.country.is_none()));
    let counters = feed.readings.iter().filter(|r| r.flags().contains(Flags::COUNTS));
    assert!(counters.clone().count() > 50 && counters.clone().all(|r| r.index().is_none()));
    let indices: BTreeSet<_> = feed.readings.iter().filter_map(|r| r.index()).collect();
    assert_eq!(indices.len(), 10, "{indices:?}");
    let sensors: BTreeSet<_> = feed.readings.iter().map(|r| r.sensor).collect();
    assert_eq!(sensors.len(), feed.readings.len());
}

/// Consecutive files share 23 of 24 hours: a value changes by little, and the ids are those of the
/// operator, numbered as reports come.
#[test]
fn the_simulated_values_are_running_means_and_ids_grow_with_time() {
    let network = Network::new(2_000, 1);
    let noon = at("2026-02-01T12:00:00Z");
    let feeds: Vec<_> = (0..8)
        .map(|hour| noon + jiff::SignedDuration::from_hours(hour))
        .map(|moment| {
            let file = network.feed(moment.as_second());
            parse(file.as_bytes(), Window::Day24, moment).unwrap().readings
        })
        .collect();
    let mut ids = BTreeSet::new();
    for (before, after) in feeds.iter().zip(&feeds[1..]) {
        let newest = before.iter().filter_map(|r| r.measurement).max();
        let oldest = after.iter().filter_map(|r| r.measurement).min();
        assert!(newest < oldest, "{newest:?} {oldest:?}");
        let known: BTreeMap<_, _> = before.iter().map(|r| (r.sensor, r)).collect();
        for reading in after.iter().filter(|reading| reading.flags().is_empty()) {
            let (Some(new), Some(old)) = (reading.pm25, known[&reading.sensor].pm25) else {
                continue;
            };
            let ratio = new / old;
            assert!(ratio > "0.75".parse().unwrap() && ratio < "1.35".parse().unwrap(), "{ratio}");
        }
    }
    for reading in feeds.iter().flatten() {
        assert!(ids.insert(reading.measurement), "{:?} twice", reading.measurement);
    }
}
