use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;

use crate::{Error, decimal, words};

/// The unit of a concentration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Unit {
    /// µg/m³, by mass.
    #[cfg_attr(feature = "serde", serde(rename = "ug/m3"))]
    Microgram,
    /// mg/m³, by mass: 1,000 µg/m³.
    #[cfg_attr(feature = "serde", serde(rename = "mg/m3"))]
    Milligram,
    /// Parts per billion (10⁹), by volume.
    #[cfg_attr(feature = "serde", serde(rename = "ppb"))]
    Ppb,
    /// Parts per million, by volume: 1,000 ppb.
    #[cfg_attr(feature = "serde", serde(rename = "ppm"))]
    Ppm,
    /// 10⁻⁴ m⁻¹, the scattering coefficient of light: only for visibility.
    #[cfg_attr(feature = "serde", serde(rename = "1e-4/m"))]
    Scattering,
}

/// Units of one kind convert by moving the decimal point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mass,
    Volume,
    Scattering,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 5] =
        [Self::Microgram, Self::Milligram, Self::Ppb, Self::Ppm, Self::Scattering];

    /// In ASCII: `ug/m3`, `mg/m3`, `ppb`, `ppm`, `1e-4/m`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microgram => "ug/m3",
            Self::Milligram => "mg/m3",
            Self::Ppb => "ppb",
            Self::Ppm => "ppm",
            Self::Scattering => "1e-4/m",
        }
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Microgram | Self::Milligram => Kind::Mass,
            Self::Ppb | Self::Ppm => Kind::Volume,
            Self::Scattering => Kind::Scattering,
        }
    }

    /// The power of ten by which this unit is larger than the smallest of its kind.
    pub(crate) const fn exponent(self) -> i32 {
        match self {
            Self::Microgram | Self::Ppb | Self::Scattering => 0,
            Self::Milligram | Self::Ppm => 3,
        }
    }
}

impl fmt::Display for Unit {
    /// As displayed: `µg/m³`, `mg/m³`, `ppb`, `ppm`, `10⁻⁴/m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Microgram => "µg/m³",
            Self::Milligram => "mg/m³",
            Self::Ppb => "ppb",
            Self::Ppm => "ppm",
            Self::Scattering => "10⁻⁴/m",
        })
    }
}

impl FromStr for Unit {
    type Err = Error;

    /// Parses the ASCII name and the displayed one, ignoring case, with common variants: `µg/m³`
    /// (with either of Unicode's two letters for micro), `ug m-3`, `mcg/m^3`, `ppbv`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_any = |names: &[&str]| names.iter().any(|name| words::same(text, name));
        let text = text.trim();
        match () {
            () if is_any(&["ug/m3", "mcg/m3"]) => Ok(Self::Microgram),
            () if is_any(&["mg/m3"]) => Ok(Self::Milligram),
            () if is_any(&["ppb", "ppbv"]) => Ok(Self::Ppb),
            () if is_any(&["ppm", "ppmv"]) => Ok(Self::Ppm),
            // The sign of its power counts.
            () if text.eq_ignore_ascii_case("1e-4/m") || text == "10⁻⁴/m" => {
                Ok(Self::Scattering)
            }
            () => Err(Error::NotAUnit),
        }
    }
}

/// The temperature, at 101.325 kPa, for which mass and volume are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Temperature {
    /// 0 °C: New South Wales.
    Zero,
    /// 20 °C: the European Union and the United Kingdom.
    Twenty,
    /// 25 °C: the United States.
    TwentyFive,
}

impl Temperature {
    /// The volume of one mole of an ideal gas in litres: R·T/p with R = 8.31446261815324
    /// J/(mol·K) (CODATA 2018, exact) and p = 101.325 kPa, to 12 decimals.
    pub const fn molar_volume(self) -> Decimal {
        let (high, low) = match self {
            Self::Zero => (22, 413_969_545_014),
            Self::Twenty => (24, 55_116_866_633),
            Self::TwentyFive => (24, 465_403_697_038),
        };
        let trillionths: u64 = high * 1_000_000_000_000 + low;
        decimal::fixed(trillionths, 12)
    }
}
