//! Attributes shared by the readings of a sensor at one location, in a table referenced by blocks:
//! one for each day and country with several blocks.

use std::collections::HashMap;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use aqi::Decimal;

use super::bytes::damaged;
use super::decimals::{Cell, Decimals, Run};
use super::frame::{ESSENTIAL, Frame, Writer, encoding, newer};
use super::integers::{ABSENT, Integers, Numbers, RUN};
use crate::csv::StationText;
use crate::flags::StationFlags;
use crate::{Error, Network, Reading, Sensor, SensorType};

/// A sensor at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) sensor: Sensor,
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
            sensor: reading.sensor,
            sensor_type: reading.sensor_type,
            location: reading.location,
            latitude: reading.latitude,
            longitude: reading.longitude,
            altitude: reading.altitude,
            indoor: reading.indoor,
            exact: reading.exact,
        }
    }

    /// Whether it renders identically: `2.0` and `2.00` compare equal.
    pub(crate) fn is_exactly(&self, other: &Self) -> bool {
        let written = |s: &Self| {
            [s.latitude, s.longitude, s.altitude]
                .map(|number| number.map(|n| (n.scale(), n.is_sign_negative())))
        };
        self == other && written(self) == written(other)
    }
}

/// A station table, by number. Stations are only appended, so numbers are stable.
#[derive(Debug)]
pub(crate) struct Stations {
    count: usize,
    /// Their numbers in their networks.
    sensors: Integers,
    /// Those that there are beside the default.
    networks: Vec<Network>,
    /// The number of its network in `networks`; absent for the default.
    network: Integers,
    kinds: Vec<SensorType>,
    /// The number of its type in `kinds`.
    kind: Integers,
    locations: Integers,
    latitudes: Decimals,
    longitudes: Decimals,
    altitudes: Decimals,
    indoor: Integers,
    exact: Integers,
    flags: OnceLock<Box<[StationFlags]>>,
    text: OnceLock<StationText>,
}

/// The ids of the columns.
mod id {
    pub(super) const SENSOR: u8 = 1;
    pub(super) const TYPES: u8 = 2;
    pub(super) const TYPE: u8 = 3;
    pub(super) const LOCATION: u8 = 4;
    pub(super) const LATITUDE: u8 = 5;
    pub(super) const LONGITUDE: u8 = 6;
    pub(super) const ALTITUDE: u8 = 7;
    pub(super) const INDOOR: u8 = 8;
    pub(super) const EXACT: u8 = 9;
    pub(super) const NETWORKS: u8 = 10;
    pub(super) const NETWORK: u8 = 11;
}

/// The kind of the frame.
const KIND: u8 = 2;

/// Maximum number of stations in a table: with more, every block has its own table.
pub(crate) const MAX_STATIONS: usize = 1 << 22;

fn number_of(flag: Option<bool>) -> u64 {
    flag.map_or(ABSENT, u64::from)
}

fn flag_of(number: u64) -> Option<bool> {
    (number != ABSENT).then_some(number != 0)
}

pub(super) fn some(number: u64) -> Option<u64> {
    (number != ABSENT).then_some(number)
}

