//! The United States' Air Quality Index (EPA), in seven versions since 1999.
//!
//! Each version starts on the effective date of its rule in the Federal Register:
//!
//! | version | in force since | rule | change |
//! | --- | --- | --- | --- |
//! | 2024 | 6 May 2024 | 89 FR 16202 | PM2.5; one row from 301 to 500 |
//! | 2015 | 28 December 2015 | 80 FR 65292 | ozone over 8 hours: 100 is 0.070 ppm |
//! | 2012 | 18 March 2013 | 78 FR 3086 | PM2.5: 50 is 12.0 µg/m³, 100 is 35.4 |
//! | 2010_so2 | 23 August 2010 | 75 FR 35520 | SO2 over 1 hour: 100 is 75 ppb |
//! | 2010_no2 | 12 April 2010 | 75 FR 6474 | NO2 from zero on: 100 is 100 ppb |
//! | 2008 | 27 May 2008 | 73 FR 16436 | ozone over 8 hours: 100 is 0.075 ppm |
//! | 1999 | 4 October 1999 | 64 FR 42530 | the first; ozone over 8 hours: 100 is 0.084 ppm |
//!
//! The day in August 2010 is sixty days after the rule's publication; the rule's own text was not
//! available.
//!
//! Source of the version in force: "Technical Assistance Document for the Reporting of
//! Daily Air Quality", EPA-454/B-24-002 (May 2024), table 6 and its footnotes; 40 CFR 58
//! appendix G; 89 FR 16202.
//!
//! Concentrations are truncated, not rounded, to the table's digits; the index is rounded to the
//! nearest integer. Rounding ties up is based on the JavaScript of the EPA's calculator at AirNow;
//! the document's example (125.5 is 126) is also consistent with half-to-even.
//!
//! - Above 500 the 2024 index continues along the line from 301 to 500, Hazardous. Before, it was
//!   "Beyond the AQI" without a number: [`Index::over`](crate::Index::over) 500.
//! - From 301 to 500 there is one row in 2024 and two (301–400, 401–500) before; the edition of May 2016 as coded elsewhere has one. PM10 of 504 µg/m³
//!   is 400 by the old and 389 by the new table.
//! - Ozone: the mean of 8 hours is compulsory, the one of 1 hour optional and defined from 0.125
//!   ppm on; the higher one applies. The 8-hour table ends at 300: above, only the 1-hour mean
//!   applies, and without it the index is 300 ([`Answer::undecided`](crate::Answer::undecided)).
//! - SO2: the 1-hour mean applies up to 200, the 24-hour mean from 305 ppb on. A 1-hour mean of 305
//!   ppb or more with a lower 24-hour mean is exactly 200.
//! - NowCast for particulates is [`nowcast`](crate::nowcast::nowcast). The one for ozone is not
//!   included, for lack of a source of the EPA's regression.
//!
//! The document's misprints are corrected: 0.162 ppm of ozone over an hour is 147 (147.49), not the
//! printed 148.

use crate::Averaging::{Day, EightHours, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::Rounding::Truncate;
use crate::Shape::Stepped;
use crate::Unit::{Microgram, Ppb, Ppm};
use crate::category::{Category, Severity};
use crate::standard::BLANK;
use crate::{Averaging, Colour, Date, End, Pollutant, Scale, Standard, Table, Unit};

const TAD_2024: &str = "EPA-454/B-24-002 (May 2024), table 6";
const TAD_2018: &str = "EPA-454/B-13-001 and EPA-454/B-18-007 (September 2018), as transcribed \
    independently in three libraries";
const FR_2009: &str = "40 CFR 58 appendix G as corrected in 74 FR 30469 (26 June 2009)";
const FR_1999: &str = "64 FR 42530 (4 August 1999), 40 CFR 58 appendix G";

/// A row-by-row table, cut to the grid.
const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    from: (u32, u32),
    rows: &'static [(u32, u32)],
    end: End,
    source: &'static str,
) -> Table {
    let scale = Scale::new(decimals, Truncate, Stepped, from, rows, end);
    Table::new(pollutant, averaging, unit, scale, source)
}

