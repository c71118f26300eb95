//! One file, durable: blocks in redb.
//!
//! Three tables: `meta` ("format" → the version below), `directory` (first position of
//! a block → what is known of it and its number), `blocks` (number → encoded block).
//! A put is one redb transaction, committed to disk before it returns; blocks are never
//! changed under their number. The directory is also kept in memory, in a snapshot
//! together with the read transaction that it belongs to: a reader works on one state,
//! without a lock, and puts do not wait for it.
//!
//! What lies on the disk is not trusted: blocks and directory entries carry checksums,
//! and where redb stumbles over a damaged page of its own, its panic becomes an error.
//! (redb can check the whole file when opening; that takes a second for a gigabyte.)
//!
//! redb refuses everything after an I/O error, such as a full disk, until the file is
//! opened anew. That is done at once; where it fails too, each call tries again.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use redb::ReadableTableMetadata;
use redb::{Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable};
use redb::{StorageError, TableDefinition, TableError};

use crate::block::Block;
use crate::cache::{BlockCache, block_cache};
use crate::codec;
use crate::directory::{Change, Directory, Entry, Homes, describe};
use crate::{Country, Error, ErrorKind, Page, Position, Query, Reading, Store, Summary, Window};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const DIRECTORY: TableDefinition<[u8; 19], [u8; 31]> = TableDefinition::new("directory");
const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

/// The version of the layout that this code writes.
const FORMAT: u64 = 1;

/// A durable store in one file. One process at a time holds it.
#[derive(Clone)]
pub struct Embedded(Arc<Shared>);

struct Shared {
    path: PathBuf,
    options: Options,
    /// `None` after an I/O error, until the file can be opened again.
    snapshot: RwLock<Option<Arc<Snapshot>>>,
    cache: BlockCache,
    writer: Mutex<Writer>,
}

/// One state of the store. The file is closed with the last of them.
struct Snapshot {
    directory: Directory<u64>,
    blocks: ReadOnlyTable<u64, &'static [u8]>,
    database: Arc<Database>,
}

struct Writer {
    homes: Homes,
    next_block: u64,
}

/// How an [`Embedded`] store is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Bytes of memory for what was read lately; default 256 MiB.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20 }
    }
}

impl Embedded {
    /// Opens the store in a file, making file and folders where they are missing.
    ///
    /// [`Locked`](ErrorKind::Locked) while another process holds it,
    /// [`TooNew`](ErrorKind::TooNew) when a newer version wrote it,
    /// [`Damaged`](ErrorKind::Damaged) or [`Invalid`](ErrorKind::Invalid) when it is no
    /// store of readings (any more).
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let at = |error: Error| error_at(&path, error);
        make_folder_of(&path)?;
        let (snapshot, next_block) = guarded(|| open_file(&path, &options)).map_err(at)?;
        Ok(Self(Arc::new(Shared {
            snapshot: RwLock::new(Some(Arc::new(snapshot))),
            cache: block_cache(options.cache_bytes - database_cache_bytes(&options)),
            writer: Mutex::new(Writer { homes: Homes::default(), next_block }),
            path,
            options,
        })))
    }

    /// Runs on a thread where waiting for the disk holds nobody up.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            guarded(|| work(&shared)).map_err(|error| error_at(&shared.path, error))
        });
        done.await.map_err(|e| Error::new(ErrorKind::Io, "the store was shut down").because(e))?
    }
}

#[async_trait]
impl Store for Embedded {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let batch = batch.to_vec();
        self.blocking(move |shared| shared.put(&batch)).await
    }

    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        if let Some(page) = self.0.cached_page(query, after) {
            return Ok(page);
        }
        let query = query.clone();
        self.blocking(move |shared| {
            let snapshot = shared.snapshot()?;
            snapshot.directory.page(&query, after, |number| shared.load(&snapshot, *number))
        })
        .await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        match self.0.open_snapshot() {
            Some(snapshot) => Ok(snapshot.directory.summary()),
            None => self.blocking(|shared| Ok(shared.snapshot()?.directory.summary())).await,
        }
    }
}

