//! The same query on a small store and on a large one: the cost of a query must not depend on other
//! data.
//!
//! `cargo run --release -p airshed-benches --bin scale [DIR]` builds stores of a million and of a
//! hundred million readings in DIR (3 GB; kept for the next run), queries both alternately for one
//! hour, and prints the medians, their ratio, and the memory used.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use airshed::demo::network::Network;
use airshed_benches::{answer, fetch, median, milliseconds, start};
use jiff::SignedDuration;
use store::{Embedded, Options, Query, Reading, Store, View};

const SMALL: u64 = 1_000_000;
const LARGE: u64 = 100_000_000;
const ROUNDS: usize = 200;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let paths = [("small.redb", SMALL), ("large.redb", LARGE)];
    for (name, readings) in paths {
        build(&folder.join(name), readings).await?;
    }
    let mut query = Query::new(
        start() + SignedDuration::from_hours(24 + 9),
        start() + SignedDuration::from_hours(24 + 10) - SignedDuration::from_secs(1),
    );
    query.countries = vec!["DE".parse()?];
    query.bands = store::AqiStandard::DEFAULT.category("Low").into_iter().collect();

    let mut text = Vec::new();
    let mut stores = Vec::new();
    for (name, _) in paths {
        let opening = Instant::now();
        let store = Embedded::open(folder.join(name), Options::default())?;
        let opened = opening.elapsed();
        let readings = store.summary().await?.readings();
        println!("{name}: {readings} readings, opened in {:.1} ms", milliseconds(opened));
        stores.push(store);
    }
    let mut times = [Vec::new(), Vec::new()];
    let mut rows = [0, 0];
    for round in 0..ROUNDS {
        for (number, store) in stores.iter().enumerate() {
            let begun = Instant::now();
            rows[number] = answer(store, &query, &mut text).await?.0;
            if round >= ROUNDS / 10 {
                times[number].push(begun.elapsed());
            }
        }
    }
    let warm = times.map(median);
    let mut colds = [Vec::new(), Vec::new()];
    drop(stores);
    for _ in 0..15 {
        for (number, (name, _)) in paths.iter().enumerate() {
            let store = Embedded::open(folder.join(name), Options::default())?;
            let begun = Instant::now();
            answer(&store, &query, &mut text).await?;
            colds[number].push(begun.elapsed());
        }
    }
    let cold = colds.map(median);
    println!("| one hour, DE, Low | 1 M readings | 100 M readings | ratio |");
    println!("| --- | --- | --- | --- |");
    for (name, [small, large]) in [("asked before", warm), ("just opened", cold)] {
        let (small, large) = (milliseconds(small), milliseconds(large));
        println!(
            "| {name}, {} rows | {small:.3} ms | {large:.3} ms | {:.2} |",
            rows[1],
            large / small
        );
    }

    // Everything once, with the default cache: what stays in memory is the cache.
    let store = Embedded::open(folder.join(paths[1].0), Options::default())?;
    let begun = Instant::now();
    let all = answer(&store, &Query::everything(), &mut text).await?.0;
    println!("\nall {all} rows in {:.0} s", begun.elapsed().as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    resident.for_each(|line| println!("{line}"));
    Ok(())
}

/// One day of the simulated network, day after day until there are enough readings.
async fn build(path: &Path, readings: u64) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    let store = Embedded::open(&unfinished, Options::default())?;
    let network = Network::new(25_000, 1);
    let day: Vec<Reading> = (0..24).flat_map(|hour| fetch(&network, hour)).collect();
    let begun = Instant::now();
    let mut put = 0;
    for number in 0.. {
        for batch in day.chunks(25_000) {
            let later = SignedDuration::from_hours(24 * number);
            let batch: Vec<_> = batch
                .iter()
                .map(|reading| Reading { timestamp: reading.timestamp + later, ..reading.clone() })
                .collect();
            put += batch.len() as u64;
            store.put(&batch).await?;
        }
        if put >= readings {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{put} readings put in {seconds:.0} s, {:.0} a second", put as f64 / seconds);
    drop(store);
    std::fs::rename(unfinished, path)?;
    Ok(())
}
