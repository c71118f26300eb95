//! Metrics and their recorders.
//!
//! [`names`] lists all metrics. [`prometheus`] installs the recorder; [`Emf`] also prints the
//! metrics marked for CloudWatch; [`GaugeSampler`](crate::watch::GaugeSampler) samples gauges.

mod emf;
pub mod names;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use metrics_util::layers::FanoutBuilder;

pub use emf::Emf;
use names::{Kind, METRICS, SECONDS};

/// Interval of upkeep, which moves recorded durations into buckets. Without it they would
/// accumulate if `/metrics` is never scraped.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder, once per process; returns the handle for `/metrics`. `None` if the
/// process has installed another recorder.
pub fn prometheus() -> Option<PrometheusHandle> {
    start(None)
}

/// The same, also for CloudWatch. Must be called first: a recorder installed by an earlier call
/// stays.
pub fn prometheus_and_emf(emf: &Emf) -> Option<PrometheusHandle> {
    start(Some(emf))
}

fn start(emf: Option<&Emf>) -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| install(emf)).clone()
}

fn install(emf: Option<&Emf>) -> Option<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new().set_buckets(SECONDS).ok()?;
    for metric in METRICS {
        if let Kind::Histogram(buckets) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, buckets).ok()?;
        }
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // Reporting each event to two recorders takes an allocation.
    let installed = match emf {
        None => metrics::set_global_recorder(recorder).is_ok(),
        Some(emf) => {
            let both = FanoutBuilder::default().add_recorder(recorder).add_recorder(emf.recorder());
            metrics::set_global_recorder(both.build()).is_ok()
        }
    };
    if !installed {
        return None;
    }
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram(_) => describe_histogram!(metric.name, metric.unit, metric.help),
        }
        // Registered with 0, so that the first increment is visible.
        if metric.kind == Kind::Counter && metric.labels.is_empty() {
            metrics::counter!(metric.name).increment(0);
        }
    }
    Collector::default().describe();
    metrics::gauge!("airshed_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    let upkept = handle.clone();
    let upkeep = std::thread::Builder::new().name("metrics".to_owned());
    let upkeep = upkeep.spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkept.run_upkeep();
        }
    });
    upkeep.ok().map(|_| handle)
}

/// Samples the process metrics of the operating system: memory, threads, files, CPU time.
pub(crate) fn look_at_process() {
    static COLLECTOR: Mutex<Option<Collector>> = Mutex::new(None);
    let mut collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner);
    collector.get_or_insert_with(Collector::default).collect();
}
