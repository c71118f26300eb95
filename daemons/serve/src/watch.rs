//! Samples gauges at scrape time: data age, queue depth.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airshed_common::{Clock, Disk, reason};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use queue::{Depth, Queues};
use store::Store;
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::freshness::Freshness;
use crate::telemetry::{Emf, look_at_process};

/// How long a sample of remote queues is reused: each sample is a billed request.
const LOOK_HOLDS: Duration = Duration::from_secs(30);

/// Interval of export to CloudWatch: its own resolution.
const EMF_EVERY: Duration = Duration::from_secs(60);

/// Timeout of sampling before an export to CloudWatch.
const LONGEST_SAMPLE: Duration = Duration::from_secs(3);

/// The content type of `/metrics`: Prometheus' text format.
pub(crate) const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The gauges that are sampled at each scrape.
pub struct GaugeSampler {
    metrics: PrometheusHandle,
    store: Option<(Arc<dyn Store>, Freshness)>,
    queues: Option<Queues>,
    clock: Clock,
    disk: Disk,
    looked_at_queues: Mutex<Option<Instant>>,
}

impl GaugeSampler {
    /// A sampler of a store and of queues; each is optional, if another process samples it.
    pub fn new(
        metrics: PrometheusHandle,
        store: Option<Arc<dyn Store>>,
        queues: Option<Queues>,
        clock: Clock,
    ) -> Self {
        let store =
            store.map(|store| (Arc::clone(&store), Freshness::new(store, clock.clone(), None)));
        let (disk, looked_at_queues) = Default::default();
        Self { metrics, store, queues, clock, disk, looked_at_queues }
    }

    /// Also samples a disk.
    #[must_use]
    pub fn with_disk(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// All metrics in Prometheus' text format. A gauge that cannot be sampled keeps its last value.
    pub async fn text(&self) -> String {
        self.sample().await;
        self.metrics.render()
    }

    async fn sample(&self) {
        look_at_process();
        if let Some(free) = self.disk.free() {
            gauge!("airshed_disk_free_bytes").set(free as f64);
            gauge!("airshed_disk_reserve_bytes").set(self.disk.reserve() as f64);
        }
        if let Some((store, freshness)) = &self.store
            && let Err(error) = self.look_at_store(store.as_ref(), freshness).await
        {
            warn!(reason = reason(&error), "cannot sample the store");
        }
        let Some(queues) = self.queues.as_ref().filter(|queues| self.may_look_at(queues)) else {
            return;
        };
        for (name, queue) in [("requests", &queues.requests), ("dead", &queues.dead_requests)] {
            match queue.depth().await {
                Ok(Depth { waiting, hidden, oldest, .. }) => {
                    gauge!("airshed_queue_waiting", "queue" => name).set(waiting as f64);
                    let all = (waiting + hidden) as f64;
                    gauge!("airshed_queue_messages", "queue" => name).set(all);
                    if oldest.is_some() || !queues.shared {
                        let oldest = oldest.unwrap_or_default().as_secs_f64();
                        gauge!("airshed_queue_oldest_seconds", "queue" => name).set(oldest);
                    }
                }
                Err(error) => {
                    warn!(queue = name, reason = reason(&error), "cannot sample a queue");
                }
            }
        }
    }

    async fn look_at_store(
        &self,
        store: &dyn Store,
        freshness: &Freshness,
    ) -> Result<(), store::Error> {
        let summary = store.summary().await?;
        gauge!("airshed_readings").set(summary.readings() as f64);
        // Where all readings are dated in the future, none says how old the data is.
        let unknown = summary.extent.map(|_| Timestamp::UNIX_EPOCH);
        if let Some(newest) = freshness.newest(&summary).await?.or(unknown) {
            let age = (self.clock)().duration_since(newest);
            gauge!("airshed_data_age_seconds").set(age.as_secs_f64().max(0.0));
        }
        Ok(())
    }

    fn may_look_at(&self, queues: &Queues) -> bool {
        let mut looked = self.looked_at_queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.shared && looked.is_some_and(|last| last.elapsed() < LOOK_HOLDS) {
            return false;
        }
        *looked = Some(Instant::now());
        true
    }
}

/// Exports to CloudWatch every minute, and once more when stopped. `print` is called with each
/// line.
pub async fn report_to_cloudwatch(
    watch: Arc<GaugeSampler>,
    emf: Emf,
    print: impl Fn(&str),
    stop: CancellationToken,
) {
    let mut minutes = interval(EMF_EVERY);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stopping = tokio::select! {
            _ = minutes.tick() => false,
            () = stop.cancelled() => true,
        };
        // A slow sample must not delay shutdown.
        let _ = timeout(LONGEST_SAMPLE, watch.sample()).await;
        emf.lines((watch.clock)()).iter().for_each(|line| print(line));
        if stopping {
            return;
        }
    }
}

/// Serves `/metrics` and `/healthz`, for a daemon without a server or on a private address.
pub async fn serve(watch: Arc<GaugeSampler>, listener: TcpListener, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(reason = reason(&error), "cannot accept a connection for metrics");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => return,
        };
        let (watch, stop) = (Arc::clone(&watch), stop.clone());
        let service = service_fn(move |request| answer(Arc::clone(&watch), request));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    debug!(reason = reason(&error), "a connection for metrics ended early");
                },
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn answer(
    watch: Arc<GaugeSampler>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let (status, text) = match request.uri().path() {
        "/metrics" if reads => (StatusCode::OK, watch.text().await),
        "/healthz" if reads => (StatusCode::OK, "ok\n".to_owned()),
        "/metrics" | "/healthz" => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => {
            (StatusCode::NOT_FOUND, "Not found; available paths: /metrics, /healthz.\n".to_owned())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static(TEXT_FORMAT);
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Ok(response)
}