impl Shared {
    fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        if let Some(open) = &*self.snapshot.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(open));
        }
        let mut closed = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        match &*closed {
            Some(open) => Ok(Arc::clone(open)),
            None => {
                let (snapshot, _) = open_file(&self.path, &self.options)?;
                Ok(Arc::clone(closed.insert(Arc::new(snapshot))))
            }
        }
    }

    /// Closes the file and opens it again. Readers end their pages first; new ones wait.
    fn reopen(&self) {
        let mut open = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut snapshot) = open.take() {
            while let Err(still_read) = Arc::try_unwrap(snapshot) {
                snapshot = still_read;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // Failing again is no news; the next call tries again.
        if let Ok((snapshot, _)) = guarded(|| open_file(&self.path, &self.options)) {
            *open = Some(Arc::new(snapshot));
        }
    }

    /// The store as it is now, if that can be told without waiting.
    fn open_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.try_read().ok()?.clone()
    }

    /// The page, if all that it takes is in memory; without a thread to wait on.
    fn cached_page(&self, query: &Query, after: Option<Position>) -> Option<Page> {
        let snapshot = self.open_snapshot()?;
        let load = |number: &u64| {
            let miss = || Error::new(ErrorKind::Io, "not in the cache");
            self.cache.get(number).ok_or_else(miss)
        };
        snapshot.directory.page(query, after, load).ok()
    }

    fn load(&self, snapshot: &Snapshot, number: u64) -> Result<Arc<Block>, Error> {
        self.cache.get_or_insert_with(&number, || {
            let found = snapshot.blocks.get(number).map_err(storage_error)?;
            let bytes = found.ok_or_else(|| {
                Error::new(ErrorKind::Damaged, format!("block {number} is missing"))
            })?;
            codec::decode(bytes.value()).map(Arc::new)
        })
    }

    fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot()?;
        let load = |number: &u64| self.load(&snapshot, *number);
        let changes = snapshot.directory.plan(batch, &mut writer.homes, load)?;
        if changes.is_empty() {
            return Ok(());
        }
        let first_block = writer.next_block;
        writer.next_block += changes.iter().map(|change| change.added.len() as u64).sum::<u64>();
        let database = Arc::clone(&snapshot.database);
        let written = guarded(|| {
            write(&snapshot, &changes, first_block)?;
            open_blocks(&database)
        });
        let blocks = match written {
            Ok(blocks) => blocks,
            Err(error) => {
                drop((snapshot, database));
                self.reopen();
                return Err(error);
            }
        };

        for first in changes.iter().flat_map(|change| &change.removed) {
            let replaced = snapshot.directory.get(first).map(|entry| entry.place);
            replaced.inspect(|number| drop(self.cache.remove(number)));
        }
        let mut directory = snapshot.directory.clone();
        let mut numbers = first_block..;
        directory.apply(changes, |block| {
            let number = numbers.next().unwrap_or_default(); // the range has no end
            self.cache.insert(number, Arc::new(block));
            number
        });
        let snapshot = Snapshot { directory, blocks, database };
        let mut open = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        *open = Some(Arc::new(snapshot));
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let snapshot = self.snapshot.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Closing a damaged file may fail too; what was put is on disk already.
        let _ = guarded(|| {
            drop(snapshot);
            Ok(())
        });
    }
}

/// Turns a panic of redb over a damaged page into an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Whatever was half done is discarded: snapshots are replaced whole, and a write
    // that did not commit never was.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(damaged().because(text.unwrap_or_default()))
        }
    }
}

/// Makes the changes on disk, numbering new blocks upwards; durable when it returns.
fn write(old: &Snapshot, changes: &[Change], mut next_block: u64) -> Result<(), Error> {
    let mut transaction = old.database.begin_write().map_err(transaction_error)?;
    // The state of the file's free space is written with each commit, so that a
    // store opens at once after a crash, however large it is.
    transaction.set_quick_repair(true);
    {
        let mut directory = transaction.open_table(DIRECTORY).map_err(table_error)?;
        let mut blocks = transaction.open_table(BLOCKS).map_err(table_error)?;
        for change in changes {
            for first in &change.removed {
                directory.remove(encode_position(first)).map_err(storage_error)?;
                if let Some(entry) = old.directory.get(first) {
                    blocks.remove(entry.place).map_err(storage_error)?;
                }
            }
            for block in &change.added {
                let (first, entry) = describe(block);
                let value = encode_entry(&first, &entry, next_block);
                directory.insert(encode_position(&first), value).map_err(storage_error)?;
                let bytes = codec::encode(block)?;
                blocks.insert(next_block, bytes.as_slice()).map_err(storage_error)?;
                next_block += 1;
            }
        }
    }
    transaction.commit().map_err(|e| match e {
        redb::CommitError::Storage(e) => storage_error(e),
        e => Error::new(ErrorKind::Io, "could not commit").because(e),
    })
}

