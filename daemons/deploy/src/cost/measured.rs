use std::collections::HashMap;

use prometheus_parse::{Scrape, Value};

use super::usage::{self, MONTH_DAYS};
use super::{Capacity, Line, Work};

/// The counters of the daemons of a running system, and their time span.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    sums: HashMap<String, f64>,
    /// Time span of the counters in days.
    pub days: f64,
}

/// The counters are not Airshed's, or cover too short a time.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadCounters(String);

/// The shortest time span that can be extrapolated to a month.
const LEAST_DAYS: f64 = 1.0 / 1440.0;

impl Counters {
    /// Parses the `/metrics` response of each daemon. `now`: seconds since 1970. `days`: the time
    /// span of the counters; default: the time since the first daemon started.
    pub fn read(texts: &[String], now: f64, days: Option<f64>) -> Result<Self, BadCounters> {
        let mut sums: HashMap<String, f64> = HashMap::new();
        let mut begun = now;
        for text in texts {
            let lines = text.lines().map(|line| Ok(line.to_owned()));
            let scrape = Scrape::parse(lines)
                .map_err(|error| BadCounters(format!("the metrics cannot be read: {error}")))?;
            if !scrape.samples.iter().any(|sample| sample.metric.starts_with("airshed_")) {
                let message = "these are not metrics of Airshed; expected the URL of /metrics";
                return Err(BadCounters(message.to_owned()));
            }
            for sample in scrape.samples {
                let value = match sample.value {
                    Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
                    _ => continue,
                };
                let name = sample.metric.as_str();
                if name == "process_start_time_seconds" {
                    begun = begun.min(value);
                }
                let label = ["kind", "operation", "path", "queue", "outcome"];
                let label = label.iter().find_map(|name| sample.labels.get(name));
                *sums.entry(name.to_owned()).or_default() += value;
                if let Some(label) = label {
                    *sums.entry(format!("{name} {label}")).or_default() += value;
                }
            }
        }
        let days = days.unwrap_or((now - begun) / 86_400.0);
        if days < LEAST_DAYS {
            let message = "the system has run for less than a minute: retry later, or set --over \
                           to the time span of its counters";
            return Err(BadCounters(message.to_owned()));
        }
        Ok(Self { sums, days })
    }

    fn sum(&self, name: &str) -> f64 {
        self.sums.get(name).copied().unwrap_or_default()
    }

    /// The work according to the counters; values that are not counted are as given.
    pub fn work(&self, given: &Work) -> Work {
        let a_day = |count: f64| count / self.days;
        let fetches = a_day(self.sum("airshed_fetches_total ok"));
        let put = a_day(self.sum("airshed_store_rows_total put"));
        let of = |path: &str| self.sum(&format!("airshed_queries_total {path}"));
        let jobs = of("job") + of("same job");
        let queries = of("direct") + jobs;
        let rows = self.sum("airshed_query_rows_sum");
        Work {
            sensors: if fetches > 0.0 { put / fetches } else { 0.0 },
            fetches,
            queries: a_day(queries),
            rows: if queries > 0.0 { rows / queries } else { 0.0 },
            jobs: if queries > 0.0 { jobs / queries } else { 0.0 },
            ..given.clone()
        }
    }

    /// Monthly usage at this rate: counted where counters exist; storage, machines and monitoring
    /// as in the estimate for the same work.
    pub fn usage(&self, work: &Work) -> Vec<Line> {
        let month = |name: &str| self.sum(name) / self.days * MONTH_DAYS;
        let counted = |what: &str, price: &str, name: &str, scale: f64| {
            let formula = format!("{name}: {} in {}", self.sum(name), self.time());
            let quantity = month(name) * scale;
            Line { what: what.to_owned(), quantity, price: price.to_owned(), formula }
        };
        const UNITS: &str = "airshed_dynamodb_capacity_units_sum";
        let mut lines = Vec::new();
        if work.capacity == Capacity::OnDemand {
            let (write, read) = (format!("{UNITS} write"), format!("{UNITS} read"));
            lines.push(counted("table: written", "dynamodb_write_unit", &write, 1.0));
            lines.push(counted("table: read", "dynamodb_read_unit", &read, 1.0));
        }
        lines.push(counted("queues", "sqs_request", "airshed_sqs_requests_total", 1.0));
        let s3 = "airshed_s3_requests_total";
        let (write, read) = (format!("{s3} write"), format!("{s3} read"));
        lines.push(counted("results: written", "s3_write_request", &write, 1.0));
        lines.push(counted("results: read", "s3_read_request", &read, 1.0));
        let sent = "airshed_http_response_bytes_total";
        lines.push(counted("data to the internet", "data_out_gb", sent, 1.0 / 1_073_741_824.0));
        let is_counted = |line: &Line| {
            ["dynamodb_write_unit", "dynamodb_read_unit", "sqs_request", "data_out_gb"]
                .contains(&line.price.as_str())
                || line.price.starts_with("s3_") && line.price.ends_with("_request")
        };
        lines.extend(usage::ours(work).into_iter().filter(|line| !is_counted(line)));
        lines
    }

    /// The time span of the counters, for display.
    pub fn time(&self) -> String {
        match self.days {
            days if days >= 2.0 => format!("{days:.1} days"),
            days if days >= 0.1 => format!("{:.1} hours", days * 24.0),
            days => format!("{:.1} minutes", days * 1440.0),
        }
    }

    /// Caveats for extrapolating the counters to a month.
    pub fn caveats(&self) -> Vec<&'static str> {
        let mut caveats = Vec::new();
        if self.days < 1.0 {
            caveats.push(
                "The counters cover less than a day: a fetch, or a quiet night, is \
                          over- or under-represented.",
            );
        }
        if self.sum("airshed_dynamodb_capacity_units_sum") == 0.0 {
            caveats.push(
                "No call to DynamoDB was counted: these daemons use another store, or \
                          other daemons do the work.",
            );
        }
        caveats
    }
}
