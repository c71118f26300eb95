//! Statistics of readings: counts, means, medians, and the excluded readings.
//!
//! Sums and medians are exact: values with at most two decimals are counted by value, others are
//! summed as decimals. The size of a tally depends on the number of distinct values, not of
//! readings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use aqi::Decimal;
use jiff::Timestamp;

use crate::blocks::{Block, Cell, SECONDS_A_DAY, Scanned, Short, Stations};
use crate::flags::StationFlags;
use crate::{AqiStandard, Country, Flags, LeftOut, Page, Quality, Sensor};

/// The number of decimals of means and medians.
const DECIMALS: u32 = 2;

/// Concentration in µg/m³ above which the median no longer distinguishes values: five times the
/// range of any sensor.
const HIGHEST: i64 = 10_000;

/// Tallies by country, with the index and the rule for included readings.
#[derive(Debug, Clone)]
pub struct Tallies {
    standard: AqiStandard,
    quality: Quality,
    /// The newest timestamp of each sensor; for a missing sensor, each reading is evidence by
    /// itself.
    heard: HashMap<Sensor, Timestamp>,
    /// The reference time for silence.
    now: Timestamp,
    countries: BTreeMap<Option<Country>, Tally>,
}

impl Tallies {
    /// Empty tallies. `heard` has the newest timestamps of sensors; for other sensors, each reading
    /// is evidence by itself. `now` is the reference time of the means.
    pub fn new(
        standard: AqiStandard,
        quality: Quality,
        heard: HashMap<Sensor, Timestamp>,
        now: Timestamp,
    ) -> Self {
        Self { standard, quality, heard, now, countries: BTreeMap::new() }
    }

    /// Adds the rows of a page.
    pub fn add(&mut self, page: &Page) {
        for run in &page.runs {
            for (country, rows) in run.block.by_country(run.rows.clone()) {
                let tally = self.countries.entry(country).or_default();
                let mut known = Known::of(&run.block, self.quality, &self.heard, self.now);
                run.block.scan(rows, self.standard, |row| {
                    let left_out = known.left_out(&row);
                    tally.add(&row, left_out, || known.sensor(row.station));
                });
            }
        }
    }

    /// The tally of each country with readings, none first.
    pub fn countries(&self) -> &BTreeMap<Option<Country>, Tally> {
        &self.countries
    }

    /// The tally of all countries together.
    pub fn all(&self) -> Tally {
        let mut all = Tally::default();
        self.countries.values().for_each(|tally| all.merge(tally));
        all
    }
}

/// The statistics of some readings.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    readings: u64,
    sensors: HashSet<Sensor>,
    without_index: u64,
    indices: Counts,
    averaged: Counts,
    pm10: Values,
    pm25: Values,
    left_out: Reasons,
}

impl Tally {
    /// The number of readings, without those excluded for a flag.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// The number of sensors.
    pub fn sensors(&self) -> usize {
        self.sensors.len()
    }

    /// The number of readings without an index.
    pub fn without_index(&self) -> u64 {
        self.without_index
    }

    /// The number of readings by index value (the number in the column `AQI`), in order, without
    /// zeros.
    pub fn indices(&self) -> impl Iterator<Item = (u32, u64)> {
        self.indices.iter()
    }

    /// The number of readings in means and medians: those with an index that are not excluded.
    pub fn averaged(&self) -> u64 {
        self.averaged.iter().map(|(_, count)| count).sum()
    }

    /// The mean index.
    pub fn mean_index(&self) -> Option<Decimal> {
        let of_each =
            self.averaged.iter().map(|(n, count)| Decimal::from(n) * Decimal::from(count));
        Some(of_each.sum::<Decimal>().checked_div(self.averaged().into())?.round_dp(DECIMALS))
    }

    /// The median index.
    pub fn median_index(&self) -> Option<Decimal> {
        let counts = self.averaged.iter().map(|(number, count)| (i64::from(number), count));
        median(counts).map(|twice| Decimal::from(twice) / Decimal::TWO)
    }

    /// PM10 in µg/m³.
    pub fn pm10(&self) -> &Values {
        &self.pm10
    }

    /// PM2.5 in µg/m³.
    pub fn pm25(&self) -> &Values {
        &self.pm25
    }

    /// The readings excluded from means and medians.
    pub fn left_out(&self) -> &Reasons {
        &self.left_out
    }