/// PM2.5, µg/m³ in tenths: EPA-454/B-24-002, table 6 (89 FR 16202).
const PM25_2024: Table = table(
    Pm25,
    Day,
    (Microgram, 1),
    (0, 0),
    &[(90, 50), (354, 100), (554, 150), (1254, 200), (2254, 300), (3254, 500)],
    End::Continues,
    TAD_2024,
);
/// PM10, µg/m³: EPA-454/B-24-002, table 6.
const PM10_2024: Table = table(
    Pm10,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(54, 50), (154, 100), (254, 150), (354, 200), (424, 300), (604, 500)],
    End::Continues,
    TAD_2024,
);
/// Ozone over 8 hours, ppm in thousandths: EPA-454/B-24-002, table 6; the same since the
/// rule of October 2015.
const O3_8H_2024: Table = table(
    O3,
    EightHours,
    (Ppm, 3),
    (0, 0),
    &[(54, 50), (70, 100), (85, 150), (105, 200), (200, 300)],
    End::Stays,
    TAD_2024,
)
.deferring_to(Hour);
/// Ozone over 1 hour, ppm in thousandths: EPA-454/B-24-002, table 6.
const O3_1H_2024: Table = table(
    O3,
    Hour,
    (Ppm, 3),
    (125, 101),
    &[(164, 150), (204, 200), (404, 300), (604, 500)],
    End::Continues,
    TAD_2024,
);
/// CO, ppm in tenths: EPA-454/B-24-002, table 6.
const CO_2024: Table = table(
    Co,
    EightHours,
    (Ppm, 1),
    (0, 0),
    &[(44, 50), (94, 100), (124, 150), (154, 200), (304, 300), (504, 500)],
    End::Continues,
    TAD_2024,
);
/// SO2 over 1 hour, ppb: EPA-454/B-24-002, table 6 and footnote.
const SO2_1H_2024: Table = table(
    So2,
    Hour,
    (Ppb, 0),
    (0, 0),
    &[(35, 50), (75, 100), (185, 150), (304, 200)],
    End::Stays,
    TAD_2024,
)
.deferring_to(Day);
/// SO2 over 24 hours, ppb: EPA-454/B-24-002, table 6 and footnote.
const SO2_24H_2024: Table =
    table(So2, Day, (Ppb, 0), (305, 201), &[(604, 300), (1004, 500)], End::Continues, TAD_2024);
/// NO2, ppb: EPA-454/B-24-002, table 6.
const NO2_2024: Table = table(
    No2,
    Hour,
    (Ppb, 0),
    (0, 0),
    &[(53, 50), (100, 100), (360, 150), (649, 200), (1249, 300), (2049, 500)],
    End::Continues,
    TAD_2024,
);

/// PM2.5, µg/m³ in tenths: 78 FR 3086 (January 2013); EPA-454/B-13-001.
const PM25_2012: Table = table(
    Pm25,
    Day,
    (Microgram, 1),
    (0, 0),
    &[(120, 50), (354, 100), (554, 150), (1504, 200), (2504, 300), (3504, 400), (5004, 500)],
    End::Over,
    TAD_2018,
);
/// PM10, µg/m³: EPA-454/B-13-001, EPA-454/B-18-007; 40 CFR 58 appendix G since 1999.
const PM10_2012: Table = table(
    Pm10,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(54, 50), (154, 100), (254, 150), (354, 200), (424, 300), (504, 400), (604, 500)],
    End::Over,
    TAD_2018,
);
/// Ozone over 8 hours, ppm in thousandths: EPA-454/B-18-007, table 5 (80 FR 65292).
const O3_8H_2015: Table = Table { source: TAD_2018, ..O3_8H_2024 };
/// Ozone over 1 hour, ppm in thousandths: EPA-454/B-13-001, EPA-454/B-18-007.
const O3_1H_2012: Table = table(
    O3,
    Hour,
    (Ppm, 3),
    (125, 101),
    &[(164, 150), (204, 200), (404, 300), (504, 400), (604, 500)],
    End::Over,
    TAD_2018,
);
/// CO, ppm in tenths: EPA-454/B-13-001, EPA-454/B-18-007.
const CO_2012: Table = table(
    Co,
    EightHours,
    (Ppm, 1),
    (0, 0),
    &[(44, 50), (94, 100), (124, 150), (154, 200), (304, 300), (404, 400), (504, 500)],
    End::Over,
    TAD_2018,
);
/// SO2 over 1 hour, ppb: EPA-454/B-13-001, EPA-454/B-18-007.
const SO2_1H_2012: Table = Table { source: TAD_2018, ..SO2_1H_2024 };
/// SO2 over 24 hours, ppb: EPA-454/B-13-001, EPA-454/B-18-007.
const SO2_24H_2012: Table = table(
    So2,
    Day,
    (Ppb, 0),
    (305, 201),
    &[(604, 300), (804, 400), (1004, 500)],
    End::Over,
    TAD_2018,
);
/// NO2, ppb: EPA-454/B-13-001, EPA-454/B-18-007.
const NO2_2012: Table = table(
    No2,
    Hour,
    (Ppb, 0),
    (0, 0),
    &[(53, 50), (100, 100), (360, 150), (649, 200), (1249, 300), (1649, 400), (2049, 500)],
    End::Over,
    TAD_2018,
);

