//! Rows of one day in, readings out.

use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use store::{Reading, Sensor};

use crate::Error;
use crate::archive::{self, Report, Row, Station};
use crate::climate::possible;
use crate::means::{ClimateHour, DaySamples, Hours, Mean, Means, Sample, Source};

/// Collects the rows of one UTC day, of any number of files and sensors, in any order.
///
/// It needs 24 bytes per sample, some 15 KB per sensor (up to twice that while it grows).
#[derive(Debug)]
pub struct Day {
    /// Days since 1970.
    number: i32,
    sensors: Vec<OfSensor>,
    /// Where in `sensors`.
    places: HashMap<u64, usize>,
    /// The place of the last row's sensor: rows of one come together.
    last: usize,
    other_days: u64,
}

const HOURS: usize = 24;

#[derive(Debug)]
struct OfSensor {
    id: u64,
    particulates: DaySamples,
    climate: DaySamples,
    /// Of each hour the last second that has a sample, and the station there.
    stations: [Option<(i64, Arc<Station>)>; HOURS],
}

impl Day {
    /// Without rows.
    pub fn new(date: Date) -> Self {
        let number = number_of(date);
        Self { number, sensors: Vec::new(), places: HashMap::new(), last: 0, other_days: 0 }
    }

    /// Adds the rows of a file of the archive.
    ///
    /// Errors as [`archive::read`]; the rows before them are added.
    pub fn read(&mut self, input: impl Read, name: &str, report: &mut Report) -> Result<(), Error> {
        archive::read(input, name, report, &mut |row| {
            self.add(&row);
            ControlFlow::Continue(())
        })
    }

    /// Adds a row. False, and it is only [counted](Readings::other_days), if it is of another day.
    #[inline]
    pub fn add(&mut self, row: &Row<'_>) -> bool {
        let second = row.second;
        if second.div_euclid(86_400) != i64::from(self.number) {
            self.other_days += 1;
            return false;
        }
        let (number, sensors) = (self.number, &mut self.sensors);
        if sensors.get(self.last).is_none_or(|last| last.id != row.sensor) {
            self.last = *self.places.entry(row.sensor).or_insert_with(|| {
                sensors.push(OfSensor {
                    id: row.sensor,
                    particulates: DaySamples::new(number),
                    climate: DaySamples::new(number),
                    stations: [const { None }; HOURS],
                });
                sensors.len() - 1
            });
        }
        let Some(sensor) = sensors.get_mut(self.last) else { return false }; // it is there
        let has_particulates = sensor.particulates.add(Sample { second, values: row.particulates });
        let has_climate = sensor.climate.add(Sample { second, values: possible(row.climate) });
        let hour = (second.rem_euclid(86_400) / 3600) as usize; // below 24
        if has_particulates || has_climate {
            sensor.stations[hour] = match sensor.stations[hour].take() {
                Some((last, known)) if Arc::ptr_eq(&known, row.station) => {
                    Some((last.max(second), known))
                }
                // Of two in one second, the greater: whichever comes first.
                Some((last, known)) if (last, &known) > (second, row.station) => {
                    Some((last, known))
                }
                _ => Some((second, Arc::clone(row.station))),
            };
        }
        true
    }

    /// The readings. Those of 24 hours are computed only if `carried` is given: the hours of the
    /// previous day ([`Carried::default`] if there are none). Those of the sensors that have rows
    /// are replaced by this day's, so a day can also be read in parts, a file or a sensor each.
    pub fn finish(mut self, mut carried: Option<&mut Carried>) -> Readings {
        self.sensors.sort_unstable_by_key(|sensor| sensor.id);
        let mut all = Readings { other_days: self.other_days, ..Readings::default() };
        for sensor in self.sensors {
            let OfSensor { id, particulates, climate, stations } = sensor;
            let station_at = |end: i64| {
                let hours = (end - i64::from(self.number) * 86_400) / 3600; // 1 to 24
                let until = stations.iter().take(usize::try_from(hours).unwrap_or_default());
                until.rev().flatten().next().map(|(_, station)| station)
            };
            let Some(model) = station_at(i64::from(self.number + 1) * 86_400) else { continue };
            let source = Source::of(model.sensor_type);
            if !particulates.is_empty() {
                let before = carried.as_deref_mut();
                let before = before.map(|carried| carried.0.remove(&id).unwrap_or_default());
                let Means { means, hours, samples, repeated, collided, without_mean } =
                    particulates.means(before.as_ref(), source);
                let reading = |mean: &Mean| reading(id, mean, station_at(mean.end)?);
                all.readings.extend(means.iter().filter_map(reading));
                all.samples += samples;
                all.repeated += repeated;
                all.collided += collided;
                all.without_mean += without_mean;
                if let Some(carried) = carried.as_deref_mut() {
                    carried.0.insert(id, hours);
                }
            }
            all.climate.extend(climate.climate().into_iter().filter_map(|hour| {
                let station = Arc::clone(station_at(hour.end)?);
                Some(Climate { sensor: id.into(), station, hour })
            }));
        }
        all
    }
}

/// Days since 1970.
pub(crate) fn number_of(date: Date) -> i32 {
    // A date's years are -9999 to 9999.
    Date::constant(1970, 1, 1).until(date).map_or(0, |span| span.get_days())
}

/// None for the end of a day after the last one that a timestamp can have.
fn reading(id: u64, mean: &Mean, station: &Station) -> Option<Reading> {
    let [pm10, pm25] = mean.values;
    Some(Reading {
        pm10,
        pm25,
        sensor_type: Some(station.sensor_type),
        location: station.location,
        latitude: station.latitude,
        longitude: station.longitude,
        indoor: station.indoor,
        hours: Some(mean.hours),
        samples: Some(mean.samples),
        stored_flags: mean.flags,
        ..Reading::new(id, mean.window, Timestamp::from_second(mean.end).ok()?)
    })
}

/// The hours that the next day's 24 h means need: some 5 KB per sensor. Hours that are too old are
/// not used, but kept until they are [forgotten](Self::forget) or their sensor has new ones.
#[derive(Debug, Default)]
pub struct Carried(HashMap<u64, Hours>);

impl Carried {
    /// Removes what the means of a day and of later days do not need.
    pub fn forget(&mut self, before: Date) {
        let first = i64::from(number_of(before)) * HOURS as i64; // 24
        self.0.retain(|_, hours| hours.newest().is_some_and(|hour| hour > first - HOURS as i64));
    }

    /// The number of sensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no sensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The readings of a [`Day`], and counts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Readings {
    /// By sensor, then `1h`, `day` and `24h`, each in order of time. The sensor's attributes
    /// are those of the last sample in the window.
    pub readings: Vec<Reading>,
    /// Temperature and humidity, by sensor and time.
    pub climate: Vec<Climate>,
    /// Different samples of particulates: `samples` and `repeated` are all of the day.
    pub samples: u64,
    /// Repeated samples of particulates, with the same second and values.
    pub repeated: u64,
    /// Samples of particulates beyond the first in the same second, with other values; all count.
    pub collided: u64,
    /// Days and 24 hours with samples of particulates, but without a valid hour.
    pub without_mean: u64,
    /// Rows of other days, left out.
    pub other_days: u64,
}

/// Temperature and humidity of a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Climate {
    /// The sensor, which is another one than that of particulate matter in the same place.
    pub sensor: Sensor,
    /// Its attributes at the last sample of the hour.
    pub station: Arc<Station>,
    /// Its mean.
    pub hour: ClimateHour,
}
