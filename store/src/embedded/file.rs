//! The file: its tables, and the encoding of positions and entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use redb::{TableDefinition, TableError, WriteTransaction};

use super::State;
use super::entries::{self, Kept, Key, Place};
use super::failure::{
    damaged, error_at, file_error, open_error, storage_error, table_error, transaction_error,
};
use super::pieces::{self, Pieces, PiecesToWrite, ReadError};
use crate::blocks::{Block, Change, Directory, Stations, describe, format2};
use crate::{Error, ErrorKind, Network};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<[u8; 20], &[u8]> = TableDefinition::new("entries");
/// The entries whose first row is of a network other than the default.
const OF_NETWORKS: TableDefinition<[u8; 36], &[u8]> = TableDefinition::new("networks");

/// When each UTC day was last put, since a version that notes it.
const STORED: TableDefinition<i32, [u8; 12]> = TableDefinition::new("stored");

/// The tables of format 2: read, and emptied as blocks are rewritten.
const OLD_DIRECTORY: TableDefinition<[u8; 20], [u8; 33]> = TableDefinition::new("directory");
const OLD_BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

/// The format version that this code writes. It also reads the previous one, and converts such a
/// file with the first change.
const FORMAT: u64 = 3;
const OLD_FORMAT: u64 = 2;
/// The format version of a file with readings of other networks, which versions that know only the
/// default network must not open.
const FORMAT_OF_NETWORKS: u64 = 4;

/// The opened file.
pub(super) struct Opened(Closing<Handle>);

enum Handle {
    /// Opened exclusively by this process.
    ToWrite(Database),
    /// Shared with other readers.
    ToRead(ReadOnlyDatabase),
}

impl Opened {
    pub(super) fn to_write(database: Database) -> Self {
        Self(Closing::new(Handle::ToWrite(database)))
    }

    fn to_read(database: ReadOnlyDatabase) -> Self {
        Self(Closing::new(Handle::ToRead(database)))
    }

    fn begin_read(&self) -> Result<ReadTransaction, Error> {
        let begun = match self.0.get()? {
            Handle::ToWrite(database) => database.begin_read(),
            Handle::ToRead(database) => database.begin_read(),
        };
        begun.map_err(transaction_error)
    }

    fn begin_write(&self) -> Result<WriteTransaction, Error> {
        match self.0.get()? {
            Handle::ToWrite(database) => database.begin_write().map_err(transaction_error),
            Handle::ToRead(_) => Err(only_to_read()),
        }
    }

    /// Checked first, since a failed write causes the file to be reopened.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        match self.0.get()? {
            Handle::ToWrite(_) => Ok(()),
            Handle::ToRead(_) => Err(only_to_read()),
        }
    }
}

/// A redb object that is dropped without a panic: closing a damaged file reads it again, in
/// whichever thread drops the last reference. Puts are already on disk.
pub(super) struct Closing<T>(Option<T>);

impl<T> Closing<T> {
    pub(super) fn new(open: T) -> Self {
        Self(Some(open))
    }

    pub(super) fn get(&self) -> Result<&T, Error> {
        self.0.as_ref().ok_or_else(damaged) // `None` only during drop
    }
}

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        let open = self.0.take();
        let _ = guarded(|| {
            drop(open);
            Ok(())
        });
    }
}

fn only_to_read() -> Error {
    Error::new(ErrorKind::Invalid, "the store was opened read-only")
}

/// Opens a store file read-only: without write permission, and shared with other readers. If a
/// crash left it in need of repair, it is opened for writing.
pub(super) fn open_to_read(path: &Path, cache_bytes: usize) -> Result<Opened, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    match builder.open_read_only(path) {
        Ok(database) => Ok(Opened::to_read(database)),
        Err(DatabaseError::RepairAborted) => builder.open(path).map(Opened::to_write),
        Err(error) => Err(error),
    }
}

/// The tables of one state.
pub(super) struct Tables {
    /// Missing in a file of format 2 that has not been written to yet.
    pieces: Option<Pieces>,
    old_blocks: Option<ReadOnlyTable<u64, &'static [u8]>>,
}

impl Tables {
    pub(super) fn open(database: &Opened) -> Result<Self, Error> {
        let reader = database.begin_read()?;
        Ok(Self {
            pieces: if_there(Pieces::open(&reader))?,
            old_blocks: if_there(reader.open_table(OLD_BLOCKS))?,
        })
    }

