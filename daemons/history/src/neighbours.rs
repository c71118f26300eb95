//! Flags of readings that differ from those of the sensors around them.
//!
//! The neighbours of a reading are the plausible readings of *other* outdoor sensors within 10 km
//! (great circle) of the same averaging period and time. With three or more of them that have PM10,
//! or PM2.5, N is the median of their values, and c the reading's own, in µg/m³:
//!
//! | flag | when |
//! | --- | --- |
//! | [`Flags::ABOVE_NEIGHBOURS`] | `(c + 1) / (N + 1)` is above the model's limit, for PM10 or PM2.5 |
//! | [`Flags::BELOW_NEIGHBOURS`] | it is below the model's limit |
//! | [`Flags::NO_NEIGHBOURS`] | there are fewer than three for each pollutant that the reading has |
//!
//! - A sensor is outdoors unless it is known to be indoors. A neighbour may be of any model and
//!   network. It is plausible if it has none of the flags of [`Flags::IMPLAUSIBLE`] by itself:
//!   [`Flags::ABOVE_NEIGHBOURS`] does not count, so no flag follows from another one of this
//!   module.
//! - A reading may have both of the first two flags, one by each pollutant. Models without [limits](Limits)
//!   have neither: by default there are only those of the SDS011.
//! - A reading without coordinates is not compared, and has none of the flags.
//! - Limits are compared exactly; only places are floating-point numbers.
//!
//! In Aberdeen, on days that were kept apart from the choice of the limits, 57 % of the sensor-days
//! above their neighbours were two or more indices off, of the others 2.8 %.

mod exact;
mod grid;
mod limits;

use aqi::Decimal;
use store::{Flags, Reading, Sensor};

use self::exact::Exact;
use self::grid::{Grid, Spot};
pub use self::limits::{BadLimits, LEAST_RATIOS, Limits, Ratios};

/// Within this distance sensors are neighbours.
pub const KILOMETRES: f64 = 10.0;

/// The number of neighbours that a median needs.
const LEAST: usize = 3;

/// Sets the three flags in the [`stored_flags`](Reading::stored_flags) of each reading, and removes
/// those that it had, by the limits that are known ([`Limits::default`]). The order of the readings does not matter; they may be of several averaging
/// periods and times, each of which is compared by itself.
///
/// A store has one reading of a sensor, an averaging period and a time; if there are more, each
/// counts as a neighbour of other sensors' readings.
///
/// ```
/// use airshed_history::neighbours;
/// use store::{Decimal, Flags, Reading, Window};
///
/// let moment = "2018-02-03T12:00:00Z".parse().unwrap();
/// let of_sensor = |sensor: u64, pm25: u32| {
///     let mut reading = Reading::new(sensor, Window::Hour, moment);
///     reading.pm25 = Some(pm25.into());
///     reading.sensor_type = "SDS011".parse().ok();
///     reading.latitude = Some("57.14".parse().unwrap());
///     reading.longitude = Some(Decimal::new(-209 - sensor as i64, 2));
///     reading
/// };
/// let mut readings = [(1, 8), (2, 9), (3, 10), (4, 20)].map(|(n, pm25)| of_sensor(n, pm25));
/// neighbours::flag(&mut readings);
/// assert_eq!(readings[3].stored_flags, Flags::ABOVE_NEIGHBOURS); // 21 / 10
/// assert!(readings[..3].iter().all(|reading| reading.stored_flags.is_empty()));
/// ```
pub fn flag(readings: &mut [Reading]) {
    Limits::default().flag(readings);
}

impl Limits {
    /// As [`flag`], by these limits.
    pub fn flag(&self, readings: &mut [Reading]) {
        let moment = |n: usize| (readings[n].window, readings[n].timestamp);
        let mut order: Vec<usize> = (0..readings.len()).collect();
        order.sort_unstable_by_key(|n| moment(*n));
        let mut found = vec![Flags::NONE; readings.len()];
        for numbers in order.chunk_by(|one, next| moment(*one) == moment(*next)) {
            for (number, twice) in medians_of_moment(readings, numbers) {
                found[number] = self.flags_beside(&readings[number], twice);
            }
        }
        let all =
            Flags::ABOVE_NEIGHBOURS.union(Flags::BELOW_NEIGHBOURS).union(Flags::NO_NEIGHBOURS);
        for (reading, flags) in readings.iter_mut().zip(found) {
            reading.stored_flags = reading.stored_flags.difference(all).union(flags);
        }
    }

    /// The flags of a reading beside twice the medians of its neighbours' PM10 and PM2.5.
    fn flags_beside(&self, reading: &Reading, twice_medians: [Option<Exact>; 2]) -> Flags {
        let mut flags = Flags::NO_NEIGHBOURS;
        for (value, twice) in [reading.pm10, reading.pm25].into_iter().zip(twice_medians) {
            let Some((value, twice)) = value.zip(twice) else { continue };
            let compared = self.compared(reading.sensor_type, value, twice);
            flags = flags.difference(Flags::NO_NEIGHBOURS).union(compared);
        }
        flags
    }
}

/// The neighbours of one reading, as [`flag`] compares it with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbours {
    /// Their sensors, in order.
    pub sensors: Vec<Sensor>,
    /// N of PM10 and of PM2.5, in µg/m³; none of fewer than three values.
    pub medians: [Option<Decimal>; 2],
    /// Those of the three flags that the reading has.
    pub flags: Flags,
}