impl Stations {
    /// Those of a table, and more.
    fn of(base: Option<&Self>, new: &[Station]) -> Self {
        let mut kinds = Dictionary::after(base.map_or(&[], |base| &base.kinds));
        let kind: Vec<_> =
            new.iter().map(|s| s.sensor_type.map_or(ABSENT, |kind| kinds.number(kind))).collect();
        let mut networks = Dictionary::after(base.map_or(&[], |base| &base.networks));
        let network = new.iter().map(|s| match s.sensor.network {
            Network::SENSOR_COMMUNITY => ABSENT,
            other => networks.number(other),
        });
        let network: Vec<_> = network.collect();
        let old = |column: fn(&Self) -> &Integers| {
            base.map_or(Vec::new(), |base| column(base).numbers(base.count, new.len()))
        };
        let integers = |column: fn(&Self) -> &Integers, field: fn(&Station) -> u64| {
            let mut all = old(column);
            all.extend(new.iter().map(field));
            Integers::of(&all)
        };
        let decimals = |column: fn(&Self) -> &Decimals, field: fn(&Station) -> Option<Decimal>| {
            let mut all = base.map_or(Vec::new(), |base| column(base).cells(base.count, new.len()));
            all.extend(new.iter().map(|station| Cell::of(field(station))));
            Decimals::of_cells(&all)
        };
        let mut kind_numbers = old(|table| &table.kind);
        kind_numbers.extend(kind);
        let mut network_numbers = old(|table| &table.network);
        network_numbers.extend(network);
        Self {
            count: base.map_or(0, |base| base.count) + new.len(),
            sensors: integers(|table| &table.sensors, |s| s.sensor.id),
            networks: networks.entries,
            network: Integers::of(&network_numbers),
            kind: Integers::of(&kind_numbers),
            kinds: kinds.entries,
            locations: integers(|table| &table.locations, |s| s.location.unwrap_or(ABSENT)),
            latitudes: decimals(|table| &table.latitudes, |s| s.latitude),
            longitudes: decimals(|table| &table.longitudes, |s| s.longitude),
            altitudes: decimals(|table| &table.altitudes, |s| s.altitude),
            indoor: integers(|table| &table.indoor, |s| number_of(s.indoor)),
            exact: integers(|table| &table.exact, |s| number_of(s.exact)),
            flags: OnceLock::new(),
            text: OnceLock::new(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn sensor(&self, number: usize) -> Sensor {
        Sensor { network: self.network(number), id: self.sensors.get(number) }
    }

    /// The sensor's number in its network.
    #[inline]
    pub(super) fn number_of_sensor(&self, number: usize) -> u64 {
        self.sensors.get(number)
    }

    /// Whether all sensors are of the default network.
    pub(super) fn has_default_alone(&self) -> bool {
        self.networks.is_empty()
    }

    fn network(&self, number: usize) -> Network {
        match some(self.network.get(number)) {
            Some(network) => self.networks[network as usize],
            None => Network::SENSOR_COMMUNITY,
        }
    }

    pub(crate) fn sensors(&self) -> Vec<Sensor> {
        let ids = self.sensors.numbers(self.count, 0);
        if self.has_default_alone() {
            return ids.into_iter().map(Sensor::from).collect();
        }
        let numbered = ids.into_iter().enumerate();
        numbered.map(|(number, id)| Sensor { network: self.network(number), id }).collect()
    }

    /// Whether the classification of each station's model may have been different when its readings
    /// were stored; `None` if it was not for any.
    pub(super) fn with_changed_models(&self) -> Option<Vec<bool>> {
        let changed: Vec<_> = self.kinds.iter().map(SensorType::may_have_changed).collect();
        if !changed.contains(&true) {
            return None;
        }
        let is_changed =
            |number| some(self.kind.get(number)).is_some_and(|kind| changed[kind as usize]);
        Some((0..self.count).map(is_changed).collect())
    }

    /// Their networks in order, unless that is the default alone.
    pub(crate) fn networks(&self) -> Option<Vec<Network>> {
        if self.networks.is_empty() {
            return None;
        }
        let default = self.network.has_absent(self.count).then_some(Network::SENSOR_COMMUNITY);
        let mut all: Vec<_> = default.into_iter().chain(self.networks.iter().copied()).collect();
        all.sort_unstable();
        Some(all)
    }

    /// Whether all are of some of these networks.
    pub(crate) fn are_of(&self, networks: &[Network]) -> bool {
        let has = |network: &Network| networks.contains(network);
        let needs_default = self.network.has_absent(self.count);
        self.networks.iter().all(has) && (!needs_default || has(&Network::SENSOR_COMMUNITY))
    }

    pub(crate) fn sensor_type(&self, number: usize) -> Option<SensorType> {
        Some(self.kinds[some(self.kind.get(number))? as usize])
    }

    pub(crate) fn location(&self, number: usize) -> Option<u64> {
        some(self.locations.get(number))
    }

    pub(crate) fn latitude(&self, number: usize) -> Option<Decimal> {
        self.latitudes.get(number)
    }

    pub(crate) fn longitude(&self, number: usize) -> Option<Decimal> {
        self.longitudes.get(number)
    }

    pub(crate) fn altitude(&self, number: usize) -> Option<Decimal> {
        self.altitudes.get(number)
    }

    /// Calls for every station with the number of its location and its latitude, longitude and
    /// altitude, in order.
    pub(crate) fn for_each_place(&self, mut call: impl FnMut(Option<u64>, [Cell; 3])) {
        let columns = [&self.latitudes, &self.longitudes, &self.altitudes];
        let (mut locations, mut runs) = (Numbers::default(), [(); 3].map(|()| Run::default()));
        for run in 0..self.count.div_ceil(RUN) {
            self.locations.run(run, &mut locations.0);
            columns.iter().zip(&mut runs).for_each(|(column, cells)| column.run(run, cells));
            for number in run * RUN..self.count.min(run * RUN + RUN) {
                let place = std::array::from_fn(|at| columns[at].in_run(&runs[at], number));
                call(some(locations.0[number % RUN]), place);
            }
        }
    }

    pub(crate) fn indoor(&self, number: usize) -> Option<bool> {
        flag_of(self.indoor.get(number))
    }

    pub(crate) fn exact(&self, number: usize) -> Option<bool> {
        flag_of(self.exact.get(number))
    }

    pub(crate) fn get(&self, number: usize) -> Station {
        Station {
            sensor: self.sensor(number),
            sensor_type: self.sensor_type(number),
            location: self.location(number),
            latitude: self.latitude(number),
            longitude: self.longitude(number),
            altitude: self.altitude(number),
            indoor: self.indoor(number),
            exact: self.exact(number),
        }
    }

    /// What the flags of a station's readings owe to it.
    pub(crate) fn flags(&self, number: usize) -> StationFlags {
        let flags = self.flags.get_or_init(|| {
            (0..self.count).map(|number| StationFlags::of(&self.get(number))).collect()
        });
        flags[number]
    }

    /// The stations' columns as CSV, if cached or worth rendering for this many rows.
    pub(crate) fn text(&self, rows: usize) -> Option<&StationText> {
        match self.text.get() {
            None if rows < self.count / 4 => None,
            _ => Some(self.text.get_or_init(|| StationText::of(self))),
        }
    }

    /// Approximate size in memory in bytes, including caches.
    pub(crate) fn memory_bytes(&self) -> usize {
        let integers =
            [&self.sensors, &self.network, &self.kind, &self.locations, &self.indoor, &self.exact];
        let decimals = [&self.latitudes, &self.longitudes, &self.altitudes];
        size_of::<Self>()
            + integers.iter().map(|column| column.memory_bytes()).sum::<usize>()
            + decimals.iter().map(|column| column.memory_bytes()).sum::<usize>()
            + self.kinds.len() * size_of::<SensorType>()
            + self.count * (size_of::<StationFlags>() + StationText::TYPICAL_BYTES)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut frame = Writer::new(KIND, self.count, Vec::new());
        let integers = [
            (id::SENSOR, &self.sensors),
            (id::TYPE, &self.kind),
            (id::LOCATION, &self.locations),
            (id::INDOOR, &self.indoor),
            (id::EXACT, &self.exact),
        ];
        for (id, column) in integers {
            if !column.is_absent() {
                frame.integers(id, 0, column);
            }
        }
        let decimals = [
            (id::LATITUDE, &self.latitudes),
            (id::LONGITUDE, &self.longitudes),
            (id::ALTITUDE, &self.altitudes),
        ];
        for (id, column) in decimals {
            if !column.is_absent() {
                frame.decimals(id, 0, column);
            }
        }
        if !self.kinds.is_empty() {
            let texts: Vec<_> = self.kinds.iter().map(SensorType::as_str).collect();
            frame.column(id::TYPES, encoding::TEXTS, 0, |out| write_texts(out, &texts));
        }
        if !self.networks.is_empty() {
            let texts: Vec<_> = self.networks.iter().map(Network::as_str).collect();
            frame.column(id::NETWORKS, encoding::TEXTS, ESSENTIAL, |out| write_texts(out, &texts));
            frame.integers(id::NETWORK, ESSENTIAL, &self.network);
        }
        frame.finish()
    }

    /// Decodes a table. It returns for any input.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut frame = Frame::read(bytes, MAX_STATIONS)?;
        if frame.kind != KIND {
            return Err(damaged("a table of stations is something else"));
        }
        let count = frame.rows;
        let kinds = read_texts(&mut frame, id::TYPES, "a sensor type")?;
        let networks = read_texts(&mut frame, id::NETWORKS, "a network")?;
        let table = Self {
            count,
            sensors: frame.integers(id::SENSOR)?,
            networks,
            network: frame.integers(id::NETWORK)?,
            kind: frame.integers(id::TYPE)?,
            kinds,
            locations: frame.integers(id::LOCATION)?,
            latitudes: frame.decimals(id::LATITUDE)?,
            longitudes: frame.decimals(id::LONGITUDE)?,
            altitudes: frame.decimals(id::ALTITUDE)?,
            indoor: frame.integers(id::INDOOR)?,
            exact: frame.integers(id::EXACT)?,
            flags: OnceLock::new(),
            text: OnceLock::new(),
        };
        if !table.kind.are_below(table.kinds.len() as u64) {
            return Err(damaged("a sensor type is not there"));
        }
        if !table.network.are_below(table.networks.len() as u64) {
            return Err(damaged("a network is not there"));
        }
        // An unknown column would be lost for stations when it is rewritten.
        match frame.rest()?.is_empty() {
            true => Ok(table),
            false => Err(newer("its stations have a column that has to be known")),
        }
    }
}

/// Distinct values shared by many rows, by number.
struct Dictionary<T> {
    entries: Vec<T>,
    numbers: HashMap<T, u64, foldhash::fast::RandomState>,
}

impl<T: Copy + Eq + Hash> Dictionary<T> {
    /// Extends entries, whose numbers are unchanged.
    fn after(entries: &[T]) -> Self {
        let numbers = entries.iter().copied().zip(0..).collect();
        Self { entries: entries.to_vec(), numbers }
    }

    fn number(&mut self, entry: T) -> u64 {
        *self.numbers.entry(entry).or_insert_with(|| {
            self.entries.push(entry);
            self.entries.len() as u64 - 1
        })
    }
}

/// Texts of at most 24 bytes.
fn write_texts(out: &mut Vec<u8>, texts: &[&str]) {
    out.extend((texts.len() as u32).to_le_bytes());
    out.extend(texts.iter().map(|text| text.len() as u8));
    texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
}

/// None if the column is missing.
fn read_texts<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    frame: &mut Frame<'_>,
    id: u8,
    what: &str,
) -> Result<Vec<T>, Error> {
    let Some(column) = frame.take(id) else { return Ok(Vec::new()) };
    column.read(encoding::TEXTS, |input| {
        let count = input.u32()? as usize;
        let lengths = input.take(count)?;
        let texts = lengths.iter().map(|length| {
            let text = std::str::from_utf8(input.take(usize::from(*length))?);
            text.unwrap_or_default().parse().map_err(|e| damaged(what).because(e))
        });
        texts.collect()
    })
}

/// Assigns station numbers while blocks are built.
pub(crate) struct Numbering {
    base: Option<Arc<Stations>>,
    new: Vec<Station>,
    /// The last number that a sensor got.
    last: HashMap<Sensor, u32, foldhash::fast::RandomState>,
    /// For every number the one that its sensor had before.
    before: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Numbering {
    /// Extends a table, whose numbers are unchanged.
    pub(crate) fn after(base: Option<Arc<Stations>>) -> Self {
        let mut numbering =
            Self { base: None, new: Vec::new(), last: HashMap::default(), before: Vec::new() };
        if let Some(base) = &base {
            numbering.last.reserve(base.count);
            numbering.before.reserve(base.count);
            base.sensors().into_iter().for_each(|sensor| {
                numbering.add(sensor);
            });
        }
        Self { base, ..numbering }
    }

    fn add(&mut self, sensor: Sensor) -> u32 {
        let number = self.before.len() as u32; // rows are few
        self.before.push(self.last.insert(sensor, number).unwrap_or(NONE));
        number
    }

    fn base_count(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.count)
    }

