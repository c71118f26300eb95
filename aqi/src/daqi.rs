//! The UK Daily Air Quality Index (DAQI), in force since 1 January 2012.
//!
//! Source: Defra, "Daily Air Quality Index", <https://uk-air.defra.gov.uk/air-pollution/daqi>,
//! and "Update on Implementation of the Daily Air Quality Index" (April 2013). The
//! five columns were cross-checked against DEFRA's own back end
//! (`DEFRA/aqie-back-end`, `daqi-calculator.js`) and `openaq/aqi-hub`.
//!
//! The mean over the averaging period is rounded once, half up, to whole µg/m³ and then looked up,
//! so no value falls between two rows: 11.5 rounds to 12 and has index 2. Rounding ties up is based
//! on one source (the Met Office's operational code, confidence medium); the 2013 document as
//! summarised says "nearest integer". DEFRA's own web service does not round at all and can differ
//! by one index just above a row's end: the policy `unrounded`, [`DAQI_UNROUNDED`].
//!
//! The index of several pollutants is the highest of theirs; one is enough. A mean of 24
//! hours needs 18, one of 8 hours 6. The report's trigger values are left out: no source at
//! hand has them.
//!
//! [`DAQI`] is the standard like all others. [`Index`] and [`Band`] are separate types for its
//! values, for code that stores them.

use core::fmt;
use core::str::FromStr;

use crate::Averaging::{Day, EightHours, Hour, QuarterHour};
use crate::Pollutant::{No2, O3, Pm10, Pm25, So2};
use crate::category::{Category, Severity};
use crate::colour::SAFE_4;
use crate::standard::BLANK;
use crate::{
    Averaging, Colour, Concentration, Date, End, Error, Pollutant, Rounding, Sample, Scale, Shape,
    Standard, Table, Unit,
};

/// A DAQI value, 1 to 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u8", into = "u8"))]
pub struct Index(u8);

impl Index {
    /// The lowest, 1.
    pub const MIN: Self = Self(1);
    /// The highest, 10.
    pub const MAX: Self = Self(10);

    /// From a number; [`Error::NotAnIndex`] outside 1 to 10.
    pub const fn new(value: u8) -> Result<Self, Error> {
        match value {
            1..=10 => Ok(Self(value)),
            _ => Err(Error::NotAnIndex),
        }
    }

    /// The number, 1 to 10.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The band of the index.
    pub const fn band(self) -> Band {
        match self.0 {
            ..=3 => Band::Low,
            4..=6 => Band::Moderate,
            7..=9 => Band::High,
            _ => Band::VeryHigh,
        }
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<u8> for Index {
    type Error = Error;

    fn try_from(value: u8) -> Result<Self, Error> {
        Self::new(value)
    }
}

impl From<Index> for u8 {
    fn from(index: Index) -> u8 {
        index.0
    }
}

impl From<Index> for crate::Index {
    fn from(index: Index) -> Self {
        Self::new(index.0.into())
    }
}

impl TryFrom<crate::Index> for Index {
    type Error = Error;

    fn try_from(index: crate::Index) -> Result<Self, Error> {
        match (index.number(), index.is_over()) {
            (number @ 1..=10, false) => Ok(Self(number as u8)),
            _ => Err(Error::NotAnIndex),
        }
    }
}

/// The four bands of the DAQI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Band {
    /// Index 1 to 3.
    Low,
    /// Index 4 to 6.
    Moderate,
    /// Index 7 to 9.
    High,
    /// Index 10.
    #[cfg_attr(feature = "serde", serde(rename = "Very High"))]
    VeryHigh,
}

impl Band {
    /// The bands from the lowest to the highest.
    pub const ALL: [Self; 4] = [Self::Low, Self::Moderate, Self::High, Self::VeryHigh];

    /// Defra's name: `Low`, `Moderate`, `High`, `Very High`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Moderate => "Moderate",
            Self::High => "High",
            Self::VeryHigh => "Very High",
        }
    }

    /// The lowest and the highest index of the band.
    pub const fn indices(self) -> (Index, Index) {
        match self {
            Self::Low => (Index(1), Index(3)),
            Self::Moderate => (Index(4), Index(6)),
            Self::High => (Index(7), Index(9)),
            Self::VeryHigh => (Index(10), Index(10)),
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Band {
    type Err = Error;

    /// Parses Defra's name, case-insensitive. `Medium`, which the report used, is accepted for
    /// `Moderate`; `VeryHigh`, `very-high` and `very_high` for `Very High`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("Medium") {
            return Ok(Self::Moderate);
        }
        if is("VeryHigh") || is("very-high") || is("very_high") {
            return Ok(Self::VeryHigh);
        }
        Self::ALL.into_iter().find(|band| is(band.name())).ok_or(Error::NotABand)
    }
}

