//! The UK Daily Air Quality Index (DAQI), in force since 1 January 2012.
//!
//! Source: Defra, "Daily Air Quality Index", <https://uk-air.defra.gov.uk/air-pollution/daqi>,
//! and "Update on Implementation of the Daily Air Quality Index" (April 2013). The
//! five columns were cross-checked against DEFRA's own back end
//! (`DEFRA/aqie-back-end`, `daqi-calculator.js`) and `openaq/aqi-hub`.
//!
//! The mean over the averaging period ([`averaging`]) is rounded once, half up, to
//! whole µg/m³ and then looked up, so no value falls between two rows: 11.5 rounds
//! to 12 and has index 2. That ties go up rests on one source (the Met Office's
//! operational code, confidence medium); the 2013 document as summarised says
//! "nearest integer". DEFRA's own web service does not round at all and can differ
//! by one index just above a row's end.
//!
//! The index of several pollutants is the highest of theirs; one is enough.

use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;

use crate::{Concentration, Error, Pollutant};

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

    /// The band that the index lies in.
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

    /// Defra's word: `Low`, `Moderate`, `High`, `Very High`.
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

    /// Reads Defra's word in any case. `Medium`, which the report used, is taken for
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

/// The mean that the DAQI is defined on, for one pollutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Averaging {
    /// Mean of 15 minutes.
    QuarterHour,
    /// Mean of one hour.
    Hour,
    /// Running mean of 8 hours.
    EightHours,
    /// Mean of 24 hours.
    Day,
}

impl Averaging {
    /// `15min`, `1h`, `8h` or `24h`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuarterHour => "15min",
            Self::Hour => "1h",
            Self::EightHours => "8h",
            Self::Day => "24h",
        }
    }
}

/// The averaging period that the DAQI prescribes for a pollutant.
pub const fn averaging(pollutant: Pollutant) -> Averaging {
    match pollutant {
        Pollutant::Pm25 | Pollutant::Pm10 => Averaging::Day,
        Pollutant::O3 => Averaging::EightHours,
        Pollutant::No2 => Averaging::Hour,
        Pollutant::So2 => Averaging::QuarterHour,
    }
}

/// The index of one pollutant alone. Total: every concentration has one.
pub fn sub_index(pollutant: Pollutant, concentration: Concentration) -> SubIndex {
    let rounded = concentration.rounded_half_up();
    let tops = tops(pollutant);
    let below = tops.iter().filter(|top| rounded > u32::from(**top)).count();
    SubIndex {
        pollutant,
        concentration,
        rounded,
        index: Index(below as u8 + 1), // `below` is at most 9
    }
}

/// The index of several pollutants measured at one place: the highest of theirs.
///
/// [`Error::NothingGiven`] for an empty slice, [`Error::GivenTwice`] when a pollutant
/// repeats.
pub fn index(concentrations: &[(Pollutant, Concentration)]) -> Result<Daqi, Error> {
    let mut parts = [None; Pollutant::ALL.len()];
    for &(pollutant, concentration) in concentrations {
        let part = &mut parts[pollutant as usize];
        if part.is_some() {
            return Err(Error::GivenTwice(pollutant));
        }
        *part = Some(sub_index(pollutant, concentration));
    }
    let highest = parts.iter().flatten().map(SubIndex::index).max();
    Ok(Daqi { index: highest.ok_or(Error::NothingGiven)?, parts })
}

/// The concentrations (µg/m³, before rounding) that have this index: from the first,
/// included, up to the second, excluded; no second for index 10.
pub fn interval(pollutant: Pollutant, index: Index) -> (Decimal, Option<Decimal>) {
    let tops = tops(pollutant);
    let row = usize::from(index.get() - 1);
    // Half up: a row that ends at the whole number n holds everything below n + 0.5.
    let end_of = |top: u16| Decimal::new(i64::from(top) * 10 + 5, 1);
    let start = match row {
        0 => Decimal::ZERO,
        _ => end_of(tops[row - 1]),
    };
    (start, tops.get(row).map(|top| end_of(*top)))
}

/// The index of one pollutant and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubIndex {
    pollutant: Pollutant,
    concentration: Concentration,
    rounded: u32,
    index: Index,
}

impl SubIndex {
    /// The pollutant.
    pub fn pollutant(&self) -> Pollutant {
        self.pollutant
    }

    /// The concentration as given.
    pub fn concentration(&self) -> Concentration {
        self.concentration
    }

    /// The whole µg/m³ that were looked up in the table.
    pub fn rounded(&self) -> u32 {
        self.rounded
    }

    /// The index.
    pub fn index(&self) -> Index {
        self.index
    }
}

/// An index and its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Daqi {
    index: Index,
    parts: [Option<SubIndex>; Pollutant::ALL.len()],
}

impl Daqi {
    /// The index: the highest of the parts'.
    pub fn index(&self) -> Index {
        self.index
    }

    /// The index's band.
    pub fn band(&self) -> Band {
        self.index.band()
    }

    /// One sub-index for each pollutant given, in the order of [`Pollutant::ALL`].
    pub fn parts(&self) -> impl Iterator<Item = &SubIndex> {
        self.parts.iter().flatten()
    }

    /// The pollutants whose sub-index is the index; more than one when they tie.
    pub fn dominant(&self) -> impl Iterator<Item = Pollutant> {
        self.parts().filter(|part| part.index == self.index).map(SubIndex::pollutant)
    }
}

/// The last whole µg/m³ of index 1 to 9; index 10 is open. Only the rows' ends are
/// kept, so that a hole or an overlap cannot be written.
const fn tops(pollutant: Pollutant) -> &'static [u16; 9] {
    match pollutant {
        Pollutant::Pm25 => &PM25,
        Pollutant::Pm10 => &PM10,
        Pollutant::O3 => &O3,
        Pollutant::No2 => &NO2,
        Pollutant::So2 => &SO2,
    }
}

const PM25: [u16; 9] = ascending([11, 23, 35, 41, 47, 53, 58, 64, 70]);
const PM10: [u16; 9] = ascending([16, 33, 50, 58, 66, 75, 83, 91, 100]);
const O3: [u16; 9] = ascending([33, 66, 100, 120, 140, 160, 187, 213, 240]);
const NO2: [u16; 9] = ascending([67, 134, 200, 267, 334, 400, 467, 534, 600]);
const SO2: [u16; 9] = ascending([88, 177, 266, 354, 443, 532, 710, 887, 1064]);

/// Checked while compiling: a table out of order does not build.
const fn ascending(tops: [u16; 9]) -> [u16; 9] {
    let mut row = 1;
    while row < tops.len() {
        assert!(tops[row - 1] < tops[row], "the rows must ascend");
        row += 1;
    }
    tops
}
