//! The web page, built from `web/`, and a plain form. The form replaces the page if it was not
//! built; it works without scripts, and with scripts it follows a job in place.

use std::collections::BTreeMap;
use std::fmt::Write;

use airshed_common::last_moment;
use aqi::{Colour, Index, Severity};
use http::header::CACHE_CONTROL;
use http::{Response, StatusCode};
use jiff::SignedDuration;
use rust_embed::RustEmbed;
use serde_json::{Value, json};
use store::{Column, Country, Query};

use super::answer::{Answer, full, set};
use super::html::{escaped, grouped, html_page};
use super::problem::Problem;
use super::tally::MOST_NUMBERS;
use super::{Server, Shared};
use crate::freshness;

/// The page built by `make web`; empty if it was not built.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// The terms of what others wrote in the page; `None` if it was not built.
pub fn licences_of_page() -> Option<String> {
    let file = Built::get("licences.txt")?;
    Some(String::from_utf8_lossy(&file.data).into_owned())
}

/// A file of the form.
pub(super) struct Asset {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(super) const ASSETS: &[Asset] = &[
    Asset {
        path: "/assets/page.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../page/page.js"),
    },
    Asset {
        path: "/assets/page.css",
        kind: "text/css; charset=utf-8",
        text: include_str!("../../page/page.css"),
    },
    Asset {
        path: "/favicon.ico",
        kind: "image/svg+xml",
        text: include_str!("../../page/icon.svg"),
    },
    // Crawlers are to find the pages, not every query.
    Asset {
        path: "/robots.txt",
        kind: "text/plain; charset=utf-8",
        text: include_str!("../../page/robots.txt"),
    },
];

const FORM: &str = include_str!("../../page/form.html");
const FIELDS: &str = include_str!("../../page/fields.html");

/// Placeholders in the built page for data of the server.
const PLACE_OF_FORM: &str = "<!--airshed:form-->";
const PLACE_OF_INDEX: &str = "<!--airshed:index-->";
const PLACE_OF_COLUMNS: &str = "<!--airshed:columns-->";

pub(super) fn asset(asset: &'static Asset) -> Answer {
    let mut answer = Response::new(full(asset.text));
    set(&mut answer, http::header::CONTENT_TYPE, asset.kind);
    set(&mut answer, CACHE_CONTROL, "max-age=300");
    answer
}

/// Whether the page was built.
pub(super) fn is_built() -> bool {
    Built::get("index.html").is_some()
}

/// The page, or the form if it was not built.
pub(super) async fn start(shared: &Shared) -> Result<Answer, Problem> {
    let Some(built) = Built::get("index.html") else { return form(shared).await };
    let form = fields(shared).await?;
    let html = String::from_utf8_lossy(&built.data)
        .replace(PLACE_OF_FORM, &form)
        .replace(PLACE_OF_INDEX, &index_as_json(&shared.server, &shared.server.everything().await?))
        .replace(PLACE_OF_COLUMNS, &columns_as_json());
    Ok(html_page(StatusCode::OK, html))
}

/// A file of the built page. Names contain a content hash.
pub(super) fn built_asset(path: &str) -> Result<Answer, Problem> {
    let file = Built::get(&format!("assets/{path}")).ok_or(Problem::NoSuchPath)?;
    let kind = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let mut answer = Response::new(full(file.data.into_owned()));
    set(&mut answer, http::header::CONTENT_TYPE, kind);
    set(&mut answer, CACHE_CONTROL, "public, max-age=31536000, immutable");
    Ok(answer)
}

/// The index for the page: a step for each number of a short scale, otherwise for each band, with
/// its colours.
fn index_as_json(server: &Server, everything: &Query) -> String {
    let index = server.index;
    let standard = index.standard();
    let (low, high) = index.numbers();
    let by_number = high.filter(|high| *high - low < MOST_NUMBERS);
    let starts: Vec<u32> = match by_number {
        Some(high) => (low..=high).collect(),
        None => standard.categories.iter().map(|category| category.from.max(low)).collect(),
    };
    let step = |from: &u32| {
        let category = index.category_of(*from);
        let official = standard.colour(Index::new(*from)).unwrap_or(category.safe_colour);
        let colours = |colour: Colour| [colour.to_string(), colour.text().to_string()];
        json!({
            "from": from,
            "band": category.name,
            "names": category.names.iter().copied().collect::<BTreeMap<_, _>>(),
            "severity": category.severity.map(|severity| format!("{severity:?}")),
            "official": colours(official),
            "safe": colours(category.safe_colour),
        })
    };
    let advice = standard.advice(Index::new(low), Severity::WRITTEN);
    within_script(&json!({
        "id": index.to_string(),
        "name": standard.short_name,
        "low": low,
        "high": high,
        "steps": starts.iter().map(step).collect::<Vec<_>>(),
        "advice": advice.map(|advice| advice.page),
        "attribution": server.networks.attribution(everything),
        "licences": server.networks.licences(everything),
    }))
}

