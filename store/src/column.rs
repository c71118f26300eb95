use std::fmt;
use std::str::FromStr;

/// What an answer says of each reading: a column of CSV, Parquet and Arrow, a member of
/// a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// `id`: the feed's id of the measurement.
    Id,
    /// `timestamp`: the end of the averaging window, UTC.
    Timestamp,
    /// `P1`: PM10 in µg/m³.
    P1,
    /// `P2`: PM2.5 in µg/m³.
    P2,
    /// `loc_id`: the id of the place.
    LocationId,
    /// `loc_lat`: degrees north.
    Latitude,
    /// `loc_long`: degrees east.
    Longitude,
    /// `loc_alt`: metres above sea level.
    Altitude,
    /// `loc_country`: ISO 3166-1 alpha-2.
    Country,
    /// `AQI`: the particulate-matter DAQI, 1 to 10.
    Aqi,
    /// `Range`: the band of the index.
    Range,
    /// `sensor_id`: the sensor's id in the network.
    SensorId,
    /// `sensor_type`: the sensor's model.
    SensorType,
    /// `window`: the averaging window: `5min`, `1h`, `24h` or `day`.
    Window,
    /// `indoor`: 1 or 0.
    Indoor,
    /// `exact_location`: 1, or 0 where the coordinates are rounded for privacy.
    ExactLocation,
    /// `flags`: what is doubtful, the names of [`Flags`](crate::Flags) with a space between.
    Flags,
}

impl Column {
    /// The report's eleven, in its order.
    pub const DEFAULT: &[Self] = Self::ALL.first_chunk::<11>().expect("there are more");

    /// All columns; with these a reading can be read back.
    pub const ALL: &[Self] = &[
        Self::Id,
        Self::Timestamp,
        Self::P1,
        Self::P2,
        Self::LocationId,
        Self::Latitude,
        Self::Longitude,
        Self::Altitude,
        Self::Country,
        Self::Aqi,
        Self::Range,
        Self::SensorId,
        Self::SensorType,
        Self::Window,
        Self::Indoor,
        Self::ExactLocation,
        Self::Flags,
    ];

    /// The name in the header line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Timestamp => "timestamp",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::LocationId => "loc_id",
            Self::Latitude => "loc_lat",
            Self::Longitude => "loc_long",
            Self::Altitude => "loc_alt",
            Self::Country => "loc_country",
            Self::Aqi => "AQI",
            Self::Range => "Range",
            Self::SensorId => "sensor_id",
            Self::SensorType => "sensor_type",
            Self::Window => "window",
            Self::Indoor => "indoor",
            Self::ExactLocation => "exact_location",
            Self::Flags => "flags",
        }
    }
}

impl FromStr for Column {
    type Err = UnknownColumn;

    fn from_str(text: &str) -> Result<Self, UnknownColumn> {
        let found = Self::ALL.iter().find(|column| column.name() == text);
        found.copied().ok_or(UnknownColumn)
    }
}

/// The text is not the name of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownColumn;

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        write!(f, "the columns are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownColumn {}
