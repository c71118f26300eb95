//! Readings of one UTC day, as columns in the order of rows.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::sync::OnceLock;

use aqi::Decimal;
use aqi::daqi::{Band, Index};
use jiff::Timestamp;

use crate::csv::BlockText;
use crate::{Country, Flags, Position, Query, Reading, SensorType, Window};

pub(crate) const SECONDS_A_DAY: i64 = 86_400;

/// The days that a reading can lie in: 0000-01-01, where four-digit years begin, to
/// 9999-12-29, the last day that jiff can represent to its end.
pub(crate) const DAYS: RangeInclusive<i32> = -719_528..=2_932_894;

/// Immutable columns of readings of one UTC day, sorted by country, timestamp, sensor
/// and window. What many rows share (the sensor's model and place) is kept once.
#[derive(Debug)]
pub struct Block {
    pub(crate) day: i32,
    /// The countries in order; most blocks have one.
    pub(crate) countries: Vec<CountryRows>,
    /// Seconds of the day.
    pub(crate) seconds: Vec<u32>,
    pub(crate) sensors: Vec<u64>,
    pub(crate) windows: Vec<Window>,
    /// 0 for no index.
    pub(crate) indices: Vec<u8>,
    pub(crate) pm10: Vec<Option<Decimal>>,
    pub(crate) pm25: Vec<Option<Decimal>>,
    pub(crate) measurements: Vec<Option<u64>>,
    /// For every row, its station's number in `stations`.
    pub(crate) station: Vec<u32>,
    pub(crate) stations: Vec<Station>,
    /// The rows as CSV of the default columns, once they were asked for often enough.
    pub(crate) text: BlockText,
    /// The rows with a flag of [`Flags::IMPLAUSIBLE`], in order, once they were asked for.
    pub(crate) implausible: OnceLock<Box<[u32]>>,
}

/// The rows of one country: from where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountryRows {
    pub(crate) country: Option<Country>,
    pub(crate) end: u32,
}

/// What the readings of a sensor have in common as long as it stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Station {
    pub(crate) sensor_type: Option<SensorType>,
    pub(crate) location: Option<u64>,
    pub(crate) latitude: Option<Decimal>,
    pub(crate) longitude: Option<Decimal>,
    pub(crate) altitude: Option<Decimal>,
    pub(crate) indoor: Option<bool>,
    pub(crate) exact: Option<bool>,
}

impl Station {
    pub(crate) fn of(reading: &Reading) -> Self {
        Self {
            sensor_type: reading.sensor_type,
            location: reading.location,
            latitude: reading.latitude,
            longitude: reading.longitude,
            altitude: reading.altitude,
            indoor: reading.indoor,
            exact: reading.exact,
        }
    }

    /// Whether it prints the same: `2.0` and `2.00` compare equal.
    pub(crate) fn is_exactly(&self, other: &Self) -> bool {
        let scales = |s: &Self| {
            [s.latitude, s.longitude, s.altitude].map(|number| number.map(|n| n.scale()))
        };
        self == other && scales(self) == scales(other)
    }
}

/// Where a row of a new block comes from. The old rows of one block are all of one other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Kept(&'a Block, usize),
    New(&'a Reading),
}

/// The numbers that stations have got in a block being made.
#[derive(Default)]
struct StationNumbers {
    of_sensor: HashMap<u64, u32, foldhash::fast::RandomState>,
    of_old: Vec<Option<u32>>,
}