    pub(crate) fn count(&self) -> usize {
        self.before.len()
    }

    pub(crate) fn number(&mut self, station: &Station) -> u32 {
        let mut known = self.last.get(&station.sensor).copied().unwrap_or(NONE);
        while known != NONE {
            let number = known as usize;
            let same = match (number.checked_sub(self.base_count()), &self.base) {
                (None, Some(base)) => base.get(number).is_exactly(station),
                (new, _) => self.new[new.unwrap_or(number)].is_exactly(station),
            };
            if same {
                return known;
            }
            known = self.before[number];
        }
        self.new.push(*station);
        self.add(station.sensor)
    }

    /// The table, and for every number given out the one that it has there: new stations
    /// stand in the order of sensors, which packs them closely.
    pub(crate) fn finish(self) -> (Arc<Stations>, Vec<u32>) {
        let first_new = self.base_count();
        let mut places: Vec<u32> = (0..self.count() as u32).collect();
        if let (Some(base), true) = (&self.base, self.new.is_empty()) {
            return (Arc::clone(base), places);
        }
        let mut order: Vec<usize> = (0..self.new.len()).collect();
        order.sort_by_key(|number| self.new[*number].sensor);
        for (place, number) in order.iter().enumerate() {
            places[first_new + number] = (first_new + place) as u32;
        }
        let new: Vec<_> = order.iter().map(|number| self.new[*number]).collect();
        (Arc::new(Stations::of(self.base.as_deref(), &new)), places)
    }
}
