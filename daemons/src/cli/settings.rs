//! Flags shared by several commands, and the parts that they configure.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airshed::control::{Socket, SocketFile};
use airshed::jobs::{Jobs, Quota};
use airshed::networks::Networks;
use airshed::objects::{Objects, remove_unfinished};
use airshed::server::{
    AccessLog, BasePath, CorsOrigins, JobBackend, Limits, Listener, Server, Site,
};
use airshed::watch::{self, GaugeSampler};
use airshed::webhooks::{Range, WebhookSender};
use airshed::worker::Worker;
use airshed::{Clock, Disk, reason};
use clap::Args;
use http::HeaderValue;
use jiff::SignedDuration;
use queue::Queues;
use store::{AqiStandard, Store, Window};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::access::AccessFlags;
use super::access_log::{AccessLogFlags, logging_to};
use super::left_out::check_aws;
use super::reserve::{ReserveFlag, size};
use super::signals::Reload;
use super::store_flags::{StoreFlags, begins};
use super::tasks::Tasks;
use super::tls::{Encryption, TlsFlags};
use super::{Failure, bad_call, wall_clock};

fn queue_url(text: &str) -> Result<String, &'static str> {
    check_aws(begins(text, &["sqs:"]))?;
    let known = text == "channel:" || begins(text, &["sqs:"]) && text.contains(',');
    known
        .then(|| text.to_owned())
        .ok_or("invalid queue URL; expected channel: or sqs:REQUEST,RESPONSE")
}

fn results_url(text: &str) -> Result<String, &'static str> {
    check_aws(begins(text, &["s3://"]))?;
    let known = text == "memory:" || begins(text, &["file:", "s3://"]);
    known
        .then(|| text.to_owned())
        .ok_or("invalid URL; expected memory:, file:DIR or s3://BUCKET/PREFIX")
}

/// Host and port.
pub(super) fn address(text: &str) -> Result<String, &'static str> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let known = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    known.then(|| text.to_owned()).ok_or("expected an address and a port, such as 127.0.0.1:8501")
}

/// The same, or `unix:` and a path.
fn listen_address(text: &str) -> Result<String, &'static str> {
    match text.strip_prefix("unix:") {
        Some("") => Err("expected the path of a socket, such as unix:/run/airshed/http.sock"),
        Some(_) => Ok(text.to_owned()),
        None => address(text),
    }
}

/// As RFC 9116 has it; in one line.
fn security_contact(text: &str) -> Result<String, &'static str> {
    let known = begins(text, &["mailto:", "https://", "tel:"]);
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let expected =
        "expected a URI such as mailto:security@example.org or https://example.org/report";
    (known && plain).then(|| text.to_owned()).ok_or(expected)
}

fn origin(text: &str) -> Result<String, &'static str> {
    let known = ["*", "none"].contains(&text) || begins(text, &["http://", "https://"]);
    let wanted = "invalid origin; expected *, none, or an origin such as https://example.org";
    known.then(|| text.to_owned()).ok_or(wanted)
}

/// Whom callbacks may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Callbacks {
    Public,
    Any,
    None,
}

/// The queue and the result store.
#[derive(Args, Clone)]
pub(super) struct JobFlags {
    /// The queue: channel: (within this process) or sqs:REQUEST,RESPONSE.
    #[arg(long, env = "AIRSHED_QUEUE", default_value = "channel:", value_name = "URL", value_parser = queue_url)]
    queue: String,
    /// Maximum number of queued queries, of which one client may have three quarters; further ones are
    /// refused.
    #[arg(long, env = "AIRSHED_QUEUE_CAPACITY", default_value_t = 10_000, value_name = "N", value_parser = at_least_one)]
    queue_capacity: usize,
    /// The result store: memory:, file:DIR or s3://BUCKET/PREFIX [default: file:DATA/results]
    #[arg(long, env = "AIRSHED_RESULTS", value_name = "URL", value_parser = results_url)]
    results: Option<String>,
    /// Maximum size of all results, such as 50GiB, of which one client may have half; 0: no limit
    /// [default: 20GiB; 1GiB with memory:, no limit with s3:]
    #[arg(long, env = "AIRSHED_RESULTS_QUOTA", value_name = "SIZE", value_parser = size)]
    results_quota: Option<u64>,
    /// Retention period of results in hours.
    #[arg(long, env = "AIRSHED_KEEP_RESULTS", default_value_t = 24, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..))]
    keep_results: u32,
    /// Where the end of a job is posted, if its query names a URL in the field callback: public (only
    /// to addresses of the public internet), any (also to this machine and its networks), or none.
    #[arg(long, env = "AIRSHED_CALLBACKS", default_value = "public", value_name = "WHOM")]
    callbacks: Callbacks,
    /// Minutes for which an equal query reuses a result; 0: never.
    #[arg(long, env = "AIRSHED_FRESH_RESULTS", default_value_t = 10, value_name = "MINUTES")]
    fresh_results: u32,
    #[command(flatten)]
    pub(super) reserve: ReserveFlag,
}

