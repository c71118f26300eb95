//! What a sensor measured in a day, and what was made of it.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use airshed_history::{DaySamples, Fixed, Hours, Mean, Sample, Source};
use aqi::Decimal;
use jiff::Timestamp;
use store::{Country, Reading, Sensor, SensorType, Window};

use super::{DAY, HOUR};

/// The samples of a sensor in a UTC day: some 15 KB.
#[derive(Debug, Clone)]
pub(super) struct SensorDay {
    /// In order of time; a store has one of each second.
    samples: Vec<Sample>,
    /// Of each hour the last second that has a sample, and the station there.
    stations: [Option<(i64, Arc<Station>)>; 24],
    /// What the store has.
    made: Vec<Mark>,
}

/// A mean, and a hash of its reading.
type Mark = (Window, i64, u64);

/// The attributes of a sensor.
#[derive(Debug, PartialEq, Eq)]
struct Station {
    sensor_type: Option<SensorType>,
    location: Option<u64>,
    latitude: Option<Decimal>,
    longitude: Option<Decimal>,
    altitude: Option<Decimal>,
    country: Option<Country>,
    indoor: Option<bool>,
    exact: Option<bool>,
}

impl SensorDay {
    pub(super) fn new() -> Self {
        Self { samples: Vec::new(), stations: [const { None }; 24], made: Vec::new() }
    }

    /// Adds a sample of this day, which replaces that of the same second; whether anything is
    /// different now.
    pub(super) fn add(&mut self, reading: &Reading) -> bool {
        let second = reading.timestamp.as_second();
        let values = [reading.pm10, reading.pm25].map(|value| Fixed::of(value?));
        let at = match self.samples.last() {
            Some(last) if last.second >= second => {
                self.samples.binary_search_by_key(&second, |sample| sample.second)
            }
            _ => Err(self.samples.len()),
        };
        let sample = Sample { second, values };
        let is_sample = values.iter().any(Option::is_some);
        let was = at.ok().and_then(|at| self.samples.get(at)).copied();
        match at {
            Ok(at) if is_sample => self.samples[at] = sample,
            Ok(at) => drop(self.samples.remove(at)),
            Err(at) if is_sample => self.samples.insert(at, sample),
            Err(_) => return false,
        }
        self.move_to(second, reading) | (was != Some(sample))
    }

    /// Notes the station of a sample; whether that is another one than before.
    fn move_to(&mut self, second: i64, reading: &Reading) -> bool {
        let hour = (second.rem_euclid(DAY) / HOUR) as usize; // below 24
        let known = self.stations.iter().flatten().map(|(_, station)| station);
        let (station, newest) = (Station::of(reading), self.stations[hour].as_ref());
        if newest.is_some_and(|(newest, _)| *newest > second) {
            return false;
        }
        let is_same = newest.is_some_and(|(_, known)| **known == station);
        let shared = known.into_iter().find(|known| ***known == station).map(Arc::clone);
        self.stations[hour] = Some((second, shared.unwrap_or_else(|| Arc::new(station))));
        !is_same
    }

    /// For the means of the next day.
    pub(super) fn hours(&self, day: i32) -> Hours {
        self.samples_before(day, i64::MAX).means(None, Source::Counts).hours
    }

    /// The means of the samples before `until`, a full hour, that differ from those of the last
    /// call; those of 24 hours only if the hours of the day before are given.
    pub(super) fn new_means(
        &mut self,
        sensor: Sensor,
        day: i32,
        before: Option<&Hours>,
        until: i64,
    ) -> Vec<Reading> {
        let Some(last) = self.station_at(until.min(midnight(day + 1))) else { return Vec::new() };
        let source = last.sensor_type.map_or(Source::Decimals, Source::of);
        let means = self.samples_before(day, until).means(before, source).means;
        let ended = means.iter().filter(|mean| mean.end <= until);
        let readings = ended.filter_map(|mean| self.station_at(mean.end)?.reading(sensor, mean));
        let mut readings: Vec<_> = readings.collect();
        let marks: Vec<_> = readings.iter().map(mark).collect();
        let mut marked = marks.iter();
        readings.retain(|_| marked.next().is_some_and(|mark| !self.made.contains(mark)));
        self.made = marks;
        readings
    }

    fn samples_before(&self, day: i32, until: i64) -> DaySamples {
        let mut samples = DaySamples::new(day);
        let first = self.samples.partition_point(|sample| sample.second < until);
        for sample in self.samples.iter().take(first) {
            samples.add(*sample);
        }
        samples
    }

    /// Where the sensor was at its last sample before a full hour of the day.
    fn station_at(&self, end: i64) -> Option<&Station> {
        let before = self.stations.iter().flatten().rev().find(|(second, _)| *second < end);
        before.map(|(_, station)| &**station)
    }
}

impl Station {
    fn of(reading: &Reading) -> Self {
        let &Reading { sensor_type, location, latitude, longitude, .. } = reading;
        let &Reading { altitude, country, indoor, exact, .. } = reading;
        Self { sensor_type, location, latitude, longitude, altitude, country, indoor, exact }
    }

    /// None for the end of a day after the last one that a timestamp can have.
    fn reading(&self, sensor: Sensor, mean: &Mean) -> Option<Reading> {
        let &Self { sensor_type, location, latitude, longitude, .. } = self;
        let &Self { altitude, country, indoor, exact, .. } = self;
        let [pm10, pm25] = mean.values;
        Some(Reading {
            pm10,
            pm25,
            sensor_type,
            location,
            latitude,
            longitude,
            altitude,
            country,
            indoor,
            exact,
            hours: Some(mean.hours),
            samples: Some(mean.samples),
            stored_flags: mean.flags,
            ..Reading::new(sensor, mean.window, Timestamp::from_second(mean.end).ok()?)
        })
    }
}

/// UTC seconds since 1970 of the start of a day.
pub(super) fn midnight(day: i32) -> i64 {
    i64::from(day) * DAY
}

/// Equal readings of one sensor have equal marks.
fn mark(reading: &Reading) -> Mark {
    let Reading { pm10, pm25, hours, samples, stored_flags, sensor_type, location, .. } = reading;
    let Reading { latitude, longitude, altitude, country, indoor, exact, .. } = reading;
    let mean = (pm10, pm25, hours, samples, stored_flags);
    let station = (sensor_type, location, latitude, longitude, altitude, country, indoor, exact);
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((mean, station));
    (reading.window, reading.timestamp.as_second(), hash)
}
