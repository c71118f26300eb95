//! What the parts measure of themselves: names, units and help of every metric.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const COUNTERS: &[(&str, &str)] = &[
    ("airshed_fetches_total", "Fetches of the feed by outcome: ok, unchanged, failed."),
    ("airshed_records_total", "Records of the feed by outcome: stored, skipped, refused."),
    ("airshed_queries_total", "Queries by path: direct, job, refused."),
    ("airshed_query_rows_total", "Rows answered directly."),
    (
        "airshed_store_rows_total",
        "Rows put into, deleted from or found in the store, by operation.",
    ),
    ("airshed_answers_cut_total", "Direct answers that were broken off."),
    ("airshed_jobs_total", "Jobs by the state they came to: queued, running, done, failed."),
    ("airshed_http_requests_total", "HTTP requests by route and status."),
];

const GAUGES: &[(&str, &str)] = &[
    ("airshed_readings", "Readings in the store."),
    ("airshed_data_age_seconds", "Age of the newest reading."),
    ("airshed_queries_in_flight", "Queries being answered directly now."),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    ("airshed_store_seconds", "Time that a call of the store took, by operation and outcome."),
    ("airshed_http_request_seconds", "Time to the first byte of an answer, by route."),
];

const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Starts measuring, once a process; what `/metrics` shows of it. `None` when the
/// process measures with a recorder of its own.
pub fn prometheus() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(SECONDS).ok()?;
        let handle = builder.install_recorder().ok()?;
        COUNTERS.iter().for_each(|(name, help)| describe_counter!(*name, *help));
        GAUGES.iter().for_each(|(name, help)| describe_gauge!(*name, *help));
        for (name, help) in HISTOGRAMS {
            describe_histogram!(*name, Unit::Seconds, *help);
        }
        Some(handle)
    });
    handle.clone()
}