impl Neighbours {
    /// Finds them among readings, of which those of other averaging periods, times or places do not
    /// matter. A reading without coordinates has none.
    pub fn of<'a>(
        reading: &Reading,
        others: impl IntoIterator<Item = &'a Reading>,
        limits: &Limits,
    ) -> Self {
        let spot = |reading: &Reading| Spot::of(reading.latitude?, reading.longitude?);
        let Some(own) = spot(reading) else { return Self::default() };
        let is_neighbour = |other: &&Reading| {
            (other.window, other.timestamp) == (reading.window, reading.timestamp)
                && other.sensor != reading.sensor
                && counts(other)
                && spot(other).is_some_and(|spot| own.is_near(&spot))
        };
        let (mut sensors, mut values) = (Vec::new(), [Vec::new(), Vec::new()]);
        for other in others.into_iter().filter(is_neighbour) {
            sensors.push(other.sensor);
            for (values, value) in values.iter_mut().zip([other.pm10, other.pm25]) {
                values.extend(value.map(Exact::of));
            }
        }
        sensors.sort_unstable();
        sensors.dedup();
        let twice = values.map(|mut values| {
            values.sort_unstable();
            let lower = values.get(values.len().checked_sub(1)? / 2)?;
            let upper = values.get(values.len() / 2).filter(|_| values.len() >= LEAST)?;
            Some(lower.plus(*upper))
        });
        let medians = twice.map(|twice| twice?.half());
        Self { sensors, medians, flags: limits.flags_beside(reading, twice) }
    }
}

/// Twice the medians of the neighbours' PM10 and PM2.5 of some of the readings, which are of one
/// averaging period and time; those without coordinates are left out.
fn medians_of_moment(readings: &[Reading], numbers: &[usize]) -> Vec<(usize, [Option<Exact>; 2])> {
    let values = |number: usize| [readings[number].pm10, readings[number].pm25];
    let mut spots: Vec<(Spot, usize)> = Vec::with_capacity(numbers.len());
    spots.extend(numbers.iter().filter_map(|number| {
        let Reading { latitude, longitude, .. } = readings[*number];
        Some((Spot::of(latitude?, longitude?)?, *number))
    }));
    let is_neighbour = |(_, number): &&(Spot, usize)| counts(&readings[*number]);
    let grid = Grid::new(spots.iter().filter(is_neighbour).copied().collect());
    let ranked = [0, 1].map(|pollutant| {
        let known = grid.spots().iter();
        Ranked::of(known.map(|(_, number)| values(*number)[pollutant]))
    });

    let (mut around, mut ranks) = (Vec::new(), [Vec::new(), Vec::new()]);
    let mut found = Vec::with_capacity(spots.len());
    spots.sort_unstable_by_key(|(spot, number)| (spot.cell(), *number));
    for cell in spots.chunk_by(|(one, _), (next, _)| one.cell() == next.cell()) {
        grid.around(&cell[0].0, &mut around); // chunks are not empty
        for (spot, number) in cell {
            ranks.iter_mut().for_each(Vec::clear);
            for place in around.iter().cloned().flatten() {
                let (other_spot, other) = &grid.spots()[place];
                if spot.is_near(other_spot) && readings[*other].sensor != readings[*number].sensor {
                    for (ranks, ranked) in ranks.iter_mut().zip(&ranked) {
                        ranks.extend(ranked.ranks[place]);
                    }
                }
            }
            let mut each = ranks.iter_mut().zip(&ranked);
            let twice = [(); 2].map(|()| {
                let (ranks, ranked) = each.next()?;
                ranked.twice_median(ranks)
            });
            found.push((*number, twice));
        }
    }
    found
}

/// The medians of the neighbours' PM10 and PM2.5 of each reading that has coordinates, by its number;
/// all are of one averaging period and time.
pub(crate) fn medians(readings: &[Reading]) -> impl Iterator<Item = (usize, [Option<Decimal>; 2])> {
    let numbers: Vec<_> = (0..readings.len()).collect();
    let found = medians_of_moment(readings, &numbers).into_iter();
    found.map(|(number, twice)| (number, twice.map(|twice| twice?.half())))
}

/// Whether a reading is a neighbour of others.
fn counts(reading: &Reading) -> bool {
    let by_itself = Flags::IMPLAUSIBLE.difference(Flags::ABOVE_NEIGHBOURS);
    reading.indoor != Some(true) && !reading.flags().intersects(by_itself)
}

/// The values of one pollutant in order, and the place in that order of each reading that has one:
/// a median of places is quick, and is that of the values.
struct Ranked {
    values: Vec<Exact>,
    ranks: Vec<Option<usize>>,
}

impl Ranked {
    fn of(given: impl Iterator<Item = Option<Decimal>>) -> Self {
        let given: Vec<_> = given.map(|value| value.map(Exact::of)).collect();
        let mut values: Vec<_> = given.iter().flatten().copied().collect();
        values.sort_unstable();
        values.dedup();
        let rank = |value: Exact| values.partition_point(|other| *other < value);
        let ranks = given.iter().map(|value| value.map(rank)).collect();
        Self { values, ranks }
    }

    /// Twice the median: the sum of the two values in the middle. None of fewer than [`LEAST`].
    fn twice_median(&self, ranks: &mut [usize]) -> Option<Exact> {
        if ranks.len() < LEAST {
            return None;
        }
        let is_odd = ranks.len() % 2 == 1;
        let middle = ranks.len() / 2;
        let (below, upper, _) = ranks.select_nth_unstable(middle);
        let upper = *upper;
        let lower = below.iter().copied().max().filter(|_| !is_odd).unwrap_or(upper);
        let value = |rank: usize| self.values.get(rank).copied();
        Some(value(lower)?.plus(value(upper)?))
    }
}
