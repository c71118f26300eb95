use aqi::Decimal;

use crate::block::Station;

/// What is doubtful about a reading. Doubtful readings are kept and say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u16);

impl Flags {
    /// Nothing is doubtful.
    pub const NONE: Self = Self(0);
    /// `P1` and `P2` are particle counts, not µg/m³ (PPD42NS); there is no index.
    pub const COUNTS: Self = Self(1);
    /// At or above the official map's validity limits: PM10 1900, PM2.5 900 µg/m³.
    pub const SATURATED: Self = Self(1 << 1);
    /// A value is exactly zero: usually a dead fan.
    pub const ZERO: Self = Self(1 << 2);
    /// A value is below zero, which no concentration can be; it gets no index.
    pub const NEGATIVE: Self = Self(1 << 3);
    /// PM2.5 above PM10, though it is a part of it.
    pub const INVERTED: Self = Self(1 << 4);
    /// Location 11, the network's dummy.
    pub const DUMMY_LOCATION: Self = Self(1 << 5);

    /// The model is not known to measure particulate matter; there is no index.
    pub const UNKNOWN_TYPE: Self = Self(1 << 6);
    /// The coordinates are 0, 0: a place in the sea that nobody meant.
    pub const NULL_ISLAND: Self = Self(1 << 7);

    /// What [`Quality::Plausible`](crate::Quality::Plausible) leaves out.
    pub const IMPLAUSIBLE: Self = Self(
        Self::COUNTS.0
            | Self::SATURATED.0
            | Self::ZERO.0
            | Self::NEGATIVE.0
            | Self::DUMMY_LOCATION.0
            | Self::UNKNOWN_TYPE.0
            | Self::NULL_ISLAND.0,
    );

    /// The flags and their names as CSV shows them.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::COUNTS, "counts"),
        (Self::SATURATED, "saturated"),
        (Self::ZERO, "zero"),
        (Self::NEGATIVE, "negative"),
        (Self::INVERTED, "inverted"),
        (Self::DUMMY_LOCATION, "dummy_location"),
        (Self::UNKNOWN_TYPE, "unknown_type"),
        (Self::NULL_ISLAND, "null_island"),
    ];

    /// Whether every flag of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags of both.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is doubtful.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag));
        set.map(|(_, name)| name)
    }

    /// The flag of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }

    /// The flags that both have.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn of(station: &Station, pm10: Option<Decimal>, pm25: Option<Decimal>) -> Self {
        let mut flags = Self(0);
        let mut set = |flag: Self, when: bool| flags.0 |= if when { flag.0 } else { 0 };
        let is_zero = |degrees: Option<Decimal>| degrees.is_some_and(|d| d.is_zero());
        set(Self::DUMMY_LOCATION, station.location == Some(11));
        set(Self::NULL_ISLAND, is_zero(station.latitude) && is_zero(station.longitude));
        if station.sensor_type.is_some_and(|kind| kind.counts_particles()) {
            set(Self::COUNTS, true);
            return flags;
        }
        set(
            Self::UNKNOWN_TYPE,
            station.sensor_type.is_some_and(|kind| !kind.measures_particulates()),
        );
        let at_least = |value: Option<Decimal>, limit: i64| value >= Some(Decimal::from(limit));
        let any = |test: fn(&Decimal) -> bool| [pm10, pm25].iter().flatten().any(test);
        set(Self::SATURATED, at_least(pm10, 1900) || at_least(pm25, 900));
        set(Self::ZERO, any(Decimal::is_zero));
        set(Self::NEGATIVE, any(|value| *value < Decimal::ZERO));
        set(Self::INVERTED, pm10.is_some() && pm25 > pm10);
        flags
    }
}