    /// The number of blocks of format 2, and of pieces.
    fn counts(&self) -> Result<(u64, u64), Error> {
        let old = self.old_blocks.as_ref().map_or(Ok(0), |blocks| blocks.len());
        let pieces = self.pieces.as_ref().map_or(Ok(0), Pieces::count);
        Ok((old.map_err(storage_error)?, pieces.map_err(storage_error)?))
    }

    /// The block at a location; `table` is the station table that it may share.
    pub(super) fn block(
        &self,
        place: Place,
        table: Option<&Arc<Stations>>,
    ) -> Result<Block, Error> {
        match place {
            Place::Value { number, length } => Block::decode(&self.value(number, length)?, table),
            Place::Old(number) => {
                let missing = || ReadError::missing(number);
                let blocks = self.old_blocks.as_ref().ok_or_else(missing)?;
                let found = blocks.get(number).map_err(storage_error)?.ok_or_else(missing)?;
                format2::decode(found.value())
            }
        }
    }

    pub(super) fn stations(&self, place: Place) -> Result<Stations, Error> {
        match place {
            Place::Value { number, length } => Stations::decode(&self.value(number, length)?),
            Place::Old(number) => Err(ReadError::missing(number)), // that format has no such tables
        }
    }

    fn value(&self, number: u64, length: u32) -> Result<Vec<u8>, Error> {
        let missing = || ReadError::missing(number);
        let pieces = self.pieces.as_ref().ok_or_else(missing)?;
        pieces.read(number, length as usize).map_err(|error| match error {
            ReadError::Storage(error) => storage_error(error),
            ReadError::Missing => missing(),
        })
    }
}

fn if_there<T>(opened: Result<T, TableError>) -> Result<Option<T>, Error> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(table_error(error)),
    }
}

/// Turns a panic of redb over a damaged page into an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Partial changes are discarded: states are replaced atomically, and an uncommitted write has
    // no effect. The panic hook logs the panic's own message, which is not helpful to an operator.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged()))
}

/// Applies the changes on disk, and notes when days were `stored`, numbering new values in ascending order, a table before the blocks
/// that share it; durable when it returns. Returns the lengths of the values, in order.
pub(super) fn write(
    old: &State,
    changes: &[Change],
    mut next_value: u64,
    stored: &BTreeMap<i32, i64>,
) -> Result<Vec<u32>, Error> {
    let mut transaction = old.database.begin_write()?;
    // The allocator state is written with each commit, so that a store of any size opens at once
    // after a crash.
    transaction.set_quick_repair(true);
    let mut lengths = Vec::new();
    if !stored.is_empty() {
        let mut table = transaction.open_table(STORED).map_err(table_error)?;
        for (day, second) in stored {
            let value = entries::encode_stored(*day, *second);
            table.insert(*day, value).map_err(storage_error)?;
        }
    }
    {
        let mut writer = Writer::open(&transaction)?;
        for Change { tree, removed, table, added } in changes {
            for first in removed {
                if let Some(entry) = old.directory.get(*tree, first) {
                    writer.remove(Key::of_block(*tree, first), entry.place)?;
                }
            }
            if let Some(((day, country), table)) = table {
                let key = Key::of_table(*day, *country);
                if let Some(place) = old.directory.table(*day, *country) {
                    writer.remove(key, *place)?;
                }
                if let Some(table) = table {
                    let length = writer.insert(next_value, &table.encode())?;
                    writer.entry(key, &entries::encode_table(key, next_value, length))?;
                    next_value += 1;
                    lengths.push(length);
                }
            }
            for block in added {
                let (first, entry) = describe(block);
                if entry.networks.is_some() {
                    writer.note_networks()?;
                }
                let key = Key::of_block(*tree, &first);
                let length = writer.insert(next_value, &block.encode())?;
                writer.entry(key, &entries::encode(key, &entry, next_value, length))?;
                next_value += 1;
                lengths.push(length);
            }
        }
    }
    transaction.commit().map_err(|e| match e {
        redb::CommitError::Storage(e) => storage_error(e),
        e => Error::new(ErrorKind::Io, "cannot commit").because(e),
    })?;
    Ok(lengths)
}

/// The tables while a transaction writes.
struct Writer<'a> {
    meta: redb::Table<'a, &'static str, u64>,
    entries: redb::Table<'a, [u8; 20], &'static [u8]>,
    /// Present in a file with readings of other networks.
    of_networks: Option<redb::Table<'a, [u8; 36], &'static [u8]>>,
    transaction: &'a WriteTransaction,
    pieces: PiecesToWrite<'a>,
    /// Present in a file that had format 2.
    old: Option<OldTables<'a>>,
}

type OldTables<'a> = (redb::Table<'a, [u8; 20], [u8; 33]>, redb::Table<'a, u64, &'static [u8]>);

