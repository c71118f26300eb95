//! The Common Air Quality Index (CITEAIR II, 2012): hourly and daily, for background and
//! roadside stations. No longer maintained, still used.
//!
//! Rules: <http://www.airqualitynow.eu/about_indices_definition.php>. The numbers are from
//! secondary sources that agree (weewx-aqi, aqipy, OpenWeather), confidence medium; the table of
//! 2007 had 300 instead of 350 for SO2. Concentrations are not rounded. Rounding the index to the
//! nearest integer, and 25 as `Very low`, is common practice but not specified. From a tenth of a
//! µg/m³ above the last row on the index is "more than 100". Here `Medium` is an official name. The
//! colours are unofficial ones, and differ a little between sources.

use crate::Averaging::{Day, EightHours, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::category::{Category, Severity};
use crate::colour::SAFE_5;
use crate::standard::{BLANK, Needs};
use crate::{Averaging, Date, End, Pollutant, Rounding, Scale, Shape, Standard, Table, Unit};

const SOURCE: &str = "CITEAIR II table of 2012, as in weewx-aqi, aqipy and OpenWeather";

/// Joined rows that end at 25, 50, 75 and 100, in tenths of a µg/m³.
const fn table(pollutant: Pollutant, averaging: Averaging, rows: &'static [(u32, u32)]) -> Table {
    let rounding = Rounding::UnroundedFromBelow;
    let scale = Scale::new(1, rounding, Shape::Joined, (0, 0), rows, End::Over);
    Table::new(pollutant, averaging, Unit::Microgram, scale, SOURCE).medium()
}

/// NO2, tenths of µg/m³: CITEAIR II.
const NO2: Table = table(No2, Hour, &[(500, 25), (1000, 50), (2000, 75), (4000, 100)]);
/// PM10 over an hour, tenths of µg/m³: CITEAIR II.
const PM10_1H: Table = table(Pm10, Hour, &[(250, 25), (500, 50), (900, 75), (1800, 100)]);
/// PM10 over a day, tenths of µg/m³: CITEAIR II.
const PM10_24H: Table = table(Pm10, Day, &[(150, 25), (300, 50), (500, 75), (1000, 100)]);
/// PM2.5 over an hour, tenths of µg/m³: CITEAIR II.
const PM25_1H: Table = table(Pm25, Hour, &[(150, 25), (300, 50), (550, 75), (1100, 100)]);
/// PM2.5 over a day, tenths of µg/m³: CITEAIR II.
const PM25_24H: Table = table(Pm25, Day, &[(100, 25), (200, 50), (300, 75), (600, 100)]);
/// Ozone, tenths of µg/m³: CITEAIR II.
const O3_1H: Table = table(O3, Hour, &[(600, 25), (1200, 50), (1800, 75), (2400, 100)]);
/// CO, tenths of µg/m³: CITEAIR II.
const CO: Table =
    table(Co, EightHours, &[(50_000, 25), (75_000, 50), (100_000, 75), (200_000, 100)]);
/// SO2, tenths of µg/m³: CITEAIR II.
const SO2: Table = table(So2, Hour, &[(500, 25), (1000, 50), (3500, 75), (5000, 100)]);

const CATEGORIES: &[Category] = &[
    Category::new("Very low", 0, Some(0x79BC6A), SAFE_5[0], Severity::Clean),
    Category::new("Low", 26, Some(0xBBCF4C), SAFE_5[1], Severity::Acceptable),
    Category::new("Medium", 51, Some(0xEEC20B), SAFE_5[2], Severity::Elevated),
    Category::new("High", 76, Some(0xF29305), SAFE_5[3], Severity::Unhealthy),
    Category::new("Very high", 101, Some(0xE8416F), SAFE_5[4], Severity::VeryUnhealthy),
];

const COMMON: Standard = Standard {
    id: "eu_caqi",
    version: "2012",
    name: "CITEAIR Common Air Quality Index",
    short_name: "CITEAIR CAQI",
    authority: "CITEAIR",
    region: "EU",
    from: Date::year(2012),
    categories: CATEGORIES,
    advice_pages: &[(Date::year(2012), "http://www.airqualitynow.eu/about_indices_definition.php")],
    ..BLANK
};
const BACKGROUND: Needs = Needs::of(3, &[&[No2], &[Pm10], &[O3]]);
const ROADSIDE: Needs = Needs::of(2, &[&[No2], &[Pm10]]);

/// City background, hourly: NO2, PM10 and ozone, and PM2.5, CO and SO2 where measured.
pub static BACKGROUND_HOURLY: Standard = Standard {
    variant: "background hourly",
    tables: &[NO2, PM10_1H, O3_1H, PM25_1H, CO, SO2],
    needs: BACKGROUND,
    ..COMMON
};
/// City background, daily: the highest hour of the gases, the mean of the particulates.
pub static BACKGROUND_DAILY: Standard = Standard {
    variant: "background daily",
    tables: &[NO2, PM10_24H, O3_1H, PM25_24H, CO, SO2],
    needs: BACKGROUND,
    ..COMMON
};
/// Roadside, hourly: NO2 and PM10, and PM2.5 and CO where measured.
pub static ROADSIDE_HOURLY: Standard = Standard {
    variant: "roadside hourly",
    tables: &[NO2, PM10_1H, PM25_1H, CO],
    needs: ROADSIDE,
    ..COMMON
};
/// Roadside, daily.
pub static ROADSIDE_DAILY: Standard = Standard {
    variant: "roadside daily",
    tables: &[NO2, PM10_24H, PM25_24H, CO],
    needs: ROADSIDE,
    ..COMMON
};
