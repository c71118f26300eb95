//! The fields of a request, read one by one.

use std::fmt;
use std::str::FromStr;

use store::csv::{Delimiter, Dialect};
use store::{Area, Format, Query, RunningMean, Spelling, TimeZone, Window};

use super::BadRequest;

/// Maximum number of values in a list: enough for all countries.
const LONGEST_LIST: usize = 300;

/// The non-empty fields of a request.
#[derive(Clone, Copy)]
pub(super) struct RawFields<'a>(pub(super) &'a [(String, String)]);

impl<'a> RawFields<'a> {
    pub(super) fn values(self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(super) fn one<T>(
        self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadRequest> {
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(BadRequest::new(name, "given more than once"));
        }
        let read = value.map(|text| read(text).map_err(|reason| refused(name, text, &reason)));
        read.transpose()
    }

    /// A tuple of numbers: a JSON array, or separated by commas.
    pub(super) fn joined<T>(
        self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadRequest> {
        let text = self.values(name).collect::<Vec<_>>().join(",");
        let raw = Some(text).filter(|text| !text.is_empty());
        raw.map(|text| read(&text).map_err(|reason| refused(name, &text, &reason))).transpose()
    }

    pub(super) fn format(self) -> Result<Format, BadRequest> {
        let spelling = self.one("dialect", |text| match text {
            "report" => Ok(Spelling::Report),
            "spreadsheet" => Ok(Spelling::Spreadsheet),
            _ => Err("expected report or spreadsheet".to_owned()),
        })?;
        let usual = match spelling {
            Some(Spelling::Report) => Format::Json(Spelling::Report),
            _ => Format::Csv(Dialect::DEFAULT),
        };
        let format = self.one("format", parsed)?.unwrap_or(usual);
        let spreadsheet = spelling == Some(Spelling::Spreadsheet);
        let written = match format {
            Format::Csv(_) => true,
            Format::Json(_) | Format::NdJson(_) => !spreadsheet,
            _ => spelling.is_none(),
        };
        if !written {
            let formats = if spreadsheet { "CSV has" } else { "CSV, JSON and NDJSON have" };
            let reason = format!("only {formats} this dialect; the format is {}", format.name());
            return Err(BadRequest::new("dialect", reason));
        }
        let delimiter = self.one("delimiter", |text| match text {
            "comma" => Ok(Delimiter::Comma),
            "semicolon" => Ok(Delimiter::Semicolon),
            "tab" => Ok(Delimiter::Tab),
            _ => Err("expected comma, semicolon or tab".to_owned()),
        })?;
        let decimal_comma = self.one("decimal", |text| match text {
            "point" => Ok(false),
            "comma" => Ok(true),
            _ => Err("expected point or comma".to_owned()),
        })?;
        let byte_order_mark = self.one("bom", read_flag)?;
        let Format::Csv(_) = format else {
            let of_csv = ["delimiter", "decimal", "bom"];
            let raw = of_csv.into_iter().find(|name| self.values(name).next().is_some());
            let reason = format!("only CSV has this option; the format is {}", format.name());
            let format = match format {
                Format::Json(_) => Format::Json(spelling.unwrap_or_default()),
                Format::NdJson(_) => Format::NdJson(spelling.unwrap_or_default()),
                format => format,
            };
            return raw.map_or(Ok(format), |name| Err(BadRequest::new(name, reason)));
        };
        let decimal_comma =
            decimal_comma.unwrap_or(spreadsheet && delimiter != Some(Delimiter::Comma));
        let byte_order_mark = byte_order_mark.unwrap_or(spreadsheet);
        // Only spreadsheets need either option, and they should also recognise dates.
        let spelling = spelling.unwrap_or(match decimal_comma || byte_order_mark {
            true => Spelling::Spreadsheet,
            false => Spelling::Default,
        });
        let usual = if decimal_comma { Delimiter::Semicolon } else { Delimiter::Comma };
        let mut dialect = Dialect::new(delimiter.unwrap_or(usual)).with_spelling(spelling);
        if decimal_comma {
            let reason = "a decimal comma requires the delimiter semicolon or tab";
            dialect =
                dialect.with_decimal_comma().ok_or_else(|| BadRequest::new("delimiter", reason))?;
        }
        Ok(Format::Csv(match byte_order_mark {
            true => dialect.with_byte_order_mark(),
            false => dialect,
        }))
    }

    /// The averaging periods; empty: all.
    pub(super) fn windows(self) -> Result<Vec<Window>, BadRequest> {
        match self.values("window").collect::<Vec<_>>().as_slice() {
            ["all"] => Ok(Vec::new()),
            _ => self.list("window", parsed),
        }
    }

    /// The days of a time zone are computed from hours, so they cannot be returned together with
    /// stored means.
    pub(super) fn only_local_days(self, query: &Query) -> Result<(), BadRequest> {
        let of_days = query.windows.is_empty() || query.windows.contains(&Window::Day);
        if of_days && query.windows != [Window::Day] {
            let reason = "days in a time zone are computed from hours and cannot be returned with \
                          other averaging periods; use one, such as window=day or window=1h";
            return Err(BadRequest::new("tz", reason));
        }
        Ok(())
    }

    /// Whether timestamps are written in the time zone.
    pub(super) fn local_times(
        self,
        zone: Option<&TimeZone>,
        is_of_report: bool,
    ) -> Result<bool, BadRequest> {
        let local = self.one("times", |text| match text {
            "utc" => Ok(false),
            "local" => Ok(true),
            _ => Err("expected utc or local".to_owned()),
        })?;
        let reason = match local {
            Some(true) if zone.is_none() => "times=local also needs tz",
            Some(true) if is_of_report => "dialect=report always has UTC, as the report does",
            _ => return Ok(local.unwrap_or(false)),
        };
        Err(BadRequest::new("times", reason))
    }

    /// Whether the file contains its metadata, if that is a choice.
    pub(super) fn metadata(self, format: Format) -> Result<bool, BadRequest> {
        match (self.one("metadata", read_flag)?, format) {
            (Some(true), Format::NdJson(_)) => {
                let reason = "NDJSON has no place for metadata; the header Link leads to it";
                Err(BadRequest::new("metadata", reason))
            }
            (Some(false), format)
                if !matches!(format, Format::Csv(_) | Format::Json(_) | Format::NdJson(_)) =>
            {
                let reason = format!("{} always contains its metadata", format.name());
                Err(BadRequest::new("metadata", reason))
            }
            (metadata, _) => Ok(metadata.unwrap_or(false)),
        }
    }

    /// Running means have a fixed averaging period.
    pub(super) fn only_over_hours(
        self,
        query: &mut Query,
        mean: Option<RunningMean>,
    ) -> Result<(), BadRequest> {
        let Some(mean) = mean else {
            return match query.windows.contains(&Window::NowCast) {
                true => Err(BadRequest::new("window", "use mean=nowcast for a NowCast")),
                false => Ok(()),
            };
        };
        if let Some(other) = query.windows.iter().find(|window| **window != mean.window()) {
            let reason = format!(
                "mean={mean} returns means of {}, not of {other}: leave window out",
                mean.window()
            );
            return Err(BadRequest::new("window", reason));
        }
        query.windows = vec![mean.window()];
        Ok(())
    }

    /// Restricts the averaging periods to those for which the index is defined.
    pub(super) fn only_defined(self, query: &mut Query) -> Result<(), BadRequest> {
        let standard = query.standard;
        let defined: Vec<_> = standard.windows().collect();
        let names = defined.iter().map(|window| window.name()).collect::<Vec<_>>().join(", ");
        match query.windows.iter().find(|window| !defined.contains(window)) {
            Some(other) => {
                let reason =
                    format!("{standard} is not defined for means of {other}, only for {names}");
                return Err(BadRequest::new("window", reason));
            }
            None if defined.is_empty() => {
                let reason = format!(
                    "{standard} is not defined for any of the available \
                                      averaging periods"
                );
                return Err(BadRequest::new("strict", reason));
            }
            None if query.windows.is_empty() => query.windows = defined,
            None => {}
        }
        Ok(())
    }

    pub(super) fn area(self) -> Result<Option<Area>, BadRequest> {
        let bbox = self.joined("bbox", |text| {
            let words = "expected west,south,east,north in degrees; west greater than east \
                         crosses 180°";
            match numbers(text) {
                Some([west, south, east, north])
                    if west.abs().max(east.abs()) <= 180.0
                        && (-90.0..=north).contains(&south)
                        && north <= 90.0 =>
                {
                    Ok(Area::Box { west, south, east, north })
                }
                _ => Err(words.to_owned()),
            }
        })?;
        let near = self.joined("near", |text| match numbers(text) {
            Some([latitude, longitude, kilometres])
                if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && kilometres >= 0.0 =>
            {
                Ok(Area::Circle { latitude, longitude, kilometres })
            }
            _ => Err("expected latitude,longitude,kilometres".to_owned()),
        })?;
        match (bbox, near) {
            (Some(_), Some(_)) => Err(BadRequest::new("near", "expected bbox or near, not both")),
            (bbox, near) => Ok(bbox.or(near)),
        }
    }

    pub(super) fn list<T>(
        self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, BadRequest> {
        let texts = self.values(name).flat_map(|value| value.split(',')).map(str::trim);
        let texts: Vec<_> = texts.filter(|text| !text.is_empty()).take(LONGEST_LIST + 1).collect();
        if texts.is_empty() && self.values(name).next().is_some() {
            return Err(BadRequest::new(name, "a list without a value"));
        }
        if texts.len() > LONGEST_LIST {
            return Err(BadRequest::new(name, format!("more than {LONGEST_LIST} values")));
        }
        let read = |text: &&str| read(text).map_err(|reason| refused(name, text, &reason));
        texts.iter().map(read).collect()
    }
}

fn refused(name: &str, text: &str, reason: &str) -> BadRequest {
    let shown: String = text.chars().take(40).collect();
    BadRequest::new(name, format!("`{shown}`: {reason}"))
}

pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A fixed number of finite numbers, separated by commas.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let read = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(read).collect();
    numbers?.try_into().ok()
}

pub(super) fn read_flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "1.0" => Ok(true),
        "false" | "0" | "0.0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}
