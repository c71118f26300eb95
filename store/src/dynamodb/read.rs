//! Queries: segments are read concurrently and returned in order, with bounded read-ahead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::days;
use super::item::{self, Item};
use super::keys;
use super::segments::{KeyRange, Scope, Segment};
use super::service::Table;
use crate::blocks::{Block, Source};
use crate::{Error, ErrorKind, Page, Position, Query, Reading, RowRange};

/// Number of segments of one query that are read concurrently; each holds at most two DynamoDB
/// pages (of at most a megabyte) per range.
const SEGMENTS_AT_ONCE: usize = 8;

/// A page ends after this many rows.
const PAGE_ROWS: usize = 16_384;

/// Rows merged from several ranges per batch.
const MERGED_ROWS: usize = 1_024;

/// Maximum number of queries kept open between two of their pages, and for how long.
const MOST_OPEN: usize = 16;
const OPEN_FOR: Duration = Duration::from_secs(30);

/// The open queries. A query that continues where a page ended uses what was read ahead; all
/// others, and those that come too late, read again.
#[derive(Default)]
pub(super) struct Answers(Mutex<Vec<Open>>);

struct Open {
    query: Query,
    after: Position,
    answer: Answer,
    since: Instant,
}

impl Answers {
    pub(super) async fn page(
        &self,
        table: &Arc<Table>,
        query: &Query,
        after: Option<Position>,
    ) -> Result<Page, Error> {
        let open = after.and_then(|after| self.take(query, after));
        let mut answer = match open {
            Some(answer) => answer,
            None => Answer::begin(table, query, after).await?,
        };
        let mut readings: Vec<Reading> = Vec::new();
        while readings.len() < PAGE_ROWS {
            match answer.next().await? {
                Some(more) => readings.extend(more),
                None => return Ok(page(&readings, query, after, None)),
            }
        }
        let next = readings.last().map(Position::of);
        if let Some(after) = next {
            self.keep(Open { query: query.clone(), after, answer, since: Instant::now() });
        }
        Ok(page(&readings, query, after, next))
    }

    fn take(&self, query: &Query, after: Position) -> Option<Answer> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|open| open.since.elapsed() < OPEN_FOR);
        let found = open.iter().position(|open| open.after == after && open.query == *query)?;
        Some(open.remove(found).answer)
    }

    fn keep(&self, new: Open) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|open| open.since.elapsed() < OPEN_FOR);
        if open.len() == MOST_OPEN {
            open.remove(0);
        }
        open.push(new);
    }
}

/// The page of the matching readings, in order.
fn page(
    readings: &[Reading],
    query: &Query,
    after: Option<Position>,
    next: Option<Position>,
) -> Page {
    let day = |reading: &Reading| Position::of(reading).day;
    let mut runs = Vec::new();
    for of_day in readings.chunk_by(|a, b| day(a) == day(b)) {
        let rows: Vec<_> = of_day.iter().map(Source::new).collect();
        let block = Arc::new(Block::from_sorted(&rows));
        let found = block.select(query, after).into_iter();
        runs.extend(found.map(|rows| RowRange { block: Arc::clone(&block), rows }));
    }
    Page { runs, next }
}

/// A query in progress.
struct Answer {
    table: Arc<Table>,
    waiting: std::vec::IntoIter<Segment>,
    running: VecDeque<Readings>,
}

impl Answer {
    async fn begin(
        table: &Arc<Table>,
        query: &Query,
        after: Option<Position>,
    ) -> Result<Self, Error> {
        let mut segments = Vec::new();
        if let Some(scope) = Scope::of(query, after) {
            let partitions = match scope.guess() {
                Some(partitions) => partitions,
                None => {
                    let days = days::read(table, scope.days()).await?.into_iter();
                    days.map(|(day, countries)| (day, countries.into_keys().collect())).collect()
                }
            };
            for (day, countries) in partitions {
                segments.extend(scope.segments(day, &countries));
            }
        }
        let table = Arc::clone(table);
        Ok(Self { table, waiting: segments.into_iter(), running: VecDeque::new() })
    }

