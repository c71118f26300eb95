//! The record of a job, and what it says about its file for good.

use jiff::{SignedDuration, Timestamp};
use object_store::UpdateVersion;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::View;
use uuid::Uuid;

use crate::networks::Networks;
use crate::request::QueryRequest;
use crate::trace::RequestContext;

/// Maximum number of parts of a time range: the days of two months.
const MOST_PARTS: i64 = 62;

const SECONDS_A_DAY: i64 = 86_400;

/// Longer time ranges are only split where a store has readings.
const WITHOUT_EXTENT: SignedDuration = SignedDuration::from_hours(MOST_PARTS * 24);

/// The record of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Unguessable: it grants access to the result.
    pub id: Uuid,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
    /// The request, as returned by [`QueryRequest::to_object`](crate::request::QueryRequest::to_object).
    pub query: Map<String, Value>,
    /// When it was created.
    pub created: Timestamp,
    /// When the record last changed.
    pub updated: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// The [state](crate::request::QueryRequest::state_of) of the readings that its result is computed from,
    /// once a worker has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<String>,
    /// The parts of its time range, with the state of each, once a worker has started; empty if the
    /// store has no versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The job whose query it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Uuid>,
    /// What is remembered of its file, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// When its file was first requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Timestamp>,
    /// The HTTP request that created it.
    #[serde(flatten)]
    pub origin: RequestContext,
    /// The version of the record's format.
    #[serde(default)]
    pub format: u32,
    /// The name of the key that it belongs to; without one it belongs to whoever has the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The [pseudonym](super::Jobs::pseudonym) of the client that requested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The job that has its work and its file: one for an equal query, requested before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Uuid>,
    /// Its state for the client who requested it, if that gave it up while others share its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<State>,
    /// Estimated upper bound of its rows when it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_rows: Option<u64>,
    /// Whether it is one of the large ones, of which a worker leaves room for others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub large: bool,
    /// The bytes of results that its client may have, if that is not what any may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    /// Where to notify its client of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// The version of the record that this was read from or written to.
    #[serde(skip)]
    pub version: Option<UpdateVersion>,
}

/// The version of the format of job records: 0 are those without an owner, whose id several clients
/// can have.
pub(super) const FORMAT: u32 = 1;

/// Where to notify a client of the end of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The URL.
    pub url: String,
    /// What is before the paths of this server for the client: `https://example.org`, or less if that
    /// is not known.
    pub base: String,
    /// When the client was notified, or that was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified: Option<Timestamp>,
}

/// A request for a job.
#[derive(Debug, Clone, Default)]
pub struct JobRequest {
    /// See [`Job::query`].
    pub query: Map<String, Value>,
    /// See [`Job::origin`].
    pub origin: RequestContext,
    /// See [`Job::again`].
    pub again: Option<Uuid>,
    /// See [`Job::owner`].
    pub owner: Option<String>,
    /// See [`Job::client`].
    pub client: Option<String>,
    /// See [`Job::expected_rows`].
    pub expected_rows: Option<u64>,
    /// See [`Job::large`].
    pub large: bool,
    /// See [`Job::result_bytes`].
    pub result_bytes: Option<u64>,
    /// See [`Job::callback`].
    pub callback: Option<Callback>,
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum State {
    /// No worker has it.
    Queued,
    /// A worker has it.
    Running {
        /// Rows written so far.
        rows: u64,
        /// Estimated upper bound of the rows, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        estimate: Option<u64>,
    },
    /// The result is available.
    Done {
        /// Rows in it, without the header line.
        rows: u64,
        /// Of them, those with a flag of implausibility.
        #[serde(default)]
        doubtful: u64,
        /// Whether its limit cut off rows.
        #[serde(default)]
        truncated: bool,
        /// Readings that are not in it for their flags; unknown if its limit cut off rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_out: Option<u64>,
        /// Its length.
        bytes: u64,
        /// Its SHA-256, hexadecimal.
        sha256: String,
        /// When it will be deleted.
        expires: Timestamp,
    },
    /// It failed.
    Failed {
        /// Why.
        reason: String,
        /// Whether a retry may succeed.
        retryable: bool,
        /// When the record will be deleted.
        expires: Timestamp,
    },
    /// It was cancelled by the client.
    Cancelled {
        /// When the record will be deleted.
        expires: Timestamp,
    },
    /// The result has been deleted.
    Expired,
}

impl State {
    /// Whether the state is final, except for expiry.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Queued | Self::Running { .. })
    }

    /// All names.
    pub const NAMES: [&str; 6] = ["queued", "running", "done", "failed", "cancelled", "expired"];

    /// Its name: `queued`, `running`, `done`, `failed`, `cancelled` or `expired`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl Job {
    /// A new job.
    pub(super) fn new(request: JobRequest, now: Timestamp) -> Self {
        let JobRequest {
            query,
            origin,
            again,
            owner,
            client,
            expected_rows,
            large,
            result_bytes,
            callback,
        } = request;
        Self {
            id: Uuid::new_v4(),
            state: State::Queued,
            query,
            created: now,
            updated: now,
            attempts: 0,
            made_from: None,
            parts: Vec::new(),
            again,
            made: None,
            fetched: None,
            origin,
            format: FORMAT,
            owner,
            client,
            shares: None,
            withdrawn: None,
            expected_rows,
            large,
            result_bytes,
            callback,
            version: None,
        }
    }

