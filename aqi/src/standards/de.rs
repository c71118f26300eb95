//! Germany's Luftqualitätsindex (LQI) of the Umweltbundesamt: 2025 and 2019.
//!
//! The tables are in whole µg/m³, and the rounding of concentrations is not specified: by default
//! to the nearest, ties up; the policy `unrounded` compares the unrounded concentration, as in
//! Saxony-Anhalt's "bis / über". One pollutant is sufficient; an incomplete set is marked on the
//! official map. Bremen, Thuringia and Baden-Württemberg have their own indices. The colours are
//! from secondary sources (medium).

use crate::Averaging::{Day, Hour};
use crate::Pollutant::{No2, O3, Pm10, Pm25, So2};
use crate::category::{Category, Severity};
use crate::colour::SAFE_5;
use crate::standard::BLANK;
use crate::{Averaging, Date, End, Pollutant, Rounding, Scale, Shape, Standard, Table, Unit};

const UBA_2025: &str = "Umweltbundesamt, doi 10.60810/openumwelt-7990";
const UBA_2019: &str =
    "Umweltbundesamt, https://www.umweltbundesamt.de/berechnungsgrundlagen-luftqualitaetsindex";

const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    rows: &'static [(u32, u32)],
    source: &'static str,
) -> Table {
    let scale = Scale::new(0, Rounding::HalfUp, Shape::Banded, (0, 0), rows, End::Open(5));
    Table::new(pollutant, averaging, Unit::Microgram, scale, source)
}

/// PM10, µg/m³: UBA 2025.
const PM10_2025: Table = table(Pm10, Hour, &[(9, 1), (27, 2), (54, 3), (90, 4)], UBA_2025);
/// PM2.5, µg/m³: UBA 2025.
const PM25_2025: Table = table(Pm25, Hour, &[(5, 1), (15, 2), (30, 3), (50, 4)], UBA_2025);
/// Ozone, µg/m³: UBA 2025.
const O3_2025: Table = table(O3, Hour, &[(24, 1), (72, 2), (144, 3), (240, 4)], UBA_2025);
/// NO2, µg/m³: UBA 2025.
const NO2_2025: Table = table(No2, Hour, &[(10, 1), (30, 2), (60, 3), (100, 4)], UBA_2025);
/// SO2, µg/m³: UBA 2025.
const SO2_2025: Table = table(So2, Hour, &[(10, 1), (30, 2), (60, 3), (100, 4)], UBA_2025);
/// PM10, µg/m³: UBA 2019.
const PM10_2019: Table = table(Pm10, Day, &[(20, 1), (35, 2), (50, 3), (100, 4)], UBA_2019);
/// PM2.5, µg/m³: UBA 2019.
const PM25_2019: Table = table(Pm25, Day, &[(10, 1), (20, 2), (25, 3), (50, 4)], UBA_2019);
/// Ozone, µg/m³: UBA 2019.
const O3_2019: Table = table(O3, Hour, &[(60, 1), (120, 2), (180, 3), (240, 4)], UBA_2019);
/// NO2, µg/m³: UBA 2019.
const NO2_2019: Table = table(No2, Hour, &[(20, 1), (40, 2), (100, 3), (200, 4)], UBA_2019);

const CATEGORIES: &[Category] = &[
    Category::new("sehr gut", 1, Some(0x50F0E6), SAFE_5[0], Severity::Clean),
    Category::new("gut", 2, Some(0x50CCAA), SAFE_5[1], Severity::Acceptable),
    Category::new("mäßig", 3, Some(0xF0E641), SAFE_5[2], Severity::Elevated),
    Category::new("schlecht", 4, Some(0xFF5050), SAFE_5[3], Severity::Unhealthy),
    Category::new("sehr schlecht", 5, Some(0x960032), SAFE_5[4], Severity::VeryUnhealthy),
];

const V2025: Standard = Standard {
    id: "de_lqi",
    version: "2025",
    name: "German UBA Luftqualitätsindex",
    short_name: "German UBA LQI",
    authority: "Umweltbundesamt",
    region: "DE",
    from: Date::year(2025),
    tables: &[PM10_2025, PM25_2025, O3_2025, NO2_2025, SO2_2025],
    categories: CATEGORIES,
    numbered: false,
    advice_pages: &[(
        Date::year(2019),
        "https://www.umweltbundesamt.de/berechnungsgrundlagen-luftqualitaetsindex",
    )],
    ..BLANK
};
const V2019: Standard = Standard {
    version: "2019",
    from: Date::year(2019),
    until: Some(Date::year(2025)),
    tables: &[PM10_2019, PM25_2019, O3_2019, NO2_2019],
    ..V2025
};

/// In force since 2025: hourly values alone.
pub static LQI_2025: Standard = V2025;
/// The policy `unrounded` of [`LQI_2025`].
pub static LQI_2025_UNROUNDED: Standard =
    Standard { policy: "unrounded", rounding: Some(Rounding::Unrounded), ..V2025 };
/// From 2019 to 2025: particulates as running means of 24 hours.
pub static LQI_2019: Standard = V2019;
/// The policy `unrounded` of [`LQI_2019`].
pub static LQI_2019_UNROUNDED: Standard =
    Standard { policy: "unrounded", rounding: Some(Rounding::Unrounded), ..V2019 };
