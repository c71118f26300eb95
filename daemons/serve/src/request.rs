//! Requests of clients: the report's fields (`startDate`, `endDate`, `country`, `range`, `minAqi`,
//! `maxAqi`) and Airshed's (the rest of [`FIELDS`]), from JSON, a form or a query string, all
//! parsed by the same rules.

mod bounds;
mod day;
mod file_name;
mod members;
mod raw;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use airshed_common::hexadecimal;
use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::csv::Dialect;
use store::{
    AqiStandard, Column, Encoder, Flags, Format, LocalDays, Metadata, Network, Pages, Quality,
    Query, RunningMean, RunningMeans, TimeZone, View, Window,
};

use self::bounds::{Calendar, End, read_index, read_moment};
pub(crate) use self::bounds::{time_zone, whole};
pub use self::day::{fields_of_day, path_of_day};
use self::file_name::filter_names;
use self::members::Members;
use self::raw::{RawFields, parsed, read_flag};
use crate::scaled::{self, Scaled};

/// The fields that a request can have.
pub const FIELDS: [&str; 30] = [
    "startDate",
    "endDate",
    "index",
    "strict",
    "country",
    "range",
    "minAqi",
    "maxAqi",
    "alarm",
    "columns",
    "format",
    "dialect",
    "delimiter",
    "decimal",
    "bom",
    "metadata",
    "network",
    "sensor",
    "sensorType",
    "window",
    "mean",
    "tz",
    "times",
    "indoor",
    "bbox",
    "near",
    "without",
    "quality",
    "limit",
    "callback",
];

/// A parsed request.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryRequest {
    /// The filters.
    pub query: Query,
    /// Which readings to include; each kind of response has its own default.
    pub quality: Option<Quality>,
    /// The columns of the response.
    pub columns: Vec<Column>,
    /// Whether `P1_scaled` or `P2_scaled` is named among them, and so computed.
    scaled: bool,
    /// The networks that are served, where the query may be for some of them; empty: all.
    readable: Vec<Network>,
    /// The format of the response.
    pub format: Format,
    /// Whether CSV and JSON contain their metadata.
    pub metadata: bool,
    /// The running mean that replaces 1-hour means.
    pub mean: Option<RunningMean>,
    /// The time zone of calendar days, and of dates in the request; `None`: UTC.
    pub zone: Option<TimeZone>,
    /// Whether timestamps are written in the time zone.
    pub local_times: bool,
    /// The maximum number of rows.
    pub limit: Option<u64>,
    /// Where to notify the client of the end of a job. It is not part of the query: equal queries share their work.
    pub callback: Option<String>,
    /// The network of sensors given by number only; see [`at_home_in`](Self::at_home_in).
    pub home: Network,
    /// The sensors given by number only.
    pub(crate) by_number: Vec<u64>,
    fields: Vec<(String, String)>,
}

/// Default dates of a request.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    /// The timestamp of the last reading: the default `endDate`.
    pub last: Timestamp,
    /// The timestamp of the bulk of the newest readings, relative to which the default `startDate`
    /// is computed if there is no `endDate`.
    pub newest: Timestamp,
    /// The length of the default range.
    pub span: SignedDuration,
}

/// An invalid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// The invalid field, or part of the request.
    pub field: String,
    /// What is wrong, and what is expected.
    pub reason: String,
}

impl BadRequest {
    /// An error of a field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// Default values of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Defaults {
    /// The air-quality index.
    pub index: AqiStandard,
    /// The dates; `None`: they are required.
    pub dates: Option<Dates>,
    /// The averaging period; `None`: all.
    pub window: Option<Window>,
}

impl Defaults {
    /// A request from a JSON object. Lists may be arrays, numbers may be strings. An `id` is
    /// ignored, as by the report's server, whose clients send one.
    pub fn json(&self, body: &[u8]) -> Result<QueryRequest, BadRequest> {
        let not_an_object =
            |e: serde_json::Error| BadRequest::new("body", format!("not a JSON object: {e}"));
        let Members(members) = serde_json::from_slice(body).map_err(not_an_object)?;
        let (mut fields, mut seen) = (Vec::new(), HashSet::new());
        for (name, value) in members.into_iter().filter(|(name, _)| name != "id") {
            if !seen.insert(name.clone()) {
                return Err(BadRequest::new(beginning(&name), "given more than once"));
            }
            let values = match value.get().starts_with('[') {
                true => serde_json::from_str::<Vec<&RawValue>>(value.get()),
                false => Ok(vec![&*value]),
            };
            for value in values.map_err(not_an_object)? {
                fields.push((name.clone(), literal(&name, value)?));
            }
        }
        QueryRequest::from_fields(fields, self)
    }