/// PM2.5, µg/m³ in tenths: 74 FR 30469 (the rule of 1999).
const PM25_1999: Table = table(
    Pm25,
    Day,
    (Microgram, 1),
    (0, 0),
    &[(154, 50), (404, 100), (654, 150), (1504, 200), (2504, 300), (3504, 400), (5004, 500)],
    End::Over,
    FR_2009,
);
/// PM10, µg/m³: 74 FR 30469 (the rule of 1999).
const PM10_1999: Table = Table { source: FR_2009, ..PM10_2012 };
/// Ozone over 1 hour, ppm in thousandths: 74 FR 30469 (the rule of 1999).
const O3_1H_1999: Table = Table { source: FR_2009, ..O3_1H_2012 };
/// CO, ppm in tenths: 74 FR 30469 (the rule of 1999).
const CO_1999: Table = Table { source: FR_2009, ..CO_2012 };
/// Ozone over 8 hours, ppm in thousandths: 74 FR 30469 (73 FR 16436).
const O3_8H_2008: Table = table(
    O3,
    EightHours,
    (Ppm, 3),
    (0, 0),
    &[(59, 50), (75, 100), (95, 150), (115, 200), (374, 300)],
    End::Stays,
    FR_2009,
)
.deferring_to(Hour);
/// Ozone over 8 hours, ppm in thousandths: 64 FR 42530, whose own example is 106 at
/// 0.0874125 ppm.
const O3_8H_1999: Table = table(
    O3,
    EightHours,
    (Ppm, 3),
    (0, 0),
    &[(64, 50), (84, 100), (104, 150), (124, 200), (374, 300)],
    End::Stays,
    FR_1999,
)
.deferring_to(Hour);
/// SO2 over 24 hours, ppm in thousandths: 74 FR 30469.
const SO2_1999: Table = table(
    So2,
    Day,
    (Ppm, 3),
    (0, 0),
    &[(34, 50), (144, 100), (224, 150), (304, 200), (604, 300), (804, 400), (1004, 500)],
    End::Over,
    FR_2009,
);
/// NO2 over 1 hour, ppm in hundredths, defined from 0.65 ppm: 74 FR 30469.
const NO2_1999: Table = table(
    No2,
    Hour,
    (Ppm, 2),
    (65, 201),
    &[(124, 300), (164, 400), (204, 500)],
    End::Over,
    FR_2009,
);

/// The names and colours of EPA-454/B-24-002, table 2; the safe colours are EPA's own, the
/// "ColorVision Assist" palette of its table 3.
const CATEGORIES: &[Category] = &[
    category("Good", 0, 0x00E400, 0x9EFF91, Severity::Clean),
    category("Moderate", 51, 0xFFFF00, 0xFFC905, Severity::Acceptable),
    category("Unhealthy for Sensitive Groups", 101, 0xFF7E00, 0xFF8205, Severity::Elevated),
    category("Unhealthy", 151, 0xFF0000, 0xF02200, Severity::Unhealthy),
    category("Very Unhealthy", 201, 0x8F3F97, 0x890997, Severity::VeryUnhealthy),
    category("Hazardous", 301, 0x7E0023, 0x640015, Severity::Hazardous),
];

