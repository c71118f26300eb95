//! The HTTP server: streams responses while it has capacity, and creates jobs beyond that.
//!
//! [`run`] serves connections (`transport`), also over TLS (`tls`); `routes` maps paths to handlers; `query` and `results` implement
//! queries and jobs, `sidecar` describes their files, `dataset` all of the data, `days` has them as
//! one file a day; `admission` limits concurrency; `latest`, `series`, `summary` and `estimate` serve
//! the page, `push` accepts measurements, `health` serves operators, `page` is the web page; `area`
//! and `sensor` say what the readings of an area or of a sensor amount to; `problem` is the only
//! place where an error becomes a status. `connection`, `exchange`, `frames` and `memory` bound what slow
//! clients occupy, `range` is about parts of files. `client` says who sends a request; `pool` and `rates`
//! are what clients share. `access_log` has a line for each response.

mod access_log;
mod address;
mod admission;
mod answer;
mod area;
mod base_path;
mod client;
mod connection;
mod dataset;
mod days;
mod encoding;
mod estimate;
mod events;
mod exchange;
mod file;
mod filters;
mod frames;
mod health;
mod html;
mod jobs;
mod kept;
mod latest;
mod listener;
mod media_type;
mod memory;
mod openapi;
mod page;
mod pool;
mod problem;
mod push;
mod query;
mod range;
mod rates;
mod results;
mod routes;
mod sensor;
mod series;
mod sidecar;
mod site;
mod summary;
mod tally;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod whole;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::feed_status::FeedStatus;
use airshed_common::push::PushReceiver;
use airshed_common::{Clock, Disk, StoreWatch, reason};
pub use airshed_history::neighbours;
use http::header::{CONTENT_DISPOSITION, ETAG, LINK, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use ipnet::IpNet;
use jiff::SignedDuration;
use queue::Queues;
use store::{AqiStandard, Query, Store, Window};
use tokio::runtime::TryCurrentError;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceBuilder};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::{debug, info, warn};
use uuid::Uuid;

pub use self::access_log::{AccessLog, Addresses, Form, NameError};
use self::admission::{AdmissionControl, KeyedLock};
pub use self::answer::BoxError;
pub use self::base_path::{BasePath, BasePathError};
pub use self::client::Peer;
use self::connection::Pace;
use self::days::Days;
use self::file::RowCounts;
use self::kept::Kept;
use self::latest::Latest;
pub use self::listener::Listener;
use self::memory::ResponseMemory;
pub use self::page::licences_of_page;
use self::series::Series;
pub use self::site::Site;
#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
use crate::events::Events;
use crate::freshness::Freshness;
use crate::jobs::Jobs;
use crate::keys::Keys;
use crate::message;
use crate::networks::Networks;
use crate::request::{Defaults, QueryRequest};
use crate::trace::REQUEST_ID;
use crate::watch::GaugeSampler;

/// The parts of a server.
pub struct Server {
    /// The store of readings.
    pub store: Arc<dyn Store>,
    /// The job backend for queries beyond capacity; `None`: they are refused.
    pub job_backend: Option<JobBackend>,
    /// The status of the feed, if this process collects it.
    pub feed: Option<Arc<FeedStatus>>,
    /// The events of this process's puts, for `/api/events`.
    pub events: Option<Events>,
    /// What takes pushed measurements, if this process does.
    pub push: Option<Arc<dyn PushReceiver>>,
    /// The metrics of `/metrics`.
    pub watch: Arc<GaugeSampler>,
    /// The clock.
    pub clock: Clock,
    /// The limits.
    pub limits: Limits,
    /// The allowed CORS origins.
    pub cors: CorsOrigins,
    /// The networks and their terms; readings of other networks are withheld.
    pub networks: Arc<Networks>,
    /// The default air-quality index.
    pub index: AqiStandard,
    /// The averaging period of responses, unless a request names one; `None`: any.
    pub window: Option<Window>,
    /// The limits of sensors beside their neighbours, for their stars.
    pub neighbours: neighbours::Limits,
    /// What the server publishes about itself.
    pub site: Site,
    /// Who may use it.
    pub access: Access,
}

/// Who may use a server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The API keys; `None`, as well as a file without any: everybody may do everything.
    pub keys: Option<Arc<Keys>>,
    /// Whether requests without a key are refused once there are keys.
    pub keys_only: bool,
    /// Proxies whose `Forwarded` or `X-Forwarded-For` names the client. If there are any, a Unix socket is
    /// one.
    pub proxies: Vec<IpNet>,
}

impl Server {
    fn defaults(&self) -> Defaults {
        Defaults { index: self.index, dates: None, window: self.window }
    }

    /// A request restricted to served networks.
    async fn restrict(&self, request: QueryRequest) -> Result<QueryRequest, problem::Problem> {
        Ok(self.networks.restrict(request, &self.store.networks().await?)?)
    }

