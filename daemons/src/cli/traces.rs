//! Trace export by OTLP.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::Failure;

/// Exports the remaining spans when the daemon stops.
pub(super) struct Exporting(Option<SdkTracerProvider>);

/// Timeout of one export, also of the last one at shutdown.
const EXPORT_WITHIN: Duration = Duration::from_secs(3);

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(EXPORT_WITHIN)
        {
            tracing::warn!(reason = %error, "the last traces were not exported");
        }
    }
}

impl Exporting {
    /// Exports to the collector at a URL, if given.
    pub(super) fn new(url: Option<&str>, daemon: &'static str) -> Result<Self, Failure> {
        Ok(Self(url.map(|url| exporter(url, daemon)).transpose()?))
    }

    /// The layer that receives the spans.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.0.as_ref().map(|provider| {
            let ours = Targets::new().with_target("airshed", LevelFilter::INFO);
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("airshed"));
            layer.with_filter(ours)
        })
    }
}

fn exporter(url: &str, daemon: &'static str) -> Result<SdkTracerProvider, Failure> {
    let url = url.trim_end_matches('/');
    let endpoint = match url.ends_with("/v1/traces") {
        true => url.to_owned(),
        false => format!("{url}/v1/traces"),
    };
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint);
    let exporter = exporter.with_timeout(EXPORT_WITHIN).build()?;
    let resource = Resource::builder().with_service_name(format!("airshed-{daemon}"));
    let builder = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(builder.with_resource(resource.build()).build())
}
