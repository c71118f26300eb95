//! What a file says about itself.
//!
//! The same facts, in the place that each format has for them: Parquet and Arrow in the schema's
//! metadata, GeoJSON as members; CSV and JSON on request ([`Encoder::with_metadata`]), CSV as comment
//! lines, JSON as an object around the array. NDJSON has no place. A CSV is described by a separate
//! document ([`Metadata::csvw`]).
//!
//! The facts follow from the query and the readings that are stored, never from the time of the query,
//! so that equal queries of the same readings are equal files. Counts of rows are only known at the end.
//!
//! [`Encoder::with_metadata`]: crate::Encoder::with_metadata

use serde_json::{Map, Value, json};

use crate::csv::Dialect;
use crate::{
    AqiStandard, Column, Flags, Network, Query, RunningMean, TimeZone, Timestamp, Window, csvw,
};

/// The software, as files name it.
pub const SOFTWARE: &str = concat!("Airshed ", env!("CARGO_PKG_VERSION"));

/// The title of every file.
pub(crate) const TITLE: &str = "Air-quality readings of particulate matter";

/// What the values and the index do not say.
pub(crate) const LIMITS: [&str; 2] = [
    "Particulate matter only: no O3, NO2, SO2.",
    "Low-cost sensors: values and indices are indicative, not reference measurements.",
];

/// How means are made and when they count.
const CAPTURE_RULE: &str = "A 5-minute slot is the mean of its samples, an hour of its slots (valid \
    with 9 of 12), a day (UTC, or of the time zone asked for) and 24 h of their valid hours (valid with 75 %). A mean of less has \
    the flag low_capture and no index. Where hours and samples are empty, the source does not say.";

/// The description of a file: its sources and their terms, the software, the index, the averaging
/// periods, the flags, and the query.
///
/// ```
/// use airshed_store::{Metadata, Query};
///
/// let metadata = Metadata::new(&Query::everything(), "Our School, CC BY 4.0");
/// assert!(metadata.to_json().contains(r#""attribution":"Our School, CC BY 4.0""#));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    pub(crate) query: Query,
    pub(crate) attribution: String,
    pub(crate) sources: Vec<Source>,
    mean: Option<RunningMean>,
    zone: Option<TimeZone>,
    request: Vec<(String, String)>,
    state: Option<String>,
    stored: Option<Timestamp>,
    pub(crate) rows: Option<u64>,
    doubtful: Option<u64>,
    left_out: Option<u64>,
}

/// A network, and the terms of its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    network: Network,
    attribution: String,
    pub(crate) licence: Option<String>,
}

impl Metadata {
    /// The description of the result of a query; `attribution` is the attribution and licence of the
    /// data.
    pub fn new(query: &Query, attribution: &str) -> Self {
        Self {
            query: query.clone(),
            attribution: attribution.to_owned(),
            sources: Vec::new(),
            mean: None,
            zone: None,
            request: Vec::new(),
            state: None,
            stored: None,
            rows: None,
            doubtful: None,
            left_out: None,
        }
    }

    /// Adds a network that the rows can be of, with its attribution and the URL of its licence.
    #[must_use]
    pub fn with_source(
        mut self,
        network: Network,
        attribution: &str,
        licence: Option<&str>,
    ) -> Self {
        let (attribution, licence) = (attribution.to_owned(), licence.map(str::to_owned));
        self.sources.push(Source { network, attribution, licence });
        self
    }

    /// The running mean that replaces 1-hour means.
    #[must_use]
    pub fn with_mean(self, mean: Option<RunningMean>) -> Self {
        Self { mean, ..self }
    }

    /// The zone of the timestamps in the file: [`Encoder::about`](crate::Encoder::about) writes them
    /// with their offset from UTC, Parquet and Arrow have the zone in their type, and CSV for
    /// spreadsheets has local times, with the zone in the name of the column. A zone without a name in
    /// the IANA database counts as UTC.
    #[must_use]
    pub fn with_times_in(self, zone: Option<TimeZone>) -> Self {
        Self {
            zone: zone.filter(|zone| zone.iana_name().is_some_and(|name| name != "UTC")),
            ..self
        }
    }

    /// The zone of the timestamps in the file, if it is not UTC.
    pub(crate) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Its name.
    pub(crate) fn zone_name(&self) -> Option<&str> {
        self.zone()?.iana_name()
    }

