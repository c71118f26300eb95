//! Singapore's Pollutant Standards Index (PSI), since 1 April 2014, and its bands for one
//! hour of PM2.5, since 27 June 2016 (the NEA's announcement of that day).
//!
//! The rows are from openaq/aqi-hub and aqipy, which agree except for a misprint in the former's
//! PM10 (151–350 is Unhealthy); confidence high for PM2.5 and PM10, medium for the gases. The
//! rounding of concentrations and of the index is not specified: rounding to the table's digits and
//! to the nearest integer, ties up, is this crate's interpretation. (The NEA's "19 µg/m³ is 59" is
//! from rounded data: 19.0 gives 58.) Ozone's 8-hour table ends at 300; above 785 µg/m³ the 1-hour
//! mean applies. NO2 has an index only from 1,130 µg/m³. Colours: confidence low, picked from an
//! image.

use crate::Averaging::{Day, EightHours, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::Unit::{Microgram, Milligram};
use crate::category::{Category, Severity};
use crate::colour::{SAFE_4, SAFE_5};
use crate::standard::BLANK;
use crate::{Averaging, Date, End, Pollutant, Rounding, Scale, Shape, Standard, Table, Unit};

const SOURCE: &str = "NEA, Pollutant Standards Index (2014), by way of openaq/aqi-hub and aqipy";

const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    (unit, decimals): (Unit, u8),
    from: (u32, u32),
    rows: &'static [(u32, u32)],
    end: End,
) -> Table {
    let scale = Scale::new(decimals, Rounding::HalfUp, Shape::Stepped, from, rows, end);
    Table::new(pollutant, averaging, unit, scale, SOURCE)
}

/// PM2.5, µg/m³: NEA 2014.
const PM25: Table = table(
    Pm25,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(12, 50), (55, 100), (150, 200), (250, 300), (350, 400), (500, 500)],
    End::Over,
);
/// PM10, µg/m³: NEA 2014.
const PM10: Table = table(
    Pm10,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(50, 50), (150, 100), (350, 200), (420, 300), (500, 400), (600, 500)],
    End::Over,
);
/// SO2, µg/m³: NEA 2014.
const SO2: Table = table(
    So2,
    Day,
    (Microgram, 0),
    (0, 0),
    &[(80, 50), (365, 100), (800, 200), (1600, 300), (2100, 400), (2620, 500)],
    End::Over,
)
.medium();
/// CO, mg/m³ in tenths: NEA 2014.
const CO: Table = table(
    Co,
    EightHours,
    (Milligram, 1),
    (0, 0),
    &[(50, 50), (100, 100), (170, 200), (340, 300), (460, 400), (575, 500)],
    End::Over,
)
.medium();
/// Ozone over 8 hours, µg/m³: NEA 2014.
const O3_8H: Table = table(
    O3,
    EightHours,
    (Microgram, 0),
    (0, 0),
    &[(118, 50), (157, 100), (235, 200), (785, 300)],
    End::Stays,
)
.deferring_to(Hour)
.medium();
/// Ozone over 1 hour, µg/m³, where the 8 hours end: NEA 2014.
const O3_1H: Table =
    table(O3, Hour, (Microgram, 0), (786, 301), &[(980, 400), (1180, 500)], End::Over).medium();
/// NO2, µg/m³: NEA 2014.
const NO2: Table = table(
    No2,
    Hour,
    (Microgram, 0),
    (1131, 201),
    &[(2260, 300), (3000, 400), (3750, 500)],
    End::Over,
)
.medium();
/// PM2.5 over 1 hour, µg/m³: NEA's bands.
const PM25_HOUR: Table = Table::new(
    Pm25,
    Hour,
    Microgram,
    Scale::new(
        0,
        Rounding::HalfUp,
        Shape::Banded,
        (0, 0),
        &[(55, 1), (150, 2), (250, 3)],
        End::Open(4),
    ),
    "NEA, 1-hour PM2.5 bands",
);

const CATEGORIES: &[Category] = &[
    Category::new("Good", 0, Some(0x7BC466), SAFE_5[0], Severity::Clean),
    Category::new("Moderate", 51, Some(0x66BAE8), SAFE_5[1], Severity::Acceptable),
    Category::new("Unhealthy", 101, Some(0xFED631), SAFE_5[2], Severity::Unhealthy),
    Category::new("Very Unhealthy", 201, Some(0xFAA635), SAFE_5[3], Severity::VeryUnhealthy),
    Category::new("Hazardous", 301, Some(0xED1D2F), SAFE_5[4], Severity::Hazardous),
];
const BANDS: &[Category] = &[
    Category::new("Normal", 1, None, SAFE_4[0], Severity::Clean),
    Category::new("Elevated", 2, None, SAFE_4[1], Severity::Elevated),
    Category::new("High", 3, None, SAFE_4[2], Severity::Unhealthy),
    Category::new("Very High", 4, None, SAFE_4[3], Severity::Hazardous),
];

const V2014: Standard = Standard {
    id: "sg_psi",
    version: "2014",
    name: "Singapore NEA Pollutant Standards Index",
    short_name: "Singapore NEA PSI",
    authority: "National Environment Agency",
    region: "SG",
    from: Date::new(2014, 4, 1),
    tables: &[PM25, PM10, SO2, CO, O3_8H, O3_1H, NO2],
    categories: CATEGORIES,
    advice_pages: &[(Date::new(2014, 4, 1), "https://www.haze.gov.sg/")],
    ..BLANK
};

/// In force since 1 April 2014.
pub static PSI: Standard = V2014;
/// The bands for one hour of PM2.5, since 27 June 2016.
pub static PM25_1H: Standard = Standard {
    variant: "1-hour PM2.5",
    name: "Singapore NEA 1-hour PM2.5 bands",
    short_name: "Singapore NEA PM2.5 bands",
    from: Date::new(2016, 6, 27),
    tables: &[PM25_HOUR],
    categories: BANDS,
    numbered: false,
    ..V2014
};
