use aqi::Decimal;
use aqi::daqi::{Band, Index};
use jiff::Timestamp;

use super::day::SECONDS_A_DAY;
use super::decimals::Cell;
use super::stations::{Stations, some};
use crate::standard::Indexed;
use crate::{
    AqiStandard, Block, Column, Country, Flags, Kind, Reading, Sensor, SensorType, Value, Window,
};

/// One row of a block.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(crate) block: &'a Block,
    pub(crate) row: usize,
}

impl<'a> Row<'a> {
    /// The index, derived from the values.
    pub fn index(&self) -> Option<Index> {
        Index::new(self.block.indices.get(self.row) as u8).ok() // at most 10
    }

    /// The index by a standard.
    pub fn index_by(&self, standard: AqiStandard) -> Option<aqi::Index> {
        if standard == AqiStandard::DEFAULT {
            return self.index().map(aqi::Index::from);
        }
        self.indexed(standard).map(|indexed| indexed.index)
    }

    pub(crate) fn indexed(&self, standard: AqiStandard) -> Option<Indexed> {
        // A row without a default index has no particulate concentration, and so no index by any
        // standard.
        let usual = self.index()?;
        let (pm10, pm25) = (self.pm10().decimal(), self.pm25().decimal());
        let window = self.window();
        let index = match standard == AqiStandard::DEFAULT {
            true => usual.into(),
            false => standard.index(pm10, pm25, window)?,
        };
        Some(Indexed { standard, index, pm10, pm25, window, sensor_type: self.sensor_type() })
    }

    /// The band of the index.
    pub fn band(&self) -> Option<Band> {
        self.index().map(Index::band)
    }

    /// The sensor.
    pub fn sensor(&self) -> Sensor {
        let (stations, number) = self.station();
        stations.sensor(number)
    }

    /// The averaging period.
    pub fn window(&self) -> Window {
        self.block.window(self.row)
    }

    /// The quality flags of the reading.
    pub fn flags(&self) -> Flags {
        let (stations, number) = self.station();
        stations
            .flags(number)
            .with_values([self.pm10(), self.pm25()])
            .union(self.block.flags_of_mean(self.row))
    }

    /// The end of the averaging period, UTC.
    pub fn timestamp(&self) -> Timestamp {
        let midnight = i64::from(self.block.day) * SECONDS_A_DAY;
        // Blocks are made from timestamps, or decoded with their range checked.
        Timestamp::from_second(midnight + i64::from(self.second())).unwrap_or_default()
    }

    /// The row as an owned reading.
    pub fn reading(&self) -> Reading {
        let (stations, number) = self.station();
        let station = stations.get(number);
        let mut reading = Reading {
            measurement: self.measurement(),
            pm10: self.pm10().decimal(),
            pm25: self.pm25().decimal(),
            sensor_type: station.sensor_type,
            location: station.location,
            latitude: station.latitude,
            longitude: station.longitude,
            altitude: station.altitude,
            country: self.country(),
            indoor: station.indoor,
            exact: station.exact,
            ..Reading::new(station.sensor, self.window(), self.timestamp())
        };
        for other in &self.block.others {
            if let Some(column) = other.column() {
                reading.set(column, other.value(self.row));
            }
        }
        reading
    }

    /// The value of an additional column of the block.
    pub(crate) fn other(&self, column: Column) -> Value {
        let other = self.block.others.iter().find(|other| other.column() == Some(column));
        match other {
            Some(other) => other.value(self.row),
            None if column.kind() == Kind::Flags => Value::Flags(Flags::NONE),
            None => Value::Nothing,
        }
    }

    pub(crate) fn country(&self) -> Option<Country> {
        self.block.country(self.row)
    }

    pub(crate) fn second(&self) -> u32 {
        self.block.seconds.get(self.row) as u32 // below a day
    }

    pub(crate) fn measurement(&self) -> Option<u64> {
        some(self.block.measurements.get(self.row))
    }

    pub(crate) fn pm10(&self) -> Cell {
        self.block.pm10.cell(self.row)
    }

    pub(crate) fn pm25(&self) -> Cell {
        self.block.pm25.cell(self.row)
    }

    /// The station table, and the row's station number.
    pub(crate) fn station(&self) -> (&'a Stations, usize) {
        (&self.block.stations, self.block.station.get(self.row) as usize)
    }

    pub(crate) fn sensor_type(&self) -> Option<SensorType> {
        let (stations, number) = self.station();
        stations.sensor_type(number)
    }

    pub(crate) fn location(&self) -> Option<u64> {
        let (stations, number) = self.station();
        stations.location(number)
    }

    pub(crate) fn latitude(&self) -> Option<Decimal> {
        let (stations, number) = self.station();
        stations.latitude(number)
    }

    pub(crate) fn longitude(&self) -> Option<Decimal> {
        let (stations, number) = self.station();
        stations.longitude(number)
    }

    pub(crate) fn altitude(&self) -> Option<Decimal> {
        let (stations, number) = self.station();
        stations.altitude(number)
    }

    pub(crate) fn indoor(&self) -> Option<bool> {
        let (stations, number) = self.station();
        stations.indoor(number)
    }

    pub(crate) fn exact(&self) -> Option<bool> {
        let (stations, number) = self.station();
        stations.exact(number)
    }
}