impl Block {
    /// From rows of one day, in order, without two of one identity.
    pub(crate) fn from_sorted(rows: &[Source<'_>]) -> Self {
        let mut block = Self::with_capacity(rows.len());
        let mut numbers = StationNumbers::default();
        for (row, source) in rows.iter().enumerate() {
            let (country, day) = match source {
                Source::Kept(old, row) => (old.country(*row), old.day),
                Source::New(reading) => (reading.country, day_and_second(reading.timestamp).0),
            };
            let end = row as u32 + 1; // a block's rows are few
            match block.countries.last_mut() {
                Some(last) if last.country == country => last.end = end,
                _ => block.countries.push(CountryRows { country, end }),
            }
            block.day = day;
            match source {
                Source::Kept(old, row) => block.push_kept(old, *row, &mut numbers),
                Source::New(reading) => block.push_new(reading, &mut numbers),
            }
        }
        block
    }

    fn with_capacity(rows: usize) -> Self {
        Self {
            day: 0,
            countries: Vec::new(),
            seconds: Vec::with_capacity(rows),
            sensors: Vec::with_capacity(rows),
            windows: Vec::with_capacity(rows),
            indices: Vec::with_capacity(rows),
            pm10: Vec::with_capacity(rows),
            pm25: Vec::with_capacity(rows),
            measurements: Vec::with_capacity(rows),
            station: Vec::with_capacity(rows),
            stations: Vec::new(),
            text: BlockText::default(),
            implausible: OnceLock::new(),
        }
    }

    fn push_kept(&mut self, old: &Block, row: usize, numbers: &mut StationNumbers) {
        let old_station = old.station[row] as usize;
        numbers.of_old.resize(numbers.of_old.len().max(old.stations.len()), None);
        let number = match numbers.of_old[old_station] {
            Some(number) => number,
            None => {
                let number = self.number(old.sensors[row], old.stations[old_station], numbers);
                *numbers.of_old[old_station].insert(number)
            }
        };
        self.station.push(number);
        self.seconds.push(old.seconds[row]);
        self.sensors.push(old.sensors[row]);
        self.windows.push(old.windows[row]);
        self.indices.push(old.indices[row]);
        self.pm10.push(old.pm10[row]);
        self.pm25.push(old.pm25[row]);
        self.measurements.push(old.measurements[row]);
    }

    fn push_new(&mut self, reading: &Reading, numbers: &mut StationNumbers) {
        let number = self.number(reading.sensor, Station::of(reading), numbers);
        self.station.push(number);
        self.seconds.push(day_and_second(reading.timestamp).1);
        self.sensors.push(reading.sensor);
        self.windows.push(reading.window);
        self.indices.push(reading.index().map_or(0, Index::get));
        self.pm10.push(reading.pm10);
        self.pm25.push(reading.pm25);
        self.measurements.push(reading.measurement);
    }

    /// The number of a sensor's station, which is nearly always where it was last.
    fn number(&mut self, sensor: u64, station: Station, numbers: &mut StationNumbers) -> u32 {
        let known = numbers.of_sensor.get(&sensor).copied();
        match known.filter(|number| self.stations[*number as usize].is_exactly(&station)) {
            Some(number) => number,
            None => {
                self.stations.push(station);
                let number = self.stations.len() as u32 - 1;
                numbers.of_sensor.insert(sensor, number);
                number
            }
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// Whether there are no rows; a store hands out no such block.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// One row. Panics when `row` is not below [`len`](Self::len), as a slice does.
    pub fn row(&self, row: usize) -> Row<'_> {
        assert!(row < self.len(), "row {row} of a block of {}", self.len());
        Row { block: self, row }
    }

    pub(crate) fn position(&self, row: usize) -> Position {
        Position {
            day: self.day,
            country: self.country(row),
            second: self.seconds[row],
            sensor: self.sensors[row],
            window: self.windows[row],
        }
    }

    pub(crate) fn country(&self, row: usize) -> Option<Country> {
        let number = match self.countries.as_slice() {
            [_] => 0,
            several => several.partition_point(|rows| rows.end as usize <= row),
        };
        self.countries[number].country
    }

    /// How many of some rows have a flag of [`Flags::IMPLAUSIBLE`].
    pub(crate) fn count_implausible(&self, rows: &Range<usize>) -> usize {
        let all = self.implausible.get_or_init(|| {
            let numbers = 0..self.len() as u32; // a block's rows are few
            let is_one = |row: &u32| self.row(*row as usize).flags().intersects(Flags::IMPLAUSIBLE);
            numbers.filter(is_one).collect()
        });
        let before = |row: usize| all.partition_point(|one| (*one as usize) < row);
        before(rows.end) - before(rows.start)
    }

    /// A bit for each index that occurs; bit 0 for rows without one.
    pub(crate) fn index_bits(&self) -> u16 {
        self.indices.iter().fold(0, |bits, index| bits | 1 << index)
    }

    /// Bytes of memory, roughly, with the text whether it is there already or not: so
    /// much it will take.
    pub(crate) fn memory_bytes(&self) -> usize {
        let row = size_of::<(u32, u64, Window, u8, u32)>()
            + 2 * size_of::<Option<Decimal>>()
            + size_of::<Option<u64>>()
            + BlockText::TYPICAL_ROW_BYTES;
        self.len() * row + self.stations.len() * size_of::<Station>() + size_of::<Self>()
    }

    /// The runs of rows after a position that match, in order.
    pub(crate) fn select(&self, query: &Query, after: Option<Position>) -> Vec<Range<usize>> {
        let accepted = query.accepted_indices();
        let all_indices = accepted.iter().all(|index| *index);
        let stations = self.accepted_stations(query);
        let mut runs = Runs::default();
        for span in self.time_spans(query, after) {
            match &stations {
                None if all_indices => runs.0.push(span),
                None => self.push_by_index(&mut runs, span, &accepted),
                Some(stations) => {
                    let wanted = |row: &usize| self.row_passes(*row, query, &accepted, stations);
                    span.filter(wanted).for_each(|row| runs.push(row));
                }
            }
        }
        runs.0
    }

    fn row_passes(
        &self,
        row: usize,
        query: &Query,
        accepted: &[bool; 11],
        stations: &[bool],
    ) -> bool {
        accepted[usize::from(self.indices[row])]
            && stations[self.station[row] as usize]
            && (query.sensors.is_empty() || query.sensors.contains(&self.sensors[row]))
            && (query.windows.is_empty() || query.windows.contains(&self.windows[row]))
            && !(Row { block: self, row }).flags().intersects(query.without)
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
        let first_row = after.map_or(0, |after| self.rows_up_to(after));
        let mut start = 0;
        self.countries.iter().filter_map(move |rows| {
            let of_country = start..rows.end as usize;
            start = of_country.end;
            if first_row >= of_country.end || !query.accepts_country(rows.country) {
                return None;
            }
            let seconds = &self.seconds[of_country.clone()];
            let before = |limit: i64| {
                let earlier = seconds.partition_point(|s| midnight + i64::from(*s) < limit);
                of_country.start + earlier
            };
            let span = before(from).max(first_row)..before(until.saturating_add(1));
            (!span.is_empty()).then_some(span)
        })
    }

    /// The number of rows up to a position, itself included.
    fn rows_up_to(&self, position: Position) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.position(middle) <= position {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// Adds the rows whose index is accepted. Rows of a query by index are rare and
    /// far between: stretches without one are passed over whole.
    fn push_by_index(&self, runs: &mut Runs, span: Range<usize>, accepted: &[bool; 11]) {
        const STRETCH: usize = 64;
        let lowest = accepted.iter().position(|index| *index).unwrap_or(0) as u8; // at most 10
        let highest = accepted.iter().rposition(|index| *index).unwrap_or(0) as u8;
        let mut start = span.start;
        for stretch in self.indices[span].chunks(STRETCH) {
            let within = |index: &u8| (*index >= lowest) & (*index <= highest);
            if stretch.iter().fold(false, |any, index| any | within(index)) {
                for (row, index) in stretch.iter().enumerate() {
                    if accepted[usize::from(*index)] {
                        runs.push(start + row);
                    }
                }
            }
            start += stretch.len();
        }
    }

    /// For every station whether it is wanted; `None` when no filter looks at anything
    /// but time and index.
    fn accepted_stations(&self, query: &Query) -> Option<Vec<bool>> {
        let Query { sensors, sensor_types, windows, indoor, area, without, .. } = query;
        let by_row = !sensors.is_empty() || !windows.is_empty() || !without.is_empty();
        let by_station = !sensor_types.is_empty() || indoor.is_some() || area.is_some();
        if !by_row && !by_station {
            return None;
        }
        let accepts = |station: &Station| {
            (sensor_types.is_empty()
                || station.sensor_type.is_some_and(|kind| sensor_types.contains(&kind)))
                && (indoor.is_none() || *indoor == station.indoor)
                && area.is_none_or(|area| area.contains_place(station.latitude, station.longitude))
        };
        Some(self.stations.iter().map(accepts).collect())
    }
}

#[derive(Default)]
struct Runs(Vec<Range<usize>>);

impl Runs {
    /// Rows are pushed in ascending order.
    fn push(&mut self, row: usize) {
        match self.0.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => self.0.push(row..row + 1),
        }
    }
}

/// One row of a block.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(crate) block: &'a Block,
    pub(crate) row: usize,
}

impl<'a> Row<'a> {
    /// The index, as it follows from the values.
    pub fn index(&self) -> Option<Index> {
        Index::new(self.block.indices[self.row]).ok()
    }

