//! The columns of a series: its readings, or intervals of them.

use aqi::{Decimal, Index};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;
use store::{AqiStandard, Column, Reading, Row, Window};

use super::super::answer::number;

/// The columns of a series, all of the same length.
#[derive(Serialize, Default)]
pub(super) struct Columns {
    /// Seconds since 1970, UTC; of an interval, of its last reading.
    timestamp: Vec<i64>,
    /// The index; of an interval, that of its means.
    #[serde(rename = "AQI")]
    index: Vec<Option<u32>>,
    /// Of an interval, means.
    #[serde(flatten)]
    values: Values,
    /// Seconds of an interval; `None`: each point is a reading.
    #[serde(rename = "intervalSeconds")]
    interval: Option<i64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    extremes: Option<Extremes>,
}

#[derive(Serialize, Default)]
struct Values {
    /// µg/m³.
    #[serde(rename = "P1")]
    pm10: Vec<Option<Number>>,
    /// µg/m³.
    #[serde(rename = "P2")]
    pm25: Vec<Option<Number>>,
    /// °C.
    #[serde(skip_serializing_if = "is_unknown")]
    temperature: Vec<Option<Number>>,
    /// Relative, in %.
    #[serde(skip_serializing_if = "is_unknown")]
    humidity: Vec<Option<Number>>,
}

fn is_unknown(values: &[Option<Number>]) -> bool {
    values.iter().all(Option::is_none)
}

/// The maximum number of decimals of a mean. Its index is that of the mean before it is rounded.
const DECIMALS: u32 = 6;

/// The columns of [`Values`].
const VALUES: [Column; 4] = [Column::P1, Column::P2, Column::Temperature, Column::Humidity];

/// The number of readings in each interval, and the least and greatest values.
#[derive(Serialize, Default)]
struct Extremes {
    readings: Vec<u32>,
    #[serde(rename = "P1_min")]
    pm10_min: Vec<Option<Number>>,
    #[serde(rename = "P1_max")]
    pm10_max: Vec<Option<Number>>,
    #[serde(rename = "P2_min")]
    pm25_min: Vec<Option<Number>>,
    #[serde(rename = "P2_max")]
    pm25_max: Vec<Option<Number>>,
    #[serde(skip_serializing_if = "is_unknown")]
    temperature_min: Vec<Option<Number>>,
    #[serde(skip_serializing_if = "is_unknown")]
    temperature_max: Vec<Option<Number>>,
    #[serde(skip_serializing_if = "is_unknown")]
    humidity_min: Vec<Option<Number>>,
    #[serde(skip_serializing_if = "is_unknown")]
    humidity_max: Vec<Option<Number>>,
    #[serde(rename = "AQI_min")]
    index_min: Vec<Option<u32>>,
    #[serde(rename = "AQI_max")]
    index_max: Vec<Option<u32>>,
}

impl Columns {
    /// Approximate size in memory.
    pub(super) fn bytes(&self) -> usize {
        let columns = if self.extremes.is_some() { 17 } else { 6 };
        self.timestamp.len() * columns * 32
    }

    fn push(&mut self, second: i64, values: [Option<Decimal>; 4], index: Option<u32>) {
        let [pm10, pm25, temperature, humidity] = values.map(|value| value.and_then(number));
        self.timestamp.push(second);
        self.index.push(index);
        self.values.pm10.push(pm10);
        self.values.pm25.push(pm25);
        self.values.temperature.push(temperature);
        self.values.humidity.push(humidity);
    }
}

impl Extremes {
    fn push(&mut self, interval: &Interval) {
        self.readings.push(interval.readings);
        let columns = [
            [&mut self.pm10_min, &mut self.pm10_max],
            [&mut self.pm25_min, &mut self.pm25_max],
            [&mut self.temperature_min, &mut self.temperature_max],
            [&mut self.humidity_min, &mut self.humidity_max],
        ];
        for ([least, greatest], spread) in columns.into_iter().zip(interval.values) {
            least.push(spread.least.and_then(number));
            greatest.push(spread.greatest.and_then(number));
        }
        self.index_min.push(interval.index.map(|(least, _)| least));
        self.index_max.push(interval.index.map(|(_, greatest)| greatest));
    }
}