/// The DAQI of particulate matter over 24 hours: the higher of PM10's and PM2.5's; none if both are
/// missing.
///
/// [`Error::WrongUnit`] for parts per billion or million.
pub fn of_particulates(
    pm10: Option<Concentration>,
    pm25: Option<Concentration>,
) -> Result<Option<Index>, Error> {
    let mut highest = None;
    for (pollutant, concentration) in [(Pm10, pm10), (Pm25, pm25)] {
        if let Some(concentration) = concentration {
            let sub_index = DAQI.sub_index(&Sample::new(pollutant, Day, concentration))?;
            highest = highest.max(Some(Index::try_from(sub_index.index())?));
        }
    }
    Ok(highest)
}

const DEFRA: &str = "Defra, https://uk-air.defra.gov.uk/air-pollution/daqi (2013 revision)";

/// Rows of index 1 to 9 by their last whole µg/m³, and index 10 above.
const fn table(pollutant: Pollutant, averaging: Averaging, rows: &'static [(u32, u32)]) -> Table {
    let scale = Scale::new(0, Rounding::HalfUp, Shape::Banded, (0, 0), rows, End::Open(10));
    Table::new(pollutant, averaging, Unit::Microgram, scale, DEFRA)
}

/// PM2.5, µg/m³: Defra 2013.
const PM25: Table = table(
    Pm25,
    Day,
    &[(11, 1), (23, 2), (35, 3), (41, 4), (47, 5), (53, 6), (58, 7), (64, 8), (70, 9)],
)
.capture(18, 24);
/// PM10, µg/m³: Defra 2013.
const PM10: Table = table(
    Pm10,
    Day,
    &[(16, 1), (33, 2), (50, 3), (58, 4), (66, 5), (75, 6), (83, 7), (91, 8), (100, 9)],
)
.capture(18, 24);
/// Ozone, µg/m³: Defra 2013.
const OZONE: Table = table(
    O3,
    EightHours,
    &[(33, 1), (66, 2), (100, 3), (120, 4), (140, 5), (160, 6), (187, 7), (213, 8), (240, 9)],
)
.capture(6, 8);
/// NO2, µg/m³: Defra 2013.
const NO2: Table = table(
    No2,
    Hour,
    &[(67, 1), (134, 2), (200, 3), (267, 4), (334, 5), (400, 6), (467, 7), (534, 8), (600, 9)],
)
.capture(3, 4);
/// SO2, µg/m³: Defra 2013.
const SO2: Table = table(
    So2,
    QuarterHour,
    &[(88, 1), (177, 2), (266, 3), (354, 4), (443, 5), (532, 6), (710, 7), (887, 8), (1064, 9)],
);

/// The bands, with the colours that UK-AIR shows beside them and the Welsh names of DEFRA's
/// service.
const CATEGORIES: &[Category] = &[
    Category::new("Low", 1, Some(0x009900), SAFE_4[0], Severity::Clean).named(&[("cy", "Isel")]),
    Category::new("Moderate", 4, Some(0xFF9900), SAFE_4[1], Severity::Elevated)
        .named(&[("cy", "Cymedrol")]),
    Category::new("High", 7, Some(0xFF0000), SAFE_4[2], Severity::Unhealthy)
        .named(&[("cy", "Uchel")]),
    Category::new("Very High", 10, Some(0x990099), SAFE_4[3], Severity::VeryUnhealthy)
        .named(&[("cy", "Uchel iawn")]),
];
/// DEFRA's front end, openair and the Met Office agree on these.
const COLOURS: &[Colour] = &[
    Colour::hex(0x9CFF9C),
    Colour::hex(0x31FF00),
    Colour::hex(0x31CF00),
    Colour::hex(0xFFFF00),
    Colour::hex(0xFFCF00),
    Colour::hex(0xFF9A00),
    Colour::hex(0xFF6464),
    Colour::hex(0xFF0000),
    Colour::hex(0x990000),
    Colour::hex(0xCE30FF),
];

const V2013: Standard = Standard {
    id: "uk_daqi",
    version: "2013",
    name: "UK Daily Air Quality Index",
    short_name: "UK DAQI",
    authority: "Defra",
    region: "GB",
    from: Date::new(2012, 1, 1),
    tables: &[PM25, PM10, OZONE, NO2, SO2],
    categories: CATEGORIES,
    index_colours: COLOURS,
    advice_pages: &[
        (Date::new(2012, 1, 1), "https://uk-air.defra.gov.uk/air-pollution/daqi"),
        (
            Date::new(2025, 12, 19),
            "https://www.gov.uk/government/publications/health-effects-of-air-pollution/\
             health-advice-for-the-daily-air-quality-index-daqi",
        ),
    ],
    ..BLANK
};

/// The DAQI: one table serves all dates since 2012.
pub static DAQI: Standard = V2013;

/// The policy `unrounded`, as used by DEFRA's own web service: 11.2 has index 2.
pub static DAQI_UNROUNDED: Standard =
    Standard { policy: "unrounded", rounding: Some(Rounding::Unrounded), ..V2013 };
