//! CloudWatch's embedded metric format: lines of JSON from which CloudWatch Logs extracts metrics
//! (specification: "Embedded metric format" in the Amazon CloudWatch User Guide).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};
use metrics_util::registry::{AtomicStorage, Registry};
use serde_json::{Map, Value, json};

use super::names::{Dimension, METRICS, Metric};

/// Maximum number of values of one metric in one line.
const MOST_VALUES: usize = 100;

/// Collects the metrics for CloudWatch. Clones share their state.
#[derive(Clone)]
pub struct Emf {
    registry: Arc<Registry<Key, AtomicStorage>>,
    namespace: String,
    daemon: &'static str,
}

impl Emf {
    /// For a daemon, in a CloudWatch namespace.
    pub fn new(namespace: impl Into<String>, daemon: &'static str) -> Self {
        let registry = Arc::new(Registry::new(AtomicStorage));
        Self { registry, namespace: namespace.into(), daemon }
    }

    pub(super) fn recorder(&self) -> impl Recorder + use<> {
        Filter(Arc::clone(&self.registry))
    }

    /// The changes since the last call, as lines: one for each value of a dimension.
    ///
    /// Counters report their increase. If there are more values than the format allows, a hundred
    /// with the same percentiles are reported; their number is reported by counters.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines: BTreeMap<Option<(String, String)>, Line> = BTreeMap::new();
        let mut add = |key: &Key, value: Value| {
            let Some(metric) = metric(key.name()) else { return };
            let label = key.labels().next();
            let dimension = match metric.cloudwatch {
                Some(Dimension::Daemon) => Some(("Daemon".to_owned(), self.daemon.to_owned())),
                _ => label.map(|label| (label.key().to_owned(), label.value().to_owned())),
            };
            let line = lines.entry(dimension).or_default();
            line.definitions.push(json!({ "Name": metric.name, "Unit": unit(metric.unit) }));
            line.values.insert(metric.name.to_owned(), value);
        };
        self.registry.visit_counters(|key, counter| add(key, counter.swap(0, Relaxed).into()));
        self.registry.visit_gauges(|key, gauge| {
            add(key, f64::from_bits(gauge.load(Relaxed)).into());
        });
        self.registry.visit_histograms(|key, histogram| {
            let mut values = Vec::new();
            histogram.clear_with(|some| values.extend_from_slice(some));
            if !values.is_empty() {
                add(key, representatives(values).into());
            }
        });
        let write = |(dimension, line)| self.write(now, dimension, line);
        lines.into_iter().map(write).collect()
    }

    fn write(&self, now: Timestamp, dimension: Option<(String, String)>, line: Line) -> String {
        let names: Vec<_> = dimension.iter().map(|(name, _)| name).collect();
        let mut root = line.values;
        root.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [names],
                    "Metrics": line.definitions,
                }],
            }),
        );
        root.extend(dimension.map(|(name, value)| (name, value.into())));
        Value::Object(root).to_string()
    }
}

#[derive(Default)]
struct Line {
    definitions: Vec<Value>,
    values: Map<String, Value>,
}

fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name && metric.cloudwatch.is_some())
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "Seconds",
        Unit::Bytes => "Bytes",
        _ => "Count",
    }
}

/// At most as many values as the format allows: the medians of equal parts of the sorted values.
fn representatives(mut values: Vec<f64>) -> Vec<f64> {
    if values.len() <= MOST_VALUES {
        return values;
    }
    values.sort_unstable_by(f64::total_cmp);
    let middle = |part: usize| values[(2 * part + 1) * values.len() / (2 * MOST_VALUES)];
    (0..MOST_VALUES).map(middle).collect()
}

/// Stores the metrics for CloudWatch, by their dimension.
struct Filter(Arc<Registry<Key, AtomicStorage>>);

impl Filter {
    fn reduced(key: &Key) -> Option<Key> {
        let kept = match metric(key.name())?.cloudwatch {
            Some(Dimension::Label(name)) => key.labels().find(|label| label.key() == name),
            _ => None,
        };
        let labels: Vec<Label> = kept.into_iter().cloned().collect();
        Some(Key::from_parts(key.name().to_owned(), labels))
    }
}

impl Recorder for Filter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let key = Self::reduced(key);
        let kept = key.map(|key| self.0.get_or_create_counter(&key, |kept| kept.clone().into()));
        kept.unwrap_or_else(Counter::noop)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let key = Self::reduced(key);
        let kept = key.map(|key| self.0.get_or_create_gauge(&key, |kept| kept.clone().into()));
        kept.unwrap_or_else(Gauge::noop)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let key = Self::reduced(key);
        let kept = key.map(|key| self.0.get_or_create_histogram(&key, |kept| kept.clone().into()));
        kept.unwrap_or_else(Histogram::noop)
    }
}
