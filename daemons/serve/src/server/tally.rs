//! Statistics of readings, as JSON responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{AqiStandard, Tally};

use super::answer::number;

/// A scale of so many numbers is shown number by number, any by its bands.
pub(super) const MOST_NUMBERS: u32 = 15;

/// A tally as JSON.
pub(super) fn described(tally: &Tally, standard: AqiStandard) -> Value {
    let by_number: BTreeMap<u32, u64> = tally.indices().collect();
    let (low, high) = standard.numbers();
    let all = high.map(|high| low..=high).filter(|all| all.clone().count() as u32 <= MOST_NUMBERS);
    let indices: Option<Vec<_>> =
        all.map(|all| all.map(|n| by_number.get(&n).copied().unwrap_or(0)).collect());
    let categories = standard.standard().categories;
    let bands = categories.iter().enumerate().map(|(at, category)| {
        let end = categories.get(at + 1).map_or(u32::MAX, |next| next.from);
        let readings: u64 = by_number.range(category.from..end).map(|(_, n)| n).sum();
        json!({ "name": category.name, "from": category.from, "readings": readings })
    });
    json!({
        "readings": tally.readings(),
        "sensors": tally.sensors(),
        "withoutIndex": tally.without_index(),
        "indices": indices,
        "bands": bands.collect::<Vec<_>>(),
        "averaged": tally.averaged(),
        "meanAqi": tally.mean_index().and_then(number),
        "meanP1": tally.pm10().mean().and_then(number),
        "meanP2": tally.pm25().mean().and_then(number),
        "medianAqi": tally.median_index().and_then(number),
        "medianP1": tally.pm10().median().and_then(number),
        "medianP2": tally.pm25().median().and_then(number),
        "leftOutReadings": tally.left_out().readings(),
        "leftOut": tally.left_out().by_name(),
    })
}