    /// The fields of the request, as it was given.
    #[must_use]
    pub fn with_request(self, fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { request: fields.into_iter().collect(), ..self }
    }

    /// The state of the readings, as a [version](crate::View::version) of the store.
    #[must_use]
    pub fn with_state(self, state: Option<String>) -> Self {
        Self { state, ..self }
    }

    /// When readings of the days were last [stored](crate::View::stored_at), if it is known: fetched from
    /// their source, pushed or imported.
    #[must_use]
    pub fn with_stored(self, stored: Option<Timestamp>) -> Self {
        Self { stored, ..self }
    }

    /// The number of rows, if it is known.
    #[must_use]
    pub fn with_rows(self, rows: Option<u64>) -> Self {
        Self { rows, ..self }
    }

    /// The number of rows with a flag of implausibility, if it is known.
    #[must_use]
    pub fn with_doubtful(self, doubtful: Option<u64>) -> Self {
        Self { doubtful, ..self }
    }

    /// The number of readings that are left out for their flags, if it is known; none are named where
    /// the query leaves out no flags.
    #[must_use]
    pub fn with_left_out(self, left_out: Option<u64>) -> Self {
        let left_out = left_out.filter(|_| !self.query.without.is_empty());
        Self { left_out, ..self }
    }

    /// The attribution of the data and of the index, as [`AqiStandard::credit`] words it.
    pub fn credit(&self) -> String {
        self.query.standard.credit(&self.attribution)
    }

    /// The distinct URLs of licences.
    pub fn licences(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for licence in self.sources.iter().filter_map(|source| source.licence.as_deref()) {
            if !all.contains(&licence) {
                all.push(licence);
            }
        }
        all
    }

    /// A JSON object with all facts, on one line:
    ///
    /// - `title`, `attribution`, `licences` (URLs), `software`, `limits` (sentences);
    /// - `sources`: `network`, `attribution`, `licence` of each;
    /// - `index`: `id` (with version, variant and policy), `name`, `authority`, `version`, `policy`,
    ///   `definedFor` (averaging periods), `pollutants`;
    /// - `averaging`: `windows` (those asked for; empty: any), `mean`, `capture`;
    /// - `flags`: the meaning of each; `leftOut`: the flags whose readings are not in the file;
    /// - `times`: the zone of the timestamps, if it is not UTC;
    /// - `from`, `until`: the time range of the query, UTC, inclusive, if it has one; `query`: the
    ///   fields of the request; `stored`: when readings of these days were last fetched and stored;
    ///   `state`, `rows`, `doubtfulRows` and `leftOutRows`, if known.
    pub fn to_json(&self) -> String {
        Value::Object(self.to_object()).to_string()
    }

    pub(crate) fn to_object(&self) -> Map<String, Value> {
        let source = |source: &Source| {
            json!({
                "network": source.network.as_str(),
                "attribution": source.attribution,
                "licence": source.licence,
            })
        };
        let standard = self.query.standard.standard();
        let text = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let mut object = Map::new();
        let mut set = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
        set("title", TITLE.into());
        set("attribution", self.attribution.as_str().into());
        set("licences", self.licences().into());
        set("sources", self.sources.iter().map(source).collect());
        set("software", SOFTWARE.into());
        set("limits", LIMITS.to_vec().into());
        set(
            "index",
            json!({
                "id": self.query.standard.to_string(),
                "name": standard.name,
                "authority": standard.authority,
                "version": standard.version,
                "variant": text(standard.variant),
                "policy": text(standard.policy),
                "definedFor": names(self.query.standard.windows()),
                "pollutants": ["PM2.5", "PM10"],
            }),
        );
        set(
            "averaging",
            json!({
                "windows": names(self.query.windows.iter().copied()),
                "mean": self.mean.map(|mean| mean.to_string()),
                "capture": CAPTURE_RULE,
            }),
        );
        let flags =
            Flags::MEANINGS.iter().map(|(flag, meaning)| (name_of(*flag), (*meaning).into()));
        set("flags", Value::Object(flags.collect()));
        set("leftOut", self.query.without.names().collect());
        self.zone_name().into_iter().for_each(|zone| set("times", zone.into()));
        let (from, until) = self.time_range();
        from.into_iter().for_each(|from| set("from", from.to_string().into()));
        until.into_iter().for_each(|until| set("until", until.to_string().into()));
        if !self.request.is_empty() {
            let fields = self.request.iter().cloned();
            set("query", Value::Object(fields.map(|(name, value)| (name, value.into())).collect()));
        }
        self.stored.iter().for_each(|stored| set("stored", stored.to_string().into()));
        self.state.iter().for_each(|state| set("state", state.as_str().into()));
        self.rows.iter().for_each(|rows| set("rows", (*rows).into()));
        self.doubtful.iter().for_each(|rows| set("doubtfulRows", (*rows).into()));
        self.left_out.iter().for_each(|rows| set("leftOutRows", (*rows).into()));
        object
    }

