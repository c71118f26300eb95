//! What several tests need: real data, a server of our own, a feed that misbehaves.
#![allow(dead_code, reason = "each of the test binaries uses a part of it")]

pub(super) mod certificate;
pub(super) mod client;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::callbacks::Webhooks;
use airshed::collector::{Backoff, Collector};
use airshed::events::Events;
use airshed::feed_status::FeedStatus;
use airshed::jobs::{Jobs, Quota};
use airshed::networks::Networks;
use airshed::objects::Objects;
use airshed::push::PushReceiver;
use airshed::server::{
    Access, AccessLog, BasePath, CorsOrigins, JobBackend, Limits, Listener, Server, Site, Tls, run,
};
use airshed::source::{ClientOptions, Fetcher, Source};
use airshed::telemetry;
use airshed::watch::GaugeSampler;
use airshed::worker::{self, Worker};
use airshed::{Clock, Disk};
use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use queue::Queues;
use store::{Memory, Notifying, Reading, Store, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::client::Client;

/// The real measurements beside the project; they are not part of it.
pub(super) fn shared_data(path: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    }
    Some(folder.join(path))
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time in these tests.
pub(super) const NOW: &str = "2026-02-01T12:00:00Z";

pub(super) fn clock() -> Clock {
    Arc::new(|| at(NOW))
}

/// Readings of one sensor, an hour apart, ending at [`NOW`]'s day.
pub(super) fn readings(count: usize) -> Vec<Reading> {
    (0..count)
        .map(|n| {
            let timestamp = at("2026-01-01T00:00:00Z") + SignedDuration::from_secs(n as i64);
            Reading {
                measurement: Some(n as u64),
                pm10: Some((n % 120).into()),
                country: Some(["DE", "FR", "GB"][n % 3].parse().unwrap()),
                ..Reading::new(100 + n as u64 % 50, Window::Day24, timestamp)
            }
        })
        .collect()
}

pub(super) fn in_memory() -> Objects {
    Objects::new(Arc::new(InMemory::new()))
}

/// A server on a free port, with workers or without.
pub(super) struct Rig {
    pub base: String,
    pub store: Arc<dyn Store>,
    pub jobs: Jobs,
    pub queues: Queues,
    pub stop: CancellationToken,
    pub server: JoinHandle<()>,
    pub http: Client,
}

pub(super) struct Options {
    pub in_flight: usize,
    pub queue_capacity: usize,
    pub workers: usize,
    pub store: Arc<dyn Store>,
    pub job_backend: bool,
    pub write_timeout: Duration,
    pub min_rate: u64,
    pub drain: Duration,
    pub kept_answers: u64,
    pub fresh_for: SignedDuration,
    pub large: u64,
    pub feed: Arc<FeedStatus>,
    pub collects: bool,
    pub networks: Arc<Networks>,
    pub index: store::AqiStandard,
    pub window: Option<store::Window>,
    pub push: Option<Arc<dyn PushReceiver>>,
    pub clock: Clock,
    pub access: Access,
    pub rate: Option<NonZeroU32>,
    pub quota: Quota,
    pub webhooks: Option<Arc<dyn Webhooks>>,
    pub disk: Disk,
    pub tls: Option<Tls>,
    pub base_path: BasePath,
    pub access_log: Option<AccessLog>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            in_flight: 100,
            queue_capacity: 100,
            workers: 1,
            store: Arc::new(Memory::new()),
            job_backend: true,
            write_timeout: Duration::from_secs(60),
            min_rate: Limits::default().min_rate,
            drain: Duration::from_secs(5),
            kept_answers: Limits::default().kept_answers,
            fresh_for: SignedDuration::ZERO,
            large: u64::MAX,
            feed: Arc::new(FeedStatus::starting(true)),
            collects: true,
            networks: Arc::default(),
            index: store::AqiStandard::DEFAULT,
            window: None,
            push: None,
            clock: clock(),
            access: Access::default(),
            rate: Limits::default().rate,
            quota: Quota::default(),
            webhooks: None,
            disk: Disk::default(),
            tls: None,
            base_path: BasePath::default(),
            access_log: None,
        }
    }
}

impl Rig {
    pub(super) async fn start(options: Options) -> Self {
        Self::start_with(in_memory(), options).await
    }

