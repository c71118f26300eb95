use core::fmt::{self, Write};
use core::str::FromStr;

use rust_decimal::Decimal;

use crate::decimal::{self, Plain};
use crate::rounding::{GRID_MAX, Rounding};
use crate::unit::Kind;
use crate::{Error, Pollutant, Temperature, Unit};

/// A concentration: an exact decimal number, never negative, and its unit.
///
/// A bare number cannot be converted to a concentration, so ppm cannot be mistaken for µg/m³: a
/// table accepts any unit of its own kind (µg/m³ and mg/m³, or ppb and ppm) and rejects the other
/// kind with [`Error::WrongUnit`].
///
/// Equality is that of the unit and the number (`1.0` equals `1.00`); 1 mg/m³ and
/// 1,000 µg/m³ are not equal, but have the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concentration {
    value: Decimal,
    unit: Unit,
}

impl Concentration {
    /// From a decimal number; [`Error::Negative`] below zero. The sign of a zero is
    /// dropped.
    pub fn new(value: Decimal, unit: Unit) -> Result<Self, Error> {
        if value.is_zero() {
            return Ok(Self { value: value.abs(), unit });
        }
        if value.is_sign_negative() {
            return Err(Error::Negative);
        }
        Ok(Self { value, unit })
    }

    /// From a decimal number of µg/m³; [`Error::Negative`] below zero.
    pub fn micrograms(value: Decimal) -> Result<Self, Error> {
        Self::new(value, Unit::Microgram)
    }

    /// From a fixed-point number, `value · 10^-decimals`: `fixed(205, 1, Microgram)` is
    /// 20.5 µg/m³. `decimals` beyond 28 are [`Error::NotANumber`].
    pub const fn fixed(value: u64, decimals: u8, unit: Unit) -> Result<Self, Error> {
        if decimals > 28 {
            return Err(Error::NotANumber);
        }
        Ok(Self { value: decimal::fixed(value, decimals as u32), unit })
    }

    /// From a plain decimal number such as `11.5`, exactly: a number with too many digits is
    /// [`Error::NotANumber`], never rounded.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, Error> {
        Self::new(decimal::parse(text).ok_or(Error::NotANumber)?, unit)
    }

    /// From a float, as the shortest decimal number that reads back as the same `f64`:
    /// 9.05 is 9.05 and not 9.0500000000000007. Beyond 28 decimals it is rounded.
    ///
    /// [`Error::NotFinite`] for NaN and infinities, [`Error::Negative`] below zero,
    /// [`Error::TooLarge`] from about 7.9 · 10²⁸.
    pub fn try_from_f64(value: f64, unit: Unit) -> Result<Self, Error> {
        Self::from_shortest(value.is_finite(), value < 0.0, format_args!("{value:e}"), unit)
    }

    /// From a float, as the shortest decimal number that reads back as the same `f32`: a sensor's
    /// 9.05 is 9.05, while by way of `f64` it would be 9.050000190734863 and could fall on the
    /// other side of a breakpoint.
    ///
    /// The errors are those of [`try_from_f64`](Self::try_from_f64).
    pub fn try_from_f32(value: f32, unit: Unit) -> Result<Self, Error> {
        Self::from_shortest(value.is_finite(), value < 0.0, format_args!("{value:e}"), unit)
    }

    fn from_shortest(
        finite: bool,
        negative: bool,
        shortest: fmt::Arguments<'_>,
        unit: Unit,
    ) -> Result<Self, Error> {
        match (finite, negative) {
            (false, _) => return Err(Error::NotFinite),
            (_, true) => return Err(Error::Negative),
            _ => {}
        }
        let mut digits = Scientific::default();
        write!(digits, "{shortest}").map_err(|_| Error::NotANumber)?;
        Self::new(digits.decimal()?, unit)
    }

    /// The number.
    pub const fn value(self) -> Decimal {
        self.value
    }

    /// The unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The same concentration in another unit of the same kind, exactly; in one of the
    /// other kind by way of the gas's molar mass ([`Pollutant::molar_mass`]) and the
    /// volume of a mole at a stated temperature ([`Temperature::molar_volume`]), rounded
    /// to the 28 digits of a decimal.
    ///
    /// ```
    /// use airshed_aqi::{Concentration, Pollutant, Temperature, Unit};
    /// let ozone = Concentration::parse("60", Unit::Ppb)?;
    /// let mass = ozone.at(Temperature::Twenty, Pollutant::O3, Unit::Microgram)?;
    /// assert_eq!(mass.value().round_dp(2).to_string(), "119.72");
    /// # Ok::<(), airshed_aqi::Error>(())
    /// ```
    ///
    /// [`Error::NotAGas`] for a pollutant without a molar mass, [`Error::TooLarge`] if the result
    /// does not fit.
    pub fn at(self, temperature: Temperature, gas: Pollutant, unit: Unit) -> Result<Self, Error> {
        // The factor is for µg/m³ and ppb; a larger unit moves the point.
        let factor = |numerator: Decimal, denominator| {
            let value = self.value.checked_mul(numerator)?.checked_div(denominator)?;
            moved(value, self.unit.exponent() - unit.exponent())
        };
        let mass = || gas.molar_mass().ok_or(Error::NotAGas(gas));
        let value = match (self.unit.kind(), unit.kind()) {
            (from, to) if from == to => self.value_in(unit),
            (Kind::Volume, Kind::Mass) => factor(mass()?, temperature.molar_volume()),
            (Kind::Mass, Kind::Volume) => factor(temperature.molar_volume(), mass()?),
            _ => return Err(Error::NotAGas(gas)),
        };
        Self::new(value.ok_or(Error::TooLarge)?, unit)
    }

    /// The number in another unit of the same kind; none when it does not fit.
    pub(crate) fn value_in(self, unit: Unit) -> Option<Decimal> {
        moved(self.value, self.unit.exponent() - unit.exponent())
    }

    /// In steps of `10^-decimals` of a unit of the same kind.
    #[inline]
    pub(crate) fn on_grid(self, unit: Unit, decimals: u8, rounding: Rounding) -> u64 {
        let exponent = i32::from(decimals) + self.unit.exponent()
            - unit.exponent()
            - self.value.scale() as i32; // at most 28
        rounding.on_grid(self.value.mantissa().unsigned_abs(), exponent).min(GRID_MAX)
    }
}

