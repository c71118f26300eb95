use core::fmt;
use core::str::FromStr;

use crate::Error;

/// A pollutant that an index is defined for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Pollutant {
    /// Particles up to 2.5 µm.
    #[cfg_attr(feature = "serde", serde(rename = "PM2.5"))]
    Pm25,
    /// Particles up to 10 µm.
    #[cfg_attr(feature = "serde", serde(rename = "PM10"))]
    Pm10,
    /// Ozone.
    O3,
    /// Nitrogen dioxide.
    #[cfg_attr(feature = "serde", serde(rename = "NO2"))]
    No2,
    /// Sulphur dioxide.
    #[cfg_attr(feature = "serde", serde(rename = "SO2"))]
    So2,
}

impl Pollutant {
    /// Every pollutant, in the order of the declaration.
    pub const ALL: [Self; 5] = [Self::Pm25, Self::Pm10, Self::O3, Self::No2, Self::So2];

    /// The usual short name: `PM2.5`, `PM10`, `O3`, `NO2`, `SO2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pm25 => "PM2.5",
            Self::Pm10 => "PM10",
            Self::O3 => "O3",
            Self::No2 => "NO2",
            Self::So2 => "SO2",
        }
    }
}

impl fmt::Display for Pollutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Pollutant {
    type Err = Error;

    /// Reads the short name in any case; `PM25` is accepted for `PM2.5`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.eq_ignore_ascii_case("PM25") {
            return Ok(Self::Pm25);
        }
        Self::ALL
            .into_iter()
            .find(|pollutant| pollutant.name().eq_ignore_ascii_case(text))
            .ok_or(Error::NotAPollutant)
    }
}
