//! The page of a sensor.

use std::fmt::Write;

use airshed_history::plausibility::RULE_VERSION;
use jiff::{SignedDuration, Timestamp};

use super::super::base_path::BasePath;
use super::super::html::escaped;
use super::{Month, Profile};

const PAGE: &str = include_str!("../../../page/sensor.html");

/// How much of its readings the page links to.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
const WEEK: SignedDuration = SignedDuration::from_hours(6 * 24); // and the last day

pub(super) fn written(profile: &Profile, licences: &[&str], base: &BasePath) -> String {
    let Profile { sensor, past, last, plausibility, attribution, .. } = profile;
    let model = last.sensor_type.map(|kind| kind.as_str().to_owned());
    let indoors = match last.indoor {
        Some(true) => "indoors",
        Some(false) => "outdoors",
        None => "not known whether indoors or outdoors",
    };
    let model = model.unwrap_or_else(|| "unknown type".to_owned());
    let about = format!("{model}, {indoors}, network {}", sensor.network);
    let stars = match plausibility.stars {
        Some(stars) => {
            let shown: String = (1..=5).map(|n| if n <= stars { '★' } else { '☆' }).collect();
            format!("<span aria-hidden=\"true\">{shown}</span> {stars} of 5 stars")
        }
        None => "Unknown".to_owned(),
    };
    let licence = |address: &&str| format!(" (<a href=\"{}\">licence</a>)", escaped(address));
    let windows: Vec<_> = past.windows.iter().map(|window| window.name()).collect();
    let cut = match past.complete {
        true => "",
        false => " There may be earlier readings: reading them took too long.",
    };
    let last_day = last.timestamp;
    let [week_before, month_before] =
        [WEEK, MONTH].map(|span| last_day.saturating_sub(span).unwrap_or(last_day));
    PAGE.replace("{{sensor}}", &escaped(&sensor.to_string()))
        .replace("{{about}}", &escaped(&about))
        .replace("{{stars}}", &stars)
        .replace("{{reason}}", &escaped(&sentence(&plausibility.to_string())))
        .replace("{{version}}", &RULE_VERSION.to_string())
        .replace("{{from}}", &day(plausibility.from))
        .replace("{{until}}", &day(last_within(plausibility.until)))
        .replace("{{neighbours}}", &neighbours(profile))
        .replace("{{where}}", &place(profile))
        .replace("{{first}}", &past.first.map(moment).unwrap_or_default())
        .replace("{{last}}", &moment(last.timestamp))
        .replace("{{windows}}", &windows.join(", "))
        .replace("{{cut}}", cut)
        .replace("{{link}}", &link(&sensor.to_string()))
        .replace("{{week}}", &day(week_before))
        .replace("{{month}}", &day(month_before))
        .replace("{{day}}", &day(last_day))
        .replace("{{months}}", &past.months.iter().map(row).collect::<String>())
        .replace("{{attribution}}", &escaped(attribution))
        .replace("{{licence}}", &licences.iter().map(licence).collect::<String>())
        .replace("{{base}}", &base.to_string())
}

fn neighbours(profile: &Profile) -> String {
    let all = &profile.plausibility.neighbours;
    if all.is_empty() {
        return String::new();
    }
    let link = |(sensor, days): &(store::Sensor, usize)| {
        let name = sensor.to_string();
        format!("<a href=\"{{{{base}}}}/sensor/{}\">{}</a> ({days})", link(&name), escaped(&name))
    };
    let links: Vec<_> = all.iter().map(link).collect();
    format!("<p>Neighbours, with the number of days: {}.</p>\n", links.join(", "))
}

/// What is known of the place, as entries of a list.
fn place(profile: &Profile) -> String {
    let last = &profile.last;
    let degrees = last.latitude.zip(last.longitude);
    let exact = match last.exact {
        Some(true) => " (exact)",
        Some(false) => " (rounded to protect privacy)",
        None => "",
    };
    let entries = [
        ("Country", last.country.map(|country| country.to_string())),
        ("Coordinates", degrees.map(|(north, east)| format!("{north}, {east}{exact}"))),
        ("Altitude", last.altitude.map(|metres| format!("{metres} m"))),
        ("Location id", last.location.map(|id| id.to_string())),
    ];
    let mut list = String::new();
    for (term, known) in entries {
        let known = escaped(&known.unwrap_or_else(|| "unknown".to_owned()));
        let _ = writeln!(list, "<dt>{term}</dt><dd>{known}</dd>");
    }
    list
}

fn row(month: &Month) -> String {
    let mark = if month.has_daily_means() { "" } else { "*" };
    let (name, days, of) = (month.name(), month.days(), month.length());
    format!("<tr><th scope=\"row\">{name}</th><td>{days}{mark}</td><td>{of}</td></tr>\n")
}

/// A moment of the day that ends then.
fn last_within(end: Timestamp) -> Timestamp {
    end.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(end)
}

fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// A sensor's name within an address.
fn link(sensor: &str) -> String {
    form_urlencoded::byte_serialize(sensor.as_bytes()).collect()
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
