//! Australia: the Air Quality Categories of New South Wales (November 2020), used with fewer
//! pollutants in four other states, and the index that NSW had before (2008 to 2020), a
//! percentage of the NEPM standard.
//!
//! There is no national index; Victoria and Tasmania have their own. In the categories lower bounds
//! are inclusive ("<6.7", "20.0 and above") and rounding is not specified: values are compared
//! unrounded. Colours: confidence medium. The older index is rounded to the nearest integer, ties
//! up; the NEPM standards are those before 2021 (confidence medium).

use crate::Averaging::{Day, EightHours, FourHours, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2, Visibility};
use crate::Rounding::UnroundedFromBelow;
use crate::Unit::{Microgram, Ppb, Ppm, Scattering};
use crate::category::{Category, Severity};
use crate::colour::{SAFE_5, SAFE_6};
use crate::standard::BLANK;
use crate::{Averaging, Date, End, Pollutant, Scale, Shape, Standard, Table, Unit};

const NSW: &str = "NSW, https://www.dpie.nsw.gov.au/air-quality/understanding-air-quality-data and openaq/aqi-hub";
const OLD: &str = "NSW, about the air quality index (2008 to 2020), percentage of NEPM standard";

/// Rows that end one grid step below the printed, excluded end.
const fn bands(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    rows: &'static [(u32, u32)],
) -> Table {
    let scale = Scale::new(decimals, UnroundedFromBelow, Shape::Banded, (0, 0), rows, End::Open(5));
    Table::new(pollutant, averaging, unit, scale, NSW)
}

/// PM2.5, µg/m³: NSW 2020 (25, 50, 100, 300 excluded).
const PM25: Table = bands(Pm25, Hour, (Microgram, 0), &[(24, 1), (49, 2), (99, 3), (299, 4)]);
/// PM10, µg/m³: NSW 2020 (50, 100, 200, 600 excluded).
const PM10: Table = bands(Pm10, Hour, (Microgram, 0), &[(49, 1), (99, 2), (199, 3), (599, 4)]);
/// Ozone over 1 hour, ppb: NSW 2020 (67, 100, 150, 200 excluded).
const O3_1H: Table = bands(O3, Hour, (Ppb, 0), &[(66, 1), (99, 2), (149, 3), (199, 4)]);
/// Ozone over 4 hours, ppb: NSW 2020 (54, 80, 120, 160 excluded).
const O3_4H: Table = bands(O3, FourHours, (Ppb, 0), &[(53, 1), (79, 2), (119, 3), (159, 4)]);
/// NO2, ppb: NSW 2020 (80, 120, 180, 240 excluded).
const NO2: Table = bands(No2, Hour, (Ppb, 0), &[(79, 1), (119, 2), (179, 3), (239, 4)]);
/// SO2, ppb: NSW 2020 (133, 200, 300, 400 excluded).
const SO2: Table = bands(So2, Hour, (Ppb, 0), &[(132, 1), (199, 2), (299, 3), (399, 4)]);
/// CO, ppm in tenths: NSW 2020 (6, 9, 13.5, 18 excluded).
const CO: Table = bands(Co, EightHours, (Ppm, 1), &[(59, 1), (89, 2), (134, 3), (179, 4)]);
/// Scattering of light, 10⁻⁴/m in tenths: NSW 2020 (1.5, 3, 6, 18 excluded).
const VISIBILITY: Table =
    bands(Visibility, Hour, (Scattering, 1), &[(14, 1), (29, 2), (59, 3), (179, 4)]);

/// A percentage of a standard; the line of the first 100 points continues.
const fn ratio(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    standard: &'static [(u32, u32)],
) -> Table {
    let shape = Shape::Joined;
    let scale = Scale::new(decimals, UnroundedFromBelow, shape, (0, 0), standard, End::Continues);
    Table::new(pollutant, averaging, unit, scale, OLD).medium()
}

