//! Server, workers, sweeper, queue, results, store and clock as one system that fails in every way a
//! seed chooses: kills, lost and late answers, lost, late and repeated messages, a full disk, a clock
//! that leaps.
//!
//! Everything runs in one thread with simulated time, and each choice is drawn from one generator, so
//! that a seed always gives the same run: `AIRSHED_SEED=N AIRSHED_SEEDS=1` repeats it, and
//! `AIRSHED_SHOW_LOG=1` prints it. What runs on other threads is not simulated: the embedded store
//! (its power cuts are simulated in `store/src/embedded/crash.rs`), compression, files on disk.
#![allow(clippy::unwrap_used, clippy::panic)]

mod checks;
mod objects;
mod process;
mod queue;
mod readings;
mod scenario;
mod world;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::scenario::run;

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// `make soak`: 10,000 seeds.
#[test]
fn nothing_acknowledged_is_lost_and_every_job_ends_truly_whatever_fails() {
    let (first, count) = (variable("AIRSHED_SEED", 0), variable("AIRSHED_SEEDS", 200));
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let ends = Mutex::new(BTreeSet::new());
    let failed = std::thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + count {
                    return failed;
                }
                match run(seed).end {
                    Ok(of_run) => ends.lock().unwrap().extend(of_run),
                    Err(why) => failed.push((seed, why)),
                }
            }
        };
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let shown: Vec<_> =
        failed.iter().take(5).map(|(seed, why)| format!("seed {seed}: {why}")).collect();
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), shown.join("\n"));
    // Otherwise the runs would say little.
    let ends = ends.into_inner().unwrap();
    for end in ["done", "cancelled", "no room", "retention period", "restart"] {
        let is_there = ends.iter().any(|known| known.contains(end));
        assert!(is_there || count < 200, "no job ends with {end:?}: {ends:?}");
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..20 {
        let (first, second) = (run(seed), run(seed));
        let differs = first.trace.iter().zip(&second.trace).position(|(one, other)| one != other);
        let around = differs.map(|at| (at, &first.trace[at], &second.trace[at]));
        assert_eq!(around, None, "seed {seed}");
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert_eq!(first.end, second.end, "seed {seed}");
        assert!(first.trace.len() > 100, "seed {seed} hardly does anything");
    }
}
