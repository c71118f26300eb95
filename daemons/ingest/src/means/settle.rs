//! New means beside those that are stored.

use std::collections::BTreeMap;

use crate::better::{BATCH, better, capture};
use airshed_history::Flagging;
use jiff::Timestamp;
use store::{Error, ErrorKind, Network, Position, Query, Reading, Sensor, Store, Window};

/// The averaging periods of means.
const MADE: [Window; 3] = [Window::Hour, Window::Day24, Window::Day];

/// What became of new means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Readings stored: new means, and those whose flags changed with their neighbours'.
    pub(super) stored: u64,
    /// Means that were left as they are, since the store has them of more samples.
    pub(super) left: u64,
}

/// Stores means that end at one moment, with the flags of neighbours, which are all stored means of
/// the network that end then.
///
/// The number of hours, and then of samples, can only grow with what is known. So where a stored
/// mean has more, it is of samples that are not known any more, or never were: the archive may have
/// them.
pub(super) async fn settle(
    store: &dyn Store,
    network: Network,
    end: Timestamp,
    means: Vec<Reading>,
    flagging: &Flagging,
) -> Result<Stored, Error> {
    let mut wanted = Query::new(end, end);
    (wanted.networks, wanted.windows) = (vec![network], MADE.to_vec());
    let mut stored = BTreeMap::new();
    each(store, &wanted, |reading| {
        stored.insert(identity(&reading), reading);
    })
    .await?;
    let flagging = flagging.clone();
    let work = move || {
        let (mut rows, mut left) = (stored.clone(), 0);
        for mean in means {
            let mean = match rows.get(&identity(&mean)) {
                Some(known) => {
                    left += u64::from(capture(known) > capture(&mean));
                    better(known, mean)
                }
                None => mean,
            };
            rows.insert(identity(&mean), mean);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        flagging.beside_neighbours(&mut rows);
        rows.retain(|row| stored.get(&identity(row)) != Some(row));
        rows.sort_by_cached_key(Position::of);
        (rows, left)
    };
    let (rows, left) = in_background(work).await?;
    for batch in rows.chunks(BATCH) {
        store.put(batch).await?;
    }
    Ok(Stored { stored: rows.len() as u64, left })
}

fn identity(reading: &Reading) -> (Window, Sensor) {
    (reading.window, reading.sensor)
}

/// Calls a function with each matching reading.
pub(super) async fn each(
    store: &dyn Store,
    query: &Query,
    mut take: impl FnMut(Reading),
) -> Result<(), Error> {
    let (view, mut after) = (store.snapshot().await?, None);
    loop {
        let page = view.query(query, after).await?;
        page.rows().for_each(|row| take(row.reading()));
        match page.next {
            None => return Ok(()),
            next => after = next,
        }
    }
}

/// Computes on another thread.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| Error::new(ErrorKind::Io, "means could not be computed").because(panic))
}