    /// The job that has its work and its file: itself, or the one whose work it shares.
    pub fn work_id(&self) -> Uuid {
        self.shares.unwrap_or(self.id)
    }

    /// As the one who shares another job's work sees it, until its own record has an end.
    pub(super) fn seen_in(self, work: Option<Self>) -> Self {
        match work {
            _ if self.state.is_final() => self,
            None => Self { state: State::Expired, ..self },
            Some(work) => Self {
                state: match work.state {
                    // At the moment at which this one began to share it.
                    State::Cancelled { expires } => State::Failed {
                        reason: "The job whose work it shared was cancelled just then. Send the \
                                 query again."
                            .to_owned(),
                        retryable: true,
                        expires,
                    },
                    state => state,
                },
                updated: work.updated.max(self.updated),
                attempts: work.attempts,
                made_from: work.made_from,
                parts: work.parts,
                made: work.made,
                ..self
            },
        }
    }

    /// Whether its record is kept for good: its file was made, and somebody has fetched it, who may
    /// cite it.
    pub fn is_lasting(&self) -> bool {
        self.made.is_some() && self.fetched.is_some()
    }

    /// A citation of the file, ready to paste; `url` is that of the job, if it is known.
    pub fn citation(&self, url: Option<&str>) -> Option<String> {
        let Made { at, title, index, attribution, software, rows, bytes, sha256, .. } =
            self.made.as_ref()?;
        let day = at.strftime("%Y-%m-%d");
        let url = url.map_or(String::new(), |url| format!(" {url}"));
        Some(format!(
            "{attribution}. {title}; index: {index}. Made on {day} by {software}: {rows} rows, \
             {bytes} bytes, SHA-256 {sha256}.{url}"
        ))
    }
}

/// What is remembered of a file for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// When it was made.
    pub at: Timestamp,
    /// Its title: the kind of data, time range and countries.
    pub title: String,
    /// Its name.
    pub name: String,
    /// The index, with its version.
    pub index: String,
    /// The attribution of the data.
    pub attribution: String,
    /// The URLs of its licences.
    pub licences: Vec<String>,
    /// The software, with its version.
    pub software: String,
    /// The number of rows, without the header line.
    pub rows: u64,
    /// Of them, those with a flag of implausibility.
    pub doubtful: u64,
    /// Whether its limit cut off rows.
    pub truncated: bool,
    /// Readings that are not in it for their flags; unknown if its limit cut off rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// When the readings of its days were last fetched and stored, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Timestamp>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// The comparison with the file of the job that it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Comparison>,
}

impl Made {
    /// What is remembered of a file that was made now; `None` unless the state is done.
    pub(crate) fn of(
        state: &State,
        at: Timestamp,
        request: &QueryRequest,
        networks: &Networks,
    ) -> Option<Self> {
        let State::Done { rows, doubtful, truncated, left_out, bytes, ref sha256, .. } = *state
        else {
            return None;
        };
        let standard = request.query.standard;
        let licences = networks.licences(&request.query).into_iter().map(str::to_owned);
        let countries = request.query.countries.iter().map(ToString::to_string);
        let countries = countries.collect::<Vec<_>>().join(" ");
        let within = if countries.is_empty() { String::new() } else { format!(", {countries}") };
        Some(Self {
            at,
            title: format!(
                "Air-quality readings of particulate matter, {} to {}{within}",
                request.query.from, request.query.until
            ),
            name: request.file_name(),
            index: format!("{} ({standard})", standard.standard().name),
            attribution: networks.attribution(&request.query),
            licences: licences.collect(),
            software: store::SOFTWARE.to_owned(),
            rows,
            doubtful,
            truncated,
            left_out,
            stored: None,
            bytes,
            sha256: sha256.clone(),
            compared: None,
        })
    }
}

/// How a file differs from that of an earlier job with the same query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The earlier job.
    pub id: Uuid,
    /// Whether both files are the same, byte by byte.
    pub equal: bool,
    /// The earlier file.
    pub before: Before,
    /// The parts of the time range whose rows in the file have changed; of a file of an earlier
    /// version of Airshed, whose readings have, maybe others than those of the query. `None` if the
    /// store has no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<TimeRange>>,
}

/// An earlier file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// When it was made.
    pub at: Timestamp,
    /// Its software, whose version is part of some formats.
    pub software: String,
    /// Its attribution.
    pub attribution: String,
    /// Its number of rows.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// A time range, UTC, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// The first timestamp.
    pub from: Timestamp,
    /// The last timestamp.
    pub until: Timestamp,
}

/// A part of a time range, and the [version](View::version) of its readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The part.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The version of its readings.
    pub version: String,
    /// The hash of its rows in the file, once that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
}

