//! The European Air Quality Index (EEA): 2025, 2019 and 2017.
//!
//! It names levels without numbers; the index is the position of the level, from 1. (The running
//! number called `european_aqi` elsewhere is Open-Meteo's own.)
//!
//! The EEA publishes rows as 0–5, 6–15, 16–50 and does not specify where 5.3 belongs. By default
//! the concentration is compared unrounded (5.3 is Fair), as in all known implementations; the
//! policy `rounded` rounds to whole µg/m³ first, ties up (5.3 is Good).
//!
//! Before 2025 a value above a stated maximum was discarded as an error, particulates were running
//! means of 24 hours, and an index needed NO2, O3 and one of the particulates; at traffic stations
//! NO2 and one of the particulates, and no other pollutant was used. Gaps were filled from the CAMS
//! model, which this crate does not do.

use crate::Averaging::{Day, Hour};
use crate::Pollutant::{No2, O3, Pm10, Pm25, So2};
use crate::Rounding::{HalfUp, Unrounded};
use crate::Unit::Microgram;
use crate::category::{Category, Severity};
use crate::colour::{SAFE_5, SAFE_6};
use crate::standard::{BLANK, Needs};
use crate::{Averaging, Date, End, Pollutant, Scale, Shape, Standard, Table};

const ETC_2024: &str = "EEA, ETC HE Report 2024/17, table 5.2, as quoted in open-meteo's change \
    2045 and transcribed independently in five repositories";
const EEA_2019: &str = "EEA, European Air Quality Index, six levels; the same numbers in the \
    French decree of 10 July 2020 (JORFTEXT000042164835)";
const EEA_2017: &str = "EEA, http://discomap.eea.europa.eu/map/AQI/Viewer/";

/// Rows from 1 with their upper ends included, and one more above.
const fn table(
    pollutant: Pollutant,
    averaging: Averaging,
    rows: &'static [(u32, u32)],
    source: &'static str,
) -> Table {
    let end = End::Open(rows.len() as u32 + 1);
    let scale = Scale::new(0, Unrounded, Shape::Banded, (0, 0), rows, end);
    Table::new(pollutant, averaging, Microgram, scale, source)
}

/// PM2.5, µg/m³: ETC HE Report 2024/17, table 5.2.
const PM25_2025: Table =
    table(Pm25, Hour, &[(5, 1), (15, 2), (50, 3), (90, 4), (140, 5)], ETC_2024);
/// PM10, µg/m³: ETC HE Report 2024/17, table 5.2.
const PM10_2025: Table =
    table(Pm10, Hour, &[(15, 1), (45, 2), (120, 3), (195, 4), (270, 5)], ETC_2024);
/// NO2, µg/m³: ETC HE Report 2024/17, table 5.2.
const NO2_2025: Table =
    table(No2, Hour, &[(10, 1), (25, 2), (60, 3), (100, 4), (150, 5)], ETC_2024);
/// Ozone, µg/m³: ETC HE Report 2024/17, table 5.2.
const O3_2025: Table =
    table(O3, Hour, &[(60, 1), (100, 2), (120, 3), (160, 4), (180, 5)], ETC_2024);
/// SO2, µg/m³: ETC HE Report 2024/17, table 5.2.
const SO2_2025: Table =
    table(So2, Hour, &[(20, 1), (40, 2), (125, 3), (190, 4), (275, 5)], ETC_2024);

/// PM2.5, µg/m³: EEA, six levels.
pub(super) const PM25_2019: Table =
    table(Pm25, Day, &[(10, 1), (20, 2), (25, 3), (50, 4), (75, 5)], EEA_2019).capture(18, 24);
/// PM10, µg/m³: EEA, six levels.
pub(super) const PM10_2019: Table =
    table(Pm10, Day, &[(20, 1), (40, 2), (50, 3), (100, 4), (150, 5)], EEA_2019).capture(18, 24);
/// NO2, µg/m³: EEA, six levels.
pub(super) const NO2_2019: Table =
    table(No2, Hour, &[(40, 1), (90, 2), (120, 3), (230, 4), (340, 5)], EEA_2019);
/// Ozone, µg/m³: EEA, six levels.
pub(super) const O3_2019: Table =
    table(O3, Hour, &[(50, 1), (100, 2), (130, 3), (240, 4), (380, 5)], EEA_2019);
/// SO2, µg/m³: EEA, six levels.
pub(super) const SO2_2019: Table =
    table(So2, Hour, &[(100, 1), (200, 2), (350, 3), (500, 4), (750, 5)], EEA_2019);

/// PM2.5, µg/m³: EEA, five levels.
const PM25_2017: Table =
    table(Pm25, Day, &[(10, 1), (20, 2), (25, 3), (50, 4)], EEA_2017).capture(18, 24);
/// PM10, µg/m³: EEA, five levels.
const PM10_2017: Table =
    table(Pm10, Day, &[(20, 1), (35, 2), (50, 3), (100, 4)], EEA_2017).capture(18, 24);
