//! Canada's Air Quality Health Index (AQHI), and AQHI+ for wildfire smoke.
//!
//! Source: D. Stieb et al. 2008; the same formula on Alberta's page
//! (<https://www.alberta.ca/air-quality-health-index-calculation>) and in
//! doi 10.17352/2455-488x.000013. With means of 3 hours, O3 and NO2 in ppb and PM2.5 in
//! µg/m³: (1000/10.4) · Σ (e^(β·c) − 1), rounded to the nearest whole number; below 1 it is
//! 1, above 10 it is `10+`. All three pollutants are needed. Written as a scale of the
//! summed risk: the index is k from (k − ½) · 1.04 per cent on.
//!
//! AQHI+ is the 1-hour mean of PM2.5 divided by 10 and rounded up; if it is larger, it replaces the
//! AQHI ([`with_smoke`]). Source: J. Yao et al. 2019 (doi 10.17269/s41997-019-00237-w) by way of
//! B-Nilson/aqhi (medium). Québec uses its own index, and Alberta adds other pollutants; neither is
//! included.

use crate::Averaging::Hour;
use crate::Pollutant::{No2, O3, Pm25};
use crate::Unit::{Microgram, Ppb};
use crate::category::{Category, Severity};
use crate::colour::SAFE_4;
use crate::standard::{BLANK, Needs};
use crate::{Colour, Date, End, Index, Rounding, Rule, Scale, Shape, Standard, Table};

const STIEB: &str = "Stieb et al. 2008, as in doi 10.17352/2455-488x.000013";

/// The index by the summed risk in hundredths of a per cent, ends excluded: 1.56, 2.60, …
const SCALE: Scale = Scale::new(
    2,
    Rounding::Truncate,
    Shape::Banded,
    (0, 0),
    &[
        (155, 1),
        (259, 2),
        (363, 3),
        (467, 4),
        (571, 5),
        (675, 6),
        (779, 7),
        (883, 8),
        (987, 9),
        (1091, 10),
    ],
    End::Over,
);
/// Ozone, ppb: Stieb et al. 2008.
const O3_3H: Table = Table::risk(O3, Ppb, 5_370_000, STIEB);
/// NO2, ppb: Stieb et al. 2008.
const NO2_3H: Table = Table::risk(No2, Ppb, 8_710_000, STIEB);
/// PM2.5, µg/m³: Stieb et al. 2008.
const PM25_3H: Table = Table::risk(Pm25, Microgram, 4_870_000, STIEB);
/// PM2.5 over an hour, µg/m³: Yao et al. 2019.
const PM25_1H: Table = Table::new(
    Pm25,
    Hour,
    Microgram,
    Scale::new(
        0,
        Rounding::Unrounded,
        Shape::Banded,
        (0, 0),
        &[
            (10, 1),
            (20, 2),
            (30, 3),
            (40, 4),
            (50, 5),
            (60, 6),
            (70, 7),
            (80, 8),
            (90, 9),
            (100, 10),
        ],
        End::Over,
    ),
    "Yao et al. 2019, doi 10.17269/s41997-019-00237-w, by way of B-Nilson/aqhi",
)
.medium();

/// The names in both official languages (<http://www.qualitedelairontario.com/aqhi/>).
const CATEGORIES: &[Category] = &[
    Category::new("Low Risk", 1, Some(0x0099CC), SAFE_4[0], Severity::Clean)
        .named(&[("fr", "Risque faible")]),
    Category::new("Moderate Risk", 4, Some(0xFFCC00), SAFE_4[1], Severity::Elevated)
        .named(&[("fr", "Risque modéré")]),
    Category::new("High Risk", 7, Some(0xFF0000), SAFE_4[2], Severity::Unhealthy)
        .named(&[("fr", "Risque élevé")]),
    Category::new("Very High Risk", 11, Some(0x660000), SAFE_4[3], Severity::Hazardous)
        .named(&[("fr", "Risque très élevé")]),
];
const COLOURS: &[Colour] = &[
    Colour::hex(0x00CCFF),
    Colour::hex(0x0099CC),
    Colour::hex(0x006699),
    Colour::hex(0xFFFF00),
    Colour::hex(0xFFCC00),
    Colour::hex(0xFF9933),
    Colour::hex(0xFF6666),
    Colour::hex(0xFF0000),
    Colour::hex(0xCC0000),
    Colour::hex(0x990000),
    Colour::hex(0x660000),
];

const COMMON: Standard = Standard {
    id: "ca_aqhi",
    version: "2008",
    name: "Canada Air Quality Health Index",
    short_name: "Canada AQHI",
    authority: "Environment and Climate Change Canada, Health Canada",
    region: "CA",
    from: Date::year(2008),
    tables: &[O3_3H, NO2_3H, PM25_3H],
    rule: Rule::RiskSum(SCALE),
    needs: Needs::of(3, &[&[O3], &[No2], &[Pm25]]),
    categories: CATEGORIES,
    index_colours: COLOURS,
    advice_pages: &[(
        Date::year(2008),
        "https://www.canada.ca/en/environment-climate-change/services/air-quality-health-index.html",
    )],
    ..BLANK
};

/// In use since 2008, everywhere but in Québec.
pub static AQHI: Standard = COMMON;

/// The index for smoke alone, by the hour.
pub static AQHI_PLUS: Standard = Standard {
    id: "ca_aqhi_plus",
    version: "2019",
    name: "Canada Air Quality Health Index for wildfire smoke",
    short_name: "Canada AQHI+",
    from: Date::year(2019),
    tables: &[PM25_1H],
    rule: Rule::Worst,
    needs: Needs::of(1, &[&[Pm25]]),
    ..COMMON
};

/// What is reported when there may be smoke: the higher of the AQHI and the AQHI+.
pub fn with_smoke(aqhi: Index, aqhi_plus: Index) -> Index {
    aqhi.max(aqhi_plus)
}