/// CO, 9.0 ppm: NEPM, as in NSW's index of 2008.
const CO_OLD: Table = ratio(Co, EightHours, (Ppm, 3), &[(9_000, 100)]);
/// NO2, 0.12 ppm: NEPM, as in NSW's index of 2008.
const NO2_OLD: Table = ratio(No2, Hour, (Ppm, 4), &[(1_200, 100)]);
/// Ozone over 1 hour, 0.10 ppm: NEPM, as in NSW's index of 2008.
const O3_1H_OLD: Table = ratio(O3, Hour, (Ppm, 4), &[(1_000, 100)]);
/// Ozone over 4 hours, 0.08 ppm: NEPM, as in NSW's index of 2008.
const O3_4H_OLD: Table = ratio(O3, FourHours, (Ppm, 4), &[(800, 100)]);
/// SO2 over 1 hour, 0.20 ppm: NEPM, as in NSW's index of 2008.
const SO2_1H_OLD: Table = ratio(So2, Hour, (Ppm, 4), &[(2_000, 100)]);
/// SO2 over 24 hours, 0.08 ppm: NEPM, as in NSW's index of 2008.
const SO2_24H_OLD: Table = ratio(So2, Day, (Ppm, 4), &[(800, 100)]);
/// PM10, 50 µg/m³: NEPM, as in NSW's index of 2008.
const PM10_OLD: Table = ratio(Pm10, Day, (Microgram, 2), &[(5_000, 100)]);
/// PM2.5, 25 µg/m³: NEPM, as in NSW's index of 2008.
const PM25_OLD: Table = ratio(Pm25, Day, (Microgram, 3), &[(25_000, 100)]);

/// In force since November 2020.
pub static NSW_AQC: Standard = Standard {
    id: "au_aqc_nsw",
    version: "2020",
    name: "New South Wales Air Quality Categories",
    short_name: "NSW AQC",
    authority: "New South Wales Government",
    region: "AU-NSW",
    from: Date::month(2020, 11),
    tables: &[PM25, PM10, O3_1H, O3_4H, NO2, SO2, CO, VISIBILITY],
    categories: &[
        Category::new("Good", 1, Some(0x41A93B), SAFE_5[0], Severity::Clean),
        Category::new("Fair", 2, Some(0xEEC800), SAFE_5[1], Severity::Acceptable),
        Category::new("Poor", 3, Some(0xE47301), SAFE_5[2], Severity::Elevated),
        Category::new("Very Poor", 4, Some(0xB70027), SAFE_5[3], Severity::VeryUnhealthy),
        Category::new("Extremely Poor", 5, Some(0x590018), SAFE_5[4], Severity::Hazardous),
    ],
    numbered: false,
    advice_pages: &[(
        Date::month(2020, 11),
        "https://www.dpie.nsw.gov.au/air-quality/understanding-air-quality-data",
    )],
    ..BLANK
};

/// From 2008 to November 2020.
pub static NEPM: Standard = Standard {
    id: "au_aqi_nepm",
    version: "2008",
    name: "New South Wales Air Quality Index (percentage of the NEPM standard)",
    short_name: "NSW NEPM AQI",
    authority: "New South Wales Government",
    region: "AU-NSW",
    from: Date::year(2008),
    until: Some(Date::month(2020, 11)),
    tables: &[PM25_OLD, PM10_OLD, O3_1H_OLD, O3_4H_OLD, NO2_OLD, SO2_1H_OLD, SO2_24H_OLD, CO_OLD],
    categories: &[
        Category::new("Very good", 0, None, SAFE_6[0], Severity::Clean),
        Category::new("Good", 34, None, SAFE_6[1], Severity::Clean),
        Category::new("Fair", 67, None, SAFE_6[2], Severity::Acceptable),
        Category::new("Poor", 100, None, SAFE_6[3], Severity::Elevated),
        Category::new("Very poor", 150, None, SAFE_6[4], Severity::VeryUnhealthy),
        Category::new("Hazardous", 201, None, SAFE_6[5], Severity::Hazardous),
    ],
    advice_pages: &[(
        Date::year(2008),
        "https://www.dpie.nsw.gov.au/air-quality/understanding-air-quality-data",
    )],
    ..BLANK
};
