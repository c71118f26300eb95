use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;

use crate::{Error, words};

/// A pollutant of an index.
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
    /// Carbon monoxide.
    #[cfg_attr(feature = "serde", serde(rename = "CO"))]
    Co,
    /// Ammonia.
    #[cfg_attr(feature = "serde", serde(rename = "NH3"))]
    Nh3,
    /// Lead.
    Pb,
    /// Loss of visibility: the scattering of light by particles, which New South Wales
    /// bands beside the pollutants.
    #[cfg_attr(feature = "serde", serde(rename = "visibility"))]
    Visibility,
}

impl Pollutant {
    /// Every pollutant, in the order of the declaration.
    pub const ALL: [Self; 9] = [
        Self::Pm25,
        Self::Pm10,
        Self::O3,
        Self::No2,
        Self::So2,
        Self::Co,
        Self::Nh3,
        Self::Pb,
        Self::Visibility,
    ];

    const fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::Pm25 => &["PM25"],
            Self::Pm10 | Self::Visibility => &[],
            Self::O3 => &["ozone"],
            Self::No2 => &["nitrogen dioxide"],
            Self::So2 => &["sulphur dioxide", "sulfur dioxide"],
            Self::Co => &["carbon monoxide"],
            Self::Nh3 => &["ammonia"],
            Self::Pb => &["lead"],
        }
    }

    /// The usual short name: `PM2.5`, `PM10`, `O3`, `NO2`, `SO2`, `CO`, `NH3`, `Pb`,
    /// `visibility`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pm25 => "PM2.5",
            Self::Pm10 => "PM10",
            Self::O3 => "O3",
            Self::No2 => "NO2",
            Self::So2 => "SO2",
            Self::Co => "CO",
            Self::Nh3 => "NH3",
            Self::Pb => "Pb",
            Self::Visibility => "visibility",
        }
    }

    /// Molar mass in g/mol from the standard atomic weights (IUPAC 2021, abridged: H 1.008,
    /// C 12.011, N 14.007, O 15.999, S 32.06); none for particles.
    pub const fn molar_mass(self) -> Option<Decimal> {
        let milligrams = match self {
            Self::O3 => 47_997,
            Self::No2 => 46_005,
            Self::So2 => 64_058,
            Self::Co => 28_010,
            Self::Nh3 => 17_031,
            Self::Pm25 | Self::Pm10 | Self::Pb | Self::Visibility => return None,
        };
        Some(Decimal::from_parts(milligrams, 0, 0, false, 3))
    }
}

impl fmt::Display for Pollutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Pollutant {
    type Err = Error;

    /// Parses the short name, ignoring case and punctuation (`pm25`, `pm2_5`, `PM 2.5`, `NO₂`), and
    /// the gas's name in English.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_it = |pollutant: &Self| {
            let names = pollutant.other_names().iter();
            words::same(text, pollutant.name()) || names.clone().any(|name| words::same(text, name))
        };
        Self::ALL.into_iter().find(is_it).ok_or(Error::NotAPollutant)
    }
}
