//! The key ranges that a query has to read, in the order of rows.

use super::keys;
use crate::blocks::HIGH;
use crate::blocks::{DAYS, SECONDS_A_DAY, whole_seconds_up};
use crate::{Country, Position, Query};

/// Number of partitions above which it is cheaper to list the existing ones than to query each.
const MOST_GUESSED: usize = 64;

/// Readings of one day: the merged contents of these ranges.
pub(super) type Segment = Vec<KeyRange>;

/// A range of sort keys, both ends inclusive, in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRange {
    /// Whether it is a range of the index; otherwise of the base table.
    pub(super) indexed: bool,
    pub(super) partition: String,
    pub(super) low: String,
    pub(super) high: String,
}

/// The rest of a query after a position.
pub(super) struct Scope<'a> {
    query: &'a Query,
    after: Option<Position>,
    /// Seconds since 1970, both inclusive.
    from: i64,
    until: i64,
    /// The selected index values; `None` if readings without an index are also selected.
    indices: Option<Vec<u8>>,
}

impl<'a> Scope<'a> {
    /// `None` if nothing can match.
    pub(super) fn of(query: &'a Query, after: Option<Position>) -> Option<Self> {
        let [first, last] = [DAYS.start(), DAYS.end()].map(|day| i64::from(*day) * SECONDS_A_DAY);
        let mut from = whole_seconds_up(query.from).max(first);
        let until = query.until.as_second().min(last + SECONDS_A_DAY - 1);
        // Within a day, each country starts at midnight.
        from = from.max(after.map_or(from, |after| i64::from(after.day) * SECONDS_A_DAY));
        let accepted = query.accepted_indices();
        let wanted: Vec<_> = (1..=10u8).filter(|index| accepted[usize::from(*index)]).collect();
        let indices = (!accepted[0]).then_some(wanted);
        let nothing = from > until || indices.as_ref().is_some_and(Vec::is_empty);
        (!nothing).then_some(Self { query, after, from, until, indices })
    }

    pub(super) fn days(&self) -> std::ops::RangeInclusive<i32> {
        let day = |second: i64| second.div_euclid(SECONDS_A_DAY) as i32; // within DAYS
        day(self.from)..=day(self.until)
    }

    /// The partitions, without listing the existing ones, if they are few.
    pub(super) fn guess(&self) -> Option<Vec<(i32, Vec<Option<Country>>)>> {
        let mut countries: Vec<_> = self.query.countries.iter().copied().map(Some).collect();
        countries.sort_unstable();
        countries.dedup();
        let days = self.days();
        let count = (i64::from(*days.end()) - i64::from(*days.start()) + 1) as usize;
        let few = (1..=MOST_GUESSED).contains(&count.saturating_mul(countries.len()));
        few.then(|| days.map(|day| (day, countries.clone())).collect())
    }

    /// The segments of a day and its countries, in order.
    pub(super) fn segments(&self, day: i32, countries: &[Option<Country>]) -> Vec<Segment> {
        let midnight = i64::from(day) * SECONDS_A_DAY;
        let first = (whole_seconds_up(self.query.from) - midnight).clamp(0, SECONDS_A_DAY) as u32;
        let last = (self.until - midnight).min(SECONDS_A_DAY - 1) as u32;
        let whole = first == 0 && i64::from(last) == SECONDS_A_DAY - 1;
        let after = self.after.filter(|after| after.day == day);
        let indices = self.indices.as_deref().filter(|indices| indices.len() < 10);
        let per_country = |country: &Option<Country>| {
            let after = match after {
                Some(after) if *country < after.country => return None,
                Some(after) if *country == after.country => Some(keys::place(&after) + keys::END),
                _ => None,
            };
            let low = keys::time(first).max(after.unwrap_or_default());
            Some((*country, low, keys::time(last) + keys::END))
        };
        let ranges = countries
            .iter()
            .filter(|country| self.query.accepts_country(**country))
            .filter_map(per_country)
            .filter(|(_, low, high)| low <= high);
        match indices {
            // All countries of the day: its complete index partitions, if they are small.
            Some(indices)
                if self.query.countries.is_empty()
                    && (whole || indices.iter().all(|index| *index >= HIGH)) =>
            {
                let low = after.map(|after| keys::index_place(&after) + keys::END);
                let range = |index: &u8| KeyRange {
                    indexed: true,
                    partition: keys::index_partition(day, *index),
                    low: low.clone().unwrap_or_else(|| "-".to_owned()),
                    high: keys::END.to_owned(),
                };
                vec![indices.iter().map(range).collect()]
            }
            Some(indices) if !self.query.countries.is_empty() => ranges
                .map(|(country, low, high)| {
                    let country = keys::country(country);
                    let range = |index: &u8| KeyRange {
                        indexed: true,
                        partition: keys::index_partition(day, *index),
                        low: format!("{country}#{low}"),
                        high: format!("{country}#{high}"),
                    };
                    indices.iter().map(range).collect()
                })
                .collect(),
            _ => ranges
                .map(|(country, low, high)| {
                    let partition = keys::partition(day, country);
                    vec![KeyRange { indexed: false, partition, low, high }]
                })
                .collect(),
        }
    }
}