/// The readings of a series with one averaging period, in any order.
pub(super) struct Points {
    /// The first second, and the seconds of an interval.
    from: i64,
    interval: i64,
    /// Maximum number of readings that are returned one by one.
    most: usize,
    /// Each reading, while there are not too many.
    readings: Vec<Point>,
    intervals: Vec<Interval>,
    count: usize,
}

#[derive(Clone, Copy)]
struct Point {
    second: i64,
    values: [Option<Decimal>; 4],
    index: Option<u32>,
}

#[derive(Clone, Default)]
struct Interval {
    last: i64,
    readings: u32,
    values: [Spread; 4],
    /// The least and the greatest.
    index: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Default)]
struct Spread {
    sum: Decimal,
    count: u32,
    least: Option<Decimal>,
    greatest: Option<Decimal>,
}

impl Points {
    pub(super) fn new(from: i64, interval: i64, most: usize) -> Self {
        Self { from, interval, most, readings: Vec::new(), intervals: Vec::new(), count: 0 }
    }

    pub(super) fn add(&mut self, row: &Row<'_>, standard: AqiStandard) {
        let point = Point {
            second: row.timestamp().as_second(),
            values: VALUES.map(|column| row.value(column).decimal()),
            index: row.index_by(standard).map(Index::place),
        };
        self.count += 1;
        if self.count <= self.most {
            self.readings.push(point);
        }
        let passed = point.second.saturating_sub(self.from).max(0) / self.interval;
        let number = usize::try_from(passed).unwrap_or_default();
        if self.intervals.len() <= number {
            self.intervals.resize(number + 1, Interval::default()); // at most the number of points
        }
        if let Some(interval) = self.intervals.get_mut(number) {
            interval.add(point);
        }
    }

    pub(super) fn columns(mut self, window: Window, standard: AqiStandard) -> Columns {
        let mut columns = Columns::default();
        if self.count <= self.most {
            // A sensor that moved across a border appears in two places in the row order.
            self.readings.sort_by_key(|point| point.second);
            for Point { second, values, index } in self.readings {
                columns.push(second, values, index);
            }
            return columns;
        }
        let mut extremes = Extremes::default();
        for interval in self.intervals.iter().filter(|interval| interval.readings > 0) {
            let means = interval.values.map(Spread::mean);
            let mut mean = Reading::new(0, window, Timestamp::UNIX_EPOCH);
            [mean.pm10, mean.pm25, ..] = means;
            // Without an index if no reading has one.
            let index = interval.index.and_then(|_| mean.index_by(standard)).map(Index::place);
            // Half to even, so that many means have no bias.
            let rounded = means.map(|mean| mean.map(|mean| mean.round_dp(DECIMALS)));
            columns.push(interval.last, rounded, index);
            extremes.push(interval);
        }
        columns.interval = Some(self.interval);
        columns.extremes = Some(extremes);
        columns
    }
}

impl Interval {
    fn add(&mut self, Point { second, values, index }: Point) {
        self.last = if self.readings == 0 { second } else { self.last.max(second) };
        self.readings += 1;
        for (spread, value) in self.values.iter_mut().zip(values) {
            value.into_iter().for_each(|value| spread.add(value));
        }
        if let Some(index) = index {
            let (least, greatest) = self.index.unwrap_or((index, index));
            self.index = Some((least.min(index), greatest.max(index)));
        }
    }
}

impl Spread {
    fn add(&mut self, value: Decimal) {
        // Values are far below the limits of a decimal; one that is not does not count in the mean.
        if let Some(sum) = self.sum.checked_add(value) {
            (self.sum, self.count) = (sum, self.count + 1);
        }
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.greatest = Some(self.greatest.map_or(value, |greatest| greatest.max(value)));
    }

    fn mean(self) -> Option<Decimal> {
        self.sum.checked_div(self.count.into())
    }
}
