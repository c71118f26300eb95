//! Import of files into a store, and export to files of any format.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use airshed_common::check_moment;
use jiff::Timestamp;
use store::import::{ImportedRow, Others, RowError};
use store::{Encoder, Metadata, Network, Pages, Reading, Sensor, Window};
use tokio::sync::mpsc;
use tracing::debug;

/// Readings per put.
const BATCH: usize = 25_000;

/// The result of an import. Every row read is either stored, collided or refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Readings stored.
    pub stored: u64,
    /// Rows replaced by a later row with the same sensor, averaging period and timestamp.
    pub collided: u64,
    /// Rows refused.
    pub refused: u64,
    /// Fields of stored rows that could not be read.
    pub fields_left_out: u64,
    /// Stored rows whose `AQI`, `Range` or `flags` differed from the recomputed ones, which are
    /// stored.
    pub differing: u64,
    /// The columns that were ignored.
    pub others: Others,
}

impl Imported {
    /// The number of rows in the file.
    pub fn rows(&self) -> u64 {
        self.stored + self.collided + self.refused
    }
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct ImportError {
    /// The result until then, which is stored.
    pub imported: Imported,
    /// Whether the store failed: its last batch may be stored nevertheless.
    pub of_store: bool,
    /// The error of the file or of the store.
    #[source]
    pub error: Box<dyn std::error::Error + Send + Sync>,
}

/// Passes every valid row of a file of any format (without the feature `import`: of CSV) to `put`,
/// in non-empty batches; see [`store::import`]. `refused` is called with each refused row,
/// `progress` with the number of bytes read so far.
pub async fn import<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    mut put: impl AsyncFnMut(&[Reading]) -> Result<(), E>,
    input: impl Read + Send + 'static,
    rules: Rules,
    now: Timestamp,
    mut refused: impl FnMut(RowError),
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let bytes = Arc::new(AtomicU64::new(0));
    let input = Counted { input, bytes: Arc::clone(&bytes) };
    let (sender, mut chunks) = mpsc::channel(1);
    let reading = tokio::task::spawn_blocking(move || read(input, &sender));
    let mut imported = Imported::default();
    let mut seen = Seen::default();
    while let Some(chunk) = chunks.recv().await {
        let mut batch = Vec::with_capacity(BATCH);
        let mut of_batch = Imported::default();
        for row in chunk {
            let row = row.and_then(|row| timely(row, now));
            match row.and_then(|row| rules.apply(row)) {
                Ok(row) => {
                    for left_out in &row.left_out {
                        debug!(place = %row.place, "left out: {left_out}");
                    }
                    of_batch.fields_left_out += row.left_out.len() as u64;
                    of_batch.differing += u64::from(row.differs.is_some());
                    let new = seen.insert(&row.reading);
                    *(if new { &mut of_batch.stored } else { &mut of_batch.collided }) += 1;
                    batch.push(row.reading);
                }
                Err(error) => {
                    of_batch.refused += 1;
                    refused(error);
                }
            }
        }
        if !batch.is_empty()
            && let Err(error) = put(&batch).await
        {
            return Err(ImportError { imported, of_store: true, error: error.into() });
        }
        imported.add(&of_batch);
        progress(bytes.load(Relaxed));
    }
    match reading.await {
        Ok(Ok(others)) => Ok(Imported { others, ..imported }),
        Ok(Err(error)) => failed(imported, error),
        Err(panic) => failed(imported, store::import::unreadable(panic)),
    }
}

impl Imported {
    fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.collided += other.collided;
        self.refused += other.refused;
        self.fields_left_out += other.fields_left_out;
        self.differing += other.differing;
    }
}

fn failed(imported: Imported, error: store::Error) -> Result<Imported, ImportError> {
    Err(ImportError { imported, of_store: false, error: error.into() })
}

type Chunk = Vec<Result<ImportedRow, RowError>>;

/// Runs on a thread that may block on I/O.
fn read(input: impl Read, chunks: &mpsc::Sender<Chunk>) -> Result<Others, store::Error> {
    let mut chunk = Vec::with_capacity(BATCH);
    let read = store::import::read(input, &mut |row| {
        chunk.push(row);
        if chunk.len() < BATCH {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(&mut chunk, Vec::with_capacity(BATCH));
        match chunks.blocking_send(full) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()), // the store failed
        }
    });
    // Rows read before a failure are valid.
    let _ = chunks.blocking_send(chunk);
    read
}

/// The same rule as for the feed.
fn timely(row: ImportedRow, now: Timestamp) -> Result<ImportedRow, RowError> {
    match check_moment(row.reading.timestamp, now) {
        Ok(()) => Ok(row),
        Err(reason) => Err(RowError::new(row.place, reason)),
    }
}

/// Options of an import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Whether rows are refused whose derived values differ from the recomputed ones.
    pub strict: bool,
    /// The network of sensors in rows without a network.
    pub network: Network,
}

impl Rules {
    fn apply(self, mut row: ImportedRow) -> Result<ImportedRow, RowError> {
        if let Some(column) = row.differs.filter(|_| self.strict) {
            let message = format!("{} does not follow from P1 and P2", column.name());
            return Err(RowError::new(row.place, message));
        }
        if !row.names_network {
            row.reading.sensor.network = self.network;
        }
        Ok(row)
    }
}

/// The identities of the readings in a file.
#[derive(Default)]
struct Seen(HashMap<(Sensor, Window), BTreeSet<i64>>);

impl Seen {
    /// Whether this identity is new.
    fn insert(&mut self, reading: &Reading) -> bool {
        let seconds = self.0.entry((reading.sensor, reading.window)).or_default();
        seconds.insert(reading.timestamp.as_second())
    }
}

struct Counted<R> {
    input: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The output failed.
    #[error("cannot write")]
    Write(#[from] io::Error),
}

/// The numbers of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Its rows.
    pub rows: u64,
    /// Those with a flag of implausibility.
    pub doubtful: u64,
    /// The readings that are not in it for their flags; unknown if there are rows beyond a limit.
    pub left_out: Option<u64>,
}

impl Exported {
    /// A description with these numbers.
    #[must_use]
    pub fn describe(self, metadata: Metadata) -> Metadata {
        let Self { rows, doubtful, left_out } = self;
        metadata.with_rows(Some(rows)).with_doubtful(Some(doubtful)).with_left_out(left_out)
    }
}

/// Writes the matching rows to a file; returns its numbers. `progress` is called with the number
/// of rows so far.
pub async fn export(
    mut pages: Pages,
    mut encoder: Encoder,
    output: &mut (impl Write + ?Sized),
    mut progress: impl FnMut(u64),
) -> Result<Exported, ExportError> {
    let mut file = Vec::new();
    let mut exported = Exported::default();
    while let Some(page) = pages.next().await {
        let page = page?;
        encoder.page(&mut file, &page)?;
        output.write_all(&file)?;
        file.clear();
        exported.rows += page.len() as u64;
        exported.doubtful += page.implausible() as u64;
        progress(exported.rows);
    }
    exported.left_out = pages.left_out().await?;
    encoder.set_left_out(exported.left_out);
    encoder.finish(&mut file)?;
    output.write_all(&file)?;
    output.flush()?;
    Ok(exported)
}
