//! One file, durable: blocks in redb.
//!
//! Tables: `meta` ("format" → the version of the layout), `entries` (tree and first position of a
//! block, or day and country of a station table → its directory entry and its number), `stored` (UTC day
//! → when it was last put), and those of its [pieces](pieces) by number. A put is one redb transaction, committed to disk before it
//! returns; values are immutable under their number. The directory is also kept in memory, in a
//! [`State`] together with its read transaction: a reader works on one state, without a lock, and
//! puts do not wait for it.
//!
//! Data on disk is not trusted: blocks and directory entries have checksums, and a panic of redb on
//! a damaged page becomes an error. (redb can check the whole file when opening, which takes a
//! second per gigabyte. Without that check, a disk that returns an older version of a page, with
//! valid checksums, shows an earlier state of the store.)
//!
//! After an I/O error, such as a full disk, redb refuses all operations until the file is reopened.
//! That is done at once; if it fails, each call retries it.

#[cfg(test)]
mod crash;
mod entries;
mod failure;
mod file;
mod pieces;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use async_trait::async_trait;
use jiff::Timestamp;
use redb::{Database, DatabaseError};

use self::entries::Place;
use self::failure::{error_at, no_space, open_error};
use self::file::{Closing, Identity, Opened, Tables, guarded};
use crate::blocks::{
    self, Block, Caches, Change, Directory, Item, Load, SensorCountries, Stations, Tree,
};
use crate::{
    Error, ErrorKind, Migration, Network, Page, Position, Query, Reading, Store, Summary, View,
};

/// A durable store in one file. Only one process at a time can open it for writing.
///
/// Space freed by deletions is reused by later puts; the file does not shrink. A
/// [snapshot](Store::snapshot) prevents its data from being overwritten, so the file can grow while
/// one is held; after a disk failure, snapshots return an error.
#[derive(Clone)]
pub struct Embedded(Arc<Shared>);

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("path", &self.0.path).finish_non_exhaustive()
    }
}

struct Shared {
    path: PathBuf,
    /// The identity of the file when it was opened.
    identity: Option<Identity>,
    open: Box<Opener>,
    /// `None` after an I/O error, until the file can be reopened.
    current: RwLock<Option<Arc<State>>>,
    /// The states held by snapshots: the file can only be reopened without them.
    held: Mutex<Vec<Weak<Held>>>,
    caches: Caches,
    clock: Option<fn() -> Timestamp>,
    has_room: Option<fn(&Path) -> bool>,
    writer: Mutex<Writer>,
}

type Opener = dyn Fn() -> Result<Opened, DatabaseError> + Send + Sync;

/// One state of the store. Dropping the last one closes the file.
struct State {
    directory: Directory<Place>,
    tables: Closing<Tables>,
    database: Arc<Opened>,
}

type Held = RwLock<Option<Arc<State>>>;

struct Writer {
    sensor_countries: SensorCountries,
    next_value: u64,
    /// Whether the last write failed; then also a change of nothing is written, to find out whether
    /// writing works again.
    failed: bool,
}

/// Options for opening an [`Embedded`] store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Cache size in bytes; default 256 MiB.
    pub cache_bytes: u64,
    /// Whether a missing store is created; otherwise it is [`Invalid`](ErrorKind::Invalid).
    /// Default: yes.
    pub create: bool,
    /// Whether it is opened for writing; otherwise no write permission is needed, and other
    /// processes can read the file at the same time. Default: yes.
    pub write: bool,
    /// The clock, to note when readings are put ([`View::stored_at`]). Default: none, and nothing is
    /// noted.
    pub clock: Option<fn() -> Timestamp>,
    /// Whether there is room on the disk of a file for another put. Asked after a write has failed,
    /// before the next one, since each failure ends the snapshots. Default: none, and writes are tried.
    pub has_room: Option<fn(&Path) -> bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20, create: true, write: true, clock: None, has_room: None }
    }
}

