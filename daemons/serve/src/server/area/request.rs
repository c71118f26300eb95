//! The fields of a request for statements.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use store::Window;

use crate::request::{BadRequest, QueryRequest, time_zone};

/// The format of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// What a request for statements has of its own, and the other fields as a query string.
pub(super) struct Own {
    pub(super) form: Form,
    pub(super) others: String,
}

impl Own {
    /// `date` is a day of hours, or of the day's own mean: averaging periods that end after its
    /// midnight, up to the next one, in UTC or in the time zone `tz`.
    pub(super) fn read(query: &str) -> Result<Self, BadRequest> {
        let (mut form, mut date, mut zone) = (None, None, TimeZone::UTC);
        let mut others = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let own = match &*name {
                "format" => &mut form,
                "date" => &mut date,
                _ => {
                    if name == "tz" {
                        // One that is not known is an error of the other fields.
                        zone = time_zone(value.trim()).unwrap_or(zone);
                    }
                    others.append_pair(&name, &value);
                    continue;
                }
            };
            let value = value.trim();
            if !value.is_empty() && own.replace(value.to_owned()).is_some() {
                return Err(BadRequest::new(name, "given more than once"));
            }
        }
        if let Some(text) = date {
            let (first, last) = ends_of(&text, &zone)
                .ok_or_else(|| BadRequest::new("date", "expected a day such as 2026-01-31"))?;
            others.append_pair("startDate", &first.to_string());
            others.append_pair("endDate", &last.to_string());
        }
        let form = match form.as_deref() {
            None | Some("json") => Form::Json,
            Some("csv") => Form::Csv,
            Some(_) => return Err(BadRequest::new("format", "the formats are json and csv")),
        };
        Ok(Self { form, others: others.finish() })
    }
}

/// The first and the last second at which an averaging period of a day can end.
fn ends_of(text: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let date: Date = text.parse().ok().filter(|_| text.len() == "2020-06-11".len())?;
    let midnight = |date: Date| {
        let midnight = date.to_zoned_datetime(zone.clone()).ok()?.start_of_day().ok()?;
        Some(midnight.timestamp())
    };
    let first = midnight(date)?.checked_add(SignedDuration::from_secs(1)).ok()?;
    let last = date.checked_add(1.day()).ok().and_then(midnight).unwrap_or(Timestamp::MAX);
    Some((first, last))
}

/// The fields in common with other requests. Which readings count is part of the definition, so
/// filters by index or quality are not among them.
const SHARED: [&str; 13] = [
    "startDate",
    "endDate",
    "index",
    "strict",
    "country",
    "network",
    "sensor",
    "sensorType",
    "window",
    "mean",
    "tz",
    "bbox",
    "near",
];

/// The averaging period of a request for statements, which has an area and no other fields.
pub(super) fn window_of(request: &QueryRequest) -> Result<Window, BadRequest> {
    if let Some(name) = request.fields().find(|name| !SHARED.contains(name)) {
        let reason = "not a field of /api/area: a statement is of all plausible outdoor sensors";
        return Err(BadRequest::new(name, reason));
    }
    if request.query.area.is_none() && request.query.countries.is_empty() {
        return Err(BadRequest::new("bbox", "expected an area: bbox, near or country"));
    }
    match request.query.windows.as_slice() {
        [window] if *window != Window::FiveMinutes => Ok(*window),
        _ => Err(BadRequest::new("window", "expected one of 1h, 24h and day")),
    }
}
