//! Counts, means and medians beside a plain list of the readings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use airshed_store::conformance::{all, any_standard, readings};
use airshed_store::{
    AqiStandard, LeftOut, Memory, Page, Pages, Quality, Query, Reading, Store, Tallies, Tally,
};
use aqi::Decimal;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::block_on;

/// Means and medians to two decimals; a median tells values beyond 10,000 no longer apart.
fn mean_and_median(values: &[Decimal]) -> [Option<Decimal>; 2] {
    let most = Decimal::from(10_000);
    let sum = values.iter().try_fold(Decimal::ZERO, |sum, value| sum.checked_add(*value));
    let mean = sum.filter(|_| !values.is_empty()).map(|sum| sum / Decimal::from(values.len()));
    let mut sorted: Vec<_> = values.iter().map(|v| (*v).clamp(-most, most).round_dp(2)).collect();
    sorted.sort();
    let middle = |n: usize| sorted.get(n).copied();
    let median = sorted
        .len()
        .checked_sub(1)
        .and_then(|last| Some((middle(last / 2)? + middle(sorted.len() / 2)?) / Decimal::TWO));
    [mean, median].map(|value| value.map(|value| value.round_dp(2)))
}

fn check(
    tally: &Tally,
    of: &[&Reading],
    standard: AqiStandard,
    left_out: impl Fn(&Reading) -> LeftOut,
) {
    let counted: Vec<_> = of.iter().filter(|r| left_out(r).flags.is_empty()).collect();
    assert_eq!(tally.readings(), counted.len() as u64);
    let sensors: HashSet<_> = counted.iter().map(|reading| reading.sensor).collect();
    assert_eq!(tally.sensors(), sensors.len());
    let number = |reading: &Reading| reading.index_by(standard).map(aqi::Index::place);
    let mut indices = BTreeMap::new();
    for number in counted.iter().filter_map(|reading| number(reading)) {
        *indices.entry(number).or_insert(0u64) += 1;
    }
    assert_eq!(tally.indices().collect::<BTreeMap<_, _>>(), indices);
    assert_eq!(tally.without_index(), counted.len() as u64 - indices.values().sum::<u64>());
    let averaged = counted.iter().filter(|r| number(r).is_some() && left_out(r).is_empty());
    let averaged: Vec<_> = averaged.collect();
    assert_eq!(tally.averaged(), averaged.len() as u64);
    let list = |value: fn(&Reading) -> Option<Decimal>| -> Vec<Decimal> {
        averaged.iter().filter_map(|reading| value(reading)).collect()
    };
    let (pm10, pm25) = (list(|reading| reading.pm10), list(|reading| reading.pm25));
    for (values, list) in [(tally.pm10(), pm10), (tally.pm25(), pm25)] {
        assert_eq!(values.count(), list.len() as u64);
        let [mean, median] = mean_and_median(&list);
        assert_eq!(values.median(), median);
        // In another order a sum can go beyond what a decimal holds, or lose a last digit.
        if list.iter().all(|value| value.abs() < Decimal::from(1_000_000_000)) {
            let near = |a: Decimal, b: Decimal| (a - b).abs() <= Decimal::new(1, 2);
            assert!(values.mean().zip(mean).is_some_and(|(a, b)| near(a, b)) || mean.is_none());
            let exact = list.iter().all(|value| value.scale() <= 2);
            assert!(!exact || values.mean() == mean, "{:?} {mean:?}", values.mean());
        }
    }
    let numbers: Vec<_> = averaged.iter().filter_map(|r| number(r)).map(Decimal::from).collect();
    let [mean, median] = mean_and_median(&numbers);
    if numbers.iter().all(|number| *number < Decimal::from(10_000)) {
        assert_eq!([tally.mean_index(), tally.median_index()], [mean, median]);
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for name in of.iter().flat_map(|reading| left_out(reading).names()) {
        *reasons.entry(name).or_default() += 1;
    }
    assert_eq!(tally.left_out().by_name(), reasons);
    let left_out = of.iter().filter(|reading| !left_out(reading).is_empty()).count();
    assert_eq!(tally.left_out().readings(), left_out as u64);
}

proptest! {
    #[test]
    fn a_tally_says_what_a_plain_list_does(
        put in readings(),
        standard in any_standard(),
        plausible in any::<bool>(),
        silent_for in 0..100i64,
        knows in any::<bool>(),
        rows in 1..9usize,
    ) {
        let store = Arc::new(Memory::new());
        block_on(store.put(&put)).unwrap();
        let kept = block_on(all(&*store, &Query::everything()));
        let newest = kept.iter().map(|reading| reading.timestamp).max();
        let later = |moment: Timestamp, hours| {
            let later = moment.saturating_add(SignedDuration::from_hours(hours));
            later.unwrap_or(moment)
        };
        let now = later(newest.unwrap_or(Timestamp::UNIX_EPOCH), silent_for - 50);
        let mut heard = HashMap::new();
        for reading in kept.iter().filter(|reading| knows && reading.sensor.id % 2 == 0) {
            heard.insert(reading.sensor, later(reading.timestamp, 30));
        }
        let quality = if plausible { Quality::Plausible } else { Quality::All };
        let mut tallies = Tallies::new(standard, quality, heard.clone(), now);
        for page in block_on(pages(&store, rows)) {
            tallies.add(&page);
        }
        let left_out = |reading: &Reading| match quality {
            Quality::All => LeftOut::default(),
            Quality::Plausible => {
                LeftOut::of(reading, *heard.get(&reading.sensor).unwrap_or(&reading.timestamp), now)
            }
        };
        let countries: HashSet<_> = kept.iter().map(|reading| reading.country).collect();
        prop_assert_eq!(tallies.countries().keys().copied().collect::<HashSet<_>>(), countries);
        for (country, tally) in tallies.countries() {
            let of: Vec<_> = kept.iter().filter(|reading| reading.country == *country).collect();
            check(tally, &of, standard, left_out);
        }
        check(&tallies.all(), &kept.iter().collect::<Vec<_>>(), standard, left_out);
    }
}

/// All rows in pages whose runs are cut short, as a filter does.
async fn pages(store: &Arc<Memory>, rows: usize) -> Vec<Page> {
    let store = Arc::clone(store) as Arc<dyn Store>;
    let mut pages = Pages::new(store, Query::everything());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        let cut = page.runs.iter().flat_map(|run| {
            let starts = run.rows.clone().step_by(rows);
            starts.map(|start| {
                let mut part = run.clone();
                part.rows = start..(start + rows).min(run.rows.end);
                part
            })
        });
        found.push(Page { runs: cut.collect(), next: None });
    }
    found
}
