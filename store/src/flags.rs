use aqi::Decimal;

use crate::blocks::{Cell, Short, Station};
use crate::{SensorType, Window};

/// Quality flags of a reading. Doubtful readings are kept and flagged.
///
/// Most are derived from the reading. Those of the samples behind a mean are found when the mean is
/// made, and stored with it ([`Reading::stored_flags`](crate::Reading::stored_flags)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u32);

impl Flags {
    /// No flags.
    pub const NONE: Self = Self(0);
    /// `P1` and `P2` are particle counts, not µg/m³ (PPD42NS); there is no index.
    pub const COUNTS: Self = Self(1);
    /// A value, or one of its samples, is at or above the official map's validity limits: PM10 1900,
    /// PM2.5 900 µg/m³.
    pub const SATURATED: Self = Self(1 << 1);
    /// A value is exactly zero, or 5 % of the samples are: usually a failed fan. Not of models that
    /// [publish whole numbers](SensorType::publishes_whole_numbers), where zero is clean air.
    pub const ZERO: Self = Self(1 << 2);
    /// A value is negative, which is impossible for a concentration; it has no index.
    pub const NEGATIVE: Self = Self(1 << 3);
    /// PM2.5 is above PM10, although it is a part of it.
    pub const INVERTED: Self = Self(1 << 4);
    /// Location 11, the network's placeholder.
    pub const DUMMY_LOCATION: Self = Self(1 << 5);

    /// The model is not known to measure particulate matter; there is no index.
    pub const UNKNOWN_TYPE: Self = Self(1 << 6);
    /// The coordinates are 0, 0: a point in the ocean, never a real location.
    pub const NULL_ISLAND: Self = Self(1 << 7);
    /// Less than 75 % of the period was measured ([`Window::least_hours`]); there is no index.
    pub const LOW_CAPTURE: Self = Self(1 << 8);
    /// 24 samples or more are in runs of six or more equal ones. Stored.
    pub const STUCK: Self = Self(1 << 9);
    /// A sample is above five times the median of the eleven around it, and by more than 50 (PM10)
    /// or 25 (PM2.5) µg/m³ above it. Stored.
    pub const SPIKE: Self = Self(1 << 10);
    /// PM2.5 is below a fifth of PM10, which is at least 16.5 µg/m³.
    pub const COARSE: Self = Self(1 << 11);
    /// Only one of PM10 and PM2.5 is present.
    pub const ONE_POLLUTANT: Self = Self(1 << 12);
    /// A value c is above twice that of the neighbours: `(c + 1) / (N + 1)` is above 2, where N is
    /// the median of three or more other outdoor sensors within 10 km, for the same period. Only of
    /// models whose limits are known: the SDS011. Stored.
    pub const ABOVE_NEIGHBOURS: Self = Self(1 << 13);
    /// A value is below half that of the neighbours: `(c + 1) / (N + 1)` is below ½. Stored.
    pub const BELOW_NEIGHBOURS: Self = Self(1 << 14);
    /// There are fewer than three such sensors, for each pollutant of the reading. Stored.
    pub const NO_NEIGHBOURS: Self = Self(1 << 15);
    /// The relative humidity at the location was 90 % or more. Stored.
    pub const HUMID: Self = Self(1 << 16);
    /// The given country is not that of the coordinates, nor one within a kilometre of them. Stored.
    pub const COUNTRY_DOUBTED: Self = Self(1 << 17);
    /// The relative humidity at the location was 99 % or more in every hour of the day, as of a sensor
    /// that is wet or broken. Stored.
    pub const RH_PINNED: Self = Self(1 << 18);

    /// Those that are stored with a reading, since they are found in more than itself: its samples,
    /// neighbours, humidity and place. [`SATURATED`](Self::SATURATED) and [`ZERO`](Self::ZERO) also
    /// follow from its values.
    pub const STORED: Self = Self(
        Self::SATURATED.0
            | Self::ZERO.0
            | Self::STUCK.0
            | Self::SPIKE.0
            | Self::ABOVE_NEIGHBOURS.0
            | Self::BELOW_NEIGHBOURS.0
            | Self::NO_NEIGHBOURS.0
            | Self::HUMID.0
            | Self::COUNTRY_DOUBTED.0
            | Self::RH_PINNED.0,
    );

    /// Those that come with the humidity at the location.
    pub const OF_HUMIDITY: Self = Self(Self::HUMID.0 | Self::RH_PINNED.0);

