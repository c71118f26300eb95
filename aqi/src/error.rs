use core::fmt;

use crate::{Averaging, Pollutant, Unit};

/// Why there is no result: an error of the input, never of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a decimal number, or has more digits than one holds.
    NotANumber,
    /// The float is NaN or infinite.
    NotFinite,
    /// The concentration is below zero.
    Negative,
    /// The number is larger than a decimal holds (about 7.9 · 10²⁸).
    TooLarge,
    /// The text is not a known unit.
    NotAUnit,
    /// The text is not a known pollutant.
    NotAPollutant,
    /// The text is not a known averaging period.
    NotAnAveraging,
    /// The number is not an index of the DAQI.
    NotAnIndex,
    /// The text is not a band of the DAQI.
    NotABand,
    /// No concentration was given.
    NothingGiven,
    /// The same pollutant was given twice for one averaging period.
    GivenTwice(Pollutant),
    /// The standard has no table for the pollutant.
    NotInStandard(Pollutant),
    /// The standard requires another averaging period for the pollutant.
    WrongAveraging(Pollutant, Averaging),
    /// The standard requires a unit of the other kind for the pollutant: by mass instead of by
    /// volume, or vice versa. See [`Concentration::at`](crate::Concentration::at).
    WrongUnit {
        /// The pollutant.
        pollutant: Pollutant,
        /// The unit of the concentration.
        given: Unit,
        /// The unit of the table.
        wanted: Unit,
    },
    /// The standard's table for this averaging period begins above the concentration; a
    /// longer or shorter period decides.
    BelowTable(Pollutant, Averaging),
    /// The standard discards such a high value as a measurement error.
    Implausible(Pollutant),
    /// The index is a sum over several pollutants, and one or more of them are missing.
    Incomplete,
    /// Different units in one mean.
    MixedUnits,
    /// Too few values in the averaging period.
    NotEnough {
        /// The number of values.
        have: u32,
        /// The number required by the data-capture rule.
        need: u32,
    },
    /// The pollutant has no molar mass, so it cannot be converted between mass and volume.
    NotAGas(Pollutant),
    /// The output slice and the columns differ in length.
    Lengths,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("not a decimal number"),
            Self::NotFinite => f.write_str("not a finite number"),
            Self::Negative => f.write_str("a concentration cannot be below zero"),
            Self::TooLarge => f.write_str("the number is too large"),
            Self::NotAUnit => f.write_str("the units are ug/m3, mg/m3, ppb, ppm and 1e-4/m"),
            Self::NotAPollutant => {
                f.write_str("the pollutants are")?;
                for (at, pollutant) in Pollutant::ALL.into_iter().enumerate() {
                    write!(f, "{}{pollutant}", if at == 0 { " " } else { ", " })?;
                }
                Ok(())
            }
            Self::NotAnAveraging => {
                f.write_str("the averaging periods are")?;
                for (at, averaging) in Averaging::ALL.into_iter().enumerate() {
                    write!(f, "{}{averaging}", if at == 0 { " " } else { ", " })?;
                }
                Ok(())
            }
            Self::NotAnIndex => f.write_str("the index runs from 1 to 10"),
            Self::NotABand => f.write_str("the bands are Low, Moderate, High and Very High"),
            Self::NothingGiven => f.write_str("no concentration was given"),
            Self::GivenTwice(pollutant) => write!(f, "{pollutant} was given twice"),
            Self::NotInStandard(pollutant) => write!(f, "the standard does not cover {pollutant}"),
            Self::WrongAveraging(pollutant, averaging) => {
                write!(f, "the standard does not take {pollutant} as a mean of {averaging}")
            }
            Self::WrongUnit { pollutant, given, wanted } => write!(
                f,
                "{pollutant} is wanted in {wanted}, not in {given}; the two convert only at a \
                 stated temperature"
            ),
            Self::BelowTable(pollutant, averaging) => write!(
                f,
                "the standard's table for {pollutant} over {averaging} begins above this value"
            ),
            Self::Implausible(pollutant) => {
                write!(f, "the standard discards so high a value of {pollutant} as an error")
            }
            Self::Incomplete => f.write_str("the index needs all of its pollutants together"),
            Self::MixedUnits => f.write_str("values in different units cannot be averaged"),
            Self::NotEnough { have, need } => {
                write!(f, "{have} values in the averaging period, {need} are needed")
            }
            Self::NotAGas(pollutant) => {
                write!(f, "{pollutant} has no molar mass: it converts at no temperature")
            }
            Self::Lengths => f.write_str("the columns and the output differ in length"),
        }
    }
}

impl core::error::Error for Error {}