    /// A reading excluded for a flag is counted nowhere else; one excluded for another reason is
    /// only excluded from means and medians.
    fn add(&mut self, row: &Scanned, left_out: LeftOut, sensor: impl FnOnce() -> Option<Sensor>) {
        self.left_out.add(left_out);
        if !left_out.flags.is_empty() {
            return;
        }
        self.readings += 1;
        self.sensors.extend(sensor());
        let Some(index) = row.index else {
            self.without_index += 1;
            return;
        };
        self.indices.add(index);
        if left_out.is_empty() {
            self.averaged.add(index);
            self.pm10.add(row.values[0]);
            self.pm25.add(row.values[1]);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.readings += other.readings;
        self.sensors.extend(&other.sensors);
        self.without_index += other.without_index;
        self.indices.merge(&other.indices);
        self.averaged.merge(&other.averaged);
        self.pm10.merge(&other.pm10);
        self.pm25.merge(&other.pm25);
        self.left_out.merge(&other.left_out);
    }
}

/// Readings by their index.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// Counts of the numbers from 0 on.
    low: [u64; Self::LOW],
    others: BTreeMap<u32, u64>,
}

impl Counts {
    const LOW: usize = 16;

    #[inline]
    fn add(&mut self, number: u32) {
        match self.low.get_mut(number as usize) {
            Some(count) => *count += 1,
            None => *self.others.entry(number).or_default() += 1,
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, u64)> + Clone {
        let low = (0u32..).zip(self.low).filter(|(_, count)| *count > 0);
        low.chain(self.others.iter().map(|(number, count)| (*number, *count)))
    }

    fn merge(&mut self, other: &Self) {
        self.low.iter_mut().zip(other.low).for_each(|(sum, count)| *sum += count);
        for (number, count) in &other.others {
            *self.others.entry(*number).or_default() += count;
        }
    }
}

/// The number of excluded readings, by reason. A reading with several reasons counts for each.
#[derive(Debug, Clone, Default)]
pub struct Reasons {
    readings: u64,
    flags: [u64; Flags::NAMES.len()],
    indoor: u64,
    silent: u64,
}

impl Reasons {
    /// Adds the reasons why a reading is excluded, if any.
    #[inline]
    pub fn add(&mut self, left_out: LeftOut) {
        if left_out.is_empty() {
            return;
        }
        self.readings += 1;
        for (count, (flag, _)) in self.flags.iter_mut().zip(Flags::NAMES) {
            *count += u64::from(left_out.flags.contains(flag));
        }
        self.indoor += u64::from(left_out.indoor);
        self.silent += u64::from(left_out.silent);
    }

    /// The number of excluded readings.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// The number by reason: the name of a flag, `indoor` or `silent`.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let flags = Flags::NAMES.iter().zip(self.flags).map(|((_, name), count)| (*name, count));
        let all = flags.chain([("indoor", self.indoor), ("silent", self.silent)]);
        all.filter(|(_, count)| *count > 0).collect()
    }

    fn merge(&mut self, other: &Self) {
        self.readings += other.readings;
        self.flags.iter_mut().zip(other.flags).for_each(|(sum, count)| *sum += count);
        self.indoor += other.indoor;
        self.silent += other.silent;
    }
}

/// Averaged concentrations, in µg/m³.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// The count of each hundredth, from 0 on.
    low: Vec<u64>,
    /// The counts of other hundredths: below 0, or very high.
    others: BTreeMap<i64, u64>,
    count: u64,
    /// The sum of those with at most two decimals, in hundredths.
    hundredths: i128,
    /// The sum of the others.
    rest: Decimal,
    /// That sum exceeded the range of a decimal: there is no mean.
    beyond: bool,
}

impl Values {
    /// Hundredths below this are counted in an array: up to 163.83 µg/m³.
    const LOW: u64 = 1 << 14;

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean, to two decimals.
    pub fn mean(&self) -> Option<Decimal> {
        let hundredths = Decimal::try_from_i128_with_scale(self.hundredths, DECIMALS).ok();
        let sum = hundredths?.checked_add(self.rest).filter(|_| !self.beyond)?;
        Some(sum.checked_div(self.count.into())?.round_dp(DECIMALS))
    }

    /// Their median, to two decimals, capped at 10,000 µg/m³.
    pub fn median(&self) -> Option<Decimal> {
        let below = self.others.range(..0);
        let low = (0i64..).zip(&self.low).filter(|(_, count)| **count > 0);
        let above = self.others.range(0..).map(|(value, count)| (*value, *count));
        let below = below.map(|(value, count)| (*value, *count));
        let all = below.chain(low.map(|(value, count)| (value, *count))).chain(above);
        let twice = median(all)?;
        Some((Decimal::new(twice, DECIMALS) / Decimal::TWO).round_dp(DECIMALS))
    }

    #[inline]
    fn add(&mut self, cell: Cell) {
        match cell {
            Cell::Absent => {}
            Cell::Short(Short { negative: false, digits, places: places @ 0..=DECIMALS })
                if digits < Self::LOW =>
            {
                let hundredths = digits * [100, 10, 1][places as usize];
                self.count += 1;
                self.hundredths += i128::from(hundredths);
                self.count_hundredths(hundredths as i64); // below 2^23
            }
            Cell::Short(_) | Cell::Long(_) => self.add_rest(cell.decimal().unwrap_or_default()),
        }
    }

