//! The range of an index: the indices of two concentrations, a low and a high one, between which the
//! true one is on most days.
//!
//! The concentrations are `(c + 1) · factor − 1`, with `c` in µg/m³ and the factors of the sensor's
//! model in [`FACTORS`]; below zero they are zero. The addition of 1 µg/m³ widens the range of
//! clean air, where a factor alone would leave nothing.

use aqi::{Decimal, Index, Pollutant};

use crate::SensorType;
use crate::standard::Indexed;

/// One end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Low,
    High,
}

/// The factors of a model: the low one and the high one.
struct Factors {
    model: &'static str,
    pm10: [Decimal; 2],
    pm25: [Decimal; 2],
}

/// The models whose range was measured, beside official stations; others have none.
///
/// **SDS011**: daily means in Aberdeen beside the city's official stations, 2017 to August 2018. On
/// later days there, and in Sofia in 2017/18 (sensors pooled by neighbourhood), the range held the
/// official index on 98.2 % and 99.6 % of days, the official concentration of PM10 on 94 % and
/// 98 %, and that of PM2.5 on 95 %. Its mean width was 2.5 and 3.5 indices of the DAQI. For other
/// averaging periods, and for single sensors in heavily polluted air, nothing is proven. The sensor
/// misses the dry coarse dust of summer: official PM10 in Sofia from April to September was 2.03
/// (1.16 to 3.27) times the sensors'.
static FACTORS: [Factors; 1] = [Factors {
    model: "SDS011",
    pm10: [hundredths(47), hundredths(320)],
    pm25: [hundredths(77), hundredths(290)],
}];

const fn hundredths(number: u32) -> Decimal {
    Decimal::from_parts(number, 0, 0, false, 2)
}

/// The range of one concentration of a sensor, in µg/m³; see
/// [`Reading::concentration_range`](crate::Reading::concentration_range).
pub(crate) fn of_concentration(
    sensor_type: SensorType,
    pollutant: Pollutant,
    value: Decimal,
) -> Option<(Decimal, Decimal)> {
    let factors = factors_of(sensor_type)?;
    let [low, high] = match pollutant {
        Pollutant::Pm10 => factors.pm10,
        Pollutant::Pm25 => factors.pm25,
        _ => return None,
    };
    Some((scaled(value, low)?, scaled(value, high)?))
}

impl Indexed {
    /// One end of the range, by the same standard; none for a model without factors.
    ///
    /// A concentration that the standard does not rate, as negative or implausibly high, has no
    /// part in the index, and none here. If only the one at the end is too high, the reading's own
    /// is in its place.
    pub(crate) fn bound(&self, bound: Bound) -> Option<Index> {
        let factors = factors_of(self.sensor_type?)?;
        if self.standard.standard().rule == aqi::Rule::Worst {
            // The worse of both, each looked up once or twice.
            let one = |pollutant, value: Option<Decimal>, factors: [Decimal; 2]| {
                let index = |value| self.standard.of_one(pollutant, Some(value), self.window);
                let own = index(value?)?;
                Some(scaled(value?, factors[bound as usize]).and_then(index).unwrap_or(own))
            };
            let pm10 = one(Pollutant::Pm10, self.pm10, factors.pm10);
            let pm25 = one(Pollutant::Pm25, self.pm25, factors.pm25);
            return pm10.max(pm25);
        }
        let concentration = |pollutant, value: Option<Decimal>, factors: [Decimal; 2]| {
            let is_rated =
                |value| self.standard.of_one(pollutant, Some(value), self.window).is_some();
            let own = value.filter(|own| is_rated(*own))?;
            let there = scaled(own, factors[bound as usize]).filter(|there| is_rated(*there));
            Some(there.unwrap_or(own))
        };
        let pm10 = concentration(Pollutant::Pm10, self.pm10, factors.pm10);
        let pm25 = concentration(Pollutant::Pm25, self.pm25, factors.pm25);
        self.standard.index(pm10, pm25, self.window)
    }
}

fn factors_of(model: SensorType) -> Option<&'static Factors> {
    FACTORS.iter().find(|known| model.as_str().eq_ignore_ascii_case(known.model))
}

/// None for a number that does not fit.
fn scaled(value: Decimal, factor: Decimal) -> Option<Decimal> {
    let product = value.checked_add(Decimal::ONE)?.checked_mul(factor)?;
    Some((product - Decimal::ONE).max(Decimal::ZERO))
}