    /// The band of the index.
    pub fn band(&self) -> Option<Band> {
        self.index().map(Index::band)
    }

    /// The sensor's id.
    pub fn sensor(&self) -> u64 {
        self.block.sensors[self.row]
    }

    /// The averaging window.
    pub fn window(&self) -> Window {
        self.block.windows[self.row]
    }

    /// What is doubtful about the reading.
    pub fn flags(&self) -> Flags {
        Flags::of(self.station(), self.block.pm10[self.row], self.block.pm25[self.row])
    }

    /// The end of the averaging window, UTC.
    pub fn timestamp(&self) -> Timestamp {
        let midnight = i64::from(self.block.day) * SECONDS_A_DAY;
        let second = midnight + i64::from(self.block.seconds[self.row]);
        // Blocks are made from timestamps, or decoded with their range checked.
        Timestamp::from_second(second).unwrap_or_default()
    }

    /// The row as a reading of its own.
    pub fn reading(&self) -> Reading {
        let Self { block, row } = *self;
        let station = self.station();
        Reading {
            sensor: block.sensors[row],
            window: block.windows[row],
            timestamp: self.timestamp(),
            measurement: block.measurements[row],
            pm10: block.pm10[row],
            pm25: block.pm25[row],
            sensor_type: station.sensor_type,
            location: station.location,
            latitude: station.latitude,
            longitude: station.longitude,
            altitude: station.altitude,
            country: block.country(row),
            indoor: station.indoor,
            exact: station.exact,
        }
    }

    pub(crate) fn country(&self) -> Option<Country> {
        self.block.country(self.row)
    }

    pub(crate) fn station(&self) -> &'a Station {
        &self.block.stations[self.block.station[self.row] as usize]
    }
}

/// Why a reading cannot have this timestamp.
pub(crate) fn timestamp_problem(timestamp: Timestamp) -> Option<&'static str> {
    if timestamp.subsec_nanosecond() != 0 {
        return Some("has a timestamp with a fraction of a second; they are whole seconds");
    }
    let in_range = DAYS.contains(&day_and_second(timestamp).0);
    (!in_range).then_some("has a timestamp outside the years 0 to 9999")
}

/// The UTC day since 1970 and the second of that day.
pub(crate) fn day_and_second(timestamp: Timestamp) -> (i32, u32) {
    let second = timestamp.as_second();
    // A Timestamp's years run from -9999 to 9999: the days fit.
    (second.div_euclid(SECONDS_A_DAY) as i32, second.rem_euclid(SECONDS_A_DAY) as u32)
}

/// The first whole second that is not before a moment.
pub(crate) fn whole_seconds_up(timestamp: Timestamp) -> i64 {
    timestamp.as_second() + i64::from(timestamp.subsec_nanosecond() > 0)
}