    /// A request from a form in a body. An `id` is ignored, as in JSON.
    pub fn form_body(&self, text: &[u8]) -> Result<QueryRequest, BadRequest> {
        let pairs = form_urlencoded::parse(text).filter(|(name, _)| name != "id");
        let fields = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        QueryRequest::from_fields(fields, self)
    }

    /// A request from a query string.
    pub fn form(&self, text: &[u8]) -> Result<QueryRequest, BadRequest> {
        let pairs = form_urlencoded::parse(text);
        let fields = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        QueryRequest::from_fields(fields, self)
    }
}

impl QueryRequest {
    /// Parses the result of [`to_object`](Self::to_object).
    pub fn from_object(object: Map<String, Value>) -> Result<Self, BadRequest> {
        let mut fields = Vec::new();
        for (name, value) in object {
            match value {
                Value::Array(values) => {
                    for value in values {
                        fields.push((name.clone(), scalar(&name, value)?));
                    }
                }
                value => {
                    let value = scalar(&name, value)?;
                    fields.push((name, value));
                }
            }
        }
        Self::from_fields(fields, &Defaults::default())
    }

    /// The request as a JSON object.
    pub fn to_object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, value) in &self.fields {
            match object.get_mut(name) {
                None => {
                    object.insert(name.clone(), Value::String(value.clone()));
                }
                Some(Value::String(earlier)) => {
                    earlier.push(',');
                    earlier.push_str(value);
                }
                Some(_) => {}
            }
        }
        object
    }

    /// The names of the fields that were given.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The suggested file name of the response: the filters, the time range, the format.
    pub fn file_name(&self) -> String {
        let plain = |moment: Timestamp| moment.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (from, until) = (plain(self.query.from), plain(self.query.until));
        let mut parts = vec!["airshed".to_owned()];
        parts.extend(filter_names(&self.query));
        let plausible = self.quality.filter(|quality| *quality == Quality::Plausible);
        parts.extend(plausible.map(|quality| quality.to_string()));
        parts.extend(self.mean.map(|_| "of_hours".to_owned()));
        parts.extend([from, until]);
        format!("{}.{}", parts.join("-"), self.format.name())
    }

    /// The encoder of the response; see [`Networks::metadata`] and [`Networks::metadata_of_copy`].
    ///
    /// [`Networks::metadata`]: crate::networks::Networks::metadata
    /// [`Networks::metadata_of_copy`]: crate::networks::Networks::metadata_of_copy
    pub fn encoder(&self, metadata: Metadata) -> Result<Encoder, store::Error> {
        let encoder = Encoder::about(metadata, self.format, &self.columns)?;
        Ok(encoder.with_metadata(self.metadata))
    }

    /// The description of the response, but for the sources; `attribution` is that of the data.
    pub(crate) fn metadata(&self, attribution: &str) -> Metadata {
        let fields = self.to_object().into_iter();
        let fields = fields.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        let times_in = self.zone.clone().filter(|_| self.local_times);
        let metadata = Metadata::new(&self.wanted(), attribution).with_mean(self.mean);
        metadata.with_times_in(times_in).with_request(fields)
    }

    /// The description to put beside a file of this name, which is percent-encoded: of a CSV as a
    /// [table](Self::csvw), of JSON and NDJSON the metadata themselves. `None` for files that contain
    /// them.
    pub fn beside(&self, metadata: &Metadata, name: &str) -> Option<String> {
        match self.format {
            Format::Csv(_) => Some(self.csvw(metadata, name)),
            Format::Json(_) | Format::NdJson(_) if !self.metadata => Some(metadata.to_json()),
            _ => None,
        }
    }

    /// The description of the response as a table in CSV, by *Metadata Vocabulary for Tabular Data*;
    /// of other formats, of the CSV with the same rows. See [`Metadata::csvw`].
    pub fn csvw(&self, metadata: &Metadata, url: &str) -> String {
        let (dialect, with_comments) = match self.format {
            Format::Csv(dialect) => (dialect, self.metadata),
            Format::Json(spelling) | Format::NdJson(spelling) => {
                (Dialect::DEFAULT.with_spelling(spelling), false)
            }
            _ => (Dialect::DEFAULT, false),
        };
        metadata.csvw(dialect, &self.columns, url, with_comments)
    }

    /// The request for a server with these networks: sensors given by number only belong to the
    /// only network, or to the default one.
    #[must_use]
    pub fn at_home_in(mut self, present: &[Network]) -> Self {
        if let [only] = present {
            self.home = *only;
        }
        for sensor in &mut self.query.sensors {
            if sensor.network.is_default() && self.by_number.contains(&sensor.id) {
                sensor.network = self.home;
            }
        }
        self
    }

    /// For a server that serves these networks.
    #[must_use]
    pub(crate) fn served(self, readable: Vec<Network>) -> Self {
        Self { readable, ..self }
    }

    /// The query for the readings of the response.
    pub fn wanted(&self) -> Query {
        let mut wanted = self.query.clone();
        wanted.without = wanted.without.union(self.quality.unwrap_or(Quality::All).without());
        wanted
    }

    /// The state of a view that the result depends on: the [version](View::version) of its readings,
    /// and what the query means given its networks (see [`at_home_in`](Self::at_home_in)). `None`
    /// if the view has no versions.
    pub async fn state_of(&self, view: &dyn View) -> Result<Option<String>, store::Error> {
        let wanted = self.wanted();
        let Some(version) = view.version(wanted.from, wanted.until).await? else {
            return Ok(None);
        };
        let networks = wanted.networks.iter().map(ToString::to_string);
        let sensors = wanted.sensors.iter().map(ToString::to_string);
        let beside =
            self.readable.iter().filter(|_| self.scaled).map(|network| format!("+{network}"));
        let home = [self.home.to_string()];
        let meant: Vec<_> = networks.chain(sensors).chain(home).chain(beside).collect();
        let digest = hexadecimal(&Sha256::digest(meant.join(",")));
        Ok(Some(format!("{version}-{}", &digest[..16])))
    }

    /// When readings of the days that the response is made of were last stored, by the view of this
    /// request.
    pub async fn stored_at(&self, view: &dyn View) -> Result<Option<Timestamp>, store::Error> {
        let wanted = self.wanted();
        view.stored_at(wanted.from, wanted.until).await
    }

    /// The view to query: the given one, or means over its hours, with scaled concentrations.
    pub fn view_of(&self, view: Arc<dyn View>) -> Arc<dyn View> {
        let stored = Arc::clone(&view);
        let view: Arc<dyn View> = match (self.mean, &self.zone) {
            (Some(mean), _) => Arc::new(RunningMeans::new(view, mean)),
            (None, Some(zone)) if self.query.windows == [Window::Day] => {
                Arc::new(LocalDays::new(view, zone.clone()))
            }
            (None, _) => view,
        };
        match self.scaled {
            true => Arc::new(Scaled::new(view, stored, self.readable.clone())),
            false => view,
        }
    }

    /// Whether far more is read than rows are returned: scaled concentrations of a network need all its
    /// daily means of two months.
    pub(crate) fn reads_far_more(&self) -> bool {
        let sensors = self.query.sensors.len();
        self.scaled && (sensors == 0 || sensors > scaled::FEW_SENSORS)
    }

    /// The pages of the response from a view.
    pub fn pages_of(&self, view: Arc<dyn View>) -> Pages {
        self.pages_in(self.view_of(view))
    }

    /// The pages from a view returned by [`view_of`](Self::view_of).
    pub fn pages_in(&self, view: Arc<dyn View>) -> Pages {
        Pages::of_view(view, self.wanted()).up_to(self.limit.unwrap_or(u64::MAX))
    }

    fn from_fields(
        fields: impl IntoIterator<Item = (String, String)>,
        defaults: &Defaults,
    ) -> Result<Self, BadRequest> {
        // An unchanged form sends empty fields.
        let mut fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(name, value)| !FIELDS.contains(&name.as_str()) || !value.is_empty())
            .collect();
        if let Some((name, _)) = fields.iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
            let reason = match name.trim_start().starts_with('{') {
                true => "looks like JSON: send it with Content-Type: application/json".to_owned(),
                false => format!("unknown; the fields are {}", FIELDS.join(", ")),
            };
            return Err(BadRequest::new(beginning(name), reason));
        }
        // The worker that parses the request again may have a different default, and a later build
        // may have a newer version of a standard given without a version.
        let callbacks: Vec<_> = fields.extract_if(.., |(field, _)| field == "callback").collect();
        if callbacks.len() > 1 {
            return Err(BadRequest::new("callback", "given twice"));
        }
        let callback = callbacks.into_iter().next().map(|(_, url)| url);
        let is_of_report = fields.iter().any(|(f, value)| f == "dialect" && value == "report");
        match fields.iter_mut().find(|(field, _)| field == "index") {
            Some((_, name)) => {
                if let Ok(standard) = name.parse::<AqiStandard>() {
                    *name = standard.to_string();
                }
            }
            None if !is_of_report => fields.push(("index".to_owned(), defaults.index.to_string())),
            None => {} // the report uses the UK's
        }
        // So may the averaging period be. One that is computed, or that the index is defined for, is
        // not a matter of the default.
        let index = fields.iter().find(|(field, _)| field == "index");
        let standard = index.and_then(|(_, name)| name.parse::<AqiStandard>().ok());
        let is_defined = |window| standard.unwrap_or_default().windows().any(|one| one == window);
        let is_settled = |window| {
            fields.iter().any(|(field, value)| match field.as_str() {
                "window" | "mean" => true,
                "strict" => read_flag(value) == Ok(true) && !is_defined(window),
                _ => false,
            })
        };
        if let Some(window) = defaults.window.filter(|window| !is_settled(*window)) {
            fields.push(("window".to_owned(), window.to_string()));
        }
        // An explicit default is the same query as an omitted one.
        let default = AqiStandard::DEFAULT.to_string();
        fields.retain(|(field, value)| field != "index" || *value != default);
        if let Some((_, name)) = fields.iter_mut().find(|(field, _)| field == "tz")
            && let Ok(Some(known)) = time_zone(name).as_ref().map(TimeZone::iana_name)
        {
            *name = known.to_owned();
        }
        // UTC is the default, also of how times are written.
        let is_utc = fields.iter().any(|(field, name)| field == "tz" && name == "UTC");
        let is_default = |field: &str, value: &str| match field {
            "tz" => value == "UTC",
            "times" => value == "utc" || value == "local" && is_utc,
            _ => false,
        };
        fields.retain(|(field, value)| !is_default(field, value));
        let raw = RawFields(&fields);
        let zone = raw.one("tz", time_zone)?;
        let windows = raw.windows()?;
        let calendar = Calendar {
            zone: zone.clone().unwrap_or(TimeZone::UTC),
            of_days: windows == [Window::Day],
        };
        let from = raw.one("startDate", |text| read_moment(text, End::Lower, &calendar))?;
        let until = raw.one("endDate", |text| read_moment(text, End::Upper, &calendar))?;
        let missing = |field| BadRequest::new(field, "missing");
        let (until, from) = match defaults.dates {
            Some(dates) => {
                let start = || {
                    let before = until.unwrap_or(dates.newest);
                    before.saturating_sub(dates.span).unwrap_or(Timestamp::MIN)
                };
                (until.unwrap_or(dates.last), from.unwrap_or_else(start))
            }
            None => {
                let from = from.ok_or_else(|| missing("startDate"))?;
                (until.ok_or_else(|| missing("endDate"))?, from)
            }
        };
        if until < from {
            return Err(BadRequest::new("endDate", format!("{until} is before startDate {from}")));
        }
        let mut query = Query::new(from, until);
        query.standard = raw.one("index", parsed)?.unwrap_or_default();
        let ends = query.standard.numbers();
        let lowest = raw.one("minAqi", |text| read_index(text, End::Lower, ends))?;
        let highest = raw.one("maxAqi", |text| read_index(text, End::Upper, ends))?;
        query.indices = match (lowest.flatten(), highest.flatten()) {
            (None, None) => None,
            (low, high) => Some((low.unwrap_or(ends.0), high.or(ends.1).unwrap_or(u32::MAX))),
        };
        if let Some((low, high)) = query.indices.filter(|(low, high)| low > high) {
            return Err(BadRequest::new("minAqi", format!("{low} is above maxAqi {high}")));
        }
        let confirmed = raw.one("alarm", |text| match text {
            "confirmed" => Ok(()),
            _ => Err("expected confirmed".to_owned()),
        })?;
        if confirmed.is_some() {
            let missing = || BadRequest::new("alarm", "alarm=confirmed also needs minAqi");
            query.least_low = Some(lowest.ok_or_else(missing)?.unwrap_or(ends.0));
        }
        query.countries = raw.list("country", parsed)?;
        query.bands = raw.list("range", |text| {
            query.standard.category(text).ok_or_else(|| ranges(query.standard))
        })?;
        query.networks = raw.list("network", parsed)?;
        query.sensors = raw.list("sensor", |text| match whole(text) {
            Some(id) => Ok(id.into()),
            None => parsed(text),
        })?;
        let by_number = raw.values("sensor").flat_map(|value| value.split(','));
        let by_number = by_number.filter_map(|text| whole(text.trim())).collect();
        query.sensor_types = raw.list("sensorType", parsed)?.into();
        query.windows = windows;
        let mean: Option<RunningMean> = raw.one("mean", parsed)?;
        raw.only_over_hours(&mut query, mean)?;
        if raw.one("strict", read_flag)? == Some(true) {
            raw.only_defined(&mut query)?;
        }
        if zone.is_some() {
            raw.only_local_days(&query)?;
        }
        query.indoor = raw.one("indoor", read_flag)?;
        query.area = raw.area()?;
        let flags = raw.list("without", |text| {
            let names = Flags::NAMES.map(|(_, name)| name).join(", ");
            Flags::from_name(text).ok_or_else(|| format!("the flags are {names}"))
        })?;
        query.without = flags.into_iter().fold(Flags::default(), Flags::union);
        let (columns, scaled) = match raw.values("columns").next() {
            None => (Column::DEFAULT.to_vec(), false),
            Some("all") => (Column::ALL.to_vec(), false),
            Some(_) => {
                let columns = raw.list("columns", parsed)?;
                let scaled = [Column::P1Scaled, Column::P2Scaled];
                let is_scaled = columns.iter().any(|column| scaled.contains(column));
                (columns, is_scaled)
            }
        };
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(**column)) {
            return Err(BadRequest::new("columns", format!("{} is given twice", twice.name())));
        }
        let format = raw.format()?;
        let metadata = raw.metadata(format)?;
        let local_times = raw.local_times(zone.as_ref(), is_of_report)?;
        if is_of_report && query.standard != AqiStandard::DEFAULT {
            let reason = "dialect=report always has the UK's index, as the report does";
            return Err(BadRequest::new("index", reason));
        }
        let limit = raw.one("limit", |text| {
            let rows = whole(text).filter(|rows| *rows > 0);
            rows.ok_or_else(|| "expected a number of rows, at least 1".to_owned())
        })?;
        let quality = raw.one("quality", parsed)?;
        let home = Network::default();
        Ok(Self {
            query,
            quality,
            columns,
            scaled,
            readable: Vec::new(),
            format,
            metadata,
            mean,
            zone,
            local_times,
            limit,
            callback,
            home,
            by_number,
            fields,
        })
    }
}

