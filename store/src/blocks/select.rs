//! Which rows of a block a query wants.

use std::ops::Range;

use super::block::Block;
use super::day::{SECONDS_A_DAY, whole_seconds_up};
use super::indexer::{Indexer, NO_INDEX};
use super::integers::{Numbers, RUN};
use super::stations::Stations;
use crate::{Flags, Position, Query};

impl Stations {
    /// For every station whether it is wanted; `None` when the query does not ask for some.
    pub(crate) fn accepted(&self, query: &Query) -> Option<Vec<bool>> {
        let Query { sensors, sensor_types, indoor, area, .. } = query;
        if !query.asks_for_stations() {
            return None;
        }
        let is_wanted = |number: usize| {
            (sensors.is_empty() || sensors.contains(&self.sensor(number)))
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
    /// The runs of rows after a position that match, in order.
    pub(crate) fn select(&self, query: &Query, after: Option<Position>) -> Vec<Range<usize>> {
        let mut accepted = Accepted::by(query);
        let stations = self.stations.accepted(query);
        if stations.as_ref().is_some_and(|stations| !stations.contains(&true)) {
            return Vec::new();
        }
        let by_row = !query.windows.is_empty() || query.without != Flags::NONE;
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
                    accepted.read(self, run);
                    let of_run = rows.start - first..rows.end - first;
                    let wanted = accepted.wanted[of_run].iter().filter(|wanted| **wanted).count();
                    // Rows of a high index are far between, those of a low one close together.
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
                    let is_wanted = accepted.as_ref().is_none_or(|accepted| accepted.wanted[at])
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
    }

    /// The rows after a position that are of the query's countries and time; no span is
    /// empty.
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

    /// The end of the first rows of a range, those for which something holds.
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

/// Which rows of a run have an index that a query asks for.
struct Accepted<'a> {
    query: &'a Query,
    indexer: Indexer,
    wanted: [bool; RUN],
    /// The answers for low numbers.
    known: [bool; 16],
}

impl<'a> Accepted<'a> {
    /// `None` where it asks for none.
    fn by(query: &'a Query) -> Option<Self> {
        let known = std::array::from_fn(|number| query.accepts_number(number as u32));
        let indexer = Indexer::new(query.standard);
        let accepted = Self { query, indexer, wanted: [false; RUN], known };
        query.asks_for_indices().then_some(accepted)
    }

    fn read(&mut self, block: &Block, run: usize) {
        self.indexer.read(block, run);
        for (wanted, number) in self.wanted.iter_mut().zip(self.indexer.numbers()) {
            *wanted = match self.known.get(*number as usize) {
                Some(known) => *known,
                None => *number != NO_INDEX && self.query.accepts_number(*number),
            };
        }
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
