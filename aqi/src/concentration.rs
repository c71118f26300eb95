use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;

use crate::Error;

/// A concentration in µg/m³: exact, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concentration(Decimal);

impl Concentration {
    /// From a decimal number of µg/m³; [`Error::Negative`] below zero.
    pub fn from_micrograms(value: Decimal) -> Result<Self, Error> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(Error::Negative);
        }
        Ok(Self(value))
    }

    /// From a whole number of µg/m³.
    pub fn from_whole_micrograms(value: u32) -> Self {
        Self(Decimal::from(value))
    }

    /// In µg/m³.
    pub fn micrograms(self) -> Decimal {
        self.0
    }

    /// Rounded half up to whole µg/m³, capped at `u32::MAX`: far above every
    /// table's top row, so that the cap changes no index.
    pub(crate) fn rounded_half_up(self) -> u32 {
        let scale = self.0.scale();
        let mantissa = self.0.mantissa().unsigned_abs();
        let unit = 10u128.pow(scale); // a Decimal's scale is at most 28
        u32::try_from((mantissa + unit / 2) / unit).unwrap_or(u32::MAX)
    }
}

impl FromStr for Concentration {
    type Err = Error;

    /// Reads a plain decimal number of µg/m³ such as `11.5`, exactly: digits that
    /// do not fit are refused as [`Error::NotANumber`], never rounded away.
    fn from_str(text: &str) -> Result<Self, Error> {
        // The decimal parser also takes digits grouped by `_`; a measurement has none.
        if text.contains('_') {
            return Err(Error::NotANumber);
        }
        let value = Decimal::from_str_exact(text).map_err(|_| Error::NotANumber)?;
        Self::from_micrograms(value)
    }
}

impl fmt::Display for Concentration {
    /// The number, as exactly as it was given, and its unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µg/m³", self.0)
    }
}
