//! The EPA's NowCast for particulates.

use rust_decimal::Decimal;

use crate::{Concentration, Error, decimal};

const HALF: Decimal = decimal::fixed(5, 1);

/// The NowCast of PM2.5 or PM10 from the last twelve hourly values, the newest last.
///
/// Source: EPA-454/B-24-002 (May 2024), page 16. The weight of the hour `k` hours ago is w^k, where
/// w is the lowest value through the highest and at least one half; two of the three newest hours
/// are required. When every hour is zero, w is 1.
///
/// Computed to 28 digits and rounded to 20 decimals, so that a result on the table's grid stays
/// there; the table then truncates it to its digits.
///
/// [`Error::NotEnough`], [`Error::MixedUnits`], [`Error::TooLarge`].
///
/// ```
/// use airshed_aqi::{Averaging, Concentration, Pollutant, Sample, Unit, nowcast, us};
/// let hours: [_; 12] = core::array::from_fn(|hour| {
///     Concentration::fixed(10 + hour as u64, 0, Unit::Microgram).ok()
/// });
/// let now = nowcast::nowcast(&hours)?;
/// let sample = Sample::new(Pollutant::Pm25, Averaging::Day, now);
/// assert_eq!(us::AQI_2024.sub_index(&sample)?.index().to_string(), "71");
/// # Ok::<(), airshed_aqi::Error>(())
/// ```
pub fn nowcast(hours: &[Option<Concentration>; 12]) -> Result<Concentration, Error> {
    let have = hours[9..].iter().flatten().count() as u32;
    let mut units = hours.iter().flatten().map(|hour| hour.unit());
    let unit = match units.next() {
        Some(unit) if have >= 2 => unit,
        _ => return Err(Error::NotEnough { have, need: 2 }),
    };
    if units.any(|other| other != unit) {
        return Err(Error::MixedUnits);
    }
    let values = || hours.iter().flatten().map(|hour| hour.value());
    let (lowest, highest) =
        (values().min().unwrap_or_default(), values().max().unwrap_or_default());
    let weight = match highest.is_zero() {
        true => Decimal::ONE,
        false => lowest.checked_div(highest).ok_or(Error::TooLarge)?.max(HALF),
    };
    let (mut factor, mut sum, mut weights) = (Decimal::ONE, Decimal::ZERO, Decimal::ZERO);
    for hour in hours.iter().rev() {
        if let Some(hour) = hour {
            let weighted = hour.value().checked_mul(factor).ok_or(Error::TooLarge)?;
            sum = sum.checked_add(weighted).ok_or(Error::TooLarge)?;
            weights += factor;
        }
        factor *= weight;
    }
    let nowcast = sum.checked_div(weights).ok_or(Error::TooLarge)?;
    Concentration::new(nowcast.round_dp(20), unit)
}

/// The NowCast of each hour of a series, the oldest first: over it and the eleven hours before.
/// Hours before the first one count as missing.
///
/// ```
/// use airshed_aqi::{Concentration, Unit, nowcast};
/// let hours: Vec<_> = (0..24).map(|hour| match hour {
///     10..16 => None, // the sensor was silent
///     _ => Concentration::fixed(20, 0, Unit::Microgram).ok(),
/// }).collect();
/// let of_each: Vec<_> = nowcast::running(&hours).map(|hour| hour.is_ok()).collect();
/// assert!(!of_each[0] && of_each[1] && of_each[10] && !of_each[11] && !of_each[16] && of_each[17]);
/// ```
pub fn running(
    hours: &[Option<Concentration>],
) -> impl Iterator<Item = Result<Concentration, Error>> {
    (1..=hours.len()).map(move |end| {
        let mut last = [None; 12];
        let known = &hours[end.saturating_sub(last.len())..end];
        let start = last.len() - known.len();
        last[start..].copy_from_slice(known);
        nowcast(&last)
    })
}
