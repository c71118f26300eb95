//! What all parts share: the choices of the seed, the clock, what is failing now, and the trace.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::Clock;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;
use uuid::Uuid;

/// The length of an id as text.
const ID: usize = 36;

/// When a run begins.
fn start() -> Timestamp {
    "2026-02-01T12:00:00Z".parse().unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    Free,
    /// Only the reserve is left.
    Reserve,
    Full,
}

#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

struct Inner {
    rng: Mutex<StdRng>,
    trace: Mutex<Vec<String>>,
    ids: Mutex<HashMap<Uuid, usize>>,
    began: Instant,
    /// Seconds that the wall clock is ahead of the time that has passed.
    leapt: AtomicI64,
    /// Seconds of all leaps ahead.
    ahead: AtomicI64,
    /// The latest that the wall clock has shown.
    latest: AtomicI64,
    /// Calls no longer fail by chance.
    calm: AtomicBool,
    disk: Mutex<Disk>,
    /// Whether the disk was ever full but for the reserve, or full.
    was_short: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It has no effect, and fails.
    Refused,
    /// It has its effect, and its answer is lost.
    Lost,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Inner {
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            trace: Mutex::default(),
            ids: Mutex::default(),
            began: Instant::now(),
            leapt: AtomicI64::new(0),
            ahead: AtomicI64::new(0),
            latest: AtomicI64::new(i64::MIN),
            calm: AtomicBool::new(false),
            disk: Mutex::new(Disk::Free),
            was_short: AtomicBool::new(false),
            wrong: Mutex::default(),
        }))
    }

    /// A number below another.
    pub(super) fn below(&self, most: u64) -> u64 {
        self.0.rng.lock().unwrap().random_range(0..most)
    }

    pub(super) fn percent(&self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(super) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.began.elapsed()).unwrap();
        let now = start() + passed + SignedDuration::from_secs(self.0.leapt.load(Relaxed));
        self.0.latest.fetch_max(now.as_second(), Relaxed);
        now
    }

    pub(super) fn latest(&self) -> Timestamp {
        Timestamp::from_second(self.0.latest.load(Relaxed)).unwrap()
    }

    pub(super) fn clock(&self) -> Clock {
        let world = self.clone();
        Arc::new(move || world.now())
    }

    pub(super) fn leap(&self, seconds: i64) {
        self.0.leapt.fetch_add(seconds, Relaxed);
        self.0.ahead.fetch_add(seconds.max(0), Relaxed);
        self.note(&format!("the clock leaps by {seconds} s"));
    }

    /// Whether leaps ahead may have passed so much time.
    pub(super) fn may_have_passed(&self, time: SignedDuration) -> bool {
        self.0.ahead.load(Relaxed) >= time.as_secs()
    }

    pub(super) fn calm_down(&self) {
        self.0.calm.store(true, Relaxed);
        self.set_disk(Disk::Free);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.0.calm.load(Relaxed)
    }

    pub(super) fn disk(&self) -> Disk {
        *self.0.disk.lock().unwrap()
    }

    pub(super) fn set_disk(&self, disk: Disk) {
        self.note(&format!("disk: {disk:?}"));
        self.0.was_short.fetch_or(disk != Disk::Free, Relaxed);
        *self.0.disk.lock().unwrap() = disk;
    }

    pub(super) fn was_short(&self) -> bool {
        self.0.was_short.load(Relaxed)
    }

    /// Notes what must not be.
    pub(super) fn wrong(&self, what: String) {
        self.0.wrong.lock().unwrap().push(what);
    }

    pub(super) fn first_wrong(&self) -> Option<String> {
        self.0.wrong.lock().unwrap().first().cloned()
    }

    /// What becomes of a call, after a while.
    pub(super) async fn fate(&self) -> Fate {
        self.delay().await;
        match self.is_calm() {
            true => Fate::Done,
            false => match self.below(100) {
                0..4 => Fate::Refused,
                4..8 => Fate::Lost,
                _ => Fate::Done,
            },
        }
    }

    /// Usually short; now and then longer than others wait.
    pub(super) async fn delay(&self) {
        let late = !self.is_calm() && self.percent(1);
        let millis = if late { 20_000 + self.below(40_000) } else { self.below(20) };
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    pub(super) fn note(&self, text: &str) {
        let line = format!("{:>9} ms  {}", self.0.began.elapsed().as_millis(), self.numbered(text));
        if std::env::var_os("AIRSHED_SHOW_LOG").is_some() {
            eprintln!("{line}");
        }
        self.0.trace.lock().unwrap().push(line);
    }

    /// Ids are random, so they are numbered as they come.
    pub(super) fn numbered(&self, text: &str) -> String {
        let (mut numbered, mut rest) = (String::new(), text);
        while let Some(first) = rest.chars().next() {
            let id = rest.get(..ID).and_then(|id| id.parse::<Uuid>().ok());
            let length = match id {
                Some(id) => {
                    let mut ids = self.0.ids.lock().unwrap();
                    let next = ids.len();
                    numbered.push_str(&format!("#{}", ids.entry(id).or_insert(next)));
                    ID
                }
                None => {
                    numbered.push(first);
                    first.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        numbered
    }

    pub(super) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut self.0.trace.lock().unwrap())
    }
}

/// A process: once it is killed, none of its calls gets anywhere.
#[derive(Clone, Default)]
pub(super) struct Life(Arc<AtomicBool>);

impl Life {
    pub(super) fn end(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) async fn check(&self) {
        if self.0.load(Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}
