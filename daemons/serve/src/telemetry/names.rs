//! Every metric: its name, kind, unit, help, labels, and whether CloudWatch gets it.

use metrics::Unit;

/// One metric of ours.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As Prometheus and CloudWatch know it.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// What it says.
    pub help: &'static str,
    /// What its values are told apart by.
    pub labels: &'static [&'static str],
    /// What of it goes to CloudWatch, where each metric and dimension has its price.
    pub cloudwatch: Option<Dimension>,
}

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by size, up to each of these.
    Histogram(&'static [f64]),
}

/// What CloudWatch tells the values of a metric apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// By nothing: all together.
    None,
    /// By one label; the others are taken together.
    Label(&'static str),
    /// By the daemon, as `Daemon`.
    Daemon,
}

/// Buckets for what takes time.
pub const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

const LONG_SECONDS: &[f64] =
    &[0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

const ROWS: &[f64] = &[0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7];

const UNITS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 128.0];

/// All of them. What the process uses (`process_…`) comes from the operating system, under
/// Prometheus' names; of those only the one that CloudWatch gets is here.
pub const METRICS: &[Metric] = &[
    // In.
    counter("airshed_fetches_total", "Fetches of the feed, by outcome: ok, unchanged, failed.")
        .by(&["outcome"], Some(Dimension::Label("outcome"))),
    seconds("airshed_fetch_seconds", LONG_SECONDS, "Time that a fetch took, stored and all.")
        .by(&["outcome"], None),
    counter("airshed_feed_bytes_total", "Length of the feed's files that were read.")
        .in_unit(Unit::Bytes),
    counter("airshed_records_total", "Records of the feed, by outcome: stored, skipped, refused.")
        .by(&["outcome"], Some(Dimension::Label("outcome"))),
    gauge("airshed_data_age_seconds", Unit::Seconds, "Age of the newest reading.")
        .by(&[], Some(Dimension::None)),
    gauge("airshed_readings", Unit::Count, "Readings in the store."),
    // The store.
    seconds("airshed_store_seconds", SECONDS, "Time of a call, by operation and outcome.")
        .by(&["operation", "outcome"], None),
    counter("airshed_store_rows_total", "Rows put, deleted, or found, by operation.")
        .by(&["operation"], None),
    counter("airshed_cache_total", "Questions to a cache, by cache and outcome: hit, miss.")
        .by(&["cache", "outcome"], None),
    histogram(
        "airshed_dynamodb_capacity_units",
        UNITS,
        "Capacity units that a call to DynamoDB consumed, by kind: read, write.",
    )
    .by(&["kind"], None),
    counter("airshed_throttles_total", "Calls refused for want of capacity, by service.")
        .by(&["service"], Some(Dimension::None)),
    // Out.
    counter(
        "airshed_queries_total",
        "Queries, by path: direct, job, same job (as an earlier query), refused.",
    )
    .by(&["path"], Some(Dimension::Label("path"))),
    seconds(
        "airshed_query_seconds",
        LONG_SECONDS,
        "Time from a query to its file, by path: direct (handed out whole), job (ready).",
    )
    .by(&["path"], Some(Dimension::Label("path"))),
    histogram("airshed_query_rows", ROWS, "Rows in the answers to queries, by path: direct, job.")
        .by(&["path"], None),
    gauge("airshed_queries_in_flight", Unit::Count, "Queries being answered directly now.")
        .by(&[], Some(Dimension::None)),
    counter("airshed_answers_cut_total", "Answers that were broken off.")
        .by(&[], Some(Dimension::None)),
    counter("airshed_http_requests_total", "HTTP requests, by route and status.")
        .by(&["route", "status"], Some(Dimension::None)),
    counter("airshed_http_errors_total", "HTTP requests answered with a status of 500 or more.")
        .by(&[], Some(Dimension::None)),
    seconds(
        "airshed_http_request_seconds",
        SECONDS,
        "Time to the first byte of an answer, by route.",
    )
    .by(&["route"], None),
    counter("airshed_http_response_bytes_total", "Bytes of answers' bodies, as they were sent.")
        .in_unit(Unit::Bytes),
    // Jobs.
    counter(
        "airshed_jobs_total",
        "Jobs, by the state they came to: queued, running, done, failed, cancelled.",
    )
    .by(&["state"], Some(Dimension::Label("state"))),
    gauge("airshed_jobs", Unit::Count, "Jobs that are remembered, by state.").by(&["state"], None),
    gauge("airshed_job_age_seconds", Unit::Seconds, "Age of the oldest job in a state.")
        .by(&["state"], None),
    gauge("airshed_queue_waiting", Unit::Count, "Messages that wait, by queue: requests, dead.")
        .by(&["queue"], Some(Dimension::Label("queue"))),
    gauge(
        "airshed_queue_messages",
        Unit::Count,
        "Those, and messages being worked on, by queue: requests, dead.",
    )
    .by(&["queue"], Some(Dimension::Label("queue"))),
    gauge(
        "airshed_queue_oldest_seconds",
        Unit::Seconds,
        "Time that the oldest message has waited, by queue; SQS tells only CloudWatch.",
    )
    .by(&["queue"], None),
    // What AWS counts.
    counter("airshed_sqs_requests_total", "Requests to SQS, by queue.").by(&["queue"], None),
    counter("airshed_s3_requests_total", "Requests to S3, by kind: write, read, delete.")
        .by(&["kind"], None),
    // The process.
    gauge("airshed_build_info", Unit::Count, "1, by version.").by(&["version"], None),
    gauge("process_resident_memory_bytes", Unit::Bytes, "Resident memory size in bytes.")
        .by(&[], Some(Dimension::Daemon)),
];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Counter;
    Metric { name, kind, unit: Unit::Count, help, labels: &[], cloudwatch: None }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, labels: &[], cloudwatch: None }
}

const fn histogram(name: &'static str, buckets: &'static [f64], help: &'static str) -> Metric {
    let kind = Kind::Histogram(buckets);
    Metric { name, kind, unit: Unit::Count, help, labels: &[], cloudwatch: None }
}

const fn seconds(name: &'static str, buckets: &'static [f64], help: &'static str) -> Metric {
    histogram(name, buckets, help).in_unit(Unit::Seconds)
}

impl Metric {
    const fn by(self, labels: &'static [&'static str], cloudwatch: Option<Dimension>) -> Self {
        Self { labels, cloudwatch, ..self }
    }

    const fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}