impl JobFlags {
    /// `workers`: the number of concurrent jobs, of which large ones leave one to others.
    pub(super) async fn queues(&self, workers: usize) -> Result<Queues, Failure> {
        let large = workers.saturating_sub(1).max(1);
        Ok(queue::open(&self.queue, self.queue_capacity, large).await?)
    }

    /// What the results may occupy: by default little in memory, and anything in a bucket.
    fn quota(&self, results: &str) -> Quota {
        let by_default = match results {
            "memory:" => 1 << 30,
            bucket if bucket.starts_with("s3:") => u64::MAX,
            _ => 20 << 30,
        };
        let bytes = self.results_quota.unwrap_or(by_default);
        let bytes = if bytes == 0 { u64::MAX } else { bytes };
        Quota { bytes, open: (self.queue_capacity * 3).div_ceil(4) }
    }

    /// `alone`: no other process uses the same results.
    pub(super) async fn jobs(
        &self,
        data: &Path,
        disk: &Disk,
        clock: Clock,
        alone: bool,
    ) -> Result<Jobs, Failure> {
        let default = || format!("file:{}/results", data.display());
        let url = self.results.clone().unwrap_or_else(default);
        if let Some(folder) = url.strip_prefix("file:").filter(|_| alone) {
            remove_unfinished(Path::new(folder));
        }
        let kept_for = SignedDuration::from_hours(i64::from(self.keep_results));
        let fresh_for = SignedDuration::from_mins(i64::from(self.fresh_results));
        let mut objects = Objects::open(&url).await?;
        if let Some(folder) = url.strip_prefix("file:") {
            objects = objects.on(disk.holding(Path::new(folder)));
        }
        let jobs = Jobs::new(objects, clock, kept_for).fresh_for(fresh_for);
        let jobs = jobs.with_quota(self.quota(&url));
        let range = match self.callbacks {
            Callbacks::None => return Ok(jobs),
            Callbacks::Public => Range::Public,
            Callbacks::Any => Range::Any,
        };
        Ok(jobs.with_webhooks(Arc::new(WebhookSender::new(range)?)))
    }
}

