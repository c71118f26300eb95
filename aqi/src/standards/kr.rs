//! South Korea's Comprehensive Air-quality Index (CAI), with the particulate standards of
//! March 2018.
//!
//! Sources: <http://air.jeju.go.kr/contents/atmospheric/cai/summary.htm> (the gases),
//! <https://www.airkorea.or.kr/web/caiCalculator?pMENU_NO=147> (the required pollutants and the
//! forecast mean of particulates), openaq/aqi-hub and aqipy (the particulates). The rounding of
//! concentrations and of the index is not specified: rounding to the table's digits and to the
//! nearest integer, ties up, is this crate's interpretation.
//!
//! With two pollutants at 101 or more, 50 is added; with three or more, 75; the index is capped at
//! 500. It requires PM10, PM2.5, NO2 and ozone. Particulates use [`forecast_mean`] instead of a
//! plain mean.

use rust_decimal::Decimal;

use crate::Averaging::{Day, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::Unit::{Microgram, Ppm};
use crate::category::{Category, Severity};
use crate::colour::SAFE_4;
use crate::standard::{BLANK, Needs};
use crate::{
    Averaging, Concentration, Date, End, Error, Pollutant, Rounding, Rule, Scale, Shape, Standard,
    Table, Unit, decimal, mean,
};

const SOURCE: &str = "AirKorea, as printed by Jeju province and openaq/aqi-hub";

const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    rows: &'static [(u32, u32)],
) -> Table {
    let scale = Scale::new(decimals, Rounding::HalfUp, Shape::Stepped, (0, 0), rows, End::Over);
    Table::new(pollutant, averaging, unit, scale, SOURCE)
}

/// SO2, ppm in thousandths: AirKorea.
const SO2: Table = table(So2, Hour, (Ppm, 3), &[(20, 50), (50, 100), (150, 250), (1000, 500)]);
/// NO2, ppm in thousandths: AirKorea.
const NO2: Table = table(No2, Hour, (Ppm, 3), &[(30, 50), (60, 100), (200, 250), (2000, 500)]);
/// CO, ppm in hundredths: AirKorea.
const CO: Table = table(Co, Hour, (Ppm, 2), &[(200, 50), (900, 100), (1500, 250), (5000, 500)]);
/// Ozone, ppm in thousandths: AirKorea.
const OZONE: Table = table(O3, Hour, (Ppm, 3), &[(30, 50), (90, 100), (150, 250), (600, 500)]);
/// PM10, µg/m³, as a forecast mean: AirKorea.
const PM10: Table =
    table(Pm10, Day, (Microgram, 0), &[(30, 50), (80, 100), (150, 250), (600, 500)]);
/// PM2.5, µg/m³, as a forecast mean: AirKorea.
const PM25: Table = table(Pm25, Day, (Microgram, 0), &[(15, 50), (35, 100), (75, 250), (500, 500)]);

const CATEGORIES: &[Category] = &[
    Category::new("Good", 0, Some(0x0000FF), SAFE_4[0], Severity::Clean).named(&[("ko", "좋음")]),
    Category::new("Moderate", 51, Some(0x00FF00), SAFE_4[1], Severity::Acceptable)
        .named(&[("ko", "보통")]),
    Category::new("Unhealthy", 101, Some(0xFFFF00), SAFE_4[2], Severity::Unhealthy)
        .named(&[("ko", "나쁨")]),
    Category::new("Very unhealthy", 251, Some(0xFF0000), SAFE_4[3], Severity::Hazardous)
        .named(&[("ko", "매우나쁨")]),
];

/// In force since March 2018.
pub static CAI: Standard = Standard {
    id: "kr_cai",
    version: "2018",
    name: "South Korea Comprehensive Air-quality Index",
    short_name: "South Korea CAI",
    authority: "Korea Environment Corporation (AirKorea)",
    region: "KR",
    from: Date::month(2018, 3),
    tables: &[PM10, PM25, OZONE, NO2, CO, SO2],
    rule: Rule::WorstWithPenalty { bad_from: 101, two: 50, three: 75, most: 500 },
    needs: Needs::of(4, &[&[Pm10], &[Pm25], &[No2], &[O3]]),
    categories: CATEGORIES,
    advice_pages: &[(Date::month(2018, 3), "https://www.airkorea.or.kr/eng/")],
    ..BLANK
};

/// The forecast mean of 24 hours, C24E, of PM10 or PM2.5 from the last twelve hourly values
/// in µg/m³, the newest last: the mean of C12 (all twelve) and C4 (the last four). An hour
/// among those four of at least M (PM10 70, PM2.5 30 µg/m³) that is 0.9 to 1.7 times C12
/// counts three quarters in C4.
///
/// The page names no rule for gaps, so every hour is needed: [`Error::NotEnough`]
/// otherwise; [`Error::NotInStandard`] for another pollutant, [`Error::WrongUnit`] for
/// other units than µg/m³.
pub fn forecast_mean(
    pollutant: Pollutant,
    hours: &[Option<Concentration>; 12],
) -> Result<Concentration, Error> {
    let threshold = match pollutant {
        Pm10 => Decimal::from(70),
        Pm25 => Decimal::from(30),
        _ => return Err(Error::NotInStandard(pollutant)),
    };
    if let Some(given) = hours.iter().flatten().map(|hour| hour.unit()).find(|u| *u != Microgram) {
        return Err(Error::WrongUnit { pollutant, given, wanted: Microgram });
    }
    let twelve = mean::mean(hours, 12)?.value();
    let (least, most) = (decimal::fixed(9, 1), decimal::fixed(17, 1));
    let damped = |hour: Concentration| {
        let value = hour.value();
        let bound = |factor| twelve.checked_mul(factor).unwrap_or(Decimal::MAX);
        let damp = value >= threshold && value >= bound(least) && value <= bound(most);
        let kept = if damp { value.checked_mul(decimal::fixed(75, 2)) } else { Some(value) };
        kept.ok_or(Error::TooLarge).and_then(Concentration::micrograms)
    };
    let mut four = [None; 4];
    for (place, hour) in four.iter_mut().zip(&hours[8..]) {
        *place = hour.map(damped).transpose()?;
    }
    let four = mean::mean(&four, 4)?.value();
    let sum = twelve.checked_add(four).ok_or(Error::TooLarge)?;
    Concentration::micrograms(sum / Decimal::TWO)
}