fn open_file(path: &Path, options: &Options) -> Result<(Snapshot, u64), Error> {
    let database = Database::builder()
        .set_cache_size(database_cache_bytes(options) as usize)
        .create(path)
        .map_err(open_error)?;
    initialise(&database)?;
    read_snapshot(database)
}

/// redb's own cache holds its inner pages; decoded blocks are worth more.
fn database_cache_bytes(options: &Options) -> u64 {
    options.cache_bytes / 8
}

fn make_folder_of(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    // A new file survives a power cut only once its folder is on disk as well.
    std::fs::create_dir_all(folder).and_then(|()| File::open(folder)?.sync_all()).map_err(|e| {
        let message = format!("cannot make or read the folder {}", folder.display());
        Error::new(ErrorKind::Io, message).because(e)
    })
}

fn initialise(database: &Database) -> Result<(), Error> {
    let reader = database.begin_read().map_err(transaction_error)?;
    match reader.open_table(META) {
        Ok(meta) => {
            let format = meta.get("format").map_err(storage_error)?.map(|format| format.value());
            return match format {
                Some(FORMAT) => Ok(()),
                Some(newer) if newer > FORMAT => Err(Error::new(
                    ErrorKind::TooNew,
                    format!(
                        "the store has format {newer}, this airshed knows formats up to {FORMAT}; \
                         use the version that wrote it, or a later one"
                    ),
                )),
                _ => Err(Error::new(ErrorKind::Invalid, "the file is not a store of readings")),
            };
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(table_error(error)),
    }
    if reader.list_tables().map_err(storage_error)?.next().is_some() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "the file is another program's database; choose another path",
        ));
    }
    drop(reader);
    let mut transaction = database.begin_write().map_err(transaction_error)?;
    transaction.set_quick_repair(true);
    {
        let mut meta = transaction.open_table(META).map_err(table_error)?;
        meta.insert("format", FORMAT).map_err(storage_error)?;
        transaction.open_table(DIRECTORY).map_err(table_error)?;
        transaction.open_table(BLOCKS).map_err(table_error)?;
    }
    let commit = transaction.commit();
    commit.map_err(|e| Error::new(ErrorKind::Io, "could not start the store").because(e))
}

/// What the file holds now, and the number of the next block.
fn read_snapshot(database: Database) -> Result<(Snapshot, u64), Error> {
    let reader = database.begin_read().map_err(transaction_error)?;
    let entries = reader.open_table(DIRECTORY).map_err(table_error)?;
    let mut directory = Directory::default();
    let (mut next_block, mut count) = (0, 0);
    for pair in entries.iter().map_err(storage_error)? {
        let (key, value) = pair.map_err(storage_error)?;
        let decoded = decode_entry(&key.value(), &value.value());
        let (first, entry) = decoded.ok_or_else(damaged)?;
        next_block = next_block.max(entry.place.saturating_add(1));
        directory.insert(first, entry);
        count += 1;
    }
    if entries.len().map_err(storage_error)? != count {
        return Err(damaged());
    }
    let blocks = open_blocks(&database)?;
    Ok((Snapshot { directory, blocks, database: Arc::new(database) }, next_block))
}

fn open_blocks(database: &Database) -> Result<ReadOnlyTable<u64, &'static [u8]>, Error> {
    let reader = database.begin_read().map_err(transaction_error)?;
    reader.open_table(BLOCKS).map_err(table_error)
}

/// In the order of rows: byte by byte as positions compare.
fn encode_position(position: &Position) -> [u8; 19] {
    let mut bytes = [0; 19];
    let day = (position.day as u32) ^ (1 << 31); // negative days first
    bytes[..4].copy_from_slice(&day.to_be_bytes());
    bytes[4..6].copy_from_slice(&position.country.map_or([0, 0], Country::bytes));
    bytes[6..].copy_from_slice(&encode_row_key(position));
    bytes
}