    #[cold]
    fn add_rest(&mut self, value: Decimal) {
        self.count += 1;
        match self.rest.checked_add(value) {
            Some(sum) => self.rest = sum,
            None => self.beyond = true,
        }
        let most = Decimal::from(HIGHEST);
        let mut hundredths = value.clamp(-most, most).round_dp(DECIMALS);
        hundredths.rescale(DECIMALS);
        // Values below ten thousand are small numbers.
        self.count_hundredths(i64::try_from(hundredths.mantissa()).unwrap_or_default());
    }

    #[inline]
    fn count_hundredths(&mut self, hundredths: i64) {
        let hundredths = hundredths.min(HIGHEST * 100);
        match usize::try_from(hundredths) {
            Ok(place) if place < Self::LOW as usize => {
                if place >= self.low.len() {
                    self.low.resize((place + 1).next_power_of_two(), 0);
                }
                self.low[place] += 1;
            }
            _ => *self.others.entry(hundredths).or_default() += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        if other.low.len() > self.low.len() {
            self.low.resize(other.low.len(), 0);
        }
        self.low.iter_mut().zip(&other.low).for_each(|(sum, count)| *sum += count);
        for (value, count) in &other.others {
            *self.others.entry(*value).or_default() += count;
        }
        self.count += other.count;
        self.hundredths += other.hundredths;
        self.beyond |= other.beyond;
        match self.rest.checked_add(other.rest) {
            Some(sum) => self.rest = sum,
            None => self.beyond = true,
        }
    }
}

/// Cached attributes of a block's stations.
struct Known<'a> {
    stations: &'a Arc<Stations>,
    quality: Quality,
    heard: &'a HashMap<Sensor, Timestamp>,
    now: Timestamp,
    /// The first second of the block's day.
    midnight: i64,
    of_each: Vec<Option<OfStation>>,
}

#[derive(Clone, Copy)]
struct OfStation {
    sensor: Sensor,
    flags: StationFlags,
    indoor: bool,
    /// Whether it is silent; `None`: each reading is evidence by itself.
    silent: Option<bool>,
    counted: bool,
}

impl<'a> Known<'a> {
    fn of(
        block: &'a Block,
        quality: Quality,
        heard: &'a HashMap<Sensor, Timestamp>,
        now: Timestamp,
    ) -> Self {
        let (stations, midnight) = (block.stations(), i64::from(block.day) * SECONDS_A_DAY);
        let of_each = vec![None; stations.count()];
        Self { stations, quality, heard, now, midnight, of_each }
    }

    #[inline]
    fn station(&mut self, number: usize) -> &mut OfStation {
        let Self { stations, heard, now, .. } = self;
        self.of_each[number].get_or_insert_with(|| {
            let sensor = stations.sensor(number);
            let silent = |heard: &Timestamp| now.duration_since(*heard) > LeftOut::SILENCE;
            OfStation {
                sensor,
                flags: stations.flags(number),
                indoor: stations.indoor(number) == Some(true),
                silent: heard.get(&sensor).map(silent),
                counted: false,
            }
        })
    }

    /// Why a row is excluded; see [`LeftOut::of`].
    #[inline]
    fn left_out(&mut self, row: &Scanned) -> LeftOut {
        if self.quality == Quality::All {
            return LeftOut::default();
        }
        let moment = self.midnight + i64::from(row.second);
        let now = self.now;
        let OfStation { flags, indoor, silent, .. } = *self.station(row.station);
        let flags = flags.with_values(row.values).union(row.flags_of_mean);
        let flags = flags.intersection(Flags::IMPLAUSIBLE);
        let silent = silent.unwrap_or_else(|| {
            let moment = Timestamp::from_second(moment).unwrap_or(now);
            now.duration_since(moment) > LeftOut::SILENCE
        });
        LeftOut { flags, indoor, silent }
    }

    /// The sensor of a station, at its first row.
    #[inline]
    fn sensor(&mut self, number: usize) -> Option<Sensor> {
        let station = self.station(number);
        (!std::mem::replace(&mut station.counted, true)).then_some(station.sensor)
    }
}

/// Twice the median of sorted values with counts: the sum of the two middle ones for an even total.
fn median(counts: impl Iterator<Item = (i64, u64)> + Clone) -> Option<i64> {
    let count: u64 = counts.clone().map(|(_, count)| count).sum();
    let nth = |n: u64| {
        let mut seen = 0;
        counts.clone().find_map(|(value, count)| {
            seen += count;
            (seen > n).then_some(value)
        })
    };
    Some(nth(count.checked_sub(1)? / 2)? + nth(count / 2)?)
}