    /// A query for all served readings.
    async fn everything(&self) -> Result<Query, problem::Problem> {
        Ok(self.networks.everything(&self.store.networks().await?))
    }

    fn set_licences(&self, answer: &mut answer::Answer, query: &Query) {
        let link = |licence: &str| format!("<{licence}>; rel=\"license\"");
        let links: Vec<_> = self.networks.licences(query).into_iter().map(link).collect();
        if !links.is_empty() {
            answer::set(answer, LINK, &links.join(", "));
        }
    }
}

/// The job backend.
pub struct JobBackend {
    /// The job records and results.
    pub jobs: Jobs,
    /// The queues of jobs and of their completions.
    pub queues: Queues,
}

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of connections, of which one client gets three quarters; those of proxies do not
    /// count as one client's.
    pub connections: usize,
    /// Requests per second that a client may send while others have to wait, ten seconds' of them at
    /// once; `None`: any number.
    pub rate: Option<NonZeroU32>,
    /// Maximum number of concurrent direct responses; further queries become jobs.
    pub in_flight: usize,
    /// Maximum number of concurrent direct responses to large queries; further ones become jobs.
    pub large_in_flight: usize,
    /// Estimated number of readings above which a query is large.
    pub large: u64,
    /// Size in bytes from which results are served by a redirect to a presigned URL, if supported.
    pub redirect_min_bytes: Option<u64>,
    /// The data age above which the data is stale.
    pub stale_after: SignedDuration,
    /// How often the progress of a client that keeps the server waiting is checked: its connection is
    /// closed if it has read less than [`min_rate`](Self::min_rate) in this time.
    pub write_timeout: Duration,
    /// The slowest client that is served, in bytes per second; 0: any that reads at all.
    pub min_rate: u64,
    /// How long open responses are drained at shutdown.
    pub drain: Duration,
    /// Cache size in bytes for complete responses; 0 if checking for changes of the store is
    /// billed.
    pub kept_answers: u64,
    /// The disk of the readings, with a reserve for them.
    pub disk: Disk,
}

impl Default for Limits {
    fn default() -> Self {
        let (write_timeout, drain) = (Duration::from_secs(60), Duration::from_secs(8));
        let (large_in_flight, large) = (10, 1_000_000);
        let stale_after = SignedDuration::from_hours(26); // a day's fetch, with some margin
        let (redirect_min_bytes, kept_answers, min_rate) = (None, 64 << 20, 1000);
        Self {
            connections: 2048,
            rate: NonZeroU32::new(50),
            in_flight: 100,
            large_in_flight,
            large,
            redirect_min_bytes,
            stale_after,
            write_timeout,
            min_rate,
            drain,
            kept_answers,
            disk: Disk::default(),
        }
    }
}

impl Limits {
    /// How slowly the client of a connection may read.
    fn pace(&self) -> Pace {
        let window = self.write_timeout;
        let least = u128::from(self.min_rate) * window.as_millis() / 1000;
        Pace { window, least: u64::try_from(least).unwrap_or(u64::MAX).max(1) }
    }

    /// The longest time in which a client takes so many bytes. It bounds a response where the
    /// connection is not our own.
    fn longest_send(&self, bytes: usize) -> Duration {
        let seconds = (bytes as u64).checked_div(self.min_rate).unwrap_or_default();
        self.write_timeout.saturating_mul(2).saturating_add(Duration::from_secs(seconds))
    }
}

/// The allowed CORS origins.
#[derive(Debug, Clone)]
pub enum CorsOrigins {
    /// All origins, as in the report: the data is open.
    Any,
    /// Only these origins; none if empty.
    Only(Vec<HeaderValue>),
}

/// Maximum number of job completions that a slow listener may lag.
const WAKE_BUFFER: usize = 1024;

/// The shared state of the handlers.
struct Shared {
    server: Server,
    admission: AdmissionControl,
    locks: KeyedLock,
    latest: Latest,
    kept: Kept,
    series: Series,
    days: Days,
    /// The disk of temporary files, if they take room from the readings.
    temporary: Disk,
    memory: ResponseMemory,
    freshness: Freshness,
    ended: broadcast::Sender<Uuid>,
    /// The state of the store, if no collector checks it.
    store_watch: StoreWatch,
    stop: CancellationToken,
}

impl Shared {
    /// Whether the store accepts puts, tested with an empty one, which is written after a failure.
    async fn store_takes_readings(&self) -> bool {
        let collector = self.server.feed.as_ref().map(|feed| &feed.store);
        collector.unwrap_or(&self.store_watch).note(&self.server.store.put(&[]).await)
    }
}

/// Interval of checks of the store if no collector checks it.
const LOOKS: Duration = Duration::from_secs(30);

