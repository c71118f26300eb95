//! A process: server, workers and sweeper over what survives it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::jobs::Jobs;
use airshed::objects;
use airshed::server::{self, CorsOrigins, JobBackend, Limits, Server};
use airshed::sweeper::{self, Sweeper};
use airshed::telemetry;
use airshed::watch::GaugeSampler;
use airshed::worker::{self, Worker};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use jiff::SignedDuration;
use store::{Reading, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::objects::{Kept, Objects};
use super::queue::Channels;
use super::readings::{Readings, Still, Stored};
use super::world::{Disk, Life, World};

/// How long results are kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A status, the location of a job, and a body; none if it was cut off.
pub(super) type Answer = (u16, Option<String>, Option<Bytes>);

type Ask = dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Answer> + Send + Sync;

/// What is left when all processes are killed.
#[derive(Clone)]
pub(super) struct Lasting {
    pub(super) world: World,
    pub(super) stored: Stored,
    pub(super) kept: Kept,
    /// Queues that all processes share, or else each has its own.
    pub(super) queues: Option<Channels>,
    pub(super) is_directory: bool,
}

#[derive(Clone)]
pub(super) struct Process {
    ask: Arc<Ask>,
    store: Arc<Readings>,
    life: Life,
}

impl Process {
    pub(super) fn start(lasting: &Lasting) -> Self {
        let Lasting { world, stored, kept, queues, is_directory } = lasting.clone();
        let life = Life::default();
        world.note("a process starts");
        let store = Arc::new(Readings { stored, world: world.clone(), life: life.clone() });
        let shared = queues.is_some();
        let queues = queues.unwrap_or_else(Channels::new).seen_by(&world, &life, &kept, shared);
        let objects = Objects { kept, world: world.clone(), life: life.clone(), is_directory };
        let disk = disk(&world);
        let objects = objects::Objects::new(Arc::new(objects)).on(disk.clone());
        let jobs = Jobs::new(objects, world.clock(), KEPT).fresh_for(SignedDuration::from_mins(10));
        let stop = CancellationToken::new();
        let backend = JobBackend { jobs: jobs.clone(), queues: queues.clone() };
        let ask = asked(server_over(store.clone(), Some(backend), &world, disk), &stop);
        let worker = Worker {
            store: store.clone(),
            queues: queues.clone(),
            jobs: jobs.clone(),
            concurrency: 2,
            heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
            networks: Arc::default(),
        };
        tokio::spawn(worker::run(worker, stop.clone()));
        let sweeper = Sweeper::new(jobs.clone(), queues.requests);
        tokio::spawn(async move {
            if !shared {
                // As a service manager starts a process again that cannot list its jobs.
                let known = loop {
                    match jobs.ids().await {
                        Ok(known) => break known,
                        Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                    }
                };
                let _ = sweeper.resume(known).await;
            }
            sweeper::run(sweeper, stop).await;
        });
        Self { ask, store, life }
    }

    pub(super) fn kill(&self, world: &World) {
        world.note("a process is killed");
        self.life.end();
    }

    /// `None` if there is no answer in time.
    pub(super) async fn ask(&self, method: Method, path: &str, as_job: bool) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if as_job {
            request = request.header("prefer", "respond-async");
        }
        let answer = (self.ask)(request.body(Full::default()).unwrap());
        tokio::time::timeout(Duration::from_secs(300), answer).await.ok()
    }

    pub(super) async fn get(&self, path: &str) -> Option<Answer> {
        self.ask(Method::GET, path, false).await
    }

    /// Whether the readings are acknowledged.
    pub(super) async fn put(&self, batch: &[Reading]) -> bool {
        let put = tokio::time::timeout(Duration::from_secs(300), self.store.put(batch));
        matches!(put.await, Ok(Ok(())))
    }
}

/// The direct answer to a question in one state of the readings.
pub(super) async fn direct(world: &World, stored: &Stored, state: usize, path: &str) -> Answer {
    let (stop, still) = (CancellationToken::new(), Arc::new(Still(stored.at(state))));
    let server = server_over(still, None, world, airshed::Disk::default());
    let ask = asked(server, &stop);
    let request = Request::builder().uri(path).header("host", "localhost");
    let answer = ask(request.body(Full::default()).unwrap()).await;
    stop.cancel();
    answer
}

fn disk(world: &World) -> airshed::Disk {
    const GIB: u64 = 1 << 30;
    let world = world.clone();
    airshed::Disk::measured_by(GIB, move || {
        Ok(match world.disk() {
            Disk::Free => 10 * GIB,
            Disk::Reserve => GIB / 2,
            Disk::Full => 0,
        })
    })
}

fn server_over(
    store: Arc<dyn Store>,
    job_backend: Option<JobBackend>,
    world: &World,
    disk: airshed::Disk,
) -> Server {
    let metrics = telemetry::prometheus().unwrap();
    Server {
        watch: Arc::new(GaugeSampler::new(metrics, None, None, world.clock())),
        store,
        job_backend,
        feed: None,
        events: None,
        push: None,
        clock: world.clock(),
        limits: Limits { disk, ..Limits::default() },
        cors: CorsOrigins::Any,
        networks: Arc::default(),
        index: store::AqiStandard::DEFAULT,
        window: None,
        neighbours: Default::default(),
        site: Default::default(),
        access: Default::default(),
    }
}

fn asked(server: Server, stop: &CancellationToken) -> Arc<Ask> {
    let service = Mutex::new(server::service(server, stop).unwrap());
    Arc::new(move |request| {
        let service = service.lock().unwrap().clone();
        async move {
            let answer = service.oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            let location = head.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
            let body = body.collect().await.ok().map(|whole| whole.to_bytes());
            (head.status.as_u16(), location, body)
        }
        .boxed()
    })
}
