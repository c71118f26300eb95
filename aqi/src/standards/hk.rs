//! Hong Kong's Air Quality Health Index (AQHI), since 30 December 2013.
//!
//! Source: <https://www.aqhi.gov.hk/en/what-is-aqhi/faqs.html> (formula and factors): the added
//! risk in per cent, Σ 100 · (e^(β·c) − 1) over NO2, SO2, ozone and the riskier of PM10 and PM2.5,
//! moving means of 3 hours in µg/m³. Its bands are published with two decimals (0–1.88, 1.89–3.76,
//! …), so the sum is rounded to two, ties up. All four terms are required: a partial sum is not an
//! index. The colours are from QWeather (low: OpenAQ has others).

use crate::Pollutant::{No2, O3, Pm10, Pm25, So2};
use crate::Unit::Microgram;
use crate::category::{Category, Severity};
use crate::colour::SAFE_5;
use crate::standard::{BLANK, Needs};
use crate::{Date, End, Rounding, Rule, Scale, Shape, Standard, Table};

const EPD: &str = "https://www.aqhi.gov.hk/en/what-is-aqhi/faqs.html";

/// The index by the summed risk in hundredths of a per cent: EPD.
const SCALE: Scale = Scale::new(
    2,
    Rounding::HalfUp,
    Shape::Banded,
    (0, 0),
    &[
        (188, 1),
        (376, 2),
        (564, 3),
        (752, 4),
        (941, 5),
        (1129, 6),
        (1291, 7),
        (1507, 8),
        (1722, 9),
        (1937, 10),
    ],
    End::Over,
);
/// NO2, µg/m³: EPD.
const NO2: Table = Table::risk(No2, Microgram, 4_462_559, EPD);
/// SO2, µg/m³: EPD.
const SO2: Table = Table::risk(So2, Microgram, 1_393_235, EPD);
/// Ozone, µg/m³: EPD.
const OZONE: Table = Table::risk(O3, Microgram, 5_116_328, EPD);
/// PM10, µg/m³: EPD.
const PM10: Table = Table::risk(Pm10, Microgram, 2_821_751, EPD);
/// PM2.5, µg/m³: EPD.
const PM25: Table = Table::risk(Pm25, Microgram, 2_180_567, EPD);

const CATEGORIES: &[Category] = &[
    Category::new("Low", 1, Some(0x4DB748), SAFE_5[0], Severity::Clean)
        .named(&[("zh-Hant", "低"), ("zh-Hans", "低")]),
    Category::new("Moderate", 4, Some(0xF9A61A), SAFE_5[1], Severity::Elevated)
        .named(&[("zh-Hant", "中"), ("zh-Hans", "中")]),
    Category::new("High", 7, Some(0xED1B24), SAFE_5[2], Severity::Unhealthy)
        .named(&[("zh-Hant", "高"), ("zh-Hans", "高")]),
    Category::new("Very High", 8, Some(0x9F4721), SAFE_5[3], Severity::VeryUnhealthy)
        .named(&[("zh-Hant", "甚高"), ("zh-Hans", "甚高")]),
    Category::new("Serious", 11, Some(0x000000), SAFE_5[4], Severity::Hazardous)
        .named(&[("zh-Hant", "嚴重"), ("zh-Hans", "严重")]),
];

/// In force since 30 December 2013.
pub static AQHI: Standard = Standard {
    id: "hk_aqhi",
    version: "2013",
    name: "Hong Kong Air Quality Health Index",
    short_name: "Hong Kong AQHI",
    authority: "Environmental Protection Department, Hong Kong",
    region: "HK",
    from: Date::new(2013, 12, 30),
    tables: &[NO2, SO2, OZONE, PM10, PM25],
    rule: Rule::RiskSum(SCALE),
    needs: Needs::of(4, &[&[No2], &[So2], &[O3], &[Pm10, Pm25]]),
    categories: CATEGORIES,
    advice_pages: &[(Date::new(2013, 12, 30), EPD)],
    ..BLANK
};
