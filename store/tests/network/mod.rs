//! Readings in the mix of the network.
#![allow(clippy::unwrap_used)]

use airshed_store::{Reading, Window};
use jiff::{SignedDuration, Timestamp};

/// The network's mix of countries: every n-th reading of a hundred.
fn country(n: u64) -> &'static str {
    match n % 100 {
        0..45 => "DE",
        45..53 => "BG",
        53..59 => "PL",
        59..64 => "NL",
        64..68 => "IT",
        68..72 => "BE",
        72..76 => "GB",
        76..80 => "US",
        80..83 => "RU",
        83..86 => "UA",
        86..89 => "AT",
        89..92 => "FR",
        92..94 => "CZ",
        94..96 => "SE",
        96..98 => "CH",
        _ => "HU",
    }
}

/// The beginning of a day.
pub(crate) fn day(day: i64) -> Timestamp {
    "2026-01-30T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * day)
}

/// Readings of a day, evenly over it; a fiftieth has an index of 7 or more.
pub(crate) fn readings(of_day: i64, count: u64) -> Vec<Reading> {
    let reading = |n: u64| {
        let number = |n: u64| aqi::Decimal::new(n as i64, 2);
        let second = n * 86_400 / count;
        let pm10 = if n.is_multiple_of(50) { 7_600 + n % 6_000 } else { n * 7 % 6_000 };
        Reading {
            measurement: Some(7_500_000_000 + n),
            pm10: Some(number(pm10)),
            pm25: Some(number(pm10 / 3)),
            sensor_type: Some("SDS011".parse().unwrap()),
            location: Some(n / 2),
            latitude: Some(aqi::Decimal::new(5_252_000 + n as i64, 5)),
            longitude: Some(aqi::Decimal::new(1_340_500 + n as i64, 5)),
            altitude: Some(number(3_480)),
            country: Some(country(n * 37).parse().unwrap()),
            indoor: Some(false),
            exact: Some(false),
            ..Reading::new(n, Window::Day24, day(of_day) + SignedDuration::from_secs(second as i64))
        }
    };
    (0..count).map(reading).collect()
}