    /// The flags excluded by [`Quality::Plausible`](crate::Quality::Plausible).
    pub const IMPLAUSIBLE: Self = Self(
        Self::COUNTS.0
            | Self::SATURATED.0
            | Self::ZERO.0
            | Self::NEGATIVE.0
            | Self::DUMMY_LOCATION.0
            | Self::UNKNOWN_TYPE.0
            | Self::NULL_ISLAND.0
            | Self::LOW_CAPTURE.0
            | Self::STUCK.0
            | Self::ABOVE_NEIGHBOURS.0,
    );

    /// The flags and their names in CSV.
    pub const NAMES: [(Self, &'static str); 19] = [
        (Self::COUNTS, "counts"),
        (Self::SATURATED, "saturated"),
        (Self::ZERO, "zero"),
        (Self::NEGATIVE, "negative"),
        (Self::INVERTED, "inverted"),
        (Self::DUMMY_LOCATION, "dummy_location"),
        (Self::UNKNOWN_TYPE, "unknown_type"),
        (Self::NULL_ISLAND, "null_island"),
        (Self::LOW_CAPTURE, "low_capture"),
        (Self::STUCK, "stuck"),
        (Self::SPIKE, "spike"),
        (Self::COARSE, "coarse"),
        (Self::ONE_POLLUTANT, "one_pollutant"),
        (Self::ABOVE_NEIGHBOURS, "above_neighbours"),
        (Self::BELOW_NEIGHBOURS, "below_neighbours"),
        (Self::NO_NEIGHBOURS, "no_neighbours"),
        (Self::HUMID, "humid"),
        (Self::COUNTRY_DOUBTED, "country_doubted"),
        (Self::RH_PINNED, "rh_pinned"),
    ];

    /// Each flag and when it is set, in words for people who read a file.
    pub const MEANINGS: [(Self, &'static str); Self::NAMES.len()] = [
        (Self::COUNTS, "P1 and P2 are particle counts, not µg/m³ (PPD42NS): no index"),
        (Self::SATURATED, "a value or sample is at least 1900 (PM10) or 900 µg/m³ (PM2.5)"),
        (
            Self::ZERO,
            "a value is zero, or 5 % of the samples are; not of models with whole numbers",
        ),
        (Self::NEGATIVE, "a value is negative"),
        (Self::INVERTED, "PM2.5 is above PM10"),
        (Self::DUMMY_LOCATION, "location 11, the network's placeholder"),
        (Self::UNKNOWN_TYPE, "not a known sensor of particulate matter: no index"),
        (Self::NULL_ISLAND, "the coordinates are 0, 0"),
        (Self::LOW_CAPTURE, "less than 75 % of the averaging period was measured: no index"),
        (Self::STUCK, "24 samples or more are in runs of six or more equal ones"),
        (
            Self::SPIKE,
            "a sample is above 5 times the median of the 11 around it, and by more than 50 (PM10) \
             or 25 µg/m³ (PM2.5)",
        ),
        (Self::COARSE, "PM2.5 is below a fifth of PM10, which is at least 16.5 µg/m³"),
        (Self::ONE_POLLUTANT, "only one of PM10 and PM2.5 is present"),
        (
            Self::ABOVE_NEIGHBOURS,
            "(c + 1) / (N + 1) is above 2, where N is the median of 3 or more other outdoor sensors \
             within 10 km",
        ),
        (Self::BELOW_NEIGHBOURS, "(c + 1) / (N + 1) is below ½, with N as of above_neighbours"),
        (Self::NO_NEIGHBOURS, "there are fewer than 3 other outdoor sensors within 10 km"),
        (Self::HUMID, "the relative humidity at the location was 90 % or more"),
        (
            Self::COUNTRY_DOUBTED,
            "the given country is not that of the coordinates, nor one within a kilometre of them",
        ),
        (
            Self::RH_PINNED,
            "the relative humidity at the location was 99 % or more in every hour of the day",
        ),
    ];

    /// Whether every flag of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The union of both.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags without those of `other`.
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag));
        set.map(|(_, name)| name)
    }

    /// The flag with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }

    /// The intersection of both.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn of(station: &Station, pm10: Option<Decimal>, pm25: Option<Decimal>) -> Self {
        let cell = |value: Option<Decimal>| value.map_or(Cell::Absent, Cell::Long);
        StationFlags::of(station).with_values([cell(pm10), cell(pm25)])
    }

    /// The flag of a mean over so many valid hours.
    pub(crate) fn of_capture(window: Window, hours: Option<u32>) -> Self {
        match (window.least_hours(), hours) {
            (Some(least), Some(hours)) if hours < least => Self::LOW_CAPTURE,
            _ => Self::NONE,
        }
    }

    /// As it is in blocks: flags of later versions are kept, without a name.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }
}