    /// The same facts as lines of text for people, each without a line break.
    pub(crate) fn lines(&self) -> Vec<String> {
        let standard = self.query.standard.standard();
        let mut lines = vec![TITLE.to_owned(), format!("Attribution: {}", self.attribution)];
        lines.extend(self.licences().iter().map(|licence| format!("Licence: {licence}")));
        let networks = self.sources.iter().map(|source| source.network.as_str());
        let networks = networks.collect::<Vec<_>>().join(", ");
        if !networks.is_empty() {
            lines.push(format!("Networks: {networks}"));
        }
        lines.push(format!("Software: {SOFTWARE}"));
        lines.push(format!(
            "Index: {} ({}), computed by Airshed; defined for averaging periods of {}",
            standard.name,
            self.query.standard,
            listed(names(self.query.standard.windows())),
        ));
        lines.extend(LIMITS.map(str::to_owned));
        if !self.query.windows.is_empty() {
            let windows = listed(names(self.query.windows.iter().copied()));
            lines.push(format!("Averaging periods: {windows}"));
        }
        if let Some(mean) = self.mean {
            lines.push(format!("Means over a sensor's hours: {mean}"));
        }
        lines.push(format!("Data capture: {CAPTURE_RULE}"));
        let (from, until) = self.time_range();
        lines.extend(self.zone_name().map(|zone| format!("Times: those of {zone}")));
        lines.extend(from.map(|from| format!("From: {from}")));
        lines.extend(until.map(|until| format!("Until: {until}")));
        lines.extend(self.stored.map(|stored| format!("Fetched and stored: {stored}")));
        if !self.request.is_empty() {
            let fields = self.request.iter().map(|(name, value)| format!("{name}={value}"));
            lines.push(format!("Query: {}", fields.collect::<Vec<_>>().join("&")));
        }
        let left_out = self.query.without.names().collect::<Vec<_>>();
        lines.push(match left_out.as_slice() {
            [] => "Left out: no readings, whatever flags they have".to_owned(),
            flags => format!("Left out: readings with any of the flags {}", flags.join(", ")),
        });
        let flags = Flags::MEANINGS.iter();
        lines.extend(flags.map(|(flag, meaning)| format!("Flag {}: {meaning}", name_of(*flag))));
        for line in &mut lines {
            *line = line.replace(char::is_control, " ");
        }
        lines
    }

    /// Describes the CSV of these columns at a URL, relative to that of the description, as *Metadata
    /// Vocabulary for Tabular Data* (W3C recommendation, 2015) defines it, in JSON-LD: dialect,
    /// columns with their datatypes and units, primary key, licence and rights; [`to_json`] is its
    /// only note. Its media type is `application/csvm+json`; beside a file its name is that of the
    /// file with `-metadata.json`.
    ///
    /// `with_comments`: the CSV has the metadata as comment lines.
    ///
    /// [`to_json`]: Self::to_json
    pub fn csvw(
        &self,
        dialect: Dialect,
        columns: &[Column],
        url: &str,
        with_comments: bool,
    ) -> String {
        csvw::document(self, dialect, columns, url, with_comments).to_string()
    }

    /// The bounds of the query that are bounds.
    pub(crate) fn time_range(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let Query { from, until, .. } = self.query;
        (
            Some(from).filter(|from| *from > Timestamp::MIN),
            Some(until).filter(|until| *until < Timestamp::MAX),
        )
    }

    /// The description by attribution and index alone.
    pub(crate) fn brief(standard: AqiStandard, attribution: &str) -> Self {
        let mut query = Query::everything();
        query.standard = standard;
        Self::new(&query, attribution)
    }
}

fn names(windows: impl Iterator<Item = Window>) -> Vec<&'static str> {
    windows.map(Window::name).collect()
}

fn name_of(flag: Flags) -> String {
    flag.names().collect()
}

fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
