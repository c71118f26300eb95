//! The keys of items: strings that sort in the order of rows.
//!
//! | item | partition key | sort key | index partition | index sort |
//! | --- | --- | --- | --- | --- |
//! | reading | `2020-06-11#DE` | `09:40:41#e28842#2` | `2020-06-11#04` | `DE#09:40:41#e28842#2` |
//! | the countries of a day | `days` | `2020-06-11` | | |
//! | the counts of a day | `counts` | `2020-06-11` | | |
//! | the countries of sensors | `sensor_countries` | `288` | | |
//! | the networks | `networks` | `networks` | | |
//!
//! A sensor of a network other than the default is prefixed by its network:
//! `09:40:41#zmy-school#b12#2`, and `my-school#0` for the item of its countries.

use jiff::Timestamp;

use crate::blocks::{SECONDS_A_DAY, day_and_second};
use crate::{Country, Network, Position, Sensor, Window};

/// Base table: day and country.
pub(super) const PARTITION: &str = "day_country";
/// Base table: second of the day, sensor and averaging period.
pub(super) const SORT: &str = "time_sensor";
/// Index: day and air-quality index.
pub(super) const INDEX_PARTITION: &str = "day_aqi";
/// Index: country, second of the day, sensor and averaging period.
pub(super) const INDEX_SORT: &str = "country_time_sensor";
/// The name of the index.
pub(super) const INDEX: &str = "by_aqi";

/// The partition of the items with the countries of each day.
pub(super) const DAYS: &str = "days";
/// The partition of the items with the counts of each day.
pub(super) const COUNTS: &str = "counts";
/// The partition of the item with the networks.
pub(super) const NETWORKS: &str = "networks";
/// The partition of the items with the countries of sensors.
pub(super) const SENSOR_COUNTRIES: &str = "homes";

/// Sorts after every key with the preceding prefix.
pub(super) const END: &str = "~";

/// `2020-06-11`.
pub(super) fn day(day: i32) -> String {
    let date = Timestamp::from_second(i64::from(day) * SECONDS_A_DAY);
    // Days are within DAYS, which a timestamp can represent.
    date.map_or_else(|_| String::new(), |date| date.strftime("%Y-%m-%d").to_string())
}

/// Parses the result of [`day`].
pub(super) fn parse_day(text: &str) -> Option<i32> {
    let midnight: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    Some(day_and_second(midnight).0)
}

/// The two letters; for no country two characters that sort before every letter.
pub(super) fn country(country: Option<Country>) -> String {
    country.map_or_else(|| "--".to_owned(), |country| country.to_string())
}

/// Parses the result of [`country`].
pub(super) fn parse_country(text: &str) -> Option<Option<Country>> {
    match text {
        "--" => Some(None),
        code => code.parse().ok().map(Some),
    }
}

/// The partition of a day's readings in a country.
pub(super) fn partition(of_day: i32, of_country: Option<Country>) -> String {
    format!("{}#{}", day(of_day), country(of_country))
}

/// The index's partition of a day's readings with an air-quality index.
pub(super) fn index_partition(of_day: i32, index: u8) -> String {
    format!("{}#{index:02}", day(of_day))
}

/// `09:40:41`.
pub(super) fn time(second: u32) -> String {
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The sort key of a reading within its day and country. The letter before a sensor's number
/// encodes the number of digits, so that strings sort like numbers.
pub(super) fn place(position: &Position) -> String {
    let Sensor { network, id } = position.sensor;
    let digits = id.checked_ilog10().unwrap_or(0) as u8; // at most 19
    let (length, window) = (char::from(b'a' + digits), window(position.window));
    let network = if network.is_default() { String::new() } else { format!("z{network}#") };
    format!("{}#{network}{length}{id}#{window}", time(position.second))
}

/// Parses the sensor and the averaging period of the result of [`place`].
pub(super) fn parse_place(text: &str) -> Option<(Sensor, Window)> {
    let (rest, window) = text.rsplit_once('#')?;
    let (rest, id) = rest.rsplit_once('#')?;
    let network = match rest.split_once("#z") {
        Some((_, network)) => network.parse().ok()?,
        None => Network::SENSOR_COMMUNITY,
    };
    let window = Window::KEPT.get(window.parse::<usize>().ok()?)?;
    Some((Sensor { network, id: id.get(1..)?.parse().ok()? }, *window))
}

/// The sort key of a reading within its day and index.
pub(super) fn index_place(position: &Position) -> String {
    format!("{}#{}", country(position.country), place(position))
}

/// The item with the countries of a sensor.
pub(super) fn sensor_countries(sensor: Sensor) -> String {
    let (network, hundred) = (sensor.network, sensor.id / 100);
    if network.is_default() { hundred.to_string() } else { format!("{network}#{hundred}") }
}

fn window(window: Window) -> usize {
    Window::KEPT.iter().position(|known| *known == window).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::blocks::DAYS;

    fn position() -> impl Strategy<Value = Position> {
        let country = proptest::sample::select(vec![None, Some("AD"), Some("DE"), Some("ZW")]);
        let id = (0u32..20, any::<u64>()).prop_map(|(cut, n)| n % 10u64.pow(cut).max(1));
        let network = prop_oneof![Just("sensor.community".to_owned()), "[a-z0-9][a-z0-9._-]{0,3}"];
        let sensor = (network, id)
            .prop_map(|(network, id)| Sensor { network: network.parse().expect("a network"), id });
        let window = proptest::sample::select(Window::KEPT.to_vec());
        (DAYS, country, 0u32..86_400, sensor, window).prop_map(
            |(day, country, second, sensor, window)| {
                let country = country.map(|code| code.parse().expect("a code"));
                Position { day, country, second, sensor, window }
            },
        )
    }

    proptest! {
        #[test]
        fn text_sorts_as_rows_do(a in position(), b in position(), same in any::<bool>()) {
            let b = if same { Position { day: a.day, country: a.country, second: a.second, ..b } } else { b };
            let base = |p: &Position| (day(p.day), country(p.country), place(p));
            let index = |p: &Position| (day(p.day), index_place(p));
            prop_assert_eq!(base(&a).cmp(&base(&b)), a.cmp(&b));
            prop_assert_eq!(index(&a).cmp(&index(&b)), a.cmp(&b));
            prop_assert_eq!(parse_place(&place(&a)), Some((a.sensor, a.window)));
            prop_assert_eq!(parse_day(&day(a.day)), Some(a.day));
            prop_assert_eq!(parse_country(&country(a.country)), Some(a.country));
        }
    }
}