/// Options of the server.
#[derive(Args, Clone)]
pub(super) struct HttpFlags {
    /// Address and port to listen on (port 0 selects a free one), or unix:PATH, a socket for a proxy on
    /// this machine [default: 0.0.0.0:$PORT if that variable is set, else 127.0.0.1:8501]
    #[arg(long, env = "AIRSHED_LISTEN", value_name = "ADDRESS", value_parser = listen_address)]
    listen: Option<String>,
    /// Port on all addresses, as platforms set it, if there is no --listen.
    #[arg(long, env = "PORT", value_name = "PORT", hide = true)]
    port: Option<u16>,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    access_log: AccessLogFlags,
    /// Address and port of a separate server for /metrics and /healthz; the address of --listen then has
    /// no /metrics.
    #[arg(long, env = "AIRSHED_ADMIN_LISTEN", value_name = "ADDRESS", value_parser = address)]
    admin_listen: Option<String>,
    /// Path below which a proxy publishes this server, such as /air. The proxy may strip it from
    /// requests or not.
    #[arg(
        long,
        env = "AIRSHED_BASE_PATH",
        default_value_t,
        hide_default_value = true,
        value_name = "PATH"
    )]
    base_path: BasePath,
    /// Where to report security problems, published at /.well-known/security.txt: mailto:, https: or
    /// tel:.
    #[arg(long, env = "AIRSHED_SECURITY_CONTACT", value_name = "URI", value_parser = security_contact)]
    security_contact: Option<String>,
    #[command(flatten)]
    access: AccessFlags,
    /// Maximum number of connections; further ones are closed. One client gets three quarters of them,
    /// but for --trusted-proxies.
    #[arg(long, env = "AIRSHED_CONNECTIONS", default_value_t = 2048, value_name = "N", value_parser = at_least_one)]
    connections: usize,
    /// Maximum number of concurrent direct responses, of which one client gets three quarters while
    /// others ask; further queries become jobs.
    #[arg(long, env = "AIRSHED_IN_FLIGHT", default_value_t = 100, value_name = "N")]
    in_flight: usize,
    /// Maximum number of concurrent direct responses to large queries, shared in the same way.
    #[arg(long, env = "AIRSHED_LARGE_IN_FLIGHT", default_value_t = 10, value_name = "N")]
    large_in_flight: usize,
    /// Estimated number of readings above which a query is large.
    #[arg(long, env = "AIRSHED_LARGE", default_value_t = 1_000_000, value_name = "N")]
    large: u64,
    /// With s3:, result size in MiB from which clients are redirected to S3 [default: never]
    #[arg(long, env = "AIRSHED_REDIRECT_FROM", value_name = "MIB")]
    redirect_from: Option<u64>,
    /// Median data age in hours above which data counts as old and the page shows a warning; 0:
    /// always.
    #[arg(long, env = "AIRSHED_STALE_AFTER", default_value_t = 26, value_name = "HOURS")]
    stale_after: u32,
    /// Write timeout in seconds: disconnect clients that read less than --min-rate over this time.
    #[arg(long = "stall", env = "AIRSHED_STALL", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    write_timeout: u64,
    /// Minimum transfer rate in bytes per second; 0: no minimum, but a stalled client is disconnected.
    #[arg(long, env = "AIRSHED_MIN_RATE", default_value_t = 1000, value_name = "BYTES")]
    min_rate: u64,
    /// Cache size for complete responses, also compressed ones, in MiB; they are reused until the
    /// data changes; 0: no cache. Not with dynamodb:, where checking for changes is billed.
    #[arg(long, env = "AIRSHED_ANSWERS_MIB", default_value_t = 64, value_name = "MIB")]
    answers_mib: u32,
    /// CORS: allowed origins; * for all, none, or a list such as https://example.org.
    #[arg(long, env = "AIRSHED_CORS", default_value = "*", value_delimiter = ',', value_parser = origin)]
    cors: Vec<String>,
    /// Default air-quality index: ID[:VERSION[:VARIANT]], as listed by `airshed index --list`.
    #[arg(long, env = "AIRSHED_INDEX", default_value_t, value_name = "STANDARD")]
    index: AqiStandard,
    /// Averaging period of responses to requests that name none: 5min, 1h, 24h or day
    /// [default: the feed's, or 24h]
    #[arg(long, env = "AIRSHED_DEFAULT_WINDOW", value_name = "WINDOW")]
    default_window: Option<Window>,
}

impl HttpFlags {
    /// The averaging period of the feed is the default, unless another one is given.
    pub(super) fn answers_with(&mut self, feed: Window) {
        self.default_window.get_or_insert(feed);
    }

    pub(super) async fn listen(&self) -> Result<Listening, Failure> {
        let listen = match (&self.listen, self.port) {
            (Some(listen), _) => listen.clone(),
            (None, Some(port)) => format!("0.0.0.0:{port}"),
            (None, None) => "127.0.0.1:8501".to_owned(),
        };
        let encryption = self.tls.read()?;
        let access_log = self.access_log.open(wall_clock())?;
        if let Some(path) = listen.strip_prefix("unix:") {
            let socket = Socket::listen_for_all(Path::new(path));
            let Socket { listener, file, .. } =
                socket.map_err(|error| format!("cannot listen on {listen}: {}", reason(&error)))?;
            let listener = listener.into();
            return Ok(Listening {
                listener,
                encryption,
                access_log,
                shown: listen,
                file: Some(file),
            });
        }
        let listener = listen_on(&listen).await.map_err(|error| {
            format!("cannot listen on {listen}: {error}; choose another --listen")
        })?;
        let shown = format!("{}://{}", encryption.scheme(), listener.local_addr()?);
        Ok(Listening { listener: listener.into(), encryption, access_log, shown, file: None })
    }

