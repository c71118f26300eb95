//! The file: its tables, how positions and entries are encoded, and what its errors mean.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError};
use redb::{TableDefinition, TableError, WriteTransaction};

use super::State;
use crate::codec;
use crate::directory::{Directory, Entry, Tree, describe};
use crate::plan::Change;
use crate::{Country, Error, ErrorKind, Position, Window};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const DIRECTORY: TableDefinition<[u8; 20], [u8; 33]> = TableDefinition::new("directory");
const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

/// The version of the layout that this code reads and writes.
const FORMAT: u64 = 2;

/// The opened file.
pub(super) enum Opened {
    /// By this process alone.
    ToWrite(Database),
    /// With whoever else reads it.
    ToRead(ReadOnlyDatabase),
}

impl Opened {
    fn begin_read(&self) -> Result<ReadTransaction, Error> {
        let begun = match self {
            Self::ToWrite(database) => database.begin_read(),
            Self::ToRead(database) => database.begin_read(),
        };
        begun.map_err(transaction_error)
    }

    fn begin_write(&self) -> Result<WriteTransaction, Error> {
        match self {
            Self::ToWrite(database) => database.begin_write().map_err(transaction_error),
            Self::ToRead(_) => Err(only_to_read()),
        }
    }

    /// Before anything is tried: a failed write has the file opened anew.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        match self {
            Self::ToWrite(_) => Ok(()),
            Self::ToRead(_) => Err(only_to_read()),
        }
    }
}

fn only_to_read() -> Error {
    Error::new(ErrorKind::Invalid, "the store was opened for reading alone")
}

/// Opens the file of a store to read it: without write permission, and beside other readers.
/// Where a crash left something to repair it is opened to write.
pub(super) fn open_to_read(path: &Path, cache_bytes: usize) -> Result<Opened, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    match builder.open_read_only(path) {
        Ok(database) => Ok(Opened::ToRead(database)),
        Err(DatabaseError::RepairAborted) => builder.open(path).map(Opened::ToWrite),
        Err(error) => Err(error),
    }
}

pub(super) type BlockTable = ReadOnlyTable<u64, &'static [u8]>;

