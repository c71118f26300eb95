//! France's Indice ATMO, in force since 1 January 2021.
//!
//! Source: arrêté du 10 juillet 2020, annexe I (JORFTEXT000042164835), which writes the rows as
//! inequalities ("100 < concentration ≤ 200"): nothing is rounded. The rows of SO2 and NO2 were
//! verified there, those of ozone partly, and those of particulates not: they are equal to the
//! EAQI's of 2019 (confidence medium). Gases use the daily maximum 1-hour mean, particulates the
//! daily mean. The text is as of October 2024; whether it has adopted the EAQI of 2025 since is
//! unknown.

use super::eu::{NO2_2019, O3_2019, PM10_2019, PM25_2019, SO2_2019};
use crate::category::{Category, Severity};
use crate::colour::SAFE_6;
use crate::standard::BLANK;
use crate::{Date, Standard, Table};

const DECREE: &str = "arrêté du 10 juillet 2020, annexe I, JORFTEXT000042164835";

const CATEGORIES: &[Category] = &[
    Category::new("Bon", 1, Some(0x50F0E6), SAFE_6[0], Severity::Clean),
    Category::new("Moyen", 2, Some(0x50CCAA), SAFE_6[1], Severity::Acceptable),
    Category::new("Dégradé", 3, Some(0xF0E641), SAFE_6[2], Severity::Elevated),
    Category::new("Mauvais", 4, Some(0xFF5050), SAFE_6[3], Severity::Unhealthy),
    Category::new("Très mauvais", 5, Some(0x960032), SAFE_6[4], Severity::VeryUnhealthy),
    Category::new("Extrêmement mauvais", 6, Some(0x872181), SAFE_6[5], Severity::Hazardous),
];

/// The rows as the decree has them, without a capture rule.
const fn of_decree(table: Table) -> Table {
    Table { source: DECREE, capture: None, ..table }
}

/// In force since 2021.
pub static ATMO_2021: Standard = Standard {
    id: "fr_atmo",
    version: "2021",
    name: "French Indice ATMO",
    short_name: "French Indice ATMO",
    authority: "Ministère de la Transition écologique",
    region: "FR",
    from: Date::new(2021, 1, 1),
    tables: &[
        of_decree(PM25_2019).medium(),
        of_decree(PM10_2019).medium(),
        of_decree(NO2_2019),
        of_decree(O3_2019).medium(),
        of_decree(SO2_2019),
    ],
    categories: CATEGORIES,
    numbered: false,
    advice_pages: &[(
        Date::new(2021, 1, 1),
        "https://www.legifrance.gouv.fr/jorf/id/JORFTEXT000042164835",
    )],
    ..BLANK
};
