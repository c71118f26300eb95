use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use airshed::telemetry::{self, Emf};
use airshed::watch::{self, GaugeSampler};
use airshed::{Clock, Disk};
use clap::Args;
use metrics_exporter_prometheus::PrometheusHandle;
use queue::Queues;
use store::Store;
use tokio::net::TcpListener;

use super::Failure;
use super::settings::{address, listen_on};
use super::tasks::Tasks;

/// Options for exporting metrics.
#[derive(Args)]
pub(super) struct MetricsFlags {
    /// How metrics are exported: prometheus, at /metrics; emf or emf:NAMESPACE, additionally
    /// printed for CloudWatch on standard output every minute.
    #[arg(long, env = "AIRSHED_METRICS", default_value = "prometheus", value_name = "HOW")]
    metrics: How,
    /// Address and port of a separate server for /metrics and /healthz.
    #[arg(long, env = "AIRSHED_METRICS_LISTEN", value_name = "ADDRESS", value_parser = address)]
    metrics_listen: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum How {
    Prometheus,
    Emf { namespace: String },
}

impl FromStr for How {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#:".contains(&byte);
        let allowed = |name: &str| (1..=255).contains(&name.len()) && name.bytes().all(plain);
        match text.split_once(':') {
            None if text == "prometheus" => Ok(Self::Prometheus),
            None if text == "emf" => Ok(Self::Emf { namespace: "Airshed".to_owned() }),
            Some(("emf", name)) if allowed(name) && !name.starts_with("AWS/") => {
                Ok(Self::Emf { namespace: name.to_owned() })
            }
            _ => Err("expected prometheus, emf, or emf:NAMESPACE (letters, digits and ._-/#:)"),
        }
    }
}

/// The running metrics exporters.
pub(super) struct Measuring {
    handle: PrometheusHandle,
    emf: Option<Emf>,
    listener: Option<TcpListener>,
}

impl MetricsFlags {
    /// Installs the recorders; must run before anything records metrics.
    pub(super) async fn start(&self, daemon: &'static str) -> Result<Measuring, Failure> {
        let emf = match &self.metrics {
            How::Prometheus => None,
            How::Emf { namespace } => Some(Emf::new(namespace, daemon)),
        };
        let handle = match &emf {
            Some(emf) => telemetry::prometheus_and_emf(emf),
            None => telemetry::prometheus(),
        };
        let handle = handle.ok_or("cannot install the metrics recorder")?;
        let listener = match &self.metrics_listen {
            None => None,
            Some(address) => {
                let listener = listen_on(address).await.map_err(|error| {
                    format!(
                        "cannot serve metrics on {address}: {error}; choose another \
                         --metrics-listen"
                    )
                })?;
                let address = listener.local_addr()?;
                tracing::info!(address = %format!("http://{address}/metrics"), "metrics");
                Some(listener)
            }
        };
        Ok(Measuring { handle, emf, listener })
    }
}

impl Measuring {
    /// Adds the exporter tasks.
    pub(super) fn watch(
        self,
        tasks: &mut Tasks,
        store: Option<&Arc<dyn Store>>,
        queues: Option<&Queues>,
        disk: &Disk,
        clock: &Clock,
    ) -> Arc<GaugeSampler> {
        let (store, clock) = (store.cloned(), clock.clone());
        let watch = GaugeSampler::new(self.handle, store, queues.cloned(), clock);
        let watch = Arc::new(watch.with_disk(disk.clone()));
        if let Some(emf) = self.emf {
            let print = |line: &str| {
                // A closed standard output is not an error.
                let _ = writeln!(std::io::stdout(), "{line}");
            };
            let stop = tasks.stop.clone();
            tasks.add("emf", watch::report_to_cloudwatch(Arc::clone(&watch), emf, print, stop));
        }
        if let Some(listener) = self.listener {
            let stop = tasks.stop.clone();
            tasks.add("metrics", watch::serve(Arc::clone(&watch), listener, stop));
        }
        watch
    }
}

#[cfg(test)]
mod tests {
    use super::How;

    #[test]
    fn namespaces_are_those_that_cloudwatch_takes() {
        let emf = |namespace: &str| Ok(How::Emf { namespace: namespace.to_owned() });
        assert_eq!("emf".parse(), emf("Airshed"));
        assert_eq!("emf:city/airshed".parse(), emf("city/airshed"));
        for wrong in ["", "emf:", "emf:AWS/EC2", "emf:a b", "statsd"] {
            assert!(wrong.parse::<How>().is_err(), "{wrong}");
        }
    }
}
