//! The commands that run until they are stopped.

use std::process::ExitCode;
use std::sync::Arc;

use airshed::collector;
use airshed::control::{Policy, SocketFile};
use airshed::demo::network::Network;
use airshed::demo::{self, FEED_PATH};
use airshed::events::Events;
use airshed::feed_status::FeedStatus;
use airshed::neighbours::Limits;
use airshed::networks::{Networks, Terms};
use airshed::push::{Receiver, Writer};
use airshed::schedule::{Schedule, Spread};
use airshed::server::{self, JobBackend};
use airshed::source::{ClientOptions, Source};
use airshed::sweeper::{self, Sweeper};
use airshed::worker;
use airshed::{Clock, Destination, Disk, reason};
use clap::Args;
use queue::Queues;
use store::{Notifying, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::access::reload_keys;
#[cfg(feature = "backfill")]
use super::backfill::CatchUpFlags;
use super::feed_flags::{Collecting, FeedFlags, collector};
use super::logging::Logging;
use super::metrics::{Measuring, MetricsFlags};
use super::networks::NetworkFlags;
use super::push::{PushFlags, Pushing};
use super::quality_flags::{LimitFlags, QualityFlags};
use super::settings::{HttpFlags, JobFlags, Listening, WorkerFlags};
use super::signals::{Reload, stop_on_signals, stop_or_reload_on_signals};
use super::store_flags::StoreFlags;
use super::target::Target;
use super::tasks::Tasks;
use super::{Failure, bad_call, wall_clock};

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    feed: FeedFlags,
    #[cfg(feature = "backfill")]
    #[command(flatten)]
    catch_up: CatchUpFlags,
    #[command(flatten)]
    jobs: JobFlags,
    #[command(flatten)]
    http: HttpFlags,
    #[command(flatten)]
    push: PushFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Serve {
    pub(super) async fn run(mut self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("serve")?;
        self.feed.check()?;
        self.http.answers_with(self.feed.window()?);
        let pushing = self.push.check(&[self.feed.network()])?;
        #[cfg(feature = "backfill")]
        self.catch_up.check(self.feed.contact())?;
        let measuring = self.metrics.start("serve").await?;
        let ((stop, reload), clock) = (stop_or_reload_on_signals()?, wall_clock());
        let listener = self.http.listen().await?;
        let store = self.store.open_to_keep(self.feed.keep()).await?;
        let (store, events) = notifying(store);
        let has_readings = store.summary().await?.extent.is_some();
        let status = Arc::new(FeedStatus::starting(has_readings));
        let grace = self.store.deletion_grace();
        let kept = || Box::new(Arc::clone(&store)) as Box<dyn Destination>;
        let means = self.feed.means(&store, &self.store);
        let collectors =
            self.feed.collectors(kept, means.as_ref(), &clock, Arc::clone(&status), grace)?;
        let mut tasks = Tasks::new(stop.clone());
        let networks = self.networks.networks();
        self.feed.warn_of_unknown_terms(&networks);
        let days = self.feed.days_of_samples(grace);
        let flagging = self.feed.flagging();
        let limits = flagging.limits.clone();
        let pushing = pushing
            .map(|pushing| pushing.start(&store, &self.store, &networks, days, flagging, &clock));
        let mut parts =
            Parts { store, clock, status: Some(status), networks, events, pushing, limits };
        let daemons =
            Inside { jobs: &self.jobs, http: &self.http, worker: &self.worker, reload: &reload };
        let _socket =
            parts.serve_and_work(&mut tasks, &self.store, daemons, measuring, listener).await?;
        let policy = self.feed.policy();
        tasks.add_control(&self.store, &parts.store, &parts.networks, "serve", policy);
        #[cfg(feature = "backfill")]
        {
            let (store, clock) = (Arc::clone(&parts.store), parts.clock.clone());
            let (catch_up, stop) = (&self.catch_up, stop.clone());
            let disk = self.jobs.reserve.disk(&self.store)?;
            let task = catch_up.task(store, &self.store, &self.feed, disk, clock, stop).await?;
            task.into_iter().for_each(|task| tasks.add("catch-up", task));
        }
        for Collecting { collector, schedule, spread } in collectors {
            tasks.add("collector", collector::run(collector, schedule, spread, stop.clone()));
        }
        tasks.run().await
    }
}

#[derive(Args)]
pub(super) struct Demo {
    #[command(flatten)]
    store: DemoStore,
    /// Number of simulated sensors.
    #[arg(long, default_value_t = 25_000, value_name = "N")]
    sensors: usize,
    /// Hours of simulated history to collect, one fetch per hour.
    #[arg(long, default_value_t = 24, value_name = "HOURS")]
    history: u32,
    /// Random seed of the network; the same seed gives the same network.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When to fetch: a cron expression in UTC. The feed is also fetched at start.
    #[arg(long, default_value = "*/5 * * * *", value_name = "CRON")]
    schedule: Schedule,
    #[command(flatten)]
    jobs: JobFlags,
    #[command(flatten)]
    http: HttpFlags,
    #[command(flatten)]
    push: PushFlags,
    #[command(flatten)]
    flags: QualityFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Args)]
