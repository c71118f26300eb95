//! The World Health Organization's Global Air Quality Guidelines of 2021, as a check: which
//! level a concentration meets.
//!
//! Source: WHO Global Air Quality Guidelines (2021), levels as printed at
//! <https://www.airclim.org/who-air-quality-guidelines> (whose 50 for SO2 over 24 hours is a
//! misprint: it is 40). Levels are 1, the guideline itself, then the interim targets 4 to 1, then
//! 6, above all of them; a pollutant without a target skips its level. Upper bounds are inclusive:
//! a guideline of 15 is met at 15. The values over 24 hours are 99th percentiles: three to four
//! days a year may exceed them. The guidelines of 2000 and 2005 that the WHO retained (1-hour NO2
//! and others) are not included, for lack of a source.
//!
//! It is about long-term exposure, not short-term health effects: there is no advice.

use crate::Averaging::{Day, EightHours, PeakSeason, Year};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::Unit::{Microgram, Milligram};
use crate::category::{Category, Severity};
use crate::colour::SAFE_6;
use crate::standard::BLANK;
use crate::{Averaging, Date, End, Pollutant, Rounding, Scale, Shape, Standard, Table, Unit};

const WHO: &str = "WHO Global Air Quality Guidelines (2021)";

const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    rows: &'static [(u32, u32)],
) -> Table {
    let rounding = Rounding::Unrounded;
    let scale = Scale::new(decimals, rounding, Shape::Banded, (0, 0), rows, End::Open(6));
    Table::new(pollutant, averaging, unit, scale, WHO)
}

/// PM2.5 over a year, µg/m³: WHO 2021.
const PM25_YEAR: Table =
    table(Pm25, Year, (Microgram, 0), &[(5, 1), (10, 2), (15, 3), (25, 4), (35, 5)]);
/// PM2.5 over 24 hours, tenths of µg/m³: WHO 2021.
const PM25_DAY: Table =
    table(Pm25, Day, (Microgram, 1), &[(150, 1), (250, 2), (375, 3), (500, 4), (750, 5)]);
/// PM10 over a year, µg/m³: WHO 2021.
const PM10_YEAR: Table =
    table(Pm10, Year, (Microgram, 0), &[(15, 1), (20, 2), (30, 3), (50, 4), (70, 5)]);
/// PM10 over 24 hours, µg/m³: WHO 2021.
const PM10_DAY: Table =
    table(Pm10, Day, (Microgram, 0), &[(45, 1), (50, 2), (75, 3), (100, 4), (150, 5)]);
/// Ozone over the peak season, µg/m³: WHO 2021.
const O3_PEAK: Table = table(O3, PeakSeason, (Microgram, 0), &[(60, 1), (70, 4), (100, 5)]);
/// Ozone over 8 hours, µg/m³: WHO 2021.
const O3_8H: Table = table(O3, EightHours, (Microgram, 0), &[(100, 1), (120, 4), (160, 5)]);
/// NO2 over a year, µg/m³: WHO 2021.
const NO2_YEAR: Table = table(No2, Year, (Microgram, 0), &[(10, 1), (20, 3), (30, 4), (40, 5)]);
/// NO2 over 24 hours, µg/m³: WHO 2021.
const NO2_DAY: Table = table(No2, Day, (Microgram, 0), &[(25, 1), (50, 4), (120, 5)]);
/// SO2 over 24 hours, µg/m³: WHO 2021.
const SO2_DAY: Table = table(So2, Day, (Microgram, 0), &[(40, 1), (50, 4), (125, 5)]);
/// CO over 24 hours, mg/m³: WHO 2021.
const CO_DAY: Table = table(Co, Day, (Milligram, 0), &[(4, 1), (7, 5)]);

const CATEGORIES: &[Category] = &[
    level("Guideline met", 1),
    level("Interim target 4 met", 2),
    level("Interim target 3 met", 3),
    level("Interim target 2 met", 4),
    level("Interim target 1 met", 5),
    level("Above interim target 1", 6),
];

const fn level(name: &'static str, place: u32) -> Category {
    Category::new(name, place, None, SAFE_6[place as usize - 1], Severity::Clean).without_advice()
}

/// The guidelines in force since September 2021.
pub static GUIDELINES: Standard = Standard {
    id: "who",
    version: "2021",
    name: "WHO Global Air Quality Guidelines",
    short_name: "WHO guidelines",
    authority: "World Health Organization",
    region: "WORLD",
    from: Date::month(2021, 9),
    tables: &[
        PM25_DAY, PM25_YEAR, PM10_DAY, PM10_YEAR, O3_8H, O3_PEAK, NO2_DAY, NO2_YEAR, SO2_DAY,
        CO_DAY,
    ],
    categories: CATEGORIES,
    numbered: false,
    ..BLANK
};
