//! The files: what sensors measured, and what official stations did.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use airshed_history::archive::Report;
use airshed_history::climate::Locations;
use airshed_history::{Day, Readings, neighbours};
use aqi::Decimal;
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use store::{AqiStandard, Reading, Window};

/// An official mean of a day needs so many of its hours.
const LEAST_HOURS: usize = 18;

/// PM10 and PM2.5, in µg/m³.
pub(crate) type Values = [Option<Decimal>; 2];

/// The daily means of SDS011 sensors, with the flags of samples and neighbours, by the archive's
/// files in a folder, whose names begin with their day.
pub(crate) fn sensor_days(folder: &Path) -> Result<BTreeMap<Date, Vec<Reading>>, Box<dyn Error>> {
    let mut files = BTreeMap::<Date, Vec<PathBuf>>::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| named(&folder, &error))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name.get(..10).and_then(|date| date.parse().ok()) {
                Some(date) if path.is_file() => files.entry(date).or_default().push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    let (mut days, mut climates) = (BTreeMap::new(), Locations::default());
    for (date, paths) in files {
        let (mut day, mut report) = (Day::new(date), Report::default());
        for path in paths {
            let file = File::open(&path).map_err(|error| named(&path, &error))?;
            day.read(file, &path.to_string_lossy(), &mut report)?;
        }
        let Readings { mut readings, climate, .. } = day.finish(None);
        climates.add(&climate);
        climates.set(&mut readings);
        readings.retain(|reading| reading.window == Window::Day);
        neighbours::flag(&mut readings);
        let is_sds011 = |reading: &Reading| {
            reading.sensor_type.is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("SDS011"))
        };
        readings.retain(is_sds011);
        days.insert(date, readings);
    }
    Ok(days)
}

/// The daily means of official stations: of each day, those that have one.
pub(crate) type Stations = BTreeMap<Date, Vec<Values>>;

/// By files with the columns `DateTime` (the hour's end, UTC), `PM10` and `PM2.5`, one of each
/// station.
pub(crate) fn references(files: &[PathBuf]) -> Result<Stations, Box<dyn Error>> {
    let mut stations = Stations::new();
    for path in files {
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(path)?;
        let columns = columns(path, reader.headers()?, ["DateTime", "PM10", "PM2.5"])?;
        let mut hours = Hours::default();
        for row in reader.records() {
            let row = row?;
            let [end, pm10, pm25] = columns.map(|column| row.get(column).unwrap_or_default());
            let end: DateTime = end.parse()?;
            let date = end.checked_sub(1.second())?.date();
            hours.add(date, [pm10.parse().ok(), pm25.parse().ok()]);
        }
        hours.means_into(&mut stations);
    }
    Ok(stations)
}

/// Sofia: the sensors' hours of PM10, pooled, as daily means; and those of the official stations.
pub(crate) fn sofia(folder: &Path) -> Result<(BTreeMap<Date, Reading>, Stations), Box<dyn Error>> {
    let hour = |text: &str| -> Result<Date, jiff::Error> {
        Ok(jiff::tz::TimeZone::UTC.to_datetime(text.parse::<Timestamp>()?).date())
    };
    let path = folder.join("mladost-sds011-hourly.csv");
    let mut reader = csv::Reader::from_path(&path)?;
    let [begin, pm10] = columns(&path, reader.headers()?, ["hour_begin_utc", "P1"])?;
    let mut hours = Hours::default();
    for row in reader.records() {
        let row = row?;
        let value = row.get(pm10).and_then(|value| value.parse().ok());
        hours.add(hour(row.get(begin).unwrap_or_default())?, [value, None]);
    }
    let mut pooled = Stations::new();
    hours.means_into(&mut pooled);
    let reading = |(date, means): (Date, Vec<Values>)| {
        let end =
            jiff::tz::TimeZone::UTC.to_timestamp(date.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?;
        let mut reading = Reading::new(1, Window::Day, end);
        reading.pm10 = means.first().and_then(|[pm10, _]| *pm10);
        reading.sensor_type = "SDS011".parse().ok();
        Some((date, reading))
    };
    let pooled = pooled.into_iter().filter_map(reading).collect();

    let path = folder.join("eea-pm10-hourly.csv");
    let mut reader = csv::Reader::from_path(&path)?;
    let columns = columns(&path, reader.headers()?, ["hour_begin_utc", "station", "pm10"])?;
    let mut by_station = HashMap::<String, Hours>::new();
    for row in reader.records() {
        let row = row?;
        let [begin, station, pm10] = columns.map(|column| row.get(column).unwrap_or_default());
        let hours = by_station.entry(station.to_owned()).or_default();
        hours.add(hour(begin)?, [pm10.parse().ok(), None]);
    }
    let mut stations = Stations::new();
    by_station.into_values().for_each(|hours| hours.means_into(&mut stations));
    Ok((pooled, stations))
}

/// The median of stations, for each pollutant that one has.
pub(crate) fn median(stations: &[Values]) -> Values {
    [0, 1].map(|pollutant| {
        let mut values: Vec<_> = stations.iter().filter_map(|values| values[pollutant]).collect();
        values.sort_unstable();
        let [lower, upper] = [values.len().checked_sub(1)? / 2, values.len() / 2];
        Some((values[lower] + values[upper]) / Decimal::TWO)
    })
}

/// The daily index of concentrations.
pub(crate) fn index([pm10, pm25]: Values) -> Option<u32> {
    AqiStandard::DEFAULT.index(pm10, pm25, Window::Day).map(|index| index.place())
}

/// The hours of one station, by day.
#[derive(Default)]
struct Hours(BTreeMap<Date, [Vec<Decimal>; 2]>);

impl Hours {
    fn add(&mut self, date: Date, values: Values) {
        let of_day = self.0.entry(date).or_default();
        for (hours, value) in of_day.iter_mut().zip(values) {
            hours.extend(value);
        }
    }

    fn means_into(self, stations: &mut Stations) {
        for (date, hours) in self.0 {
            let means = hours.map(|hours| {
                let sum: Decimal = hours.iter().sum();
                (hours.len() >= LEAST_HOURS).then(|| sum / Decimal::from(hours.len()))
            });
            if means != [None; 2] {
                stations.entry(date).or_default().push(means);
            }
        }
    }
}

fn columns<const N: usize>(
    path: &Path,
    header: &csv::StringRecord,
    names: [&str; N],
) -> Result<[usize; N], Box<dyn Error>> {
    let places = names.map(|name| header.iter().position(|known| known == name));
    match places.iter().position(Option::is_none) {
        Some(missing) => Err(format!("{}: no column {}", path.display(), names[missing]).into()),
        None => Ok(places.map(Option::unwrap_or_default)),
    }
}

fn named(path: &Path, error: &std::io::Error) -> Box<dyn Error> {
    format!("{}: {error}", path.display()).into()
}
