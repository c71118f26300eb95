//! China's Air Quality Index (HJ 633): 2026 and 2012, daily and hourly.
//!
//! Sources: HJ 633-2026 (issued 14 February 2026, in force 1 March 2026; read from its page
//! images) and HJ 633-2012. Rows share their ends: PM2.5 of 35 is 50 and of 36 is 52. The
//! index is always rounded up (2012: 6.2, "全部进位取整数").
//!
//! - 2026 rounds concentrations first by GB/T 8170, ties to the even: whole µg/m³, CO tenths of
//!   mg/m³. 2012 does not specify it: by default nothing is rounded; the policy `rounded` applies
//!   GB/T 8170 there, too.
//! - Above 800 µg/m³ the 1-hour sub-index of SO2 is capped at 200 and the 8-hour sub-index of ozone
//!   at 300; according to the text of 2012 the 24-hour mean, or the 1-hour mean, then applies
//!   ([`Answer::undecided`](crate::Answer::undecided)).
//! - The index ends at 500. The text gives the range 1 to 500; a concentration that rounds
//!   to zero has a sub-index of 0, as its table has it.
//! - All six pollutants are required; with some missing, 2026 (5.3.1) permits publishing an index
//!   only above 100. A primary pollutant is named only above 50.
//! - 2026 defines an hourly sub-index of particulates by the 24-hour limits; 2012 has none.

use crate::Averaging::{Day, EightHours, Hour};
use crate::Pollutant::{Co, No2, O3, Pm10, Pm25, So2};
use crate::Rounding::{HalfEven, Unrounded};
use crate::Unit::{Microgram, Milligram};
use crate::category::{Category, Severity};
use crate::colour::SAFE_6;
use crate::standard::{BLANK, Needs};
use crate::{Averaging, Date, End, Pollutant, Scale, Shape, Standard, Table, Unit};

const HJ_2026: &str = "HJ 633-2026, table 3";
const HJ_2012: &str = "HJ 633-2012, table 1 and 6.2";

/// Joined rows, rounded to whole µg/m³ as of 2026.
const fn table(pollutant: Pollutant, averaging: Averaging, rows: &'static [(u32, u32)]) -> Table {
    grid(pollutant, averaging, Microgram, 0, rows)
}

/// Joined rows for CO, in tenths of mg/m³ as of 2026.
const fn co(averaging: Averaging, rows: &'static [(u32, u32)]) -> Table {
    grid(Co, averaging, Milligram, 1, rows)
}

const fn grid(
    pollutant: Pollutant,
    averaging: Averaging,
    unit: Unit,
    decimals: u8,
    rows: &'static [(u32, u32)],
) -> Table {
    let scale = Scale::new(decimals, HalfEven, Shape::JoinedUp, (0, 0), rows, End::Stays);
    Table::new(pollutant, averaging, unit, scale, HJ_2026)
}

/// The same rows on a grid that is finer by a factor.
const fn finer<const N: usize>(mut rows: [(u32, u32); N], factor: u32) -> [(u32, u32); N] {
    let mut at = 0;
    while at < N {
        rows[at].0 *= factor;
        at += 1;
    }
    rows
}

/// The same of 2012, not rounded: in hundredths, where each index begins on a grid step.
const fn raw(
    pollutant: Pollutant,
    averaging: Averaging,
    unit: Unit,
    rows: &'static [(u32, u32)],
) -> Table {
    let scale = Scale::new(2, Unrounded, Shape::JoinedUp, (0, 0), rows, End::Stays);
    Table::new(pollutant, averaging, unit, scale, HJ_2012)
}

/// SO2 over 24 hours, µg/m³: HJ 633-2026 table 3, as in 2012.
const SO2_24H_ROWS: [(u32, u32); 7] =
    [(50, 50), (150, 100), (475, 150), (800, 200), (1600, 300), (2100, 400), (2620, 500)];
const SO2_24H: Table = table(So2, Day, &SO2_24H_ROWS);
/// SO2 over 1 hour, µg/m³: HJ 633-2026 table 3, as in 2012.
const SO2_1H_ROWS: [(u32, u32); 4] = [(150, 50), (500, 100), (650, 150), (800, 200)];
const SO2_1H: Table = table(So2, Hour, &SO2_1H_ROWS);
/// NO2 over 24 hours, µg/m³: HJ 633-2026 table 3, as in 2012.
const NO2_24H_ROWS: [(u32, u32); 7] =
    [(40, 50), (80, 100), (180, 150), (280, 200), (565, 300), (750, 400), (940, 500)];
const NO2_24H: Table = table(No2, Day, &NO2_24H_ROWS);
/// NO2 over 1 hour, µg/m³: HJ 633-2026 table 3, as in 2012.
const NO2_1H_ROWS: [(u32, u32); 7] =
    [(100, 50), (200, 100), (700, 150), (1200, 200), (2340, 300), (3090, 400), (3840, 500)];
