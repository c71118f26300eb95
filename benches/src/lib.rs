//! Shared parts of the benchmarks: a month of readings like the network's.

use std::error::Error;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use airshed::demo::network::Network;
use airshed::feed;
use jiff::{SignedDuration, Timestamp};
use store::{Column, Embedded, Pages, Query, Reading, Store, Window, csv};

/// The start of the month.
pub const START: &str = "2026-01-01T00:00:00Z";

/// The start of the month as a timestamp.
pub fn start() -> Timestamp {
    START.parse().unwrap_or_default()
}

/// The simulated feed at a time.
pub fn feed_file(sensors: usize, moment: Timestamp) -> String {
    Network::new(sensors, 1).feed(moment.as_second())
}

/// The readings of one fetch of the simulated network, at an hour after [`start`].
pub fn fetch(network: &Network, hour: i64) -> Vec<Reading> {
    let moment = start() + SignedDuration::from_hours(hour);
    let file = network.feed(moment.as_second());
    let now = moment + SignedDuration::from_hours(1);
    feed::parse(file.as_bytes(), Window::Day24, now).map_or_else(|_| Vec::new(), |f| f.readings)
}

/// Puts hourly fetches of the network into a store; returns the number of readings.
pub async fn fill(store: Arc<dyn Store>, hours: i64) -> Result<u64, store::Error> {
    let network = Network::new(25_000, 1);
    let mut readings = 0;
    for hour in 0..hours {
        let fetched = fetch(&network, hour);
        store.put(&fetched).await?;
        readings += fetched.len() as u64;
    }
    Ok(readings)
}

/// Queries a store and renders the result as CSV, page by page into one buffer, as for a
/// connection; returns the number of rows and of bytes.
pub async fn answer(
    store: &Embedded,
    query: &Query,
    text: &mut Vec<u8>,
) -> Result<(usize, usize), store::Error> {
    let mut pages = Pages::new(Arc::new(store.clone()), query.clone());
    let (mut rows, mut bytes) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        text.clear();
        let (columns, dialect) = (Column::DEFAULT, csv::Dialect::DEFAULT);
        csv::write_page_by(text, &page, columns, dialect, query.standard);
        rows += page.len();
        bytes += black_box(&*text).len();
    }
    Ok((rows, bytes))
}

/// The median of some times, the upper one of an even number.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A time as milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The instructions of this program with some arguments, counted by callgrind: independent of other
/// load on the machine.
pub fn counted(arguments: &[&str]) -> Result<f64, Box<dyn Error>> {
    counted_in("*", arguments)
}

/// The same, of the functions alone whose names match a pattern.
pub fn counted_in(functions: &str, arguments: &[&str]) -> Result<f64, Box<dyn Error>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    if functions != "*" {
        command.arg(format!("--toggle-collect={functions}"));
    }
    let output = command
        .arg(std::env::current_exe()?)
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind (Debian: apt-get install valgrind): {error}"))?;
    let message = String::from_utf8(output.stderr)?;
    let count = message.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = count.ok_or_else(|| format!("callgrind counted nothing: {message}"))?;
    Ok(count.trim().parse()?)
}