struct DemoStore {
    /// Data directory for the simulated readings [default: a temporary one, deleted on exit]
    #[arg(long, value_name = "DIR")]
    data: Option<std::path::PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("demo")?;
        let pushing = self.push.check(&[store::Network::SIMULATED])?;
        let measuring = self.metrics.start("demo").await?;
        let (stop, clock) = (stop_on_signals()?, wall_clock());
        let listener = self.http.listen().await?;
        let temporary = tempfile::Builder::new().prefix("airshed-demo-").tempdir()?;
        let data = self.store.data.unwrap_or_else(|| temporary.path().to_owned());
        let store = StoreFlags::in_folder(data);
        let (opened, events) = notifying(store.open().await?);
        let own = |networks: Networks, pushing: &Pushing| {
            networks.with(pushing.network, Terms::new("sensors that push to this demo", None))
        };
        let networks = Arc::new(pushing.iter().fold(Networks::default(), own));
        let flagging = self.flags.flagging();
        let limits = flagging.limits.clone();
        let pushing = pushing
            .map(|pushing| pushing.start(&opened, &store, &networks, u32::MAX, flagging, &clock));
        let mut parts = Parts {
            store: opened,
            clock: clock.clone(),
            status: Some(Arc::new(FeedStatus::default())),
            networks,
            events,
            pushing,
            limits,
        };
        let mut tasks = Tasks::new(stop.clone());

        let network = Network::new(self.sensors, self.seed);
        let feed = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", feed.local_addr()?);
        info!(feed = format!("{origin}{FEED_PATH}"), sensors = self.sensors, "simulated network");
        tasks.add("network", demo::run(network, feed, clock.clone(), stop.clone()));

        // A demo in a terminal ends with it, instead of reading its files again.
        let (_, reload) = watch::channel(());
        let daemons =
            Inside { jobs: &self.jobs, http: &self.http, worker: &self.worker, reload: &reload };
        let _socket =
            parts.serve_and_work(&mut tasks, &store, daemons, measuring, listener).await?;
        tasks.add_control(&store, &parts.store, &parts.networks, "demo", Policy::default());
        let status = parts.status.clone().unwrap_or_default();
        let live: Source = format!("{origin}{FEED_PATH}").parse()?;
        let asking = ClientOptions::default();
        let mut live = collector(
            live,
            None,
            &asking,
            Box::new(Arc::clone(&parts.store)),
            clock.clone(),
            status,
        )?;
        live.network = store::Network::SIMULATED;
        let now = clock().as_second();
        let past = (1..=i64::from(self.history)).map(|hour| now - hour * 3600).collect();
        let at_once = Spread::default();
        tasks.add("collector", collector::run(live, self.schedule, at_once, stop.clone()));
        tasks.add("history", collect_past(parts, origin, past, stop));
        tasks.run().await
    }
}

/// Fetches the simulated history as the collector would have done, then waits for shutdown.
async fn collect_past(parts: Parts, origin: String, past: Vec<i64>, stop: CancellationToken) {
    for moment in past {
        let Ok(source) = format!("{origin}/at/{moment}{FEED_PATH}").parse() else {
            continue;
        };
        let status = Arc::new(FeedStatus::default());
        let (store, clock) = (Box::new(Arc::clone(&parts.store)), parts.clock.clone());
        match collector(source, None, &ClientOptions::default(), store, clock, status) {
            Ok(mut collector) => {
                collector.network = store::Network::SIMULATED;
                collector.collect_patiently(None, &stop).await;
            }
            Err(failure) => warn!(reason = reason(failure.as_ref()), "no collector"),
        }
        if stop.is_cancelled() {
            return;
        }
    }
    stop.cancelled().await;
}

