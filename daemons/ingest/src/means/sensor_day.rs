//! What a sensor measured in a day, and what was made of it.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use airshed_history::climate::{Locations, possible};
use airshed_history::{ClimateHour, DaySamples, Fixed, Hours, Mean, Sample, Source};
use aqi::Decimal;
use jiff::Timestamp;
use store::{Country, Flags, Reading, Sensor, SensorType, Window};

use super::{DAY, HOUR};

/// The samples of a sensor in a UTC day: some 15 KB, twice that with temperature and humidity.
#[derive(Debug, Clone)]
pub(super) struct SensorDay {
    /// In order of time; a store has one of each second.
    samples: Vec<Sample>,
    /// Temperature and humidity at the times of samples.
    climate: Vec<Sample>,
    /// Of each hour the last second that has one of those, and the location there.
    climate_locations: [Option<(i64, Option<u64>)>; 24],
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
    /// Those that follow from the place.
    flags: Flags,
}

impl SensorDay {
    pub(super) fn new() -> Self {
        let (samples, climate, made) = (Vec::new(), Vec::new(), Vec::new());
        let (climate_locations, stations) = ([None; 24], [const { None }; 24]);
        Self { samples, climate, climate_locations, stations, made }
    }

    /// Adds a sample of this day, which replaces that of the same second; whether anything is
    /// different now.
    pub(super) fn add(&mut self, reading: &Reading) -> bool {
        let second = reading.timestamp.as_second();
        let sample = |values: [Option<Decimal>; 2]| Sample {
            second,
            values: values.map(|value| Fixed::of(value?)),
        };
        let particulates = sample([reading.pm10, reading.pm25]);
        let climate = sample([reading.temperature, reading.humidity]);
        let climate = Sample { values: possible(climate.values), ..climate };
        let has_changed = set(&mut self.samples, particulates) | set(&mut self.climate, climate);
        let there = |sample: Sample| sample.values.iter().any(Option::is_some);
        let has_moved = there(particulates) && self.move_to(second, reading);
        let has_climate_moved = there(climate) && self.move_climate_to(second, reading.location);
        has_changed || has_moved || has_climate_moved
    }

    /// Notes the location of temperature and humidity; whether that is another one than before.
    fn move_climate_to(&mut self, second: i64, location: Option<u64>) -> bool {
        let newest = &mut self.climate_locations[hour_of(second)];
        if newest.is_some_and(|(newest, _)| newest > second) {
            return false;
        }
        newest.replace((second, location)).is_none_or(|(_, before)| before != location)
    }

    /// Notes the station of a sample; whether that is another one than before.
    fn move_to(&mut self, second: i64, reading: &Reading) -> bool {
        let hour = hour_of(second);
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
        before(&self.samples, day, i64::MAX).means(None, Source::Counts).hours
    }

    /// Where the sensor was during the day.
    pub(super) fn locations(&self) -> impl Iterator<Item = u64> {
        let stations = self.stations.iter().flatten().map(|(_, station)| station.location);
        let of_climate = self.climate_locations.iter().flatten().map(|(_, location)| *location);
        stations.chain(of_climate).flatten()
    }

    /// The hours of temperature and humidity of the samples before `until`, and their locations.
    pub(super) fn climate(&self, day: i32, until: i64) -> impl Iterator<Item = (u64, ClimateHour)> {
        let hours = before(&self.climate, day, until).climate();
        let location_at = |end: i64| {
            let mut before = self.climate_locations.iter().flatten().rev();
            before.find(|(second, _)| *second < end)?.1
        };
        hours.into_iter().filter_map(move |hour| Some((location_at(hour.end)?, hour)))
    }

    /// The means of the samples before `until`, a full hour, that differ from those of the last
    /// call; those of 24 hours only if the hours of the day before are given. `climate` has the hours
    /// of the sensor's locations in both days.
    pub(super) fn new_means(
        &mut self,
        sensor: Sensor,
        day: i32,
        hours: Option<&Hours>,
        climate: &Locations,
        until: i64,
    ) -> Vec<Reading> {
        let Some(last) = self.station_at(until.min(midnight(day + 1))) else { return Vec::new() };
        let source = last.sensor_type.map_or(Source::Decimals, Source::of);
        let means = before(&self.samples, day, until).means(hours, source).means;
        let ended = means.iter().filter(|mean| mean.end <= until);
        let readings = ended.filter_map(|mean| self.station_at(mean.end)?.reading(sensor, mean));
        let mut readings: Vec<_> = readings.collect();
        climate.set(&mut readings);
        let marks: Vec<_> = readings.iter().map(mark).collect();
        let mut marked = marks.iter();
        readings.retain(|_| marked.next().is_some_and(|mark| !self.made.contains(mark)));
        self.made = marks;
        readings
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
        let &Reading { altitude, country, indoor, exact, stored_flags, .. } = reading;
        let flags = stored_flags.intersection(Flags::COUNTRY_DOUBTED);
        Self { sensor_type, location, latitude, longitude, altitude, country, indoor, exact, flags }
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
            stored_flags: mean.flags.union(self.flags),
            ..Reading::new(sensor, mean.window, Timestamp::from_second(mean.end).ok()?)
        })
    }
}

/// Puts a sample among others in order of time, instead of that of the same second; one without
/// values only removes it. Whether anything is different now.
fn set(samples: &mut Vec<Sample>, sample: Sample) -> bool {
    let at = match samples.last() {
        Some(last) if last.second >= sample.second => {
            samples.binary_search_by_key(&sample.second, |other| other.second)
        }
        _ => Err(samples.len()),
    };
    let is_sample = sample.values.iter().any(Option::is_some);
    let was = at.ok().and_then(|at| samples.get(at)).copied();
    match at {
        Ok(at) if is_sample => samples[at] = sample,
        Ok(at) => drop(samples.remove(at)),
        Err(at) if is_sample => samples.insert(at, sample),
        Err(_) => return false,
    }
    was != Some(sample)
}

/// The samples before `until`.
fn before(samples: &[Sample], day: i32, until: i64) -> DaySamples {
    let mut of_day = DaySamples::new(day);
    let count = samples.partition_point(|sample| sample.second < until);
    for sample in samples.iter().take(count) {
        of_day.add(*sample);
    }
    of_day
}

/// Of a day, below 24.
fn hour_of(second: i64) -> usize {
    (second.rem_euclid(DAY) / HOUR) as usize
}

/// UTC seconds since 1970 of the start of a day.
pub(super) fn midnight(day: i32) -> i64 {
    i64::from(day) * DAY
}

/// Equal readings of one sensor have equal marks.
fn mark(reading: &Reading) -> Mark {
    let Reading { pm10, pm25, hours, samples, stored_flags, sensor_type, location, .. } = reading;
    let Reading { latitude, longitude, altitude, country, indoor, exact, .. } = reading;
    let Reading { temperature, humidity, .. } = reading;
    let mean = (pm10, pm25, hours, samples, stored_flags, temperature, humidity);
    let station = (sensor_type, location, latitude, longitude, altitude, country, indoor, exact);
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((mean, station));
    (reading.window, reading.timestamp.as_second(), hash)
}