/// What the flags of a reading owe to its station.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StationFlags {
    /// Those of everything that the sensor measures there.
    flags: Flags,
    /// Whether zero is clean air, as the model publishes whole numbers.
    zero_is_clean: bool,
}

impl StationFlags {
    pub(crate) fn of(station: &Station) -> Self {
        let mut flags = Flags::NONE;
        let mut set = |flag: Flags, when: bool| flags.0 |= if when { flag.0 } else { 0 };
        let is_zero = |degrees: Option<Decimal>| degrees.is_some_and(|d| d.is_zero());
        set(Flags::DUMMY_LOCATION, station.location == Some(11));
        set(Flags::NULL_ISLAND, is_zero(station.latitude) && is_zero(station.longitude));
        let model = station.sensor_type;
        let counts = model.is_some_and(|model| model.counts_particles());
        let is_unknown = |model: SensorType| !model.measures_particulates();
        set(Flags::COUNTS, counts);
        set(Flags::UNKNOWN_TYPE, !counts && model.is_some_and(is_unknown));
        let zero_is_clean = model.is_some_and(|model| model.publishes_whole_numbers());
        Self { flags, zero_is_clean }
    }

    /// With the flags of PM10 and PM2.5, unless they are counts.
    #[inline]
    pub(crate) fn with_values(self, [pm10, pm25]: [Cell; 2]) -> Flags {
        let Self { mut flags, zero_is_clean } = self;
        if flags.contains(Flags::COUNTS) {
            return flags;
        }
        let mut set = |flag: Flags, when: bool| flags.0 |= if when { flag.0 } else { 0 };
        for (cell, limit) in [(pm10, 1900), (pm25, 900)] {
            let (saturated, zero, negative) = match cell {
                Cell::Absent => continue,
                Cell::Short(Short { negative, digits, places }) => {
                    let limit = 10u64.checked_pow(places).and_then(|one| one.checked_mul(limit));
                    let reaches = limit.is_some_and(|limit| digits >= limit);
                    (!negative && reaches, digits == 0, negative)
                }
                Cell::Long(value) => {
                    (value >= Decimal::from(limit), value.is_zero(), value < Decimal::ZERO)
                }
            };
            set(Flags::SATURATED, saturated);
            set(Flags::ZERO, zero && !zero_is_clean);
            set(Flags::NEGATIVE, negative);
        }
        let inverted = match (pm10, pm25) {
            (Cell::Short(ten), Cell::Short(small))
                if ten.places == small.places && !ten.negative && !small.negative =>
            {
                small.digits > ten.digits
            }
            (Cell::Absent, _) => false,
            (ten, small) => small.decimal() > ten.decimal(),
        };
        set(Flags::INVERTED, inverted);
        let is_absent = |cell: Cell| matches!(cell, Cell::Absent);
        set(Flags::ONE_POLLUTANT, is_absent(pm10) != is_absent(pm25));
        set(Flags::COARSE, is_coarse(pm10, pm25));
        flags
    }
}

/// Whether PM2.5 is below a fifth of PM10, which is at least 16.5 µg/m³.
#[inline]
fn is_coarse(pm10: Cell, pm25: Cell) -> bool {
    if let (Cell::Short(ten), Cell::Short(small)) = (pm10, pm25)
        && ten.places == small.places
        && let Some(one) = 10u64.checked_pow(ten.places)
        && let (Some(least), Some(twice)) = (one.checked_mul(33), ten.digits.checked_mul(2))
        && let Some(five) = small.digits.checked_mul(5)
    {
        return !ten.negative && twice >= least && (small.negative || five < ten.digits);
    }
    let (Some(ten), Some(small)) = (pm10.decimal(), pm25.decimal()) else { return false };
    let least = Decimal::new(165, 1);
    ten >= least && ten.checked_div(Decimal::from(5)).is_some_and(|fifth| small < fifth)
}
