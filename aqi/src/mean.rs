//! Means over time, with capture rules. Missing hours are `None`, never left out; series
//! run from the oldest to the newest.
//!
//! A mean is made of unrounded values and is not rounded itself (beyond the 28 digits of a
//! decimal): a standard rounds once, when it looks the mean up.

use rust_decimal::Decimal;

use crate::{Capture, Concentration, Error};

/// The mean of the values that are there.
///
/// [`Error::NotEnough`] with fewer than `at_least` (and never fewer than one),
/// [`Error::MixedUnits`], [`Error::TooLarge`].
pub fn mean(values: &[Option<Concentration>], at_least: u16) -> Result<Concentration, Error> {
    let mut sum = Decimal::ZERO;
    let mut have = 0u16;
    let mut unit = None;
    for value in values.iter().flatten() {
        if *unit.get_or_insert(value.unit()) != value.unit() {
            return Err(Error::MixedUnits);
        }
        sum = sum.checked_add(value.value()).ok_or(Error::TooLarge)?;
        have = have.saturating_add(1);
    }
    match unit {
        Some(unit) if have >= at_least => {
            let mean = sum.checked_div(Decimal::from(have)).ok_or(Error::TooLarge)?;
            Concentration::new(mean, unit)
        }
        _ => Err(Error::NotEnough { have, need: at_least.max(1) }),
    }
}

/// The running mean that ends with each value: of `capture.of` values, of which
/// `capture.at_least` are there. Before the first value all are missing.
///
/// ```
/// use aqi::{Averaging, Concentration, Pollutant, Unit, daqi, mean};
/// let hours = [Some(Concentration::fixed(80, 0, Unit::Microgram)?); 30];
/// let ozone = daqi::DAQI.table(Pollutant::O3, Averaging::EightHours)?;
/// let eight = ozone.capture.expect("six of eight");
/// assert_eq!(mean::running(&hours, eight).filter(Result::is_ok).count(), 25);
/// # Ok::<(), aqi::Error>(())
/// ```
pub fn running(
    values: &[Option<Concentration>],
    capture: Capture,
) -> impl Iterator<Item = Result<Concentration, Error>> {
    (1..=values.len()).map(move |end| {
        let start = end.saturating_sub(usize::from(capture.of));
        mean(&values[start..end], capture.at_least)
    })
}

/// The highest of several means of one unit, when at least so many of them could be made.
///
/// [`Error::NotEnough`], [`Error::MixedUnits`].
pub fn highest(
    means: impl Iterator<Item = Result<Concentration, Error>>,
    at_least: u16,
) -> Result<Concentration, Error> {
    let mut highest: Option<Concentration> = None;
    let mut have = 0u16;
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
        have = have.saturating_add(1);
    }
    match highest {
        Some(highest) if have >= at_least => Ok(highest),
        _ => Err(Error::NotEnough { have, need: at_least.max(1) }),
    }
}

/// Ozone's daily maximum in the United Kingdom and the European Union: of the 24 means of 8
/// hours that end within the day, each of at least 6. `hours` are the last 7 of the day
/// before and the day's 24.
///
/// What [`highest`] refuses, with at least `at_least` of the 24 means.
pub fn daily_max_8h(
    hours: &[Option<Concentration>; 31],
    at_least: u16,
) -> Result<Concentration, Error> {
    highest(running(hours, Capture::new(6, 8)).skip(7), at_least)
}

/// Ozone's daily maximum in the United States: of the 17 means of 8 hours that begin at
/// 07:00 to 23:00 local standard time, each of at least 6 (EPA-454/B-24-002). `hours` are
/// the day's 24 and the first 7 of the next day.
///
/// What [`highest`] refuses, with at least `at_least` of the 17 means.
pub fn daily_max_8h_us(
    hours: &[Option<Concentration>; 31],
    at_least: u16,
) -> Result<Concentration, Error> {
    highest(running(hours, Capture::new(6, 8)).skip(7 + 7), at_least)
}
