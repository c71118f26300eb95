//! India's National Air Quality Index (CPCB, October 2014).
//!
//! Whole steps are implied by the CPCB's own examples (PM2.5 of 31 is 51, of 45 is 75, of 60 is
//! 100): concentrations are rounded to the table's digits and the index to the nearest integer,
//! ties up; neither is specified. It requires three pollutants, one of them a particulate, and 16
//! of 24 hours.
//!
//! "Severe" (401–500) has no official upper end. By default the index reaches 500 where the CPCB's
//! Excel calculator does, as weewx-aqi found by experiment (medium), and is "more than 500" above;
//! ozone and lead, which the calculator does not cover, are "more than 400". The policy `open` is
//! "more than 400" for every pollutant. The colours are from secondary sources (low: they differ).

use crate::Averaging::{Day, EightHours, Hour};
use crate::Pollutant::{Co, Nh3, No2, O3, Pb, Pm10, Pm25, So2};
use crate::Unit::{Microgram, Milligram};
use crate::category::{Category, Severity};
use crate::colour::SAFE_6;
use crate::standard::{BLANK, Needs};
use crate::table::Content;
use crate::{Averaging, Date, End, Pollutant, Rounding, Scale, Shape, Standard, Table, Unit};

const SOURCE: &str = "CPCB, National Air Quality Index (October 2014), by way of openaq/aqi-hub \
    and weewx-aqi";

const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    from: (u32, u32),
    rows: &'static [(u32, u32)],
    end: End,
) -> Table {
    let scale = Scale::new(decimals, Rounding::HalfUp, Shape::Stepped, from, rows, end);
    let table = Table::new(pollutant, averaging, unit, scale, SOURCE);
    match averaging {
        Day => table.capture(16, 24),
        _ => table,
    }
}

/// PM2.5, µg/m³: CPCB 2014; 500 at 380 by its calculator.
const PM25: Table = table(
    Pm25,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(30, 50), (60, 100), (90, 200), (120, 300), (250, 400), (380, 500)],
    End::Over,
);
/// PM10, µg/m³: CPCB 2014; 500 at 510 by its calculator.
const PM10: Table = table(
    Pm10,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(50, 50), (100, 100), (250, 200), (350, 300), (430, 400), (510, 500)],
    End::Over,
);
/// NO2, µg/m³: CPCB 2014; 500 at 520 by its calculator.
const NO2: Table = table(
    No2,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(40, 50), (80, 100), (180, 200), (280, 300), (400, 400), (520, 500)],
    End::Over,
);
/// SO2, µg/m³: CPCB 2014; 500 at 2,400 by its calculator.
const SO2: Table = table(
    So2,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(40, 50), (80, 100), (380, 200), (800, 300), (1600, 400), (2400, 500)],
    End::Over,
);
/// CO, mg/m³ in tenths: CPCB 2014; 500 at 51 by its calculator.
const CO: Table = table(
    Co,
    EightHours,
    (Milligram, 1),
    (0, 0),
    &[(10, 50), (20, 100), (100, 200), (170, 300), (340, 400), (510, 500)],
    End::Over,
);
/// Ozone over 8 hours, µg/m³: CPCB 2014; above, the hour decides.
const O3_8H: Table = table(
    O3,
    EightHours,
    (Microgram, 0),
    (0, 0),
    &[(50, 50), (100, 100), (168, 200), (208, 300)],
    End::Stays,
)
.deferring_to(Hour);
/// Ozone over 1 hour, µg/m³: CPCB 2014, footnote ("one hourly monitoring").
const O3_1H: Table = table(O3, Hour, (Microgram, 0), (209, 301), &[(748, 400)], End::Over);
/// NH3, µg/m³: CPCB 2014; 500 at 2,400 by its calculator.
const NH3: Table = table(
    Nh3,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(200, 50), (400, 100), (800, 200), (1200, 300), (1800, 400), (2400, 500)],
    End::Over,
);
/// Lead, µg/m³ in hundredths: CPCB 2014. (Tables that go from 1.0 to 1.1 leave a hole.)
const PB: Table = table(
    Pb,
    Day,
    (Microgram, 2),
    (0, 0),
    &[(50, 50), (100, 100), (200, 200), (300, 300), (350, 400)],
    End::Over,
);

const fn open(table: Table) -> Table {
    match table.content {
        Content::Scale(scale) => {
            Table { content: Content::Scale(scale.without_last_row()), ..table }
        }
        Content::Risk(_) => table,
    }
}

const CATEGORIES: &[Category] = &[
    Category::new("Good", 0, Some(0x00B050), SAFE_6[0], Severity::Clean),
    Category::new("Satisfactory", 51, Some(0x92D050), SAFE_6[1], Severity::Acceptable),
    Category::new("Moderate", 101, Some(0xFFFF00), SAFE_6[2], Severity::Elevated),
    Category::new("Poor", 201, Some(0xFF9900), SAFE_6[3], Severity::Unhealthy),
    Category::new("Very Poor", 301, Some(0xFF0000), SAFE_6[4], Severity::VeryUnhealthy),
    Category::new("Severe", 401, Some(0xC00000), SAFE_6[5], Severity::Hazardous),
];

const V2014: Standard = Standard {
    id: "in_naqi",
    version: "2014",
    name: "India CPCB National Air Quality Index",
    short_name: "India CPCB NAQI",
    authority: "Central Pollution Control Board",
    region: "IN",
    from: Date::month(2014, 10),
    tables: &[PM25, PM10, NO2, SO2, CO, O3_8H, O3_1H, NH3, PB],
    categories: CATEGORIES,
    needs: Needs::of(3, &[&[Pm25, Pm10]]),
    advice_pages: &[(Date::year(2014), "https://cpcb.nic.in/national-air-quality-index/")],
    ..BLANK
};

/// In force since October 2014.
pub static NAQI: Standard = V2014;
/// The policy `open` of [`NAQI`].
pub static NAQI_OPEN: Standard = Standard {
    policy: "open",
    tables: &[open(PM25), open(PM10), open(NO2), open(SO2), open(CO), O3_8H, O3_1H, open(NH3), PB],
    ..V2014
};
