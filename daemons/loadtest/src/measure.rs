//! Counters and latencies of one step.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Step;
use super::client::{Failure, File};

/// The maximum recorded time, an hour, in µs; and the number of significant digits.
const LONGEST_MICROS: u64 = 3_600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// The percentiles of the distribution, as fractions.
const SHARES: [f64; 22] = [
    0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99,
    0.995, 0.999, 0.9995, 0.9999, 1.0,
];

/// The results of a step. Times, in seconds, are of requests whose file is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// The open-loop rate in requests per second, if any.
    pub rate: Option<f64>,
    /// Requests with a complete and correct file.
    pub success: u64,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// The duration of the step.
    pub seconds: f64,
    /// The response times.
    pub times: Times,
    /// Percentiles of the response time.
    pub distribution: Vec<(f64, f64)>,
    /// Direct responses.
    pub direct: u64,
    /// Responses by a job.
    pub by_job: u64,
    /// Rows of all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// CPU time of the tester per request in µs, if the system provides it.
    pub tester_micros: Option<f64>,
}

impl Measured {
    /// The number of failed requests.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// A rate per second.
    pub fn a_second(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }
}

/// Response times in seconds; all 0 if no request succeeded.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are self-explanatory
pub struct Times {
    pub average: f64,
    pub minimum: f64,
    pub maximum: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
}

/// A running step.
pub struct Progress<'a> {
    /// The step.
    pub step: Step,
    /// Finished requests.
    pub done: u64,
    /// Failed requests.
    pub errors: u64,
    /// Time since the start of the step.
    pub elapsed: Duration,
    times: &'a Histogram<u64>,
}

impl Progress<'_> {
    /// A percentile of the response time so far.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.times.value_at_quantile(share))
    }
}

/// The recorder of a step's clients.
pub(super) struct Recorder {
    step: Step,
    rate: Option<f64>,
    begun: Instant,
    cpu_before: Option<Duration>,
    counts: Mutex<Counts>,
}

struct Counts {
    times: Histogram<u64>,
    errors: BTreeMap<Failure, u64>,
    by_job: u64,
    rows: u64,
    bytes: u64,
}

impl Recorder {
    pub(super) fn new(step: Step, rate: Option<f64>) -> Self {
        let times = Histogram::new_with_max(LONGEST_MICROS, SIGNIFICANT_DIGITS);
        let times = times.expect("the constants are within the bounds");
        let (errors, by_job, rows, bytes) = (BTreeMap::new(), 0, 0, 0);
        let counts = Mutex::new(Counts { times, errors, by_job, rows, bytes });
        Self { step, rate, begun: Instant::now(), cpu_before: cpu_time(), counts }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, took: Duration, answer: Result<File, Failure>, expected: &File) {
        let answer = answer.and_then(|file| match file.reference() == expected.reference() {
            true => Ok(file),
            false => Err(Failure::Wrong),
        });
        let mut counts = self.counts();
        match answer {
            Ok(file) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                counts.times.saturating_record(micros);
                counts.by_job += u64::from(file.by_job);
                counts.rows += file.rows;
                counts.bytes += file.bytes;
            }
            Err(failure) => *counts.errors.entry(failure).or_default() += 1,
        }
    }

    pub(super) fn report(&self, progress: &impl Fn(&Progress<'_>)) {
        let counts = self.counts();
        let errors = counts.errors.values().sum();
        progress(&Progress {
            step: self.step,
            done: counts.times.len() + errors,
            errors,
            elapsed: self.begun.elapsed(),
            times: &counts.times,
        });
    }

    pub(super) fn measured(&self) -> Measured {
        let counts = self.counts();
        let seconds = self.begun.elapsed().as_secs_f64();
        let times = &counts.times;
        let at = |share: f64| times.value_at_quantile(share) as f64 / 1e6;
        let success = times.len();
        let done = success + counts.errors.values().sum::<u64>();
        let cpu = cpu_time().zip(self.cpu_before).map(|(now, before)| now.saturating_sub(before));
        let summary = match success {
            0 => Times::default(),
            _ => Times {
                // As precise as the recorded values.
                average: times.mean().round() / 1e6,
                minimum: times.min() as f64 / 1e6,
                maximum: times.max() as f64 / 1e6,
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
            },
        };
        Measured {
            step: self.step,
            rate: self.rate,
            success,
            errors: counts.errors.iter().map(|(kind, n)| (kind.to_string(), *n)).collect(),
            seconds,
            times: summary,
            distribution: match success {
                0 => Vec::new(),
                _ => SHARES.iter().map(|share| (*share, at(*share))).collect(),
            },
            direct: success - counts.by_job,
            by_job: counts.by_job,
            rows: counts.rows,
            bytes: counts.bytes,
            tester_micros: cpu
                .filter(|_| done > 0)
                .map(|cpu| (cpu.as_secs_f64() * 1e6 / done as f64).round()),
        }
    }
}

/// The CPU time of this process so far, on Linux.
fn cpu_time() -> Option<Duration> {
    /// `/proc` counts in hundredths of a second on Linux (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Parsed after the name in parentheses, which may contain anything: fields 14 and 15 are user
    // and system time.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let ticks: u32 = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}