/// The number with its decimal point moved.
fn moved(value: Decimal, places: i32) -> Option<Decimal> {
    let factor = Decimal::from(10u32.pow(places.unsigned_abs())); // at most three
    match places {
        0.. => value.checked_mul(factor),
        _ => value.checked_div(factor),
    }
}

impl fmt::Display for Concentration {
    /// The number, with every digit as given, and its unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Plain(self.value), self.unit)
    }
}

impl FromStr for Concentration {
    type Err = Error;

    /// Reads a number and its unit, with or without a space: `11.5 µg/m³`, `0.07ppm`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '_');
        let at = text.find(|c| !number(c)).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let unit = unit.trim_start().parse()?;
        Self::parse(number, unit)
    }
}

#[cfg(feature = "serde")]
mod as_text {
    use super::Concentration;
    use core::fmt;

    impl serde::Serialize for Concentration {
        /// As text, such as `11.5 µg/m³`, so that no digit is lost.
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for Concentration {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Text;
            impl serde::de::Visitor<'_> for Text {
                type Value = Concentration;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a number and its unit, such as \"11.5 ug/m3\"")
                }
                fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                    text.parse().map_err(E::custom)
                }
            }
            deserializer.deserialize_str(Text)
        }
    }
}

/// Takes the digits of a float as `{:e}` prints them: `d.ddd…e±x`, at most 17 of them.
#[derive(Default)]
struct Scientific {
    mantissa: u64,
    decimals: i32,
    exponent: i32,
    part: Part,
}

#[derive(Default, PartialEq)]
enum Part {
    #[default]
    Whole,
    Fraction,
    Exponent,
    NegativeExponent,
}

impl Write for Scientific {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let digit = u64::from(byte.wrapping_sub(b'0'));
            match byte {
                b'.' => self.part = Part::Fraction,
                b'e' => self.part = Part::Exponent,
                b'-' if self.part == Part::Exponent => self.part = Part::NegativeExponent,
                b'0'..=b'9' => match self.part {
                    Part::Exponent | Part::NegativeExponent => {
                        self.exponent = self.exponent * 10 + digit as i32;
                    }
                    Part::Whole | Part::Fraction => {
                        self.mantissa = self.mantissa * 10 + digit;
                        self.decimals += i32::from(self.part == Part::Fraction);
                    }
                },
                _ => {} // the sign of a zero
            }
        }
        Ok(())
    }
}

impl Scientific {
    fn decimal(&self) -> Result<Decimal, Error> {
        let exponent = match self.part {
            Part::NegativeExponent => -self.exponent,
            _ => self.exponent,
        } - self.decimals;
        let digits = u128::from(self.mantissa);
        if exponent >= 0 {
            let factor = 10u128.checked_pow(exponent.unsigned_abs()).ok_or(Error::TooLarge)?;
            let number = digits.checked_mul(factor).ok_or(Error::TooLarge)?;
            return decimal::wide(number, 0).ok_or(Error::TooLarge);
        }
        let surplus = exponent.unsigned_abs().saturating_sub(28);
        let kept = 10u128.checked_pow(surplus).map_or(0, |power| (digits + power / 2) / power);
        let scale = exponent.unsigned_abs().min(28);
        decimal::wide(kept, scale).ok_or(Error::TooLarge)
    }
}
