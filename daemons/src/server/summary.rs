//! `/api/summary`: what is stored, how old it is, and, where filters are given, what the
//! readings that pass them say together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aqi::Decimal;
use aqi::daqi::Index;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{Country, Reading, Summary};
use tokio::time::Instant;

use super::answer::{Answer, json as respond_json};
use super::problem::Problem;
use super::{Shared, filters};

/// The readings of a selection that names no dates.
const SPAN: SignedDuration = SignedDuration::from_hours(24);

/// A selection that takes longer to read is summed up as far as that went.
const LONGEST: Duration = Duration::from_secs(10);

pub(super) async fn answer(shared: &Shared, query: Option<&str>) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let newest = shared.freshness.newest(&summary).await?;
    let mut body = stored(shared, &summary, newest);
    if query.is_some_and(|query| !query.is_empty()) {
        body["selection"] = selection(shared, &summary, query).await?;
    }
    Ok(respond_json(StatusCode::OK, &body))
}

/// What is stored, and how old it is.
fn stored(shared: &Shared, summary: &Summary, newest: Option<Timestamp>) -> Value {
    let age = newest.map(|newest| (shared.server.clock)().duration_since(newest));
    let countries: Vec<_> = summary
        .countries
        .iter()
        .map(|(country, readings)| json!({ "country": text(*country), "readings": readings }))
        .collect();
    let feed = shared.server.feed.as_ref().map(|feed| feed.get());
    json!({
        "readings": summary.readings(),
        "oldest": summary.extent.map(|(oldest, _)| oldest),
        "newest": newest,
        "dataAgeSeconds": age.map(|age| age.as_secs().max(0)),
        "stale": age.is_none_or(|age| age > shared.server.limits.stale_after),
        "feed": feed,
        "countries": countries,
        "attribution": shared.server.attribution,
    })
}

/// What the readings of one country say together.
#[derive(Default)]
struct Tally {
    readings: u64,
    sensors: HashSet<u64>,
    /// How many readings have each index; first those that have none.
    indices: [u64; 11],
    pm10: Mean,
    pm25: Mean,
}

#[derive(Default)]
struct Mean {
    sum: Decimal,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: Option<Decimal>) {
        let sum = value.and_then(|value| self.sum.checked_add(value));
        if let Some(sum) = sum {
            self.sum = sum;
            self.count += 1;
        }
    }

    /// To a hundredth of a µg/m³.
    fn get(&self) -> Option<f64> {
        let mean = self.sum.checked_div(self.count.into())?;
        mean.round_dp(2).to_string().parse().ok()
    }
}

impl Tally {
    /// Readings without an index count particles or nothing: they are in no mean.
    fn add(&mut self, reading: &Reading, index: Option<Index>) {
        self.readings += 1;
        self.sensors.insert(reading.sensor);
        let index = index.map_or(0, Index::get);
        self.indices[usize::from(index)] += 1;
        if index > 0 {
            self.pm10.add(reading.pm10);
            self.pm25.add(reading.pm25);
        }
    }

    fn mean_index(&self) -> Option<f64> {
        let indexed: u64 = self.indices[1..].iter().sum();
        let sum: u64 = (0..).zip(self.indices).map(|(index, count): (u64, _)| index * count).sum();
        (indexed > 0).then(|| (sum as f64 / indexed as f64 * 100.0).round() / 100.0)
    }

    fn describe(&self) -> Value {
        json!({
            "readings": self.readings,
            "sensors": self.sensors.len(),
            "withoutIndex": self.indices[0],
            "indices": self.indices[1..],
            "meanAqi": self.mean_index(),
            "meanP1": self.pm10.get(),
            "meanP2": self.pm25.get(),
        })
    }
}

async fn selection(
    shared: &Shared,
    summary: &Summary,
    query: Option<&str>,
) -> Result<Value, Problem> {
    let ask = filters::read(shared, summary, query, SPAN).await?;
    let store = &shared.server.store;
    let _place = shared.room.aside().await?;
    let begun = Instant::now();
    let mut countries: BTreeMap<Option<Country>, Tally> = BTreeMap::new();
    let mut pages = ask.pages(Arc::clone(store));
    let mut counted_until: Option<Timestamp> = None;
    while let Some(page) = pages.next().await.transpose()? {
        for row in page.rows() {
            let reading = row.reading();
            countries.entry(reading.country).or_default().add(&reading, row.index());
        }
        if begun.elapsed() > LONGEST && page.next.is_some() {
            counted_until = page.rows().last().map(|row| row.timestamp());
            break;
        }
        tokio::task::yield_now().await; // a page takes milliseconds
    }
    let mut indices = [0; 11];
    for tally in countries.values() {
        indices.iter_mut().zip(tally.indices).for_each(|(sum, count)| *sum += count);
    }
    let described: Vec<_> = countries
        .iter()
        .map(|(country, tally)| {
            let mut described = tally.describe();
            described["country"] = text(*country);
            described
        })
        .collect();
    Ok(json!({
        "from": ask.query.from,
        "until": ask.query.until,
        "readings": indices.iter().sum::<u64>(),
        "withoutIndex": indices[0],
        "indices": indices[1..],
        "countries": described,
        "complete": counted_until.is_none(),
        "countedUntil": counted_until,
    }))
}

fn text(country: Option<Country>) -> Value {
    country.map_or(Value::Null, |country| country.as_str().into())
}