fn encode_row_key(position: &Position) -> [u8; 13] {
    let mut bytes = [0; 13];
    bytes[..4].copy_from_slice(&position.second.to_be_bytes());
    bytes[4..12].copy_from_slice(&position.sensor.to_be_bytes());
    bytes[12] = position.window as u8;
    bytes
}

fn encode_entry(first: &Position, entry: &Entry<()>, number: u64) -> [u8; 31] {
    let mut bytes = [0; 31];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..12].copy_from_slice(&entry.rows.to_be_bytes());
    bytes[12..14].copy_from_slice(&entry.index_bits.to_be_bytes());
    bytes[14..27].copy_from_slice(&encode_row_key(&entry.last));
    let sum = checksum(&encode_position(first), &bytes[..27]);
    bytes[27..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// FNV-1a (Fowler, Noll and Vo), 32 bits.
fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    key.iter().chain(value).fold(0x811c_9dc5, step)
}

fn decode_entry(key: &[u8; 19], value: &[u8; 31]) -> Option<(Position, Entry<u64>)> {
    let (value, sum) = value.split_last_chunk::<4>()?;
    if checksum(key, value) != u32::from_be_bytes(*sum) {
        return None;
    }
    let (day, rest) = key.split_first_chunk::<4>()?;
    let (country, first) = rest.split_first_chunk::<2>()?;
    let day = (u32::from_be_bytes(*day) ^ (1 << 31)) as i32;
    let country = match country {
        [0, 0] => None,
        code => Some(std::str::from_utf8(code).ok()?.parse().ok()?),
    };
    let position = |row_key: &[u8]| {
        let (second, rest) = row_key.split_first_chunk::<4>()?;
        let (sensor, rest) = rest.split_first_chunk::<8>()?;
        Some(Position {
            day,
            country,
            second: u32::from_be_bytes(*second),
            sensor: u64::from_be_bytes(*sensor),
            window: *Window::ALL.get(usize::from(*rest.first()?))?,
        })
    };
    let (number, rest) = value.split_first_chunk::<8>()?;
    let (rows, rest) = rest.split_first_chunk::<4>()?;
    let (index_bits, last) = rest.split_first_chunk::<2>()?;
    let entry = Entry {
        rows: u32::from_be_bytes(*rows),
        last: position(last)?,
        index_bits: u16::from_be_bytes(*index_bits),
        place: u64::from_be_bytes(*number),
    };
    Some((position(first)?, entry))
}

fn error_at(path: &Path, error: Error) -> Error {
    let kind = error.kind();
    let message = format!("{}: {error}", path.display());
    let wrapped = Error::new(kind, message);
    match error.into_source() {
        Some(source) => wrapped.because(source),
        None => wrapped,
    }
}

fn open_error(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::new(
            ErrorKind::Locked,
            "another process has the store open; stop it first, or use another --data or --store",
        ),
        DatabaseError::UpgradeRequired(version) => Error::new(
            ErrorKind::Invalid,
            format!("the file has the database format {version}, too old for this airshed"),
        ),
        DatabaseError::Storage(error) => storage_error(error),
        error => Error::new(ErrorKind::Io, "could not open the store").because(error),
    }
}

fn storage_error(error: StorageError) -> Error {
    match error {
        StorageError::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => damaged().because(e),
        StorageError::Corrupted(e) => damaged().because(e),
        error => Error::new(
            ErrorKind::Io,
            "the disk failed; what was stored before stays. Look at its free space and health",
        )
        .because(error),
    }
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the file is damaged or not a store of readings; put back a copy, or move it away to \
         start an empty one",
    )
}

fn transaction_error(error: redb::TransactionError) -> Error {
    match error {
        redb::TransactionError::Storage(error) => storage_error(error),
        error => Error::new(ErrorKind::Io, "could not begin a transaction").because(error),
    }
}

fn table_error(error: TableError) -> Error {
    match error {
        TableError::Storage(error) => storage_error(error),
        error => damaged().because(error),
    }
}