/// The columns of files, for the form.
fn columns_as_json() -> String {
    let column = |column: &Column| {
        let usual = Column::DEFAULT.contains(column);
        json!({ "name": column.name(), "usual": usual, "about": column.description() })
    };
    within_script(&Column::ALL.iter().map(column).collect())
}

/// Escaped, so that it cannot end the surrounding script element.
fn within_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// The form, with the available countries and days.
pub(super) async fn form(shared: &Shared) -> Result<Answer, Problem> {
    let Server { index, networks, .. } = &shared.server;
    let everything = shared.server.everything().await?;
    let licence = |address: &str| format!(" (<a href=\"{}\">licence</a>)", escaped(address));
    let licences: String = networks.licences(&everything).into_iter().map(licence).collect();
    let html = FORM
        .replace("{{attribution}}", &escaped(&networks.attribution(&everything)))
        .replace("{{licence}}", &licences)
        .replace("{{index}}", &escaped(index.standard().name))
        .replace("{{fields}}", &fields(shared).await?)
        .replace("{{base}}", &shared.server.site.base_path.to_string());
    Ok(html_page(StatusCode::OK, html))
}

/// The fields of the form.
async fn fields(shared: &Shared) -> Result<String, Problem> {
    let summary = shared.server.store.summary().await?;
    let mut countries = String::new();
    for (country, readings) in &summary.countries {
        if let Some(country) = country {
            let _ = writeln!(
                countries,
                "<option value=\"{country}\">{country} ({})</option>",
                grouped(*readings)
            );
        }
    }
    if countries.is_empty() {
        for country in Country::all() {
            let _ = writeln!(countries, "<option value=\"{country}\">{country}</option>");
        }
    }
    let now = (shared.server.clock)();
    let newest = shared.freshness.newest(&summary).await?;
    // Includes the last readings after the bulk, but not those of a clock that is far ahead.
    let last = freshness::until(&summary, last_moment(now)).map(|(_, last)| last);
    let hour = SignedDuration::from_hours(1);
    let latest = newest
        .zip(last)
        .map(|(newest, last)| last.min(newest.saturating_add(hour).unwrap_or(newest)));
    let end = latest.unwrap_or(now);
    let day = SignedDuration::from_hours(24);
    let start = end.saturating_sub(day).unwrap_or(end);
    let state = match summary.extent.zip(newest) {
        None => {
            "There are no readings yet: the first fetch is in progress or has failed.".to_owned()
        }
        Some(((oldest, _), newest)) => format!(
            "{} readings from {} to {} (UTC); median data age {}.",
            grouped(summary.readings()),
            spoken(oldest),
            spoken(latest.unwrap_or(newest)),
            age((now - newest).as_secs())
        ),
    };
    let index = shared.server.index;
    let (low, high) = index.numbers();
    let mut ranges = String::new();
    let categories = index.standard().categories;
    for (at, category) in categories.iter().enumerate() {
        let last = categories.get(at + 1).map(|next| next.from - 1).or(high);
        let numbers = match (category.from.max(low), last) {
            (first, Some(last)) if first == last => first.to_string(),
            (first, Some(last)) => format!("{first}–{last}"),
            (first, None) => format!("from {first}"),
        };
        let name = category.name;
        let _ = writeln!(ranges, "<option value=\"{name}\">{name} ({numbers})</option>");
    }
    let max = high.map_or(String::new(), |high| format!(" max=\"{high}\""));
    Ok(FIELDS
        .replace("{{base}}", &shared.server.site.base_path.to_string())
        .replace("{{index}}", &escaped(index.standard().short_name))
        .replace("{{low}}", &low.to_string())
        .replace("{{max}}", &max)
        .replace("{{ranges}}", &ranges)
        .replace("{{countries}}", &countries)
        .replace("{{start}}", &spoken(start))
        .replace("{{end}}", &spoken(end))
        .replace("{{state}}", &escaped(&state)))
}

fn spoken(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        0..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", grouped((seconds / 86_400).unsigned_abs())),
    }
}