impl Comparison {
    /// Compares a new file, with the hashes of its parts, with that of an earlier job; `None` if that
    /// has made none.
    pub(crate) async fn with(
        earlier: &Job,
        made: &Made,
        parts: &[Part],
        view: &dyn View,
    ) -> Result<Option<Self>, store::Error> {
        let Some(before) = &earlier.made else { return Ok(None) };
        let equal = before.sha256 == made.sha256;
        let before = Before {
            at: before.at,
            software: before.software.clone(),
            attribution: before.attribution.clone(),
            rows: before.rows,
            bytes: before.bytes,
            sha256: before.sha256.clone(),
        };
        let mut changed = (!earlier.parts.is_empty()).then(Vec::new);
        for Part { range, version, rows } in &earlier.parts {
            let now = parts.iter().find(|part| part.range == *range);
            let is_equal = match (rows, now.and_then(|now| now.rows.as_ref())) {
                (Some(rows), Some(now)) => rows == now,
                _ => view.version(range.from, range.until).await?.as_ref() == Some(version),
            };
            if let Some(changed) = changed.as_mut().filter(|_| !is_equal) {
                changed.push(*range);
            }
        }
        Ok(Some(Self { id: earlier.id, equal, before, changed }))
    }
}

/// The parts of a query's time range, each with the version of its readings in a view: those of the job
/// that is made again, otherwise its days, or equal numbers of days if there are too many. None if the
/// view has no versions.
pub(crate) async fn parts_of(
    request: &QueryRequest,
    earlier: Option<&Job>,
    view: &dyn View,
) -> Result<Vec<Part>, store::Error> {
    let ranges = match earlier.map(|job| job.parts.as_slice()).unwrap_or_default() {
        [] => {
            let whole = TimeRange { from: request.query.from, until: request.query.until };
            let extent = match whole.until.duration_since(whole.from) > WITHOUT_EXTENT {
                true => view.summary().await?.extent,
                false => Some((whole.from, whole.until)),
            };
            whole.parts(extent)
        }
        same => same.iter().map(|part| part.range).collect(),
    };
    let mut parts = Vec::new();
    for range in ranges {
        match view.version(range.from, range.until).await? {
            Some(version) => parts.push(Part { range, version, rows: None }),
            None => return Ok(Vec::new()),
        }
    }
    Ok(parts)
}

impl TimeRange {
    /// The days of the range that can have readings, or equal numbers of days if there are too many.
    /// Together the parts cover the range: the first and the last extend to its ends.
    fn parts(self, extent: Option<(Timestamp, Timestamp)>) -> Vec<Self> {
        let day = |moment: Timestamp| moment.as_second().div_euclid(SECONDS_A_DAY);
        let Some((oldest, newest)) = extent else { return vec![self] };
        let (first, last) = (day(self.from.max(oldest)), day(self.until.min(newest)));
        let step = (last - first).max(0) / MOST_PARTS + 1; // days in a part
        let starts = (1..MOST_PARTS).map(|number| first + number * step);
        let starts = starts.take_while(|day| *day <= last);
        let starts = starts.filter_map(|day| Timestamp::from_second(day * SECONDS_A_DAY).ok());
        let mut parts = Vec::new();
        let mut from = self.from;
        for start in starts {
            let until = Timestamp::from_second(start.as_second() - 1).unwrap_or(start);
            parts.push(Self { from, until });
            from = start;
        }
        parts.push(Self { from, until: self.until });
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    proptest! {
        #[test]
        fn the_parts_of_a_range_are_it(
            from in -4_000_000_000i64..4_000_000_000, length in 0i64..4_000_000_000,
            oldest in -4_000_000_000i64..4_000_000_000, age in 0i64..4_000_000_000,
        ) {
            let range = TimeRange { from: at(from), until: at(from + length) };
            for extent in [None, Some((at(oldest), at(oldest + age)))] {
                let parts = range.parts(extent);
                prop_assert!(parts.len() <= 62);
                prop_assert_eq!(parts[0].from, range.from);
                prop_assert_eq!(parts[parts.len() - 1].until, range.until);
                for pair in parts.windows(2) {
                    prop_assert_eq!(pair[0].until.as_second() + 1, pair[1].from.as_second());
                    prop_assert!(pair[1].from <= pair[1].until);
                    prop_assert_eq!(pair[1].from.as_second().rem_euclid(86_400), 0);
                }
            }
        }
    }

    #[test]
    fn up_to_two_months_a_part_is_a_day() {
        let (from, until) = (at(1_767_225_600 + 3600), at(1_767_225_600 + 86_400 * 3 + 5));
        let range = TimeRange { from, until };
        let parts = range.parts(Some((Timestamp::MIN, Timestamp::MAX)));
        let lengths: Vec<_> =
            parts.iter().map(|part| part.until.as_second() - part.from.as_second() + 1).collect();
        assert_eq!(lengths, [82_800, 86_400, 86_400, 6]);
        let everything = TimeRange { from: Timestamp::MIN, until: Timestamp::MAX };
        assert_eq!(everything.parts(Some((from, until))).len(), 4);
    }
}