impl<'a> Writer<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, Error> {
        let mut meta = transaction.open_table(META).map_err(table_error)?;
        let format = meta.get("format").map_err(storage_error)?.map(|format| format.value());
        if format != Some(FORMAT) && format != Some(FORMAT_OF_NETWORKS) {
            // Versions that know only the old format must not open the file from now on.
            meta.insert("format", FORMAT).map_err(storage_error)?;
        }
        let names = transaction.list_tables().map_err(storage_error)?;
        let has_old = names.into_iter().any(|table| redb::TableHandle::name(&table) == "blocks");
        let old = match has_old {
            true => Some((
                transaction.open_table(OLD_DIRECTORY).map_err(table_error)?,
                transaction.open_table(OLD_BLOCKS).map_err(table_error)?,
            )),
            false => None,
        };
        let of_networks = match format {
            Some(FORMAT_OF_NETWORKS) => {
                Some(transaction.open_table(OF_NETWORKS).map_err(table_error)?)
            }
            _ => None,
        };
        Ok(Self {
            meta,
            entries: transaction.open_table(ENTRIES).map_err(table_error)?,
            of_networks,
            transaction,
            pieces: PiecesToWrite::open(transaction).map_err(table_error)?,
            old,
        })
    }

    /// Marks the file as having readings of other networks.
    fn note_networks(&mut self) -> Result<(), Error> {
        if self.of_networks.is_none() {
            self.meta.insert("format", FORMAT_OF_NETWORKS).map_err(storage_error)?;
            let table = self.transaction.open_table(OF_NETWORKS).map_err(table_error)?;
            self.of_networks = Some(table);
        }
        Ok(())
    }

    fn remove(&mut self, key: Key, place: Place) -> Result<(), Error> {
        match (place, &mut self.old) {
            (Place::Value { number, length }, _) => {
                match &mut self.of_networks {
                    Some(table) if !key.network.is_default() => {
                        table.remove(key.with_network()).map(drop).map_err(storage_error)?;
                    }
                    _ => drop(self.entries.remove(key.bytes).map_err(storage_error)?),
                }
                self.pieces.remove(number, length as usize).map_err(storage_error)
            }
            (Place::Old(number), Some((directory, blocks))) => {
                directory.remove(key.bytes).map_err(storage_error)?;
                blocks.remove(number).map(drop).map_err(storage_error)
            }
            (Place::Old(number), None) => Err(ReadError::missing(number)),
        }
    }

    fn insert(&mut self, number: u64, bytes: &[u8]) -> Result<u32, Error> {
        let length = u32::try_from(bytes.len());
        let length = length
            .map_err(|e| Error::new(ErrorKind::Invalid, "a block is too large").because(e))?;
        self.pieces.insert(number, bytes).map_err(storage_error)?;
        Ok(length)
    }

    fn entry(&mut self, key: Key, value: &[u8]) -> Result<(), Error> {
        match &mut self.of_networks {
            Some(table) if !key.network.is_default() => {
                table.insert(key.with_network(), value).map(drop).map_err(storage_error)
            }
            _ => self.entries.insert(key.bytes, value).map(drop).map_err(storage_error),
        }
    }
}