const NO2_1H: Table = table(No2, Hour, &NO2_1H_ROWS);
/// CO over 24 hours, mg/m³ in tenths: HJ 633-2026 table 3, as in 2012.
const CO_24H_ROWS: [(u32, u32); 7] =
    [(20, 50), (40, 100), (140, 150), (240, 200), (360, 300), (480, 400), (600, 500)];
const CO_24H: Table = co(Day, &CO_24H_ROWS);
/// CO over 1 hour, mg/m³ in tenths: HJ 633-2026 table 3, as in 2012.
const CO_1H_ROWS: [(u32, u32); 7] =
    [(50, 50), (100, 100), (350, 150), (600, 200), (900, 300), (1200, 400), (1500, 500)];
const CO_1H: Table = co(Hour, &CO_1H_ROWS);
/// Ozone over 1 hour, µg/m³: HJ 633-2026 table 3, as in 2012.
const O3_1H_ROWS: [(u32, u32); 7] =
    [(160, 50), (200, 100), (300, 150), (400, 200), (800, 300), (1000, 400), (1200, 500)];
const O3_1H: Table = table(O3, Hour, &O3_1H_ROWS);
/// Ozone over 8 hours, µg/m³: HJ 633-2026 table 3, as in 2012.
const O3_8H_ROWS: [(u32, u32); 5] = [(100, 50), (160, 100), (215, 150), (265, 200), (800, 300)];
const O3_8H: Table = table(O3, EightHours, &O3_8H_ROWS);
/// PM10, µg/m³: HJ 633-2026 table 3 (100 at 120, which was 150).
const PM10_2026: Table = table(
    Pm10,
    Day,
    &[(50, 50), (120, 100), (250, 150), (350, 200), (420, 300), (500, 400), (600, 500)],
);
/// PM2.5, µg/m³: HJ 633-2026 table 3 (100 at 60, which was 75).
const PM25_2026: Table = table(
    Pm25,
    Day,
    &[(35, 50), (60, 100), (115, 150), (150, 200), (250, 300), (350, 400), (500, 500)],
);

/// SO2 over 24 hours, hundredths of µg/m³: HJ 633-2012 table 1.
const SO2_24H_2012: Table = raw(So2, Day, Microgram, &const { finer(SO2_24H_ROWS, 100) });
/// SO2 over 1 hour, hundredths of µg/m³: HJ 633-2012 table 1.
const SO2_1H_2012: Table =
    raw(So2, Hour, Microgram, &const { finer(SO2_1H_ROWS, 100) }).deferring_to(Day);
/// NO2 over 24 hours, hundredths of µg/m³: HJ 633-2012 table 1.
const NO2_24H_2012: Table = raw(No2, Day, Microgram, &const { finer(NO2_24H_ROWS, 100) });
/// NO2 over 1 hour, hundredths of µg/m³: HJ 633-2012 table 1.
const NO2_1H_2012: Table = raw(No2, Hour, Microgram, &const { finer(NO2_1H_ROWS, 100) });
/// CO over 24 hours, hundredths of mg/m³: HJ 633-2012 table 1.
const CO_24H_2012: Table = raw(Co, Day, Milligram, &const { finer(CO_24H_ROWS, 10) });
/// CO over 1 hour, hundredths of mg/m³: HJ 633-2012 table 1.
const CO_1H_2012: Table = raw(Co, Hour, Milligram, &const { finer(CO_1H_ROWS, 10) });
/// Ozone over 1 hour, hundredths of µg/m³: HJ 633-2012 table 1.
const O3_1H_2012: Table = raw(O3, Hour, Microgram, &const { finer(O3_1H_ROWS, 100) });
/// Ozone over 8 hours, hundredths of µg/m³: HJ 633-2012 table 1.
const O3_8H_2012: Table =
    raw(O3, EightHours, Microgram, &const { finer(O3_8H_ROWS, 100) }).deferring_to(Hour);
/// PM10, µg/m³: HJ 633-2012 table 1.
const PM10_2012_ROWS: [(u32, u32); 7] =
    [(50, 50), (150, 100), (250, 150), (350, 200), (420, 300), (500, 400), (600, 500)];
const PM10_2012_ROUNDED: Table = table(Pm10, Day, &PM10_2012_ROWS);
/// PM10, hundredths of µg/m³: HJ 633-2012 table 1.
const PM10_2012: Table = raw(Pm10, Day, Microgram, &const { finer(PM10_2012_ROWS, 100) });
/// PM2.5, µg/m³: HJ 633-2012 table 1.
const PM25_2012_ROWS: [(u32, u32); 7] =
    [(35, 50), (75, 100), (115, 150), (150, 200), (250, 300), (350, 400), (500, 500)];
const PM25_2012_ROUNDED: Table = table(Pm25, Day, &PM25_2012_ROWS);
/// PM2.5, hundredths of µg/m³: HJ 633-2012 table 1.
const PM25_2012: Table = raw(Pm25, Day, Microgram, &const { finer(PM25_2012_ROWS, 100) });