/// Logs when the store fails, for example because it was deleted, also without requests.
async fn look_at_store(shared: Arc<Shared>) {
    if shared.server.feed.is_some() {
        return; // its collector checks it
    }
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep(LOOKS) => {}
            () = shared.stop.cancelled() => return,
        }
        shared.store_takes_readings().await;
    }
}

/// The server as a [`tower::Service`], to be mounted in axum or put behind your own TLS. It expects
/// request paths from the root, or from [`Site::base_path`].
///
/// Background tasks listen for finished jobs, and check the store, until `stop` is cancelled.
/// Returns [`TryCurrentError`] outside of a tokio runtime.
pub fn service<B>(
    server: Server,
    stop: &CancellationToken,
) -> Result<
    impl Service<
        Request<B>,
        Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>> + Send + use<B>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + use<B>,
    TryCurrentError,
>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    tokio::runtime::Handle::try_current()?;
    if !page::is_built() {
        info!("the page was not built (make web): serving the plain form instead");
    }
    let admission = AdmissionControl::new(&server.limits, server.job_backend.is_some());
    let kept = Kept::new(server.limits.kept_answers);
    let memory = ResponseMemory::new(server.limits.kept_answers);
    let temporary = server.limits.disk.holding(&std::env::temp_dir());
    let networks = Arc::clone(&server.networks);
    let freshness = Freshness::new(Arc::clone(&server.store), server.clock.clone(), Some(networks));
    let (ended, _) = broadcast::channel(WAKE_BUFFER);
    let cors = cors_layer(&server.cors);
    let shared = Arc::new(Shared {
        server,
        admission,
        locks: KeyedLock::default(),
        latest: Latest::default(),
        series: Series::default(),
        days: Days::default(),
        temporary,
        memory,
        kept,
        freshness,
        ended,
        store_watch: StoreWatch::default(),
        stop: stop.clone(),
    });
    tokio::spawn(look_at_store(Arc::clone(&shared)));
    tokio::spawn(hear_of_ended_jobs(Arc::clone(&shared)));
    let handler = tower::service_fn(move |request: Request<B>| {
        answered(
            Arc::clone(&shared),
            request.map(|body| body.map_err(|e| answer::CutOff(e.into())).boxed_unsync()),
        )
    });
    Ok(ServiceBuilder::new()
        .map_response(|answer: Response<_>| answer.map(answer::Counted))
        .layer(cors)
        .map_request(encoding::settle)
        .map_response(answer::weaken_tag_of_encoded)
        .layer(compression())
        .service(handler))
}

type Answered = Pin<Box<dyn Future<Output = Result<answer::Answer, Infallible>> + Send>>;

fn answered(shared: Arc<Shared>, request: Request<answer::RequestBody>) -> Answered {
    Box::pin(async move { Ok(routes::answer(&shared, request).await) })
}

/// Serves until stopped, then drains open responses for a limited time. Must run within a tokio
/// runtime.
pub async fn run(server: Server, listener: impl Into<Listener>, stop: CancellationToken) {
    let (limits, proxies) = (server.limits.clone(), server.access.proxies.clone());
    let service = match service(server, &stop) {
        Ok(service) => service,
        Err(error) => return warn!(reason = reason(&error), "cannot start the server"),
    };
    transport::serve(service, listener.into(), &limits, proxies, stop).await;
}

/// Wakes the requests that wait for a job. Any server may receive the completion of any job, so
/// waiting requests also poll.
async fn hear_of_ended_jobs(shared: Arc<Shared>) {
    let Some(job_backend) = &shared.server.job_backend else {
        return;
    };
    let (hidden, wait) = (Duration::from_secs(30), Duration::from_secs(20));
    loop {
        let received = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            received = job_backend.queues.responses.receive(10, hidden, wait) => received,
        };
        match received {
            Ok(deliveries) => {
                for delivery in deliveries {
                    if let Some(id) = message::id_in(&delivery.body) {
                        // There may be no waiting request.
                        let _ = shared.ended.send(id);
                    }
                    let _ = job_backend.queues.responses.ack(&delivery.receipt).await;
                }
            }
            Err(error) => {
                debug!(reason = reason(&error), "cannot receive job completions");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// gzip or zstd for clients that accept it, at a level that is fast enough for the network.
fn compression() -> CompressionLayer<impl Predicate> {
    let worthwhile = SizeAbove::new(1024)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("application/vnd.apache.parquet")); // already compressed
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worthwhile)
}

fn cors_layer(origins: &CorsOrigins) -> CorsLayer {
    let origins = match origins {
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::Only(origins) => AllowOrigin::list(origins.clone()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers(tower_http::cors::Any)
        .expose_headers([
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("preference-applied"),
            LOCATION,
            RETRY_AFTER,
            CONTENT_DISPOSITION,
            LINK,
            ETAG,
            REQUEST_ID,
            RowCounts::DOUBTFUL,
            RowCounts::TRUNCATED,
            RowCounts::LEFT_OUT,
        ])
}
