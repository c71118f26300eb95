//! Selects the rows of a block that match a query.

use std::ops::Range;

use super::block::Block;
use super::day::{SECONDS_A_DAY, whole_seconds_up};
use super::indexer::Indexer;
use super::integers::{Numbers, RUN};
use super::stations::Stations;
use crate::range::Bound;
use crate::{Flags, Position, Query, Window};

impl Stations {
    /// Whether each station matches; `None` if the query does not filter by station.
    pub(crate) fn accepted(&self, query: &Query) -> Option<Vec<bool>> {
        let Query { networks, sensors, sensor_types, indoor, area, .. } = query;
        let all_networks = networks.is_empty() || self.are_of(networks);
        if all_networks && !query.asks_for_sensors() {
            return None;
        }
        let of_default = sensors.iter().filter(|sensor| sensor.network.is_default());
        let numbers: Vec<_> = of_default.map(|sensor| sensor.id).collect();
        let is_sensor = |number: usize| match self.has_default_alone() {
            true => numbers.contains(&self.number_of_sensor(number)),
            false => sensors.contains(&self.sensor(number)),
        };
        let is_wanted = |number: usize| {
            (all_networks || networks.contains(&self.sensor(number).network))
                && (sensors.is_empty() || is_sensor(number))
                && (sensor_types.is_empty()
                    || self.sensor_type(number).is_some_and(|kind| sensor_types.contains(&kind)))
                && (indoor.is_none() || *indoor == self.indoor(number))
                && area.is_none_or(|area| {
                    area.contains_place(self.latitude(number), self.longitude(number))
                })
        };
        Some((0..self.count()).map(is_wanted).collect())
    }
}

impl Block {
    /// The ranges of matching rows after a position, in order.
    pub(crate) fn select(&self, query: &Query, after: Option<Position>) -> Vec<Range<usize>> {
        let mut accepted = Accepted::by(query, self);
        let stations = self.stations.accepted(query);
        if stations.as_ref().is_some_and(|stations| !stations.contains(&true)) {
            return Vec::new();
        }
        // Most blocks have one averaging period, which a query usually names.
        let only = self.windows.constant().map(|number| Window::ALL[number as usize]);
        if only.is_some_and(|only| !query.windows.is_empty() && !query.windows.contains(&only)) {
            return Vec::new();
        }
        let by_window = !query.windows.is_empty() && only.is_none();
        let by_row = by_window || query.without != Flags::NONE || query.least_low.is_some();
        let mut runs = Runs::default();
        for span in self.time_spans(query, after) {
            if accepted.is_none() && stations.is_none() && !by_row {
                runs.0.push(span);
                continue;
            }
            let mut numbers = Numbers::default();
            for run in span.start / RUN..span.end.div_ceil(RUN) {
                let first = run * RUN;
                let rows = span.start.max(first)..span.end.min(first + RUN);
                if let Some(accepted) = &mut accepted {
                    accepted.indexer.read(run);
                    let wanted = accepted.count(rows.start - first..rows.end - first);
                    // Rows with a high index are sparse, those with a low one are dense.
                    if wanted == 0 {
                        continue;
                    }
                    if wanted == rows.len() && stations.is_none() && !by_row {
                        runs.push_all(rows);
                        continue;
                    }
                }
                if stations.is_some() {
                    self.station.run(run, &mut numbers.0);
                }
                for row in rows {
                    let at = row - first;
                    let is_wanted = accepted.as_ref().is_none_or(|accepted| accepted.wants(at))
                        && stations.as_ref().is_none_or(|known| known[numbers.0[at] as usize])
                        && (!by_row || self.row_passes(row, query));
                    if is_wanted {
                        runs.push(row);
                    }
                }
            }
        }
        runs.0
    }

    fn row_passes(&self, row: usize, query: &Query) -> bool {
        (query.windows.is_empty() || query.windows.contains(&self.window(row)))
            && (query.without == Flags::NONE || !self.row(row).flags().intersects(query.without))
            && query.accepts_low(|| {
                self.row(row).indexed(query.standard)?.bound(Bound::Low).map(aqi::Index::place)
            })
    }

    /// The rows after a position of the query's countries and time range; no range is empty.
    fn time_spans(
        &self,
        query: &Query,
        after: Option<Position>,
    ) -> impl Iterator<Item = Range<usize>> {
        let midnight = i64::from(self.day) * SECONDS_A_DAY;
        let (from, until) = (whole_seconds_up(query.from), query.until.as_second());
        let first_row = after
            .map_or(0, |after| self.rows_where(0..self.len(), |row| self.position(row) <= after));
        let mut start = 0;
        self.countries.iter().filter_map(move |rows| {
            let of_country = start..rows.end as usize;
            start = of_country.end;
            if first_row >= of_country.end || !query.accepts_country(rows.country) {
                return None;
            }
            let before = |limit: i64| {
                self.rows_where(of_country.clone(), |row| {
                    midnight + (self.seconds.get(row) as i64) < limit
                })
            };
            let span = before(from).max(first_row)..before(until.saturating_add(1));
            (!span.is_empty()).then_some(span)
        })
    }

    /// The partition point of a range by a predicate.
    fn rows_where(&self, range: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low.midpoint(high);
            match holds(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

/// Which rows of a run have an index that matches the query.
struct Accepted<'a> {
    query: &'a Query,
    indexer: Indexer<'a>,
    /// The results for low positions.
    known: [bool; 16],
}

impl<'a> Accepted<'a> {
    /// `None` if the query does not filter by index.
    fn by(query: &'a Query, block: &'a Block) -> Option<Self> {
        if !query.asks_for_indices() {
            return None;
        }
        let known = std::array::from_fn(|place| Self::accepts(query, place as u64));
        Some(Self { query, indexer: Indexer::new(block, query.standard), known })
    }

    fn accepts(query: &Query, place: u64) -> bool {
        place > 0 && query.accepts_number(Indexer::number_at(query.standard, place))
    }

    fn wants_place(&self, place: u64) -> bool {
        match self.known.get(place as usize) {
            Some(known) => *known,
            None => Self::accepts(self.query, place),
        }
    }

    fn wants(&self, at: usize) -> bool {
        self.wants_place(self.indexer.places()[at])
    }

    fn count(&self, rows: Range<usize>) -> usize {
        self.indexer.places()[rows].iter().filter(|place| self.wants_place(**place)).count()
    }
}

#[derive(Default)]
struct Runs(Vec<Range<usize>>);

impl Runs {
    /// Rows are pushed in ascending order.
    fn push(&mut self, row: usize) {
        self.push_all(row..row + 1);
    }

    fn push_all(&mut self, rows: Range<usize>) {
        match self.0.last_mut() {
            Some(run) if run.end == rows.start => run.end = rows.end,
            _ => self.0.push(rows),
        }
    }
}