    /// Adds the server of what is not public, if it has an address of its own.
    pub(super) async fn add_admin(
        &self,
        tasks: &mut Tasks,
        watch: &Arc<GaugeSampler>,
    ) -> Result<(), Failure> {
        let Some(address) = &self.admin_listen else { return Ok(()) };
        let listener = listen_on(address).await.map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another --admin-listen")
        })?;
        let address = listener.local_addr()?;
        tracing::info!(address = %format!("http://{address}/metrics"), "admin");
        tasks.add("admin", watch::serve(Arc::clone(watch), listener, tasks.stop.clone()));
        Ok(())
    }

    pub(super) fn server(
        &self,
        flags: &StoreFlags,
        store: Arc<dyn Store>,
        job_backend: Option<JobBackend>,
        watch: Arc<GaugeSampler>,
        clock: Clock,
        networks: Arc<Networks>,
    ) -> Result<Server, Failure> {
        let write_timeout = Duration::from_secs(self.write_timeout.max(1));
        let limits = Limits {
            connections: self.connections,
            rate: self.access.rate(),
            in_flight: self.in_flight,
            large_in_flight: self.large_in_flight,
            large: self.large,
            redirect_min_bytes: self.redirect_from.map(|mib| mib.saturating_mul(1 << 20)),
            stale_after: SignedDuration::from_hours(self.stale_after.into()),
            write_timeout,
            min_rate: self.min_rate,
            kept_answers: if flags.is_table() { 0 } else { u64::from(self.answers_mib) << 20 },
            ..Limits::default()
        };
        let cors = self.cors()?;
        let (index, feed, events, push) = (self.index, None, None, None);
        let window = Some(self.default_window.unwrap_or(Window::Day24));
        let site = Site {
            metrics: self.admin_listen.is_none(),
            security_contact: self.security_contact.clone(),
            base_path: self.base_path.clone(),
        };
        Ok(Server {
            store,
            job_backend,
            feed,
            events,
            push,
            watch,
            clock,
            limits,
            cors,
            networks,
            index,
            window,
            neighbours: Default::default(),
            site,
            access: self.access.access(&flags.data)?,
        })
    }

    fn cors(&self) -> Result<CorsOrigins, Failure> {
        match self.cors.as_slice() {
            [one] if one == "*" => Ok(CorsOrigins::Any),
            [one] if one == "none" => Ok(CorsOrigins::Only(Vec::new())),
            origins => {
                let read = |origin: &String| {
                    let plain = origin.starts_with("http://") || origin.starts_with("https://");
                    let value = HeaderValue::from_str(origin).ok().filter(|_| plain);
                    value.ok_or_else(|| bad_call(format!("--cors `{origin}`: invalid origin")))
                };
                Ok(CorsOrigins::Only(origins.iter().map(read).collect::<Result<_, _>>()?))
            }
        }
    }
}

/// A bound listener.
pub(super) struct Listening {
    listener: Listener,
    encryption: Encryption,
    access_log: Option<AccessLog>,
    /// For the log.
    shown: String,
    file: Option<SocketFile>,
}

impl Listening {
    /// Logs the address once the server is listening. A socket's file is removed when the second part
    /// is dropped.
    pub(super) fn announced(
        self,
        tasks: &mut Tasks,
        reload: &Reload,
    ) -> (Listener, Option<SocketFile>) {
        let Self { listener, encryption, access_log, shown, file } = self;
        let listener = encryption.on(listener, tasks, reload);
        let listener = match access_log {
            Some(log) => logging_to(log, listener, tasks, reload),
            None => listener,
        };
        tracing::info!(address = %shown, "listening");
        (listener, file)
    }
}

/// Backlog of connections waiting to be accepted. With the usual, smaller backlog, some of a
/// thousand simultaneous connections are dropped, and their clients retry only after a second.
const BACKLOG: u32 = 4096;

/// Like [`TcpListener::bind`], with a longer backlog.
pub(super) async fn listen_on(address: &str) -> std::io::Result<TcpListener> {
    let mut failure = std::io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Options of the worker.
#[derive(Args, Clone)]
pub(super) struct WorkerFlags {
    /// Maximum number of concurrent jobs.
    #[arg(long = "workers", alias = "concurrency", env = "AIRSHED_WORKERS", default_value_t = 2, value_name = "N", value_parser = at_least_one)]
    pub(super) concurrency: usize,
    /// Heartbeat timeout of a worker in seconds, after which its jobs are requeued.
    #[arg(long, env = "AIRSHED_WORKER_SILENCE", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=43_200))]
    silence: u64,
}

/// Without a worker, accepted jobs would never run.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number, at least 1".to_owned())
}

impl WorkerFlags {
    pub(super) fn worker(
        &self,
        store: Arc<dyn Store>,
        queues: Queues,
        jobs: Jobs,
        networks: Arc<Networks>,
    ) -> Worker {
        let heartbeat_timeout = Duration::from_secs(self.silence);
        let concurrency = self.concurrency;
        Worker { store, queues, jobs, concurrency, heartbeat_timeout, networks }
    }
}
