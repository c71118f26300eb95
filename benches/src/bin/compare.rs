//! A month of ten million readings: the embedded store compared with a plain copy of the same bytes
//! and with common query engines.
//!
//! `cargo run --release -p airshed-benches --bin compare [DIR]` builds the data set in DIR (kept
//! for the next run; default: a temporary directory), then runs the queries of a month: fresh (a
//! process that opens the file and queries once; file in the page cache), cold (just opened), with
//! the default cache (repeated query, cache of 256 MiB) and warm (the whole month queried once,
//! cache large enough for its text). A summary is the statistics of the rows, without a file. If `python3` is available, DuckDB, chdb and Polars are
//! installed into DIR and run four of them, too. Prints medians, and the ratios to the best of the
//! others.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airshed_benches::{answer, fill, median, milliseconds, start};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use store::{
    AqiStandard, Column, Embedded, Encoder, Format, Options, Pages, Quality, Query, Tallies, View,
};

/// Hours of the simulated network in the data set: some 13,000 readings each.
const HOURS: i64 = 768;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("month.redb");
    if let Some(number) = std::env::args().nth(2) {
        return ask_once(&path, number.parse()?).await;
    }
    build(&path).await?;
    describe(&path).await?;
    let queries = queries()?;
    let ours = ask_ours(&path, &queries).await?;
    let others = ask_others(&folder, &path, &queries).await?;
    print_table(&queries, &ours, &others)
}

/// The measurements of the embedded store for one query.
struct Ours {
    rows: usize,
    bytes: usize,
    fresh: Duration,
    cold: Duration,
    default: Duration,
    warm: Duration,
}

/// The result of another engine for one query.
#[derive(Debug, Deserialize)]
struct Other {
    engine: String,
    query: String,
    ms: f64,
    rows: usize,
}

async fn describe(path: &Path) -> Result<(), Failure> {
    let opening = Instant::now();
    let store = Embedded::open(path, Options::default())?;
    let opened = opening.elapsed();
    let asking = Instant::now();
    let summary = store.summary().await?;
    let summed = asking.elapsed();
    let bytes = std::fs::metadata(path)?.len();
    println!(
        "{} readings, {:.1} bytes each on disk; opened in {:.1} ms, summary in {:.2} ms\n",
        summary.readings(),
        bytes as f64 / summary.readings() as f64,
        milliseconds(opened),
        milliseconds(summed),
    );
    Ok(())
}

/// One query in a separate process: prints microseconds.
async fn ask_once(path: &Path, number: usize) -> Result<(), Failure> {
    let queries = queries()?;
    let named = queries.get(number).ok_or("no such query")?;
    let begun = Instant::now();
    let store = Embedded::open(path, Options::default())?;
    named.answer(&store, &mut Vec::new()).await?;
    println!("{}", begun.elapsed().as_micros());
    Ok(())
}

/// The median of processes that open the file and query once, including the opening.
fn fresh(path: &Path, number: usize) -> Result<Duration, Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut times = Vec::new();
    for _ in 0..7 {
        let mut asking = Command::new(std::env::current_exe()?);
        let asked = asking.arg(folder).arg(number.to_string()).output()?;
        let micros = String::from_utf8(asked.stdout)?.trim().parse()?;
        times.push(Duration::from_micros(micros));
    }
    Ok(median(times))
}

async fn ask_ours(path: &Path, queries: &[Named]) -> Result<Vec<Ours>, Failure> {
    let mut text = Vec::new();
    let mut colds = Vec::new();
    for (number, named) in queries.iter().enumerate() {
        let fresh = fresh(path, number)?;
        let mut cold = Vec::new();
        for _ in 0..7 {
            let store = Embedded::open(path, Options::default())?;
            cold.push(time(&store, named, &mut text).await?.2);
        }
        colds.push((fresh, median(cold)));
    }
    let with_default = Embedded::open(path, Options::default())?;
    let mut defaults = Vec::new();
    for named in queries {
        defaults.push(repeated(&with_default, named, &mut text).await?.2);
    }
    drop(with_default);
    let mut options = Options::default();
    options.cache_bytes = 8 << 30;
    let warmed = Embedded::open(path, options)?;
    answer(&warmed, &Query::everything(), &mut text).await?;
    let mut ours = Vec::new();
    for ((named, (fresh, cold)), default) in queries.iter().zip(colds).zip(defaults) {
        let (rows, bytes, warm) = repeated(&warmed, named, &mut text).await?;
        ours.push(Ours { rows, bytes, fresh, cold, default, warm });
    }
    Ok(ours)
}

