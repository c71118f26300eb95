//! What the parts measure of themselves, and who is told.
//!
//! [`names`] is the list of all metrics. [`prometheus`] starts measuring; [`Emf`] prints the
//! metrics that the list marks for CloudWatch as well; [`Watch`](crate::watch::Watch) looks at
//! what has to be looked at.

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

/// How often measured times are put into their buckets. Without that they would pile up where
/// nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts measuring, once a process; what `/metrics` shows of it. `None` when the
/// process measures with a recorder of its own.
pub fn prometheus() -> Option<PrometheusHandle> {
    start(None)
}

/// The same, for CloudWatch too. Has to come first: what the process was told to measure by
/// an earlier call, it keeps to.
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
    // To tell two of each event takes an allocation.
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
        // So that there is something to compare the first event with.
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

/// Looks at what the operating system knows of this process: memory, threads, files, time.
pub(crate) fn look_at_process() {
    static COLLECTOR: Mutex<Option<Collector>> = Mutex::new(None);
    let mut collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner);
    collector.get_or_insert_with(Collector::default).collect();
}