    /// With results of an earlier server.
    pub(super) async fn start_with(objects: Objects, options: Options) -> Self {
        let objects = objects.on(options.disk.clone());
        let jobs = Jobs::new(objects, clock(), SignedDuration::from_hours(24));
        let jobs = jobs.fresh_for(options.fresh_for).with_quota(options.quota);
        let jobs = match options.webhooks {
            Some(webhooks) => jobs.with_webhooks(webhooks),
            None => jobs,
        };
        let queues = queue::open("channel:", options.queue_capacity, 1).await.unwrap();
        let stop = CancellationToken::new();
        let job_backend = JobBackend { jobs: jobs.clone(), queues: queues.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let listener = Listener::from(listener);
        let listener = match &options.tls {
            Some(tls) => listener.with_tls(tls),
            None => listener,
        };
        let listener = match options.access_log {
            Some(log) => listener.with_access_log(log),
            None => listener,
        };
        let metrics = telemetry::prometheus().unwrap();
        let (watched_store, watched) = (Arc::clone(&options.store), Some(queues.clone()));
        let sampled_by = options.clock.clone();
        let watch = Arc::new(GaugeSampler::new(metrics, Some(watched_store), watched, sampled_by));
        let events = Events::default();
        let hook = events.clone();
        let store: Arc<dyn Store> =
            Arc::new(Notifying::new(options.store, move |readings| hook.stored(readings)));
        let server = Server {
            store: Arc::clone(&store),
            job_backend: options.job_backend.then_some(job_backend),
            feed: options.collects.then(|| Arc::clone(&options.feed)),
            events: Some(events),
            push: options.push,
            watch,
            clock: options.clock,
            limits: Limits {
                in_flight: options.in_flight,
                write_timeout: options.write_timeout,
                min_rate: options.min_rate,
                drain: options.drain,
                kept_answers: options.kept_answers,
                large: options.large,
                large_in_flight: 1,
                rate: options.rate,
                disk: options.disk,
                ..Limits::default()
            },
            cors: CorsOrigins::Any,
            networks: Arc::clone(&options.networks),
            index: options.index,
            window: options.window,
            neighbours: Default::default(),
            site: Site { base_path: options.base_path, ..Site::default() },
            access: options.access,
        };
        let server = tokio::spawn(run(server, listener, stop.clone()));
        if options.workers > 0 {
            let worker = Worker {
                store: Arc::clone(&store),
                queues: queues.clone(),
                jobs: jobs.clone(),
                concurrency: options.workers,
                heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
                networks: Arc::clone(&options.networks),
            };
            tokio::spawn(worker::run(worker, stop.clone()));
        }
        let http = Client::new();
        Self { base, store, jobs, queues, stop, server, http }
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// Asks for a job.
    pub(super) async fn get_as_job(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.base));
        request.header("Prefer", "respond-async").send().await.unwrap()
    }
}

pub(super) fn location(answer: &reqwest::Response) -> String {
    answer.headers()["location"].to_str().unwrap().to_owned()
}

pub(super) async fn json(answer: reqwest::Response) -> serde_json::Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Answers each connection with the next of the raw texts, the last one ever after;
/// an empty text is no answer at all. Keeps what it was sent.
pub(super) struct RawServer {
    pub url: String,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    pub(super) async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/static/v2/data.24h.json", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                seen.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                let answer = answers.get(number).or(answers.last()).unwrap();
                let _ = stream.write_all(answer.as_bytes()).await;
                if answer.is_empty() {
                    silent.push(stream);
                }
            }
        });
        Self { url, requests }
    }
}

/// A whole HTTP answer; the connection closes behind it.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A feed with one record of each sensor.
pub(super) fn feed_of(sensors: std::ops::Range<u64>, timestamp: &str) -> String {
    let record = |sensor| {
        format!(
            r#"{{"id":{},"timestamp":"{timestamp}","location":{{"id":1,"country":"DE"}},
               "sensor":{{"id":{sensor},"sensor_type":{{"name":"SDS011"}}}},
               "sensordatavalues":[{{"value_type":"P1","value":"51"}}]}}"#,
            sensor + 1_000_000
        )
    };
    let records: Vec<_> = sensors.map(record).collect();
    format!("[{}]", records.join(","))
}

pub(super) fn collector(url: &str, store: Arc<dyn Store>) -> Collector {
    let source: Source = url.parse().unwrap();
    let window = source.usual_window().unwrap_or(Window::Day24);
    let contact = Some("tests@example.org".to_owned());
    let options = ClientOptions { contact, ..ClientOptions::default() };
    let fetcher = Box::new(Fetcher::new(source, &options).unwrap());
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(5));
    Collector {
        window,
        network: store::Network::default(),
        fetcher,
        destination: Box::new(store),
        means: None,
        flagging: Default::default(),
        retention: None,
        backoff: Backoff { attempts: 8, first, longest },
        clock: clock(),
        status: Arc::new(FeedStatus::default()),
    }
}
