//! Guards against performance regressions: the instructions per row of the engine's main paths,
//! counted by callgrind and compared with those in `benches/guards.txt`. A deviation of more than
//! 10 % in either direction fails; `guards record` updates the file.
//!
//! `cargo run -p airshed-benches --bin guards` (needs valgrind), as in `make test`; not with
//! --release, which has other numbers.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use airshed_benches::{counted_in, start};
use aqi::Decimal;
use jiff::SignedDuration;
use store::csv::Dialect;
use store::{
    AqiStandard, Column, Encoder, Format, Memory, Page, Quality, Query, Reading, Spelling, Store,
    Tallies, View, Window,
};

const SENSORS: u64 = 1000;
const HOURS: i64 = 24;

type Work = fn(&Data) -> usize;

/// The measured workloads; each returns the number of rows.
const WORKS: [(&str, &str, Work); 7] = [
    ("feed parsed", "guarded_feed", guarded_feed),
    ("put, hour by hour", "guarded_put", guarded_put),
    ("an hour as CSV", "guarded_csv", guarded_csv),
    ("an hour as NDJSON", "guarded_ndjson", guarded_ndjson),
    ("a day from index 7 on", "guarded_high", guarded_high),
    ("a day as CSV by us_aqi:2024", "guarded_us", guarded_us),
    ("a day summed up", "guarded_sum", guarded_sum),
];

/// A day of readings, as input and as stored.
struct Data {
    feed: String,
    readings: Vec<Reading>,
    store: Memory,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    if let ["work", name] = arguments.as_slice() {
        let found = WORKS.iter().find(|(known, ..)| known == name);
        let (_, _, work) = found.ok_or_else(|| format!("no such work: {name}"))?;
        println!("{}", work(&data()?));
        return Ok(ExitCode::SUCCESS);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("guards.txt");
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    let recorded: HashMap<_, _> = recorded
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, count)| Some((name.trim().to_owned(), count.parse::<f64>().ok()?)))
        .collect();
    let (mut text, mut failed) = (String::new(), false);
    for (name, function, work) in WORKS {
        let rows = work(&data()?) as f64;
        let count = counted_in(&format!("*{function}*"), &["work", name])? / rows;
        let before = recorded.get(name).copied();
        let is_off = before.is_none_or(|before| !(0.9..=1.1).contains(&(count / before)));
        failed |= is_off;
        let beside = before.map_or("nothing recorded".to_owned(), |before| {
            format!("{:+.1} %", (count / before - 1.0) * 100.0)
        });
        println!("{name:<30} {count:>9.1} instructions a row, {beside}");
        text += &format!("{name:<30} {count:.1}\n");
    }
    if arguments == ["record"] {
        std::fs::write(&file, text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if failed {
        println!(
            "more than 10 % off: explain it in the commit, and update guards.txt with \
                  `guards record`"
        );
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn data() -> Result<Data, Box<dyn Error>> {
    let mut readings = Vec::new();
    for hour in 0..HOURS {
        readings.extend((0..SENSORS).map(|sensor| reading(sensor, hour)));
    }
    let store = Memory::new();
    block_on(store.put(&readings))?;
    let feed = airshed_benches::feed_file(SENSORS as usize, start());
    Ok(Data { feed, readings, store })
}

fn reading(sensor: u64, hour: i64) -> Reading {
    let noise = (sensor * 7919 + hour.unsigned_abs() * 104_729) % 9973;
    let moment = start() + SignedDuration::from_secs(hour * 3600 + sensor as i64 % 300);
    let mut reading = Reading::new(1000 + sensor, Window::Day24, moment);
    reading.measurement = Some(1_000_000 + hour.unsigned_abs() * SENSORS + sensor);
    reading.pm10 = Some(Decimal::new((noise % 6000) as i64, 2));
    reading.pm25 = Some(Decimal::new((noise * noise % 7000) as i64, 2));
    reading.sensor_type = "SDS011".parse().ok();
    reading.location = Some(500 + sensor);
    reading.latitude = Some(Decimal::new(47_000_000 + (sensor * 5003) as i64, 6));
    reading.longitude = Some(Decimal::new(6_000_000 + (sensor * 6007) as i64, 6));
    reading.country = ["DE", "NL", "PL", "FR"][sensor as usize % 4].parse().ok();
    reading.indoor = Some(sensor.is_multiple_of(50));
    reading
}

#[inline(never)]
fn guarded_feed(data: &Data) -> usize {
    let now = start() + SignedDuration::from_hours(1);
    let parsed = airshed::feed::parse(data.feed.as_bytes(), Window::Day24, now);
    parsed.map_or(0, |feed| black_box(feed).records)
}

#[inline(never)]
fn guarded_put(data: &Data) -> usize {
    let store = Memory::new();
    for batch in data.readings.chunks(SENSORS as usize) {
        black_box(block_on(store.put(batch))).unwrap_or_default();
    }
    data.readings.len()
}

#[inline(never)]
fn guarded_csv(data: &Data) -> usize {
    written(data, &an_hour(), Format::Csv(Dialect::DEFAULT))
}

#[inline(never)]
fn guarded_ndjson(data: &Data) -> usize {
    written(data, &an_hour(), Format::NdJson(Spelling::Default))
}

#[inline(never)]
fn guarded_high(data: &Data) -> usize {
    let mut query = Query::everything();
    query.indices = Some((7, u32::MAX));
    pages(data, &query).iter().map(Page::len).sum::<usize>().max(1)
}

#[inline(never)]
fn guarded_us(data: &Data) -> usize {
    let mut query = Query::everything();
    query.standard = "us_aqi:2024".parse().unwrap_or_default();
    written(data, &query, Format::Csv(Dialect::DEFAULT))
}

#[inline(never)]
fn guarded_sum(data: &Data) -> usize {
    let now = start() + SignedDuration::from_hours(HOURS);
    let standard = AqiStandard::DEFAULT;
    let mut tallies = Tallies::new(standard, Quality::Plausible, HashMap::new(), now);
    pages(data, &Query::everything()).iter().for_each(|page| tallies.add(page));
    black_box(tallies.all());
    data.readings.len()
}

fn an_hour() -> Query {
    let from = start() + SignedDuration::from_hours(12);
    Query::new(from, from + SignedDuration::from_secs(3599))
}

fn written(data: &Data, query: &Query, format: Format) -> usize {
    let encoder = Encoder::by(query.standard, format, Column::DEFAULT, "");
    let (Ok(mut encoder), mut text, mut rows) = (encoder, Vec::new(), 0) else { return 1 };
    for page in pages(data, query) {
        text.clear();
        black_box(encoder.page(&mut text, &page)).unwrap_or_default();
        rows += page.len();
    }
    rows.max(1)
}

fn pages(data: &Data, query: &Query) -> Vec<Page> {
    let (mut pages, mut after) = (Vec::new(), None);
    while let Ok(page) = block_on(data.store.query(query, after)) {
        after = page.next;
        pages.push(page);
        if after.is_none() {
            break;
        }
    }
    pages
}

/// Runs futures that never wait.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
