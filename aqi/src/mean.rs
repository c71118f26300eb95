//! Means over time, with data-capture rules. Missing hours are `None`, never omitted; series are
//! ordered from the oldest to the newest.
//!
//! A mean is computed exactly from the unrounded values, for any number of values, and is rounded
//! only to the 28 digits of a decimal: a standard rounds once, when it looks up the mean.

use core::num::NonZeroU64;

use crate::sum::Sum;
use crate::{Capture, Concentration, Error, Unit};

/// The mean of the available values.
///
/// [`Error::NotEnough`] with fewer than `at_least` (and never fewer than one),
/// [`Error::MixedUnits`].
pub fn mean(values: &[Option<Concentration>], at_least: u32) -> Result<Concentration, Error> {
    let mut mean = Mean::default();
    values.iter().flatten().try_for_each(|value| mean.add(*value))?;
    mean.get(at_least)
}

/// An incremental mean, which does not store values: a year of minutes takes as much memory as a
/// day of hours.
///
/// ```
/// use airshed_aqi::{Concentration, Unit, mean::Mean};
/// let mut year = Mean::default();
/// for minute in 0..525_600 {
///     year.add(Concentration::fixed(3 + minute % 3, 0, Unit::Microgram)?)?;
/// }
/// assert_eq!(year.get(394_200)?.to_string(), "4 µg/m³"); // three quarters of the minutes
/// # Ok::<(), airshed_aqi::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mean {
    sum: Sum,
    have: u64,
    unit: Option<Unit>,
}

impl Mean {
    /// Adds a value; [`Error::MixedUnits`] if its unit differs from that of the others.
    pub fn add(&mut self, value: Concentration) -> Result<(), Error> {
        let one = Self { sum: Sum::of(value.value()), have: 1, unit: Some(value.unit()) };
        self.merge(&one)
    }

    /// Adds the values of another mean. [`Error::MixedUnits`]; [`Error::TooLarge`] if the total
    /// exceeds 2⁶⁴ values.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if let (Some(own), Some(others)) = (self.unit, other.unit)
            && own != others
        {
            return Err(Error::MixedUnits);
        }
        let have = self.have.checked_add(other.have).ok_or(Error::TooLarge)?;
        *self = Self { sum: self.sum.plus(other.sum), have, unit: self.unit.or(other.unit) };
        Ok(())
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.have
    }

    /// The mean; [`Error::NotEnough`] with fewer than `at_least` values (and never fewer
    /// than one).
    pub fn get(&self, at_least: u32) -> Result<Concentration, Error> {
        match (NonZeroU64::new(self.have), self.unit) {
            (Some(have), Some(unit)) if have.get() >= u64::from(at_least) => {
                Concentration::new(self.sum.divided(have), unit)
            }
            _ => Err(not_enough(self.have, at_least)),
        }
    }
}

fn not_enough(have: u64, at_least: u32) -> Error {
    // Fewer than `at_least`, so the number fits.
    Error::NotEnough { have: have.try_into().unwrap_or(u32::MAX), need: at_least.max(1) }
}

/// The running mean that ends with each value: of `capture.of` values, of which `capture.at_least`
/// are required. Values before the first one count as missing.
///
/// ```
/// use airshed_aqi::{Averaging, Concentration, Pollutant, Unit, daqi, mean};
/// let hours = [Some(Concentration::fixed(80, 0, Unit::Microgram)?); 30];
/// let ozone = daqi::DAQI.table(Pollutant::O3, Averaging::EightHours)?;
/// let eight = ozone.capture.expect("six of eight");
/// assert_eq!(mean::running(&hours, eight).filter(Result::is_ok).count(), 25);
/// # Ok::<(), airshed_aqi::Error>(())
/// ```
pub fn running(
    values: &[Option<Concentration>],
    capture: Capture,
) -> impl Iterator<Item = Result<Concentration, Error>> {
    (1..=values.len()).map(move |end| {
        let start = end.saturating_sub(capture.of.try_into().unwrap_or(usize::MAX));
        mean(&values[start..end], capture.at_least)
    })
}

/// The highest of several means of one unit, if at least the given number of them is available.
///
/// [`Error::NotEnough`], [`Error::MixedUnits`].
pub fn highest(
    means: impl Iterator<Item = Result<Concentration, Error>>,
    at_least: u32,
) -> Result<Concentration, Error> {
    let mut highest: Option<Concentration> = None;
    let mut have = 0u64;
    for mean in means {
        match (mean, highest) {
            (Err(Error::NotEnough { .. }), _) => continue,
            (Err(error), _) => return Err(error),
            (Ok(mean), Some(other)) if mean.unit() != other.unit() => {
                return Err(Error::MixedUnits);
            }
            (Ok(mean), Some(other)) if mean.value() <= other.value() => {}
            (Ok(mean), _) => highest = Some(mean),
        }
        have += 1;
    }
    match highest {
        Some(highest) if have >= u64::from(at_least) => Ok(highest),
        _ => Err(not_enough(have, at_least)),
    }
}

/// Ozone's daily maximum in the United Kingdom and the European Union: of the 24 means of 8
/// hours that end within the day, each of at least 6. `hours` are the last 7 of the day
/// before and the day's 24.
///
/// The errors are those of [`highest`], with at least `at_least` of the 24 means.
pub fn daily_max_8h(
    hours: &[Option<Concentration>; 31],
    at_least: u32,
) -> Result<Concentration, Error> {
    highest(running(hours, Capture::new(6, 8)).skip(7), at_least)
}

/// Ozone's daily maximum in the United States: of the 17 means of 8 hours that begin at
/// 07:00 to 23:00 local standard time, each of at least 6 (EPA-454/B-24-002). `hours` are
/// the day's 24 and the first 7 of the next day.
///
/// The errors are those of [`highest`], with at least `at_least` of the 17 means.
pub fn daily_max_8h_us(
    hours: &[Option<Concentration>; 31],
    at_least: u32,
) -> Result<Concentration, Error> {
    highest(running(hours, Capture::new(6, 8)).skip(7 + 7), at_least)
}