/// Creates the tables of a new file, or checks those of an existing one; then reads the directory.
/// Returns it with the number of the next value.
pub(super) fn read(database: Opened) -> Result<(State, u64), Error> {
    initialise(&database)?;
    let reader = database.begin_read()?;
    let mut directory = Directory::default();
    let mut next_value = 0;
    let mut keep = |kept: Kept| {
        let number = match kept.place() {
            Place::Value { number, .. } | Place::Old(number) => number,
        };
        next_value = next_value.max(number.saturating_add(1));
        match kept {
            Kept::Block(tree, first, entry) => directory.insert(tree, first, entry),
            Kept::Table((day, country), place) => directory.insert_table(day, country, place),
        }
    };
    let (old, entries) = (reader.open_table(OLD_DIRECTORY), reader.open_table(ENTRIES));
    let (old, entries) = (if_there(old)?, if_there(entries)?);
    let (mut old_blocks, mut pieces) = (0, 0);
    if let Some(old) = &old {
        for pair in old.iter().map_err(storage_error)? {
            let (key, value) = pair.map_err(storage_error)?;
            let key = Key { bytes: key.value(), network: Network::SENSOR_COMMUNITY };
            keep(entries::decode_old(key, &value.value()).ok_or_else(damaged)?);
            old_blocks += 1;
        }
        if old.len().map_err(storage_error)? != old_blocks {
            return Err(damaged());
        }
    }
    let mut keep_entry = |key: Option<Key>, value: &[u8]| {
        let kept = key.and_then(|key| entries::decode(key, value)).ok_or_else(damaged)?;
        if let Place::Value { length, .. } = kept.place() {
            pieces += pieces::count(length as usize);
        }
        keep(kept);
        Ok(())
    };
    if let Some(entries) = &entries {
        let mut count = 0;
        for pair in entries.iter().map_err(storage_error)? {
            let (key, value) = pair.map_err(storage_error)?;
            let key = Key { bytes: key.value(), network: Network::SENSOR_COMMUNITY };
            keep_entry(Some(key), value.value())?;
            count += 1;
        }
        if entries.len().map_err(storage_error)? != count {
            return Err(damaged());
        }
    }
    if let Some(entries) = if_there(reader.open_table(OF_NETWORKS))? {
        let mut count = 0;
        for pair in entries.iter().map_err(storage_error)? {
            let (key, value) = pair.map_err(storage_error)?;
            keep_entry(Key::of_network(key.value()), value.value())?;
            count += 1;
        }
        if entries.len().map_err(storage_error)? != count {
            return Err(damaged());
        }
    }
    if let Some(stored) = if_there(reader.open_table(STORED))? {
        for pair in stored.iter().map_err(storage_error)? {
            let (day, value) = pair.map_err(storage_error)?;
            let second = entries::decode_stored(day.value(), value.value());
            directory.note_stored(day.value(), second.ok_or_else(damaged)?);
        }
    }
    let tables = Tables::open(&database)?;
    // A damaged table catalogue must not look like an empty store, which the next put would
    // initialise.
    let is_whole = (old.is_some() || entries.is_some())
        && entries.is_some() == tables.pieces.is_some()
        && (old_blocks, pieces) == tables.counts()?;
    if !is_whole {
        return Err(damaged());
    }
    let (tables, database) = (Closing::new(tables), Arc::new(database));
    Ok((State { directory, tables, database }, next_value))
}

/// Ensures that the file exists: creates it and its directory if `create` is set. It is created
/// atomically, because redb cannot open a file that a power cut left incomplete.
pub(super) fn ensure(path: &Path, create: bool) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let message = format!("{} is a directory, not a file", path.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(found) if found.is_file() && found.len() == 0 => {
            let message = format!(
                "{}: the file is empty and not a store; remove it to create a new store",
                path.display()
            );
            return Err(Error::new(ErrorKind::Damaged, message));
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
    let _ = std::fs::remove_file(&unfinished); // left by an earlier process with the same id
    let made = guarded(|| {
        initialise(&Opened::to_write(Database::create(&unfinished).map_err(open_error)?))
    });
    // Another process may create it concurrently: the second one opens the file of the first.
    let placed = made.and_then(|()| match std::fs::hard_link(&unfinished, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => std::fs::rename(&unfinished, path).map_err(file_error), // no hard links on this file system
        Ok(()) => Ok(()),
    });
    let _ = std::fs::remove_file(&unfinished);
    placed.map_err(|error| error_at(path, error))?;
    // A new file survives a power cut only after its directory is synced.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn initialise(database: &Opened) -> Result<(), Error> {
    let reader = database.begin_read()?;
    match reader.open_table(META) {
        Ok(meta) => {
            let format = meta.get("format").map_err(storage_error)?.map(|format| format.value());
            return match format {
                Some(OLD_FORMAT..=FORMAT_OF_NETWORKS) => Ok(()),
                Some(1) => Err(Error::new(
                    ErrorKind::Invalid,
                    "the store has format 1, of a version before the first release; export it \
                     with that version and import the file into a new store",
                )),
                Some(newer) if newer > FORMAT_OF_NETWORKS => Err(Error::new(
                    ErrorKind::TooNew,
                    format!(
                        "the store has format {newer}, this airshed supports formats up to \
                         {FORMAT_OF_NETWORKS}; \
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
            "the file is a database of another program; choose another path",
        ));
    }
    drop(reader);
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut meta = transaction.open_table(META).map_err(table_error)?;
        meta.insert("format", FORMAT).map_err(storage_error)?;
        transaction.open_table(ENTRIES).map_err(table_error)?;
        PiecesToWrite::open(&transaction).map_err(table_error)?;
    }
    let commit = transaction.commit();
    commit.map_err(|e| Error::new(ErrorKind::Io, "cannot initialise the store").because(e))
}

/// The identity of a file, independent of its name: device and inode.
pub(super) type Identity = (u64, u64);

/// The identity of the file at a path; `None` if there is no file, or it cannot be determined.
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