/// The error text for an unknown band.
fn ranges(standard: AqiStandard) -> String {
    if standard == AqiStandard::DEFAULT {
        return "the ranges are Low, Moderate (or Medium), High and Very High".to_owned();
    }
    let names: Vec<_> = standard.standard().categories.iter().map(|c| c.name).collect();
    format!("the ranges of {standard} are {}", names.join(", "))
}

/// A number as written, to keep every digit; otherwise the value of the literal.
fn literal(name: &str, value: &RawValue) -> Result<String, BadRequest> {
    let text = value.get();
    match text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte)) {
        true => Ok(text.to_owned()),
        false => match serde_json::from_str(text) {
            Ok(value) => scalar(name, value),
            Err(error) => Err(BadRequest::new(beginning(name), format!("invalid value: {error}"))),
        },
    }
}

fn scalar(name: &str, value: Value) -> Result<String, BadRequest> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(value) => Ok(value.to_string()),
        // Without an exponent, however large.
        Value::Number(value) => Ok(match value.as_f64().filter(|_| value.is_f64()) {
            Some(value) => value.to_string(),
            None => value.to_string(),
        }),
        Value::String(value) => Ok(value),
        Value::Array(_) | Value::Object(_) => {
            Err(BadRequest::new(beginning(name), "must be a string, a number or a list of them"))
        }
    }
}

/// A name, truncated for display in a response.
fn beginning(name: &str) -> String {
    name.chars().take(40).collect()
}