#[derive(Args)]
pub(super) struct Collect {
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    feed: FeedFlags,
    /// Fetch once, then exit, for use in your own cron job. A failed fetch is retried, up to eight
    /// attempts within some minutes.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Collect {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("collect")?;
        let (stop, clock) = (stop_on_signals()?, wall_clock());
        self.feed.check()?;
        if self.once {
            self.feed.check_files()?;
        }
        let measuring = self.metrics.start("collect").await?;
        let mut tasks = Tasks::new(stop.clone());
        let (grace, status) = (self.store.deletion_grace(), Arc::default());
        if self.once {
            // A single collection is an ordinary command.
            let networks = self.networks.networks();
            let target = Target::of_collection(&self.store, self.feed.keep(), networks).await?;
            let opened = target.opened().await;
            measuring.watch(&mut tasks, opened.as_ref(), None, &Disk::default(), &clock);
            let destination = || Box::new(target.clone()) as Box<dyn Destination>;
            let collectors = self.feed.collectors(destination, None, &clock, status, grace)?;
            if self.feed.has_samples() {
                info!(
                    "samples are stored; `serve` and `collect` without --once make means of them"
                );
            }
            let mut done = true;
            for Collecting { mut collector, .. } in collectors {
                // Every feed has records that cannot be stored; they are counted in the log.
                done &= collector.collect_patiently(None, &stop).await.is_some();
            }
            target.close().await;
            stop.cancel();
            tasks.run().await?;
            return Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let store = self.store.open_to_keep(self.feed.keep()).await?;
        measuring.watch(&mut tasks, Some(&store), None, &Disk::default(), &clock);
        let (networks, policy) = (self.networks.networks(), self.feed.policy());
        tasks.add_control(&self.store, &store, &networks, "collect", policy);
        let means = self.feed.means(&store, &self.store);
        let destination = || Box::new(Arc::clone(&store)) as Box<dyn Destination>;
        let collectors =
            self.feed.collectors(destination, means.as_ref(), &clock, status, grace)?;
        for Collecting { collector, schedule, spread } in collectors {
            tasks.add("collector", collector::run(collector, schedule, spread, stop.clone()));
        }
        tasks.run().await
    }
}

#[derive(Args)]
pub(super) struct Serving {
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    jobs: JobFlags,
    #[command(flatten)]
    http: HttpFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Serving {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("server")?;
        let limits = self.limits.limits();
        let measuring = self.metrics.start("server").await?;
        let ((stop, reload), clock) = (stop_or_reload_on_signals()?, wall_clock());
        let listener = self.http.listen().await?;
        let store = self.store.open().await?;
        let queues = self.jobs.queues(1).await?;
        let disk = self.jobs.reserve.disk(&self.store)?;
        let job_backend = if queues.shared {
            let jobs = self.jobs.jobs(&self.store.data, &disk, clock.clone(), false).await?;
            Some(JobBackend { jobs, queues })
        } else {
            warn!(
                "the queue channel: has no worker in this process: queries beyond --in-flight \
                 are refused (503). Use `airshed serve`, which includes workers"
            );
            None
        };
        let mut tasks = Tasks::new(stop.clone());
        if let Some(job_backend) = &job_backend {
            let requests = Arc::clone(&job_backend.queues.requests);
            let sweeper = Sweeper::new(job_backend.jobs.clone(), requests);
            tasks.add("sweeper", sweeper::run(sweeper, stop.clone()));
        }
        let queues = job_backend.as_ref().map(|job_backend| &job_backend.queues);
        let watch = measuring.watch(&mut tasks, Some(&store), queues, &disk, &clock);
        let networks = self.networks.networks();
        tasks.add_control(&self.store, &store, &networks, "server", Policy::default());
        let mut server =
            self.http.server(&self.store, store, job_backend, watch, clock, networks)?;
        (server.neighbours, server.limits.disk) = (limits, disk);
        self.http.add_admin(&mut tasks, &server.watch).await?;
        reload_keys(&server.access, &mut tasks, &reload);
        let (listener, _socket) = listener.announced(&mut tasks, &reload);
        tasks.add("server", server::run(server, listener, stop));
        tasks.run().await
    }
}

