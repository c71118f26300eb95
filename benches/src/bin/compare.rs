//! A month of ten million readings: our store beside a plain copy of the same bytes.
//!
//! `cargo run --release -p airshed-benches --bin compare [DIR]` builds the data set in
//! DIR (kept for the next run; a temporary directory without it), then asks the four
//! queries of a month, cold (just opened, file in the page cache, default cache) and
//! warm (the whole month asked for once, cache large enough for its text), and prints
//! medians.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use airshed_benches::{fill, start};
use jiff::SignedDuration;
use store::{Column, Embedded, Options, Pages, Query, View, csv};

/// Hours of the simulated network in the data set: some 13,000 readings each.
const HOURS: i64 = 768;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    let path = folder.join("month.redb");
    build(&path).await?;

    let opening = Instant::now();
    let store = Embedded::open(&path, Options::default())?;
    let opened = opening.elapsed();
    let asking = Instant::now();
    let summary = store.summary().await?;
    let summed = asking.elapsed();
    let bytes = std::fs::metadata(&path)?.len();
    println!(
        "{} readings, {:.1} bytes each on disk; opened in {:.1} ms, summary in {:.2} ms",
        summary.readings(),
        bytes as f64 / summary.readings() as f64,
        milliseconds(opened),
        milliseconds(summed),
    );
    drop(store);

    println!("| query | rows | bytes | cold | warm | copy | warm / copy |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut text = Vec::new();
    let mut options = Options::default();
    options.cache_bytes = 8 << 30;
    let queries = queries()?;
    let mut colds = Vec::new();
    for (_, query) in &queries {
        let mut cold = Vec::new();
        for _ in 0..3 {
            let store = Embedded::open(&path, Options::default())?;
            cold.push(time(&store, query, &mut text).await?.2);
        }
        colds.push(median(cold));
    }
    let warmed = Embedded::open(&path, options)?;
    time(&warmed, &Query::everything(), &mut text).await?;
    for ((name, query), cold) in queries.into_iter().zip(colds) {
        let mut warm = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        for round in 0..13 {
            let (asked_rows, asked_bytes, took) = time(&warmed, &query, &mut text).await?;
            (rows, bytes) = (asked_rows, asked_bytes);
            if round >= 3 {
                warm.push(took);
            }
        }
        let copy = copied(bytes);
        let warm = median(warm);
        println!(
            "| {name} | {rows} | {bytes} | {:.3} ms | {:.3} ms | {:.3} ms | {:.1} |",
            milliseconds(cold),
            milliseconds(warm),
            milliseconds(copy),
            warm.as_secs_f64() / copy.as_secs_f64(),
        );
    }
    Ok(())
}

async fn build(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    let begun = Instant::now();
    let store = Arc::new(Embedded::open(&unfinished, Options::default())?);
    let readings = fill(store, HOURS).await?;
    println!("{readings} readings generated and put in {:.0} s", begun.elapsed().as_secs_f64());
    std::fs::rename(unfinished, path)?;
    Ok(())
}

fn queries() -> Result<[(&'static str, Query); 4], Failure> {
    let end = |hours| start() + SignedDuration::from_hours(hours) - SignedDuration::from_secs(1);
    let mid_month = start() + SignedDuration::from_hours(15 * 24);
    let germany = vec!["DE".parse()?];
    let mut hour = Query::new(mid_month + SignedDuration::from_hours(9), end(15 * 24 + 10));
    hour.countries = germany.clone();
    hour.bands = vec![aqi::Band::Low];
    let mut day = Query::new(mid_month, end(16 * 24));
    day.countries = germany.clone();
    let mut high = Query::new(start() - SignedDuration::from_hours(1), end(HOURS));
    high.indices = Some((9.try_into()?, 10.try_into()?));
    let mut month = Query::new(start() - SignedDuration::from_hours(1), end(HOURS));
    month.countries = germany;
    Ok([
        ("one hour, DE, Low", hour),
        ("one day, DE", day),
        ("month, AQI ≥ 9", high),
        ("month, DE", month),
    ])
}

/// Rows, bytes and time of an answer as CSV, page by page into one buffer, as a
/// connection takes them.
async fn time(
    store: &Embedded,
    query: &Query,
    text: &mut Vec<u8>,
) -> Result<(usize, usize, Duration), Failure> {
    let begun = Instant::now();
    let mut pages = Pages::new(Arc::new(store.clone()), query.clone());
    let (mut rows, mut bytes) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        text.clear();
        csv::write_page(text, &page, Column::DEFAULT, csv::Dialect::USUAL);
        rows += page.len();
        bytes += black_box(&*text).len();
    }
    Ok((rows, bytes, begun.elapsed()))
}

/// The physical limit: the same number of bytes copied, a page's worth at a time.
fn copied(bytes: usize) -> Duration {
    const PAGE: usize = 1_400_000;
    let source = vec![b'x'; bytes.min(1 << 30)];
    let mut target = Vec::new();
    let mut times = Vec::new();
    for _ in 0..7 {
        let begun = Instant::now();
        for page in source.chunks(PAGE) {
            target.clear();
            target.extend_from_slice(black_box(page));
            black_box(&target);
        }
        times.push(begun.elapsed());
    }
    median(times)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
