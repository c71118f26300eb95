//! What happens in a run: questions, puts, kills, leaps, a disk that fills; then calm, in which
//! everything has to come to its end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use store::{Reading, Window};
use tokio::task::JoinSet;

use super::checks::{self, Accepted, Ends};
use super::objects::Kept;
use super::process::{Lasting, Process};
use super::queue::Channels;
use super::readings::Stored;
use super::world::{Disk, World};

/// The whole range, or a part of it: each a file of its own.
const QUESTIONS: [&str; 3] = ["", "&country=DE", "&country=FR"];

/// Steps follow each other at once, within a job, or after a while: the longest pauses in milliseconds.
const PAUSES: [u64; 3] = [10, 400, 90_000];

const STEPS: u64 = 80;

/// Longer than everything that may have to be waited for: an hour without a message, a few times.
const CALM: Duration = Duration::from_secs(6 * 3600);

pub(super) struct Run {
    pub(super) trace: Vec<String>,
    /// What became of the jobs.
    pub(super) end: Result<Ends, String>,
}

/// What the clients know.
#[derive(Default)]
pub(super) struct Told {
    pub(super) acknowledged: Vec<Reading>,
    pub(super) accepted: Vec<Accepted>,
    /// The locations of jobs that were to be cancelled or deleted.
    pub(super) cancelled: HashSet<String>,
}

pub(super) fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(seed);
        let end = System::start(&world).await.run().await;
        let end = end.map_err(|why| world.numbered(&why));
        Run { trace: world.trace(), end }
    })
}

struct System {
    world: World,
    lasting: Lasting,
    processes: Vec<Process>,
    told: Arc<Mutex<Told>>,
    clients: JoinSet<()>,
    /// Readings so far.
    readings: u64,
}

impl System {
    async fn start(world: &World) -> Self {
        let shared = world.percent(50);
        let lasting = Lasting {
            world: world.clone(),
            stored: Stored::new().await,
            kept: Kept::new().await,
            queues: shared.then(Channels::new),
            is_directory: !shared,
        };
        let processes = (0..if shared { 2 } else { 1 }).map(|_| Process::start(&lasting)).collect();
        let (told, clients) = Default::default();
        Self { world: world.clone(), lasting, processes, told, clients, readings: 0 }
    }

    fn process(&self) -> Process {
        self.processes[self.world.below(self.processes.len() as u64) as usize].clone()
    }

    async fn run(mut self) -> Result<Ends, String> {
        self.put();
        for _ in 0..STEPS {
            self.step().await;
            let longest = PAUSES[self.world.below(PAUSES.len() as u64) as usize];
            tokio::time::sleep(Duration::from_millis(self.world.below(longest))).await;
        }
        self.world.calm_down();
        tokio::time::sleep(CALM).await;
        let ended =
            tokio::time::timeout(CALM, async { while self.clients.join_next().await.is_some() {} });
        ended.await.map_err(|_| "a client waits for ever".to_owned())?;
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        checks::all(&self.lasting, &self.process(), told).await
    }

    async fn step(&mut self) {
        if self.world.disk() != Disk::Free && self.world.percent(20) {
            self.world.set_disk(Disk::Free);
        }
        match self.world.below(100) {
            0..20 => self.put(),
            20..35 => self.ask(),
            35..65 => self.ask_for_a_job(),
            65..70 => self.cancel(),
            70..78 => self.kill(),
            78..83 => {
                const LEAPS: [i64; 8] =
                    [-31_536_000, -86_400, -3600, -60, 60, 3600, 86_400, 31_536_000];
                self.world.leap(LEAPS[self.world.below(LEAPS.len() as u64) as usize]);
            }
            83..91 => {
                const DISKS: [Disk; 4] = [Disk::Free, Disk::Free, Disk::Reserve, Disk::Full];
                self.world.set_disk(DISKS[self.world.below(4) as usize]);
            }
            _ => self.probe().await,
        }
    }

    /// A collector puts a batch again until it is stored.
    fn put(&mut self) {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let reading = |n: u64| Reading {
            pm10: Some((n % 90).into()),
            country: Some(["DE", "FR"][n as usize % 2].parse().unwrap()),
            ..Reading::new(
                n % 7 + 1,
                Window::Day24,
                start + SignedDuration::from_secs(n as i64 * 60),
            )
        };
        let count = self.world.below(30) + 1;
        let batch: Vec<_> = (self.readings..self.readings + count).map(reading).collect();
        self.readings += count;
        let (process, told) = (self.process(), Arc::clone(&self.told));
        self.clients.spawn(async move {
            for _ in 0..5 {
                if process.put(&batch).await {
                    return told.lock().unwrap().acknowledged.extend(batch);
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
    }

    fn question(&self) -> String {
        let filter = QUESTIONS[self.world.below(QUESTIONS.len() as u64) as usize];
        format!("/api/query?window=24h&startDate=2026-01-01&endDate=2026-01-31{filter}")
    }

    /// A direct answer is that of a moment between question and answer.
    fn ask(&mut self) {
        let (process, path) = (self.process(), self.question());
        let lasting = self.lasting.clone();
        self.clients.spawn(async move {
            let first = lasting.stored.state();
            let Some((200, _, Some(body))) = process.get(&path).await else { return };
            let last = lasting.stored.state();
            if !checks::is_answer_of(&lasting, first..=last, &path, &body).await {
                lasting.world.wrong(format!("a direct answer to {path}"));
            }
        });
    }

    fn ask_for_a_job(&mut self) {
        let (process, path) = (self.process(), self.question());
        let (world, told) = (self.world.clone(), Arc::clone(&self.told));
        self.clients.spawn(async move {
            let answer = process.ask(Method::GET, &path, true).await;
            let Some((202, Some(location), _)) = answer else { return };
            world.note(&format!("accepted {location}"));
            let accepted = Accepted { location: location.clone(), path };
            told.lock().unwrap().accepted.push(accepted);
            let _ = process.get(&format!("{location}?wait=60")).await;
        });
    }

    fn cancel(&mut self) {
        let mut told = self.told.lock().unwrap();
        if told.accepted.is_empty() {
            return;
        }
        let number = self.world.below(told.accepted.len() as u64) as usize;
        let location = told.accepted[number].location.clone();
        told.cancelled.insert(location.clone());
        drop(told);
        let process = self.process();
        self.clients.spawn(async move {
            let _ = process.ask(Method::DELETE, &location, false).await;
        });
    }

    fn kill(&mut self) {
        let number = self.world.below(self.processes.len() as u64) as usize;
        self.processes[number].kill(&self.world);
        self.processes[number] = Process::start(&self.lasting);
    }

    /// Ready exactly when readings can be put.
    async fn probe(&mut self) {
        let before = self.world.disk();
        let Some((status, _, body)) = self.process().get("/readyz").await else { return };
        let expected = before != Disk::Full;
        if self.world.disk() == before && (status == 200) != expected {
            let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
            // A read of the store may have failed by chance.
            if !body.as_deref().is_some_and(|body| body.contains("store unavailable")) {
                let what = format!("/readyz is {status} with the disk {before:?}: {body:?}");
                self.world.wrong(what);
            }
        }
    }
}