#[derive(Args)]
pub(super) struct Working {
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    jobs: JobFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Working {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("worker")?;
        let queues = self.jobs.queues(self.worker.concurrency).await?;
        if !queues.shared {
            return Err(bad_call(
                "a separate worker needs a --queue shared between processes; channel: exists \
                 only within its process. `airshed serve` includes workers",
            ));
        }
        let measuring = self.metrics.start("worker").await?;
        let (stop, clock) = (stop_on_signals()?, wall_clock());
        let store = self.store.open().await?;
        let mut tasks = Tasks::new(stop.clone());
        let disk = self.jobs.reserve.disk(&self.store)?;
        measuring.watch(&mut tasks, None, None, &disk, &clock);
        let jobs = self.jobs.jobs(&self.store.data, &disk, clock, false).await?;
        let networks = self.networks.networks();
        tasks.add_control(&self.store, &store, &networks, "worker", Policy::default());
        let worker = self.worker.worker(store, queues, jobs, networks);
        tasks.add("worker", worker::run(worker, stop));
        tasks.run().await
    }
}

/// Options shared by `serve` and `demo`.
struct Parts {
    store: Arc<dyn Store>,
    clock: Clock,
    status: Option<Arc<FeedStatus>>,
    networks: Arc<Networks>,
    events: Events,
    pushing: Option<(Receiver, Writer)>,
    limits: Limits,
}

/// A store that publishes an event for every put.
fn notifying(store: Arc<dyn Store>) -> (Arc<dyn Store>, Events) {
    let events = Events::default();
    let hook = events.clone();
    (Arc::new(Notifying::new(store, move |readings| hook.stored(readings))), events)
}

/// The daemons that `serve` and `demo` run.
struct Inside<'a> {
    jobs: &'a JobFlags,
    http: &'a HttpFlags,
    worker: &'a WorkerFlags,
    reload: &'a Reload,
}

impl Parts {
    /// A server, workers and a sweeper over one queue.
    async fn serve_and_work(
        &mut self,
        tasks: &mut Tasks,
        store: &StoreFlags,
        Inside { jobs, http, worker, reload }: Inside<'_>,
        measuring: Measuring,
        listener: Listening,
    ) -> Result<Option<SocketFile>, Failure> {
        let queues: Queues = jobs.queues(worker.concurrency).await?;
        let disk = jobs.reserve.disk(store)?;
        let jobs = jobs.jobs(&store.data, &disk, self.clock.clone(), !queues.shared).await?;
        let sweeper = Sweeper::new(jobs.clone(), Arc::clone(&queues.requests));
        let interrupted = if queues.shared { Vec::new() } else { jobs.ids().await? };
        let job_backend = JobBackend { jobs: jobs.clone(), queues: queues.clone() };
        let flags = store;
        let store = Arc::clone(&self.store);
        let watch = measuring.watch(tasks, Some(&store), Some(&queues), &disk, &self.clock);
        let clock = self.clock.clone();
        let (shown, job_backend) = (Arc::clone(&store), Some(job_backend));
        let networks = Arc::clone(&self.networks);
        let mut server = http.server(flags, shown, job_backend, watch, clock, networks)?;
        server.feed = self.status.clone();
        server.events = Some(self.events.clone());
        (server.neighbours, server.limits.disk) = (self.limits.clone(), disk);
        if let Some((receiver, writer)) = self.pushing.take() {
            server.push = Some(Arc::new(receiver));
            tasks.add("writer", writer.run(tasks.stop.clone()));
        }
        http.add_admin(tasks, &server.watch).await?;
        reload_keys(&server.access, tasks, reload);
        let (listener, file) = listener.announced(tasks, reload);
        let stop = tasks.stop.clone();
        let worker = worker.worker(store, queues, jobs, Arc::clone(&self.networks));
        tasks.add("server", server::run(server, listener, stop.clone()));
        tasks.add("worker", worker::run(worker, stop.clone()));
        // The server does not wait until all records are read.
        tasks.add("sweeper", async move {
            let resumed = tokio::select! {
                resumed = sweeper.resume(interrupted) => resumed,
                () = stop.cancelled() => return,
            };
            match resumed {
                Ok(0) => {}
                Ok(jobs) => info!(jobs, "resuming jobs interrupted by the last shutdown"),
                Err(error) => warn!(reason = reason(&error), "cannot resume interrupted jobs"),
            }
            sweeper::run(sweeper, stop).await;
        });
        Ok(file)
    }
}