const fn category(
    name: &'static str,
    from: u32,
    rgb: u32,
    safe: u32,
    severity: Severity,
) -> Category {
    Category::new(name, from, Some(rgb), Colour::hex(safe), severity)
}

const COMMON: Standard = Standard {
    id: "us_aqi",
    name: "US EPA Air Quality Index",
    short_name: "US EPA AQI",
    authority: "US EPA",
    region: "US",
    categories: CATEGORIES,
    advice_pages: &[(Date::year(1999), "https://www.airnow.gov/aqi/aqi-basics/")],
    ..BLANK
};

/// In force since 6 May 2024.
pub static AQI_2024: Standard = Standard {
    version: "2024",
    from: Date::new(2024, 5, 6),
    tables: &[
        PM25_2024,
        PM10_2024,
        O3_8H_2024,
        O3_1H_2024,
        NO2_2024,
        SO2_1H_2024,
        SO2_24H_2024,
        CO_2024,
    ],
    now_cast: true,
    ..COMMON
};

/// From 28 December 2015 to 5 May 2024.
pub static AQI_2015: Standard = Standard {
    version: "2015",
    from: Date::new(2015, 12, 28),
    until: Some(Date::new(2024, 5, 6)),
    tables: &[
        PM25_2012,
        PM10_2012,
        O3_8H_2015,
        O3_1H_2012,
        NO2_2012,
        SO2_1H_2012,
        SO2_24H_2012,
        CO_2012,
    ],
    now_cast: true,
    ..COMMON
};

/// From 18 March 2013 to 27 December 2015: the PM2.5 of the rule signed in December 2012,
/// ozone as since 2008.
pub static AQI_2012: Standard = Standard {
    version: "2012",
    from: Date::new(2013, 3, 18),
    until: Some(Date::new(2015, 12, 28)),
    tables: &[
        PM25_2012,
        PM10_2012,
        O3_8H_2008,
        O3_1H_2012,
        NO2_2012,
        SO2_1H_2012,
        SO2_24H_2012,
        CO_2012,
    ],
    now_cast: true,
    ..COMMON
};

/// From 23 August 2010 to 17 March 2013.
pub static AQI_2010_SO2: Standard = Standard {
    version: "2010_so2",
    from: Date::new(2010, 8, 23),
    until: Some(Date::new(2013, 3, 18)),
    tables: &[
        PM25_1999,
        PM10_1999,
        O3_8H_2008,
        O3_1H_1999,
        NO2_2012,
        SO2_1H_2012,
        SO2_24H_2012,
        CO_1999,
    ],
    ..COMMON
};

/// From 12 April to 22 August 2010.
pub static AQI_2010_NO2: Standard = Standard {
    version: "2010_no2",
    from: Date::new(2010, 4, 12),
    until: Some(Date::new(2010, 8, 23)),
    tables: &[PM25_1999, PM10_1999, O3_8H_2008, O3_1H_1999, NO2_2012, SO2_1999, CO_1999],
    ..COMMON
};

/// From 27 May 2008 to 11 April 2010.
pub static AQI_2008: Standard = Standard {
    version: "2008",
    from: Date::new(2008, 5, 27),
    until: Some(Date::new(2010, 4, 12)),
    tables: &[PM25_1999, PM10_1999, O3_8H_2008, O3_1H_1999, NO2_1999, SO2_1999, CO_1999],
    ..COMMON
};

/// From 4 October 1999 to 26 May 2008.
pub static AQI_1999: Standard = Standard {
    version: "1999",
    from: Date::new(1999, 10, 4),
    until: Some(Date::new(2008, 5, 27)),
    tables: &[PM25_1999, PM10_1999, O3_8H_1999, O3_1H_1999, NO2_1999, SO2_1999, CO_1999],
    ..COMMON
};