impl Embedded {
    /// Opens the store in a file, creating missing files and directories.
    ///
    /// [`Denied`](ErrorKind::Denied) if the system denies access, [`Locked`](ErrorKind::Locked)
    /// while another process has it open, [`TooNew`](ErrorKind::TooNew) if a newer version wrote
    /// it, [`Damaged`](ErrorKind::Damaged) or [`Invalid`](ErrorKind::Invalid) if it is not an
    /// intact store of readings.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        file::ensure(&path, options.create && options.write)?;
        // An eighth for redb's inner pages; an eighth for uncached data in use, and for the
        // allocator; the rest for blocks and rendered text.
        let database_cache = options.cache_bytes / 8;
        let cache_bytes = options.cache_bytes - 2 * database_cache;
        let open = {
            let path = path.clone();
            let database_cache = database_cache as usize;
            move || match options.write {
                true => {
                    let mut builder = Database::builder();
                    builder.set_cache_size(database_cache).create(&path).map(Opened::to_write)
                }
                false => file::open_to_read(&path, database_cache),
            }
        };
        let mut store = Self::open_with(path, Box::new(open), cache_bytes)?;
        if let Some(shared) = Arc::get_mut(&mut store.0) {
            shared.identity = file::identity(&shared.path);
            (shared.clock, shared.has_room) = (options.clock, options.has_room);
        }
        Ok(store)
    }

    fn open_with(path: PathBuf, open: Box<Opener>, cache_bytes: u64) -> Result<Self, Error> {
        let (state, next_value) = read_state(&open).map_err(|error| error_at(&path, error))?;
        Ok(Self(Arc::new(Shared {
            path,
            identity: None,
            open,
            current: RwLock::new(Some(Arc::new(state))),
            held: Mutex::default(),
            caches: Caches::new(cache_bytes),
            clock: None,
            has_room: None,
            writer: Mutex::new(Writer {
                sensor_countries: SensorCountries::default(),
                next_value,
                failed: false,
            }),
        })))
    }
}

fn read_state(open: &Opener) -> Result<(State, u64), Error> {
    guarded(|| file::read(open().map_err(open_error)?))
}

#[async_trait]
impl View for Embedded {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        if let Some(page) = self.0.open_state().and_then(|s| self.0.cached_page(&s, query, after)) {
            return Ok(page);
        }
        let query = query.clone();
        blocking(&self.0, move |shared| shared.page(&*shared.state()?, &query, after)).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        match self.0.open_state() {
            Some(state) => Ok(state.directory.summary()),
            None => blocking(&self.0, |shared| Ok(shared.state()?.directory.summary())).await,
        }
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        match self.0.open_state() {
            Some(state) => Ok(state.directory.networks()),
            None => blocking(&self.0, |shared| Ok(shared.state()?.directory.networks())).await,
        }
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let stored = move |shared: &Shared| Ok(shared.state()?.directory.stored_at(from, until));
        match self.0.open_state() {
            Some(state) => Ok(state.directory.stored_at(from, until)),
            None => blocking(&self.0, stored).await,
        }
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let count = move |shared: &Shared| {
            Ok(Some(shared.state()?.directory.readings_in_days(from, until)))
        };
        blocking(&self.0, count).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        match self.0.open_state() {
            Some(state) => Ok(Some(state.directory.version(from, until))),
            None => {
                let version =
                    move |shared: &Shared| Ok(Some(shared.state()?.directory.version(from, until)));
                blocking(&self.0, version).await
            }
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let batch = batch.to_vec();
        blocking(&self.0, move |shared| shared.put(&batch)).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        blocking(&self.0, move |shared| shared.delete_before(moment)).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        let query = query.clone();
        blocking(&self.0, move |shared| shared.delete(&query)).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        loop {
            if let Some(held) = self.0.hold() {
                return Ok(Arc::new(Snapshot { shared: Arc::clone(&self.0), held }));
            }
            blocking(&self.0, Shared::state).await?;
        }
    }

    /// Half a million readings in one step. Without it, blocks of an earlier format are converted
    /// one by one, by puts that affect them.
    async fn migrate(&self) -> Result<Migration, Error> {
        blocking(&self.0, Shared::migrate).await
    }
}

/// Runs on a thread for blocking I/O.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || {
        guarded(|| work(&shared)).map_err(|error| error_at(&shared.path, error))
    });
    done.await.map_err(|e| Error::new(ErrorKind::Io, "the store was shut down").because(e))?
}

/// A state held by a reader.
struct Snapshot {
    shared: Arc<Shared>,
    held: Arc<Held>,
}

impl Snapshot {
    fn state(&self) -> Result<Arc<State>, Error> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| {
            let message = "the disk failed and the store was reopened; retry the query";
            error_at(&self.shared.path, Error::new(ErrorKind::Io, message))
        })
    }
}

