//! The simulated network has what it promises, and the real parser bears it.

use std::collections::{BTreeMap, BTreeSet};

use airshed::demo::network::Network;
use airshed::feed::{RemarkKind, parse};
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
    let refused = feed.remarks.iter().filter(|remark| remark.kind == RemarkKind::Refused);
    for remark in refused {
        assert_eq!(remark.reason, "P1 `` is not a number; P2 `` is not a number");
    }
    assert!(feed.count(RemarkKind::Refused) < 20, "{}", feed.count(RemarkKind::Refused));
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
