use core::fmt;

/// Why there is no index: a refusal, never a fault of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a decimal number.
    NotANumber,
    /// The concentration is below zero.
    Negative,
    /// No pollutant was given.
    NothingGiven,
    /// The same pollutant was given twice.
    GivenTwice(crate::Pollutant),
    /// The number is not an index of this standard (DAQI: 1 to 10).
    NotAnIndex,
    /// The word is not a band of this standard.
    NotABand,
    /// The word is not a pollutant that this crate knows.
    NotAPollutant,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("not a decimal number"),
            Self::Negative => f.write_str("a concentration cannot be below zero"),
            Self::NothingGiven => f.write_str("no pollutant was given"),
            Self::GivenTwice(pollutant) => write!(f, "{pollutant} was given twice"),
            Self::NotAnIndex => f.write_str("the index runs from 1 to 10"),
            Self::NotABand => f.write_str("the bands are Low, Moderate, High and Very High"),
            Self::NotAPollutant => f.write_str("the pollutants are PM2.5, PM10, O3, NO2 and SO2"),
        }
    }
}

impl core::error::Error for Error {}
