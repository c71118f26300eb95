use core::fmt;
use core::str::FromStr;

use crate::{Error, words};

/// The averaging period of a concentration.
///
/// If a standard uses the highest such mean of a day (ozone's daily maximum of 8-hour means), it
/// has the same averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Averaging {
    /// 15 minutes.
    #[cfg_attr(feature = "serde", serde(rename = "15min"))]
    QuarterHour,
    /// One hour.
    #[cfg_attr(feature = "serde", serde(rename = "1h"))]
    Hour,
    /// Three hours.
    #[cfg_attr(feature = "serde", serde(rename = "3h"))]
    ThreeHours,
    /// Four hours.
    #[cfg_attr(feature = "serde", serde(rename = "4h"))]
    FourHours,
    /// Eight hours.
    #[cfg_attr(feature = "serde", serde(rename = "8h"))]
    EightHours,
    /// 24 hours, running or a calendar day, depending on the standard.
    #[cfg_attr(feature = "serde", serde(rename = "24h"))]
    Day,
    /// Ozone's six consecutive months of the highest mean (WHO).
    #[cfg_attr(feature = "serde", serde(rename = "peak"))]
    PeakSeason,
    /// A calendar year.
    #[cfg_attr(feature = "serde", serde(rename = "1y"))]
    Year,
}

impl Averaging {
    /// Every period, from the shortest to the longest.
    pub const ALL: [Self; 8] = [
        Self::QuarterHour,
        Self::Hour,
        Self::ThreeHours,
        Self::FourHours,
        Self::EightHours,
        Self::Day,
        Self::PeakSeason,
        Self::Year,
    ];

    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::QuarterHour => &["15min", "15 mins", "15 minute", "15 minutes"],
            Self::Hour => &["1h", "1 hr", "1 hour", "hour", "hourly"],
            Self::ThreeHours => &["3h", "3 hr", "3 hrs", "3 hour", "3 hours"],
            Self::FourHours => &["4h", "4 hr", "4 hrs", "4 hour", "4 hours"],
            Self::EightHours => &["8h", "8 hr", "8 hrs", "8 hour", "8 hours"],
            Self::Day => &["24h", "24 hr", "24 hrs", "24 hour", "24 hours", "1d", "day", "daily"],
            Self::PeakSeason => &["peak", "peak season"],
            Self::Year => &["1y", "1 year", "year", "yearly", "annual"],
        }
    }

    /// `15min`, `1h`, `3h`, `4h`, `8h`, `24h`, `peak` or `1y`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuarterHour => "15min",
            Self::Hour => "1h",
            Self::ThreeHours => "3h",
            Self::FourHours => "4h",
            Self::EightHours => "8h",
            Self::Day => "24h",
            Self::PeakSeason => "peak",
            Self::Year => "1y",
        }
    }
}

impl fmt::Display for Averaging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Averaging {
    type Err = Error;

    /// Parses common spellings: `24h`, `24 hours`, `24-hour`, `daily`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_any = |names: &[&str]| names.iter().any(|name| words::same(text, name));
        let is_it = |averaging: &Self| is_any(averaging.names());
        Self::ALL.into_iter().find(is_it).ok_or(Error::NotAnAveraging)
    }
}

/// A data-capture rule: the number of values in an averaging period, and how many of them are
/// required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capture {
    /// The number of values in a complete period.
    pub of: u32,
    /// The number of values required for a mean.
    pub at_least: u32,
}

impl Capture {
    /// `at_least` of `of` values.
    pub const fn new(at_least: u32, of: u32) -> Self {
        Self { of, at_least }
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.at_least, self.of)
    }
}