async fn ask_others(folder: &Path, store: &Path, queries: &[Named]) -> Result<Vec<Other>, Failure> {
    let Some(python) = python(folder)? else {
        println!("(the other engines are left out: there is no python3 with venv)\n");
        return Ok(Vec::new());
    };
    let parquet = folder.join("month.parquet");
    if !parquet.exists() {
        export(store, &parquet).await?;
    }
    let asked: Vec<_> = queries
        .iter()
        .filter(|named| named.is_asked_of_all)
        .map(|Named { name, query, .. }| {
            json!({
                "name": name,
                "from": query.from.as_millisecond(),
                "until": query.until.as_millisecond(),
                "country": query.countries.first().map(ToString::to_string),
                "range": query.bands.first().map(ToString::to_string),
                "minAqi": query.indices.map(|(lowest, _)| lowest),
            })
        })
        .collect();
    let work = tempfile::tempdir_in(folder)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/compare.py");
    let asking = Command::new(python)
        .arg(script)
        .args([&parquet, work.path()])
        .arg(serde_json::to_string(&asked)?)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !asking.status.success() {
        return Err("an engine failed".into());
    }
    let lines = String::from_utf8(asking.stdout)?;
    Ok(lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// A Python with the engines of `requirements.txt`.
fn python(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    if python.exists() {
        return Ok(Some(python));
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
    if !made.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements.txt");
    let installed = Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements)
        .status()?;
    if !installed.success() {
        std::fs::remove_dir_all(&environment)?;
        return Err("pip could not install the engines".into());
    }
    Ok(Some(python))
}

async fn export(store: &Path, parquet: &Path) -> Result<(), Failure> {
    let store = Arc::new(Embedded::open(store, Options::default())?);
    let unfinished = parquet.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    let exported = airshed::transfer::export(
        Pages::new(store, Query::everything()),
        Encoder::new(Format::Parquet, Column::DEFAULT, store::ATTRIBUTION)?,
        &mut file,
        |_| {},
    )
    .await?;
    std::fs::rename(unfinished, parquet)?;
    println!("{} readings exported for the other engines\n", exported.rows);
    Ok(())
}

fn print_table(queries: &[Named], ours: &[Ours], others: &[Other]) -> Result<(), Failure> {
    let mut by_engine: BTreeMap<&str, Vec<&Other>> = BTreeMap::new();
    for other in others {
        by_engine.entry(&other.engine).or_default().push(other);
    }
    let engines: Vec<_> = by_engine.keys().map(|engine| format!("{engine} | ")).collect();
    let headings = "fresh | cold | 256 MiB | warm | copy | best / cold | best / warm";
    println!("| query | rows | MB | {}{headings} |", engines.concat());
    println!("{}", "| --- ".repeat(3 + engines.len() + 7) + "|");
    for (Named { name, is_asked_of_all, .. }, ours) in queries.iter().zip(ours) {
        let Ours { rows, bytes, fresh, cold, default, warm } = *ours;
        print!("| {name} | {rows} | {:.2} ", bytes as f64 / 1e6);
        let mut best = f64::INFINITY;
        for answers in by_engine.values() {
            if !is_asked_of_all {
                print!("| – ");
                continue;
            }
            let answer = answers.iter().find(|answer| answer.query == *name);
            let answer = answer.ok_or("an engine was silent")?;
            if answer.rows != rows {
                return Err(format!("{answer:?}, ours has {rows} rows").into());
            }
            best = best.min(answer.ms);
            print!("| {:.1} ms ", answer.ms);
        }
        let (cold, default, warm) = (milliseconds(cold), milliseconds(default), milliseconds(warm));
        let copy = milliseconds(copied(bytes));
        let fresh = milliseconds(fresh);
        print!("| {fresh:.2} ms | {cold:.2} ms | {default:.3} ms | {warm:.3} ms | {copy:.3} ms ");
        match best.is_finite() {
            true => println!("| {:.1} | {:.0} |", best / cold, best / warm),
            false => println!("| – | – |"),
        }
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

struct Named {
    name: &'static str,
    query: Query,
    /// The other engines have only the stored index, and no index by sensor.
    is_asked_of_all: bool,
    is_summary: bool,
}

impl Named {
    /// The numbers of rows and of bytes of its CSV; a summary has no bytes.
    async fn answer(
        &self,
        store: &Embedded,
        text: &mut Vec<u8>,
    ) -> Result<(usize, usize), store::Error> {
        if !self.is_summary {
            return answer(store, &self.query, text).await;
        }
        let Query { standard, until, .. } = self.query;
        let mut tallies = Tallies::new(standard, Quality::All, HashMap::new(), until);
        let mut pages = Pages::new(Arc::new(store.clone()), self.query.clone());
        while let Some(page) = pages.next().await.transpose()? {
            tallies.add(&page);
        }
        Ok((black_box(&tallies).all().readings() as usize, 0))
    }
}

fn queries() -> Result<Vec<Named>, Failure> {
    let end = |hours| start() + SignedDuration::from_hours(hours) - SignedDuration::from_secs(1);
    let mid_month = start() + SignedDuration::from_hours(15 * 24);
    let germany = vec!["DE".parse()?];
    let mut hour = Query::new(mid_month + SignedDuration::from_hours(9), end(15 * 24 + 10));
    hour.countries = germany.clone();
    hour.bands = store::AqiStandard::DEFAULT.category("Low").into_iter().collect();
    let mut day = Query::new(mid_month, end(16 * 24));
    day.countries = germany.clone();
    let mut high = Query::new(start() - SignedDuration::from_hours(1), end(HOURS));
    high.indices = Some((9, 10));
    let mut month = Query::new(start() - SignedDuration::from_hours(1), end(HOURS));
    month.countries = germany.clone();
    let us: AqiStandard = "us_aqi:2024".parse()?;
    let mut hour_us = hour.clone();
    hour_us.standard = us;
    // Up to 35.4 µg/m³, as the UK's Low is up to 35.
    hour_us.bands = ["Good", "Moderate"].iter().filter_map(|name| us.category(name)).collect();
    let mut month_us = month.clone();
    month_us.standard = us;
    let mut week = Query::new(start() + SignedDuration::from_hours(9 * 24), end(16 * 24));
    let mut german_week = week.clone();
    week.sensors = vec![1000.into()];
    german_week.countries = germany;
    let named = |name, query| Named { name, query, is_asked_of_all: false, is_summary: false };
    let of_all = |name, query| Named { is_asked_of_all: true, ..named(name, query) };
    Ok(vec![
        of_all("one hour, DE, Low", hour),
        of_all("one day, DE", day),
        of_all("month, AQI ≥ 9", high),
        of_all("month, DE", month),
        named("one hour, DE, US AQI up to 100", hour_us),
        named("month, DE, by the US AQI", month_us),
        named("a sensor's week", week),
        Named { is_summary: true, ..named("a week's summary, DE", german_week) },
    ])
}

/// Rows, bytes and the median time of a repeated query.
async fn repeated(
    store: &Embedded,
    named: &Named,
    text: &mut Vec<u8>,
) -> Result<(usize, usize, Duration), Failure> {
    let mut times = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for round in 0..13 {
        let (asked_rows, asked_bytes, took) = time(store, named, text).await?;
        (rows, bytes) = (asked_rows, asked_bytes);
        if round >= 3 {
            times.push(took);
        }
    }
    Ok((rows, bytes, median(times)))
}

/// Rows, bytes and time of a query.
async fn time(
    store: &Embedded,
    named: &Named,
    text: &mut Vec<u8>,
) -> Result<(usize, usize, Duration), Failure> {
    let begun = Instant::now();
    let (rows, bytes) = named.answer(store, text).await?;
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
