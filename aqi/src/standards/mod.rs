//! The standards, one module per authority.

pub mod au;
pub mod ca;
pub mod caqi;
pub mod cn;
pub mod de;
pub mod eu;
pub mod fr;
pub mod hk;
pub mod india;
pub mod kr;
pub mod sg;
pub mod us;
pub mod who;

use crate::{Date, Standard, daqi};

/// All standards, variants and policies: the newest version of each first, and within a version
/// this crate's default first.
pub static ALL: [&Standard; 43] = [
    &daqi::DAQI,
    &daqi::DAQI_UNROUNDED,
    &us::AQI_2024,
    &us::AQI_2015,
    &us::AQI_2012,
    &us::AQI_2010_SO2,
    &us::AQI_2010_NO2,
    &us::AQI_2008,
    &us::AQI_1999,
    &eu::EAQI_2025,
    &eu::EAQI_2025_ROUNDED,
    &eu::EAQI_2019,
    &eu::EAQI_2019_TRAFFIC,
    &eu::EAQI_2019_ROUNDED,
    &eu::EAQI_2017,
    &eu::EAQI_2017_TRAFFIC,
    &eu::EAQI_2017_ROUNDED,
    &caqi::BACKGROUND_HOURLY,
    &caqi::BACKGROUND_DAILY,
    &caqi::ROADSIDE_HOURLY,
    &caqi::ROADSIDE_DAILY,
    &de::LQI_2025,
    &de::LQI_2025_UNROUNDED,
    &de::LQI_2019,
    &de::LQI_2019_UNROUNDED,
    &fr::ATMO_2021,
    &india::NAQI,
    &india::NAQI_OPEN,
    &cn::DAILY_2026,
    &cn::HOURLY_2026,
    &cn::DAILY_2012,
    &cn::HOURLY_2012,
    &cn::DAILY_2012_ROUNDED,
    &cn::HOURLY_2012_ROUNDED,
    &ca::AQHI,
    &ca::AQHI_PLUS,
    &hk::AQHI,
    &sg::PSI,
    &sg::PM25_1H,
    &kr::CAI,
    &au::NSW_AQC,
    &au::NEPM,
    &who::GUIDELINES,
];

const _: () = {
    let mut at = 0;
    while at < ALL.len() {
        ALL[at].check();
        at += 1;
    }
};

/// The standards with this id and version, this crate's default first; with an empty
/// version those of the newest.
///
/// ```
/// let mut caqi = airshed_aqi::standards::find("eu_caqi", "");
/// assert_eq!(caqi.next().map(|standard| standard.variant), Some("background hourly"));
/// ```
pub fn find(id: &str, version: &str) -> impl Iterator<Item = &'static Standard> {
    let newest = ALL.iter().find(|standard| standard.id == id).map_or("", |first| first.version);
    let wanted = ALL.iter().filter(move |standard| {
        standard.id == id
            && if version.is_empty() {
                standard.version == newest
            } else {
                standard.version == version
            }
    });
    wanted.copied()
}

/// The standard with this id that was in force on a day, in its default variant and policy:
/// none before its first version and after its last.
pub fn in_force(id: &str, on: Date) -> Option<&'static Standard> {
    ALL.iter().copied().find(|standard| standard.id == id && standard.in_force(on))
}