/// A table of 2026 that was the same in 2012.
const fn as_of_2012(table: Table) -> Table {
    let defers_to = match (table.pollutant, table.averaging) {
        (So2, Hour) => Some(Day),
        (O3, EightHours) => Some(Hour),
        _ => None,
    };
    Table { source: HJ_2012, defers_to, ..table }
}

/// The names and colours of HJ 633-2026; the English names are this crate's.
const CATEGORIES: &[Category] = &[
    Category::new("Excellent", 0, Some(0x00E400), SAFE_6[0], Severity::Clean)
        .named(&[("zh", "优")]),
    Category::new("Good", 51, Some(0xFFFF00), SAFE_6[1], Severity::Acceptable)
        .named(&[("zh", "良")]),
    Category::new("Lightly polluted", 101, Some(0xFF7E00), SAFE_6[2], Severity::Elevated)
        .named(&[("zh", "轻度污染")]),
    Category::new("Moderately polluted", 151, Some(0xFF0000), SAFE_6[3], Severity::Unhealthy)
        .named(&[("zh", "中度污染")]),
    Category::new("Heavily polluted", 201, Some(0x99004C), SAFE_6[4], Severity::VeryUnhealthy)
        .named(&[("zh", "重度污染")]),
    Category::new("Severely polluted", 301, Some(0x7E0023), SAFE_6[5], Severity::Hazardous)
        .named(&[("zh", "严重污染")]),
];

const SIX: &[&[Pollutant]] = &[&[Pm25], &[Pm10], &[O3], &[No2], &[So2], &[Co]];
const V2026: Standard = Standard {
    id: "cn_aqi",
    version: "2026",
    name: "China MEE Ambient Air Quality Index",
    short_name: "China MEE AQI",
    authority: "Ministry of Ecology and Environment",
    region: "CN",
    from: Date::new(2026, 3, 1),
    categories: CATEGORIES,
    needs: Needs::of(6, SIX).unless_above(100),
    dominant_above: Some(50),
    advice_pages: &[(Date::year(2012), "https://www.mee.gov.cn/")],
    ..BLANK
};
const V2012: Standard = Standard {
    version: "2012",
    from: Date::new(2016, 1, 1),
    until: Some(Date::new(2026, 3, 1)),
    needs: Needs::of(6, SIX),
    ..V2026
};

/// The daily index in force since 1 March 2026.
pub static DAILY_2026: Standard = Standard {
    variant: "daily",
    tables: &[PM25_2026, PM10_2026, O3_8H, NO2_24H, SO2_24H, CO_24H],
    ..V2026
};
/// The hourly index in force since 1 March 2026.
pub static HOURLY_2026: Standard = Standard {
    variant: "hourly",
    tables: &[PM25_2026.over(Hour), PM10_2026.over(Hour), O3_1H, NO2_1H, SO2_1H, CO_1H],
    ..V2026
};
/// The daily index from 1 January 2016 to 28 February 2026. Ozone's highest hour counts
/// beside its 8 hours.
pub static DAILY_2012: Standard = Standard {
    variant: "daily",
    tables: &[
        PM25_2012,
        PM10_2012,
        O3_8H_2012,
        O3_1H_2012,
        NO2_24H_2012,
        SO2_24H_2012,
        CO_24H_2012,
    ],
    ..V2012
};
/// The hourly index of the gases, from 1 January 2016 to 28 February 2026; the running 8
/// hours of ozone and the 24 hours of SO2 and of the particulates beside them.
pub static HOURLY_2012: Standard = Standard {
    variant: "hourly",
    tables: &[
        O3_1H_2012,
        O3_8H_2012,
        NO2_1H_2012,
        SO2_1H_2012,
        SO2_24H_2012,
        CO_1H_2012,
        PM25_2012,
        PM10_2012,
    ],
    ..V2012
};
/// The policy `rounded` of [`DAILY_2012`].
pub static DAILY_2012_ROUNDED: Standard = Standard {
    variant: "daily",
    policy: "rounded",
    tables: &[
        as_of_2012(PM25_2012_ROUNDED),
        as_of_2012(PM10_2012_ROUNDED),
        as_of_2012(O3_8H),
        as_of_2012(O3_1H),
        as_of_2012(NO2_24H),
        as_of_2012(SO2_24H),
        as_of_2012(CO_24H),
    ],
    ..V2012
};
/// The policy `rounded` of [`HOURLY_2012`].
pub static HOURLY_2012_ROUNDED: Standard = Standard {
    variant: "hourly",
    policy: "rounded",
    tables: &[
        as_of_2012(O3_1H),
        as_of_2012(O3_8H),
        as_of_2012(NO2_1H),
        as_of_2012(SO2_1H),
        as_of_2012(SO2_24H),
        as_of_2012(CO_1H),
        as_of_2012(PM25_2012_ROUNDED),
        as_of_2012(PM10_2012_ROUNDED),
    ],
    ..V2012
};