    /// The next readings; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Reading>>, Error> {
        loop {
            while self.running.len() < SEGMENTS_AT_ONCE
                && let Some(segment) = self.waiting.next()
            {
                self.running.push_back(start(&self.table, segment));
            }
            let Some(first) = self.running.front_mut() else { return Ok(None) };
            match first.next().await? {
                Some(readings) => return Ok(Some(readings)),
                None => drop(self.running.pop_front()),
            }
        }
    }
}

/// The messages of a reading task, in order.
struct Readings(mpsc::Receiver<Result<Read, Error>>);

enum Read {
    Readings(Vec<Reading>),
    /// The end. An aborted task does not send it.
    End,
}

impl Readings {
    async fn next(&mut self) -> Result<Option<Vec<Reading>>, Error> {
        match self.0.recv().await {
            Some(Ok(Read::Readings(readings))) => Ok(Some(readings)),
            Some(Ok(Read::End)) => Ok(None),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(ErrorKind::Io, "reading the table was interrupted")),
        }
    }
}

type Sender = mpsc::Sender<Result<Read, Error>>;

/// Starts to read a segment. The task reads one page ahead, and ends when the receiver is dropped.
fn start(table: &Arc<Table>, mut segment: Segment) -> Readings {
    let (sender, receiver) = mpsc::channel(1);
    let table = Arc::clone(table);
    tokio::spawn(async move {
        let done = match (segment.pop(), segment.is_empty()) {
            (None, _) => Ok(()),
            (Some(range), true) => read_range(&table, range, &sender).await,
            (Some(range), false) => {
                segment.push(range);
                merge(&table, segment, &sender).await
            }
        };
        // The receiver was dropped: the error is irrelevant.
        let _ = sender.send(done.map(|()| Read::End)).await;
    });
    Readings(receiver)
}

async fn read_range(table: &Table, range: KeyRange, sender: &Sender) -> Result<(), Error> {
    let mut from: Option<Item> = None;
    loop {
        let mut query = table.range(&range.partition, &range.low, &range.high);
        if range.indexed {
            query = query
                .index_name(keys::INDEX)
                .expression_attribute_names("#partition", keys::INDEX_PARTITION)
                .expression_attribute_names("#sort", keys::INDEX_SORT);
        }
        let query = query.set_exclusive_start_key(from);
        let answer = table.call("reading", || query.clone().send()).await?;
        table.count_read(answer.consumed_capacity());
        let readings = answer.items().iter().map(item::reading).collect::<Result<Vec<_>, _>>()?;
        if !readings.is_empty() && sender.send(Ok(Read::Readings(readings))).await.is_err() {
            return Ok(());
        }
        match answer.last_evaluated_key {
            None => return Ok(()),
            next => from = next,
        }
    }
}

/// Reads ranges concurrently and returns their readings in the order of rows.
async fn merge(table: &Arc<Table>, ranges: Segment, sender: &Sender) -> Result<(), Error> {
    let mut sources: Vec<_> =
        ranges.into_iter().map(|range| (start(table, vec![range]), VecDeque::new())).collect();
    let mut merged = Vec::new();
    loop {
        for (source, ready) in &mut sources {
            while ready.is_empty()
                && let Some(more) = source.next().await?
            {
                ready.extend(more);
            }
        }
        sources.retain(|(_, ready)| !ready.is_empty());
        // While every source has a reading ready, the next reading is the first of these.
        while !sources.is_empty() && sources.iter().all(|(_, ready)| !ready.is_empty()) {
            let first = sources.iter_mut().map(|(_, ready)| ready);
            let first = first.min_by_key(|ready| ready.front().map(Position::of));
            merged.extend(first.and_then(VecDeque::pop_front));
        }
        if merged.len() >= MERGED_ROWS || sources.is_empty() {
            let ready = std::mem::take(&mut merged);
            let listened = ready.is_empty() || sender.send(Ok(Read::Readings(ready))).await.is_ok();
            if sources.is_empty() || !listened {
                return Ok(());
            }
        }
    }
}