/// NO2, µg/m³: EEA, five levels.
const NO2_2017: Table = table(No2, Hour, &[(40, 1), (100, 2), (200, 3), (400, 4)], EEA_2017);
/// Ozone, µg/m³: EEA, five levels.
const O3_2017: Table = table(O3, Hour, &[(80, 1), (120, 2), (180, 3), (240, 4)], EEA_2017);
/// SO2, µg/m³: EEA, five levels.
const SO2_2017: Table = table(So2, Hour, &[(100, 1), (200, 2), (350, 3), (500, 4)], EEA_2017);

/// The names and colours of the EEA's page (the last one is #872181 elsewhere).
const SIX: &[Category] = &[
    Category::new("Good", 1, Some(0x50F0E6), SAFE_6[0], Severity::Clean),
    Category::new("Fair", 2, Some(0x50CCAA), SAFE_6[1], Severity::Acceptable),
    Category::new("Moderate", 3, Some(0xF0E641), SAFE_6[2], Severity::Elevated),
    Category::new("Poor", 4, Some(0xFF5050), SAFE_6[3], Severity::Unhealthy),
    Category::new("Very poor", 5, Some(0x960032), SAFE_6[4], Severity::VeryUnhealthy),
    Category::new("Extremely poor", 6, Some(0x7D2181), SAFE_6[5], Severity::Hazardous),
];

/// The names of the first version; its colours are in no source at hand.
const FIVE: &[Category] = &[
    Category::new("Good", 1, None, SAFE_5[0], Severity::Clean),
    Category::new("Fair", 2, None, SAFE_5[1], Severity::Acceptable),
    Category::new("Moderate", 3, None, SAFE_5[2], Severity::Elevated),
    Category::new("Poor", 4, None, SAFE_5[3], Severity::Unhealthy),
    Category::new("Very poor", 5, None, SAFE_5[4], Severity::VeryUnhealthy),
];

const COMMON: Standard = Standard {
    id: "eu_eaqi",
    name: "EEA European Air Quality Index",
    short_name: "EEA European AQI",
    authority: "European Environment Agency",
    region: "EU",
    numbered: false,
    advice_pages: &[(Date::year(2017), "https://airindex.eea.europa.eu/AQI/index.html")],
    ..BLANK
};
const NO2_O3_AND_PM: Needs = Needs::of(3, &[&[No2], &[O3], &[Pm25, Pm10]]);
const NO2_AND_PM: Needs = Needs::of(2, &[&[No2], &[Pm25, Pm10]]);

const V2025: Standard = Standard {
    version: "2025",
    from: Date::year(2025),
    tables: &[PM25_2025, PM10_2025, NO2_2025, O3_2025, SO2_2025],
    categories: SIX,
    ..COMMON
};

/// In force since 2025 (the day is in no source at hand): hourly values alone, one
/// pollutant is enough.
pub static EAQI_2025: Standard = V2025;

/// The policy `rounded` of [`EAQI_2025`].
pub static EAQI_2025_ROUNDED: Standard =
    Standard { policy: "rounded", rounding: Some(HalfUp), ..V2025 };

const V2019: Standard = Standard {
    version: "2019",
    variant: "background",
    from: Date::month(2019, 11),
    until: Some(Date::year(2025)),
    tables: &[
        PM25_2019.discarding_above(800),
        PM10_2019.discarding_above(1200),
        NO2_2019.discarding_above(1000),
        O3_2019.discarding_above(800),
        SO2_2019.discarding_above(1250),
    ],
    categories: SIX,
    needs: NO2_O3_AND_PM,
    ..COMMON
};

/// From about November 2019 to 2025, for background and industrial stations.
pub static EAQI_2019: Standard = V2019;

/// [`EAQI_2019`] for traffic stations.
pub static EAQI_2019_TRAFFIC: Standard = Standard {
    variant: "traffic",
    tables: &[
        PM25_2019.discarding_above(800),
        PM10_2019.discarding_above(1200),
        NO2_2019.discarding_above(1000),
    ],
    needs: NO2_AND_PM,
    ..V2019
};

/// The policy `rounded` of [`EAQI_2019`].
pub static EAQI_2019_ROUNDED: Standard =
    Standard { policy: "rounded", rounding: Some(HalfUp), ..V2019 };

const V2017: Standard = Standard {
    version: "2017",
    variant: "background",
    from: Date::month(2017, 11),
    until: Some(Date::month(2019, 11)),
    tables: &[
        PM25_2017.discarding_above(800),
        PM10_2017.discarding_above(1200),
        NO2_2017.discarding_above(1000),
        O3_2017.discarding_above(600),
        SO2_2017.discarding_above(1250),
    ],
    categories: FIVE,
    needs: NO2_O3_AND_PM,
    ..COMMON
};

/// From November 2017 to 2019, five levels, for background and industrial stations.
pub static EAQI_2017: Standard = V2017;

/// [`EAQI_2017`] for traffic stations.
pub static EAQI_2017_TRAFFIC: Standard = Standard {
    variant: "traffic",
    tables: &[
        PM25_2017.discarding_above(800),
        PM10_2017.discarding_above(1200),
        NO2_2017.discarding_above(1000),
    ],
    needs: NO2_AND_PM,
    ..V2017
};

/// The policy `rounded` of [`EAQI_2017`].
pub static EAQI_2017_ROUNDED: Standard =
    Standard { policy: "rounded", rounding: Some(HalfUp), ..V2017 };