#[async_trait]
impl View for Snapshot {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let state = self.state()?;
        if let Some(page) = self.shared.cached_page(&state, query, after) {
            return Ok(page);
        }
        let query = query.clone();
        blocking(&self.shared, move |shared| shared.page(&state, &query, after)).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(self.state()?.directory.summary())
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        Ok(self.state()?.directory.networks())
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        Ok(self.state()?.directory.stored_at(from, until))
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        Ok(Some(self.state()?.directory.readings_in_days(from, until)))
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        Ok(Some(self.state()?.directory.version(from, until)))
    }
}

impl Shared {
    fn state(&self) -> Result<Arc<State>, Error> {
        if let Some(open) = &*self.current.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(open));
        }
        let mut closed = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match &*closed {
            Some(open) => Ok(Arc::clone(open)),
            None => {
                let (state, _) = read_state(&self.open)?;
                Ok(Arc::clone(closed.insert(Arc::new(state))))
            }
        }
    }

    /// Closes and reopens the file. Readers finish their pages first; new ones wait.
    fn reopen(&self) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        let held = held.iter().filter_map(Weak::upgrade);
        let held = held.filter_map(|h| h.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut states: Vec<Arc<State>> = Vec::new();
        for state in current.take().into_iter().chain(held) {
            if !states.iter().any(|known| Arc::ptr_eq(known, &state)) {
                states.push(state);
            }
        }
        for mut state in states {
            while let Err(still_read) = Arc::try_unwrap(state) {
                state = still_read;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        // A repeated failure is not logged; the next call retries.
        if let Ok((state, _)) = read_state(&self.open) {
            *current = Some(Arc::new(state));
        }
    }

    /// The current state, if available without blocking.
    fn open_state(&self) -> Option<Arc<State>> {
        self.current.try_read().ok()?.clone()
    }

    /// Holds the current state, if available without blocking.
    fn hold(&self) -> Option<Arc<Held>> {
        // Locked before the state is taken: `reopen` must find all holders.
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = Arc::new(RwLock::new(Some(self.open_state()?)));
        all.retain(|held| held.strong_count() > 0);
        all.push(Arc::downgrade(&held));
        Some(held)
    }

    fn page(&self, state: &State, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        state.directory.page(query, after, &self.loader(state))
    }

    /// The page, if all its blocks are in memory; runs without a blocking thread.
    fn cached_page(&self, state: &State, query: &Query, after: Option<Position>) -> Option<Page> {
        let known = Known { shared: self, hits: Cell::new(0) };
        let page = state.directory.page(query, after, &known).ok();
        // Otherwise a blocking thread repeats it, and counts.
        if page.is_some() {
            blocks::count("blocks", "hit", known.hits.get());
        }
        page
    }

    fn loader<'a>(&'a self, state: &'a State) -> Loader<'a> {
        Loader { shared: self, tables: &state.tables }
    }

    /// Data written to a deleted file would be lost.
    fn check_place(&self) -> Result<(), Error> {
        if self.identity.is_some() && file::identity(&self.path) != self.identity {
            let message = "the file was deleted or replaced while it was open, so writes are \
                           refused; stop the process, then restore the file or start with an \
                           empty store";
            return Err(Error::new(ErrorKind::Io, message));
        }
        Ok(())
    }

    fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.check_place()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.failed && self.has_room.is_some_and(|has_room| !has_room(&self.path)) {
            return Err(no_space());
        }
        let state = self.state()?;
        let load = self.loader(&state);
        let changes = state.directory.plan_put(batch, &mut writer.sensor_countries, &load)?;
        let now = self.clock.map(|clock| clock().as_second());
        let days = changes.iter().flat_map(|change| &change.added).map(|block| block.day);
        let stored = now.map(|now| days.map(|day| (day, now)).collect());
        self.change(&mut writer, state, changes, &stored.unwrap_or_default())
    }

    fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.check_place()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let load = self.loader(&state);
        let (changes, deleted) = state.directory.plan_deletion(moment, &load)?;
        self.change(&mut writer, state, changes, &BTreeMap::new())?;
        Ok(deleted)
    }

    fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.check_place()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let load = self.loader(&state);
        let (changes, deleted) = state.directory.plan_deletion_of(query, &load)?;
        self.change(&mut writer, state, changes, &BTreeMap::new())?;
        Ok(deleted)
    }

    fn migrate(&self) -> Result<Migration, Error> {
        /// Some seconds of work, with the memory of one day of the network.
        const ROWS_AT_ONCE: u64 = 500_000;
        self.check_place()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let load = self.loader(&state);
        let is_old = |place: &Place| matches!(place, Place::Old(_));
        let changes = state.directory.plan_rewriting(is_old, ROWS_AT_ONCE, &load)?;
        self.change(&mut writer, state, changes, &BTreeMap::new())?;
        let state = self.state()?;
        let blocks = || state.directory.days(Tree::All, i32::MIN, i32::MAX).map(|(_, entry)| entry);
        let left = blocks().filter(|entry| is_old(&entry.place)).map(|entry| u64::from(entry.rows));
        let high = state.directory.days(Tree::High, i32::MIN, i32::MAX);
        let high = high.filter(|(_, entry)| is_old(&entry.place));
        // High rows are stored twice; the rest of the second copy counts, too.
        let high = high.map(|(_, entry)| u64::from(entry.rows));
        let readings = blocks().map(|entry| u64::from(entry.rows)).sum();
        Ok(Migration { left: left.chain(high).sum(), readings })
    }

    /// Applies the changes, on disk first; `stored`: the days that are put, and when.
    fn change(
        &self,
        writer: &mut Writer,
        state: Arc<State>,
        changes: Vec<Change>,
        stored: &BTreeMap<i32, i64>,
    ) -> Result<(), Error> {
        if changes.is_empty() && !writer.failed {
            return Ok(());
        }
        state.database.check_writable()?;
        let first_value = writer.next_value;
        let values = |change: &Change| change.added.len() + usize::from(change.table.is_some());
        writer.next_value += changes.iter().map(values).sum::<usize>() as u64;
        let database = Arc::clone(&state.database);
        let written = guarded(|| {
            let lengths = file::write(&state, &changes, first_value, stored)?;
            Ok((lengths, Closing::new(Tables::open(&database)?)))
        });
        let (lengths, tables) = match written {
            Ok(written) => written,
            Err(error) => {
                writer.failed = true;
                drop((state, database));
                self.reopen();
                return Err(error);
            }
        };

        writer.failed = false;
        for Change { tree, removed, .. } in &changes {
            let replaced = removed.iter().filter_map(|first| state.directory.get(*tree, first));
            replaced.for_each(|entry| drop(self.caches.blocks.remove(&entry.place.number())));
        }
        let mut directory = state.directory.clone();
        let mut places = (first_value..).zip(lengths);
        directory.apply(changes, |item| {
            // One per written value.
            let (number, length) = places.next().unwrap_or_default();
            match item {
                Item::Block(block) => {
                    self.caches.blocks.insert(number, self.caches.adopt(*block));
                }
                Item::Table(table) => self.caches.insert_table(number, table),
            }
            Place::Value { number, length }
        });
        stored.iter().for_each(|(day, second)| directory.note_stored(*day, *second));
        let state = State { directory, tables, database };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(state));
        Ok(())
    }
}