/// Turns a panic of redb over a damaged page into an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Whatever was half done is discarded: states are replaced whole, and a write that
    // did not commit never was.
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
pub(super) fn write(old: &State, changes: &[Change], mut next_block: u64) -> Result<(), Error> {
    let mut transaction = old.database.begin_write()?;
    // The state of the file's free space is written with each commit, so that a
    // store opens at once after a crash, however large it is.
    transaction.set_quick_repair(true);
    {
        let mut compressor = codec::Compressor::new()?;
        let mut directory = transaction.open_table(DIRECTORY).map_err(table_error)?;
        let mut blocks = transaction.open_table(BLOCKS).map_err(table_error)?;
        for Change { tree, removed, added } in changes {
            for first in removed {
                directory.remove(encode_key(*tree, first)).map_err(storage_error)?;
                if let Some(entry) = old.directory.get(*tree, first) {
                    blocks.remove(entry.place).map_err(storage_error)?;
                }
            }
            for block in added {
                let (first, entry) = describe(block);
                let key = encode_key(*tree, &first);
                let value = encode_entry(&key, &entry, next_block);
                directory.insert(key, value).map_err(storage_error)?;
                let bytes = codec::encode(block, &mut compressor)?;
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

/// Makes the tables of a new file, or sees to it that they are ours; then reads what
/// there is. With it the number of the next block.
pub(super) fn read(database: Opened) -> Result<(State, u64), Error> {
    initialise(&database)?;
    let reader = database.begin_read()?;
    let entries = reader.open_table(DIRECTORY).map_err(table_error)?;
    let mut directory = Directory::default();
    let (mut next_block, mut count) = (0, 0);
    for pair in entries.iter().map_err(storage_error)? {
        let (key, value) = pair.map_err(storage_error)?;
        let decoded = decode_entry(&key.value(), &value.value());
        let (tree, first, entry) = decoded.ok_or_else(damaged)?;
        next_block = next_block.max(entry.place.saturating_add(1));
        directory.insert(tree, first, entry);
        count += 1;
    }
    if entries.len().map_err(storage_error)? != count {
        return Err(damaged());
    }
    let blocks = open_blocks(&database)?;
    Ok((State { directory, blocks, database: Arc::new(database) }, next_block))
}

/// Sees to it that there is a file: makes it and its folder where `create` says so. It
/// appears whole: redb cannot open a file that a power cut left half made.
pub(super) fn ensure(path: &Path, create: bool) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let message = format!("{} is a directory, where a file is needed", path.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(_) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !create => {
            let message = format!("there is no store at {}", path.display());
            return Err(Error::new(ErrorKind::Invalid, message).because(e));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(error_at(path, file_error(e))),
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let failed = |e: io::Error| error_at(path, file_error(e));
    std::fs::create_dir_all(folder).map_err(|e| error_at(folder, file_error(e)))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder.join(format!(".{name}.{}", std::process::id()));
    let _ = std::fs::remove_file(&unfinished); // of a process long gone
    let made = guarded(|| {
        initialise(&Opened::ToWrite(Database::create(&unfinished).map_err(open_error)?))
    });
    // Another process may make it at the same time: whoever comes second opens the first's.
    let placed = made.and_then(|()| match std::fs::hard_link(&unfinished, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => std::fs::rename(&unfinished, path).map_err(file_error), // no links there
        Ok(()) => Ok(()),
    });
    let _ = std::fs::remove_file(&unfinished);
    placed.map_err(|error| error_at(path, error))?;
    // A new file survives a power cut only once its folder is on disk as well.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn initialise(database: &Opened) -> Result<(), Error> {
    let reader = database.begin_read()?;
    match reader.open_table(META) {
        Ok(meta) => {
            let format = meta.get("format").map_err(storage_error)?.map(|format| format.value());
            return match format {
                Some(FORMAT) => Ok(()),
                Some(1) => Err(Error::new(
                    ErrorKind::Invalid,
                    "the store has format 1, of a version before the first release; export it \
                     with that version and import the file into a new store",
                )),
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
    let mut transaction = database.begin_write()?;
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

pub(super) fn open_blocks(database: &Opened) -> Result<BlockTable, Error> {
    let reader = database.begin_read()?;
    reader.open_table(BLOCKS).map_err(table_error)
}

/// A block's bytes.
pub(super) fn block(
    blocks: &BlockTable,
    number: u64,
) -> Result<redb::AccessGuard<'static, &'static [u8]>, Error> {
    let found = blocks.get(number).map_err(storage_error)?;
    found.ok_or_else(|| Error::new(ErrorKind::Damaged, format!("block {number} is missing")))
}

/// In the order of trees and rows: byte by byte as positions compare.
fn encode_key(tree: Tree, position: &Position) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[0] = tree as u8;
    let day = (position.day as u32) ^ (1 << 31); // negative days first
    bytes[1..5].copy_from_slice(&day.to_be_bytes());
    bytes[5..].copy_from_slice(&encode_row_key(position));
    bytes
}

/// A position within its day.
fn encode_row_key(position: &Position) -> [u8; 15] {
    let mut bytes = [0; 15];
    bytes[..2].copy_from_slice(&position.country.map_or([0, 0], Country::bytes));
    bytes[2..6].copy_from_slice(&position.second.to_be_bytes());
    bytes[6..14].copy_from_slice(&position.sensor.to_be_bytes());
    bytes[14] = position.window as u8;
    bytes
}

fn decode_row_key(day: i32, key: &[u8; 15]) -> Option<Position> {
    let (country, rest) = key.split_first_chunk::<2>()?;
    let (second, rest) = rest.split_first_chunk::<4>()?;
    let (sensor, window) = rest.split_first_chunk::<8>()?;
    let country = match country {
        [0, 0] => None,
        code => Some(std::str::from_utf8(code).ok()?.parse().ok()?),
    };
    Some(Position {
        day,
        country,
        second: u32::from_be_bytes(*second),
        sensor: u64::from_be_bytes(*sensor),
        window: *Window::ALL.get(usize::from(*window.first()?))?,
    })
}

fn encode_entry(key: &[u8; 20], entry: &Entry<()>, number: u64) -> [u8; 33] {
    let mut bytes = [0; 33];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..12].copy_from_slice(&entry.rows.to_be_bytes());
    bytes[12..14].copy_from_slice(&entry.index_bits.to_be_bytes());
    bytes[14..29].copy_from_slice(&encode_row_key(&entry.last));
    let sum = checksum(key, &bytes[..29]);
    bytes[29..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// FNV-1a (Fowler, Noll and Vo), 32 bits.
fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    key.iter().chain(value).fold(0x811c_9dc5, step)
}

fn decode_entry(key: &[u8; 20], value: &[u8; 33]) -> Option<(Tree, Position, Entry<u64>)> {
    let (value, sum) = value.split_last_chunk::<4>()?;
    if checksum(key, value) != u32::from_be_bytes(*sum) {
        return None;
    }
    let tree = [Tree::All, Tree::High].into_iter().find(|tree| *tree as u8 == key[0])?;
    let (day, first) = key[1..].split_first_chunk::<4>()?;
    let day = (u32::from_be_bytes(*day) ^ (1 << 31)) as i32;
    let (number, rest) = value.split_first_chunk::<8>()?;
    let (rows, rest) = rest.split_first_chunk::<4>()?;
    let (index_bits, last) = rest.split_first_chunk::<2>()?;
    let entry = Entry {
        rows: u32::from_be_bytes(*rows),
        last: decode_row_key(day, last.try_into().ok()?)?,
        index_bits: u16::from_be_bytes(*index_bits),
        place: u64::from_be_bytes(*number),
    };
    Some((tree, decode_row_key(day, first.try_into().ok()?)?, entry))
}

pub(super) fn error_at(path: &Path, error: Error) -> Error {
    let kind = error.kind();
    let message = format!("{}: {error}", path.display());
    let wrapped = Error::new(kind, message);
    match error.into_source() {
        Some(source) => wrapped.because(source),
        None => wrapped,
    }
}

pub(super) fn open_error(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            Error::new(ErrorKind::Locked, "another process has the store open")
        }
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
        StorageError::Io(e) => file_error(e),
        StorageError::Corrupted(e) => damaged().because(e),
        error => disk_failed().because(error),
    }
}

/// What the operating system says of a file, in words that name the real trouble.
fn file_error(error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        io::ErrorKind::InvalidData => return damaged().because(error),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Denied,
            "permission denied; the file has to be readable for the user that runs this, and for \
             all but reading, writable with its directory",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "the file system is mounted read-only")
        }
        io::ErrorKind::NotFound => (ErrorKind::Io, "the file or its directory is not there"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (ErrorKind::Invalid, "a part of the path is a file, not a directory")
        }
        io::ErrorKind::IsADirectory => (ErrorKind::Invalid, "a directory, where a file is needed"),
        io::ErrorKind::InvalidFilename => (ErrorKind::Invalid, "the name is too long or not one"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (
                ErrorKind::Io,
                "no space is left on the disk (or by its quota); what was stored before stays",
            )
        }
        _ => return disk_failed().because(error),
    };
    Error::new(kind, message).because(error)
}

fn disk_failed() -> Error {
    Error::new(
        ErrorKind::Io,
        "the disk failed; what was stored before stays. Look at its free space and health",
    )
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

/// Which file it is, whatever it is called: its device and number there.
pub(super) type Identity = (u64, u64);

/// The identity of the file at a path; `None` where there is none, or none can be told.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
