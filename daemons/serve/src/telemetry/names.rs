//! Every metric: its name, kind, unit, help, labels, and whether CloudWatch gets it.

use metrics::Unit;

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in Prometheus and CloudWatch.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// Its help text.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// Its dimension in CloudWatch, where each metric and dimension is billed; `None`: not
    /// exported.
    pub cloudwatch: Option<Dimension>,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A counter.
    Counter,
    /// A gauge.
    Gauge,
    /// A histogram with these upper bounds.
    Histogram(&'static [f64]),
}

/// The dimension of a metric in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// None: the total.
    None,
    /// One label; the sum over the others.
    Label(&'static str),
    /// The daemon, as `Daemon`.
    Daemon,
}

/// Buckets of durations.
pub const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

const LONG_SECONDS: &[f64] =
    &[0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

const ROWS: &[f64] = &[0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7];

const UNITS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 128.0];

/// All metrics. Process metrics (`process_…`) come from the operating system, under Prometheus'
/// names; of those only the one for CloudWatch is listed here.
pub const METRICS: &[Metric] = &[
    // In.
    counter("airshed_fetches_total", "Fetches of the feed, by outcome: ok, unchanged, failed.")
        .by(&["outcome"], Some(Dimension::Label("outcome"))),
    seconds("airshed_fetch_seconds", LONG_SECONDS, "Duration of a fetch, including storing.")
        .by(&["outcome"], None),
    counter("airshed_feed_bytes_total", "Bytes of feed files read.").in_unit(Unit::Bytes),
    counter("airshed_records_total", "Records of the feed, by outcome: stored, skipped, refused.")
        .by(&["outcome"], Some(Dimension::Label("outcome"))),
    counter("airshed_pushes_total", "Pushed measurements, by outcome: stored, refused, failed.")
        .by(&["outcome"], None),
    counter("airshed_means_total", "Means of samples stored: new ones, and corrected ones."),
    counter("airshed_late_samples_total", "Samples that came too late to correct a mean."),
    gauge(
        "airshed_data_age_seconds",
        Unit::Seconds,
        "Data age: median age of the sensors' \
                                                      newest readings.",
    )
    .by(&[], Some(Dimension::None)),
    gauge("airshed_readings", Unit::Count, "Number of stored readings."),
    counter(
        "airshed_access_log_dropped_total",
        "Lines of the access log that could not be written.",
    ),
    counter(
        "airshed_slow_clients_total",
        "Connections closed because their clients read too slowly.",
    ),
    counter(
        "airshed_refused_connections_total",
        "Connections closed at once, since their client or all clients had too many.",
    ),
    counter("airshed_callbacks_total", "Callbacks of jobs that have ended, by sent: true, false.")
        .by(&["sent"], None),
    gauge("airshed_results_bytes", Unit::Bytes, "Size of all results."),
    // The store.
    seconds(
        "airshed_store_seconds",
        SECONDS,
        "Duration of store operations, by operation and \
                                               outcome.",
    )
    .by(&["operation", "outcome"], None),
    counter("airshed_store_rows_total", "Rows put, deleted, or returned, by store operation.")
        .by(&["operation"], None),
    counter("airshed_cache_total", "Cache lookups, by cache and outcome: hit, miss.")
        .by(&["cache", "outcome"], None),
    histogram(
        "airshed_dynamodb_capacity_units",
        UNITS,
        "Capacity units consumed per DynamoDB call, by kind: read, write.",
    )
    .by(&["kind"], None),
    counter("airshed_throttles_total", "Throttled calls, by service.")
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
        "Time from a query to its file, by path: direct (fully sent), job (ready).",
    )
    .by(&["path"], Some(Dimension::Label("path"))),
    histogram("airshed_query_rows", ROWS, "Rows per response, by path: direct, job.")
        .by(&["path"], None),
    gauge("airshed_queries_in_flight", Unit::Count, "Direct responses in progress.")
        .by(&[], Some(Dimension::None)),
    counter("airshed_answers_cut_total", "Aborted responses.").by(&[], Some(Dimension::None)),
    counter("airshed_http_requests_total", "HTTP requests, by route and status.")
        .by(&["route", "status"], Some(Dimension::None)),
    counter("airshed_http_errors_total", "HTTP responses with a status of 500 or more.")
        .by(&[], Some(Dimension::None)),
    seconds(
        "airshed_http_request_seconds",
        SECONDS,
        "Time to first byte of HTTP responses, by route.",
    )
    .by(&["route"], None),
    counter(
        "airshed_http_response_bytes_total",
        "Bytes of HTTP response bodies sent, after \
                                                  compression.",
    )
    .in_unit(Unit::Bytes),
    // Jobs.
    counter(
        "airshed_jobs_total",
        "Job state transitions, by new state: queued, running, done, failed, cancelled.",
    )
    .by(&["state"], Some(Dimension::Label("state"))),
    gauge("airshed_jobs", Unit::Count, "Job records, by state.").by(&["state"], None),
    gauge("airshed_job_age_seconds", Unit::Seconds, "Age of the oldest job, by state.")
        .by(&["state"], None),
    gauge("airshed_queue_waiting", Unit::Count, "Messages waiting, by queue: requests, dead.")
        .by(&["queue"], Some(Dimension::Label("queue"))),
    gauge(
        "airshed_queue_messages",
        Unit::Count,
        "Messages waiting or in flight, by queue: requests, dead.",
    )
    .by(&["queue"], Some(Dimension::Label("queue"))),
    gauge(
        "airshed_queue_oldest_seconds",
        Unit::Seconds,
        "Age of the oldest waiting message, by queue; for SQS only in CloudWatch.",
    )
    .by(&["queue"], None),
    // The disk.
    gauge("airshed_disk_free_bytes", Unit::Bytes, "Free bytes on the disk of the readings."),
    gauge(
        "airshed_disk_reserve_bytes",
        Unit::Bytes,
        "Bytes of the disk that only readings may use (--reserve).",
    ),
    // What AWS counts.
    counter("airshed_sqs_requests_total", "Requests to SQS, by queue.").by(&["queue"], None),
    counter("airshed_s3_requests_total", "Requests to S3, by kind: write, read, delete.")
        .by(&["kind"], None),
    // The process.
    gauge("airshed_build_info", Unit::Count, "Constant 1, by version.").by(&["version"], None),
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