/// Reads from disk what is not in memory.
struct Loader<'a> {
    shared: &'a Shared,
    tables: &'a Closing<Tables>,
}

impl Load<Place> for Loader<'_> {
    fn block(&self, place: &Place, table: Option<&Place>) -> Result<Arc<Block>, Error> {
        let caches = &self.shared.caches;
        let mut outcome = "hit";
        let block = caches.blocks.get_or_insert_with(&place.number(), || {
            outcome = "miss";
            let table = table.map(|place| self.table(place)).transpose()?;
            self.tables.get()?.block(*place, table.as_ref()).map(|block| caches.adopt(block))
        });
        blocks::count("blocks", outcome, 1);
        block
    }

    fn table(&self, place: &Place) -> Result<Arc<Stations>, Error> {
        self.shared.caches.table(place.number(), || self.tables.get()?.stations(*place))
    }
}

/// Finds only what is in memory.
struct Known<'a> {
    shared: &'a Shared,
    hits: Cell<u64>,
}

impl Load<Place> for Known<'_> {
    fn block(&self, place: &Place, _: Option<&Place>) -> Result<Arc<Block>, Error> {
        let block = self.shared.caches.blocks.get(&place.number()).ok_or_else(not_known)?;
        self.hits.set(self.hits.get() + 1);
        Ok(block)
    }

    fn table(&self, place: &Place) -> Result<Arc<Stations>, Error> {
        self.shared.caches.known_table(place.number()).ok_or_else(not_known)
    }
}

fn not_known() -> Error {
    Error::new(ErrorKind::Io, "not in the cache")
}
