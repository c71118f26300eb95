//! The directory of blocks, and the blocks that a query reads.
//!
//! Blocks cover disjoint ranges of the row order, like the leaves of a search tree. There are two
//! trees: one of all rows, with one block for a day with few rows, otherwise with one or more
//! blocks for every day and country, and one with a copy of the rows with a high index, by day
//! only, so that a query for those reads little else. If a day of a country has several blocks,
//! they share a station table. Only the directory is always in memory: about 100 bytes per block.
//! [`plan`](super::plan) computes the changes of a put.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use jiff::Timestamp;

use super::block::{Block, Mixed};
use super::day::{SECONDS_A_DAY, day_and_second};
use super::stations::Stations;
use crate::contract::{Page, RowRange, Summary};
use crate::{Country, Error, Network, Position, Query};

/// A page ends after this many matching rows: about 1.4 MB of CSV…
const PAGE_ROWS: usize = 16_384;

/// …or after this many blocks were read, so that no page takes long.
const PAGE_BLOCKS: usize = 32;

/// The lowest index in the tree of high rows: the start of the DAQI's band High.
pub(crate) const HIGH: u8 = 7;

/// The blocks of a store, by the position of their first row. `P` is the location of a block or a
/// table. Cloning costs one pointer per day; readers keep the clone they started with.
#[derive(Debug, Clone)]
pub(crate) struct Directory<P> {
    all: Leaves<P>,
    high: Leaves<P>,
    /// The networks of all present and past blocks.
    networks: BTreeSet<Network>,
    /// Whether the default network is one of them.
    has_default: bool,
    changes: Changes,
    /// The second at which each day was last put, where it is known.
    stored: Arc<BTreeMap<i32, i64>>,
}

/// The change numbers of days, since the process opened the store.
#[derive(Debug, Clone)]
struct Changes {
    /// A random id of the store and process: another one restarts the numbers.
    origin: u64,
    newest: u64,
    /// The number of the last change of every day that changed.
    days: Arc<BTreeMap<i32, u64>>,
}

type Leaves<P> = BTreeMap<i32, Arc<Day<P>>>;

#[derive(Debug, Clone)]
struct Day<P> {
    blocks: BTreeMap<Position, Entry<P>>,
    /// The station tables shared by blocks of a country.
    tables: BTreeMap<Option<Country>, P>,
}

impl<P> Default for Day<P> {
    fn default() -> Self {
        Self { blocks: BTreeMap::new(), tables: BTreeMap::new() }
    }
}

/// Loads the item at a location.
pub(crate) trait Load<P> {
    /// A block; `table` is the one that it may share.
    fn block(&self, place: &P, table: Option<&P>) -> Result<Arc<Block>, Error>;

    fn table(&self, place: &P) -> Result<Arc<Stations>, Error>;
}

/// The item at a location.
#[derive(Debug)]
pub(crate) enum Item {
    Block(Box<Block>),
    Table(Arc<Stations>),
}

/// The tree of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tree {
    /// All. A block has one country, unless it is the only one of its day.
    All,
    /// Rows with an index of [`HIGH`] or more.
    High,
}

/// The directory entry of a block.
#[derive(Debug, Clone)]
pub(crate) struct Entry<P> {
    pub(crate) rows: u32,
    pub(crate) last: Position,
    pub(crate) index_bits: u16,
    /// Of a block of several countries.
    pub(crate) mixed: Option<Arc<Mixed>>,
    /// The networks of its sensors, unless it is only the default.
    pub(crate) networks: Option<Arc<[Network]>>,
    pub(crate) place: P,
}

/// Blocks to remove and blocks to add: the effect on one range of rows.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) tree: Tree,
    pub(crate) removed: Vec<Position>,
    /// The station table shared by the blocks of a day and country from now on, if any.
    pub(crate) table: TableChange,
    pub(crate) added: Vec<Block>,
}

/// A day and a country.
pub(super) type Group = (i32, Option<Country>);

pub(super) type TableChange = Option<(Group, Option<Arc<Stations>>)>;

impl<P> Default for Directory<P> {
    fn default() -> Self {
        // std's random state: no two are alike.
        let origin = std::hash::RandomState::new().hash_one(0);
        let changes = Changes { origin, newest: 0, days: Arc::default() };
        let (all, high, networks, has_default) = Default::default();
        Self { all, high, networks, has_default, changes, stored: Arc::default() }
    }
}

impl<P: Clone> Directory<P> {
    pub(crate) fn insert(&mut self, tree: Tree, first: Position, entry: Entry<P>) {
        match &entry.networks {
            None if self.has_default => {} // of nearly all
            _ => self.networks.extend(entry.networks()),
        }
        self.has_default |= entry.networks.is_none();
        let day = self.leaves_mut(tree).entry(first.day).or_default();
        Arc::make_mut(day).blocks.insert(first, entry);
    }

    pub(crate) fn insert_table(&mut self, day: i32, country: Option<Country>, place: P) {
        Arc::make_mut(self.all.entry(day).or_default()).tables.insert(country, place);
    }

    fn remove(&mut self, tree: Tree, first: &Position) {
        self.change_day(tree, first.day, |day| drop(day.blocks.remove(first)));
    }

    fn change_day(&mut self, tree: Tree, day: i32, change: impl FnOnce(&mut Day<P>)) {
        let leaves = self.leaves_mut(tree);
        let Some(found) = leaves.get_mut(&day) else { return };
        let found = Arc::make_mut(found);
        change(found);
        if found.blocks.is_empty() && found.tables.is_empty() {
            leaves.remove(&day);
        }
    }

    pub(crate) fn get(&self, tree: Tree, first: &Position) -> Option<&Entry<P>> {
        self.leaves(tree).get(&first.day)?.blocks.get(first)
    }

    /// The station table shared by the blocks of a day and country.
    pub(crate) fn table(&self, day: i32, country: Option<Country>) -> Option<&P> {
        self.all.get(&day)?.tables.get(&country)
    }

    /// The blocks of a tree's days from the first to the last, in order.
    pub(crate) fn days(
        &self,
        tree: Tree,
        first: i32,
        last: i32,
    ) -> impl Iterator<Item = (&Position, &Entry<P>)> {
        let days = (first <= last).then(|| self.leaves(tree).range(first..=last));
        days.into_iter().flatten().flat_map(|(_, day)| day.blocks.iter())
    }

    /// A block, with its shared station table.
    pub(crate) fn load(
        &self,
        tree: Tree,
        first: &Position,
        entry: &Entry<P>,
        load: &impl Load<P>,
    ) -> Result<Arc<Block>, Error> {
        let table = match tree {
            Tree::All => self.table(first.day, first.country),
            Tree::High => None,
        };
        load.block(&entry.place, table)
    }

    fn leaves(&self, tree: Tree) -> &Leaves<P> {
        match tree {
            Tree::All => &self.all,
            Tree::High => &self.high,
        }
    }

    fn leaves_mut(&mut self, tree: Tree) -> &mut Leaves<P> {
        match tree {
            Tree::All => &mut self.all,
            Tree::High => &mut self.high,
        }
    }

    /// See [`View::version`](crate::View::version).
    pub(crate) fn version(&self, from: Timestamp, until: Timestamp) -> String {
        let (first, last) = (day_and_second(from).0, day_and_second(until).0);
        let days = (first <= last).then(|| self.changes.days.range(first..=last));
        let change = days.into_iter().flatten().map(|(_, change)| *change).max().unwrap_or(0);
        format!("{:016x}-{change}", self.changes.origin)
    }

    /// See [`View::readings_in_days`](crate::View::readings_in_days).
    pub(crate) fn readings_in_days(&self, from: Timestamp, until: Timestamp) -> u64 {
        let (first, last) = (day_and_second(from).0, day_and_second(until).0);
        self.days(Tree::All, first, last).map(|(_, entry)| u64::from(entry.rows)).sum()
    }

    /// See [`View::stored_at`](crate::View::stored_at).
    pub(crate) fn stored_at(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let (first, last) = (day_and_second(from).0, day_and_second(until).0);
        let days = (first <= last).then(|| self.stored.range(first..=last));
        let second = days.into_iter().flatten().map(|(_, second)| *second).max()?;
        Timestamp::from_second(second).ok()
    }

    /// Notes when a day was stored.
    pub(crate) fn note_stored(&mut self, day: i32, second: i64) {
        Arc::make_mut(&mut self.stored).insert(day, second);
    }

    /// See [`View::networks`](crate::View::networks).
    pub(crate) fn networks(&self) -> Vec<Network> {
        self.networks.iter().copied().collect()
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut countries = BTreeMap::new();
        let mut extent: Option<(i64, i64)> = None;
        for (first, entry) in self.days(Tree::All, i32::MIN, i32::MAX) {
            match &entry.mixed {
                None => *countries.entry(first.country).or_default() += u64::from(entry.rows),
                Some(mixed) => {
                    for (country, rows) in &mixed.countries {
                        *countries.entry(*country).or_default() += u64::from(*rows);
                    }
                }
            }
            let (start, end) = entry.seconds(first);
            let so_far = extent.unwrap_or((start, end));
            extent = Some((so_far.0.min(start), so_far.1.max(end)));
        }
        let timestamp = |second| Timestamp::from_second(second).unwrap_or_default();
        Summary {
            countries: countries.into_iter().collect(),
            extent: extent.map(|(first, last)| (timestamp(first), timestamp(last))),
        }
    }

    /// The next page of a query; reads the blocks that can hold matching rows.
    pub(crate) fn page(
        &self,
        query: &Query,
        after: Option<Position>,
        load: &impl Load<P>,
    ) -> Result<Page, Error> {
        let mut page = Page::default();
        let (mut rows, mut blocks) = (0, 0);
        let (tree, candidates) = self.candidates(query, after);
        let mut without_wanted = None;
        for (first, entry) in candidates {
            let of_table = (first.day, first.country);
            if without_wanted == Some(of_table) {
                continue;
            }
            if tree == Tree::All
                && query.asks_for_stations()
                && let Some(table) = self.table(first.day, first.country)
                && load.table(table)?.accepted(query).is_some_and(|wanted| !wanted.contains(&true))
            {
                without_wanted = Some(of_table);
                blocks += 1;
                if blocks == PAGE_BLOCKS {
                    page.next = Some(Position::last_of(first.day, first.country));
                    break;
                }
                continue;
            }
            let block = self.load(tree, first, entry, load)?;
            for mut run in block.select(query, after) {
                run.end = run.end.min(run.start + PAGE_ROWS - rows);
                rows += run.len();
                if rows == PAGE_ROWS {
                    page.next = Some(block.position(run.end - 1));
                }
                page.runs.push(RowRange { block: Arc::clone(&block), rows: run });
                if page.next.is_some() {
                    return Ok(page);
                }
            }
            blocks += 1;
            if blocks == PAGE_BLOCKS {
                page.next = Some(entry.last);
                break;
            }
        }
        Ok(page)
    }

    /// The blocks that may match a query, in order.
    fn candidates(
        &self,
        query: &Query,
        after: Option<Position>,
    ) -> (Tree, impl Iterator<Item = (&Position, &Entry<P>)>) {
        let (from, until) = (query.from.as_second(), query.until.as_second());
        let first_day = day_and_second(query.from).0.max(after.map_or(i32::MIN, |p| p.day));
        let last_day = day_and_second(query.until).0;
        let accepted = query.accepted_indices();
        let accepted_bits = (0..accepted.len())
            .filter(|index| accepted[*index])
            .fold(0, |bits, index| bits | 1u16 << index);
        let only_high = accepted_bits & ((1 << HIGH) - 1) == 0;
        let tree = if only_high { Tree::High } else { Tree::All };
        let wants_network =
            |network: &Network| query.networks.is_empty() || query.networks.contains(network);
        let wants_default = wants_network(&Network::SENSOR_COMMUNITY);
        let candidates = self.days(tree, first_day, last_day).filter(move |(first, entry)| {
            let (start, end) = entry.seconds(first);
            let of_wanted = match &entry.networks {
                None => wants_default,
                Some(networks) => networks.iter().any(wants_network),
            };
            of_wanted
                && query.accepts_some_country(first.country, entry.last.country)
                && entry.index_bits & accepted_bits != 0
                && start <= until
                && end >= from
                && after.is_none_or(|after| after < entry.last)
        });
        (tree, candidates)
    }

    /// Applies the changes, given the location of each item, a table before the blocks that share
    /// it.
    pub(crate) fn apply(&mut self, changes: Vec<Change>, mut place: impl FnMut(Item) -> P) {
        let forgets = changes.iter().any(|change| !change.removed.is_empty());
        self.changes.newest += 1;
        let change = self.changes.newest;
        for Change { tree, removed, table, added } in changes {
            let gone = removed.iter().map(|first| first.day);
            let days = gone.chain(added.iter().map(|block| block.day));
            let changed = days.map(|day| (day, change));
            Arc::make_mut(&mut self.changes.days).extend(changed);
            removed.iter().for_each(|first| self.remove(tree, first));
            match table {
                Some(((day, country), Some(table))) => {
                    let place = place(Item::Table(table));
                    self.insert_table(day, country, place);
                }
                Some(((day, country), None)) => {
                    self.change_day(tree, day, |day| drop(day.tables.remove(&country)));
                }
                None => {}
            }
            for block in added {
                let (first, entry) = describe(&block);
                let Entry { rows, last, index_bits, mixed, networks, place: () } = entry;
                let place = place(Item::Block(Box::new(block)));
                let entry = Entry { rows, last, index_bits, mixed, networks, place };
                self.insert(tree, first, entry);
            }
        }
        if forgets && self.networks.len() > 1 {
            let all = self.days(Tree::All, i32::MIN, i32::MAX);
            self.networks = all.flat_map(|(_, entry)| entry.networks()).collect();
            self.has_default = self.networks.contains(&Network::SENSOR_COMMUNITY);
        }
    }
}

impl<P> Entry<P> {
    /// Those that its sensors are of.
    fn networks(&self) -> impl Iterator<Item = Network> {
        const DEFAULT: &[Network] = &[Network::SENSOR_COMMUNITY];
        self.networks.as_deref().unwrap_or(DEFAULT).iter().copied()
    }

    /// The time range of the rows in seconds since 1970, given the first row.
    pub(crate) fn seconds(&self, first: &Position) -> (i64, i64) {
        let midnight = i64::from(first.day) * SECONDS_A_DAY;
        match &self.mixed {
            Some(mixed) => {
                let (earliest, latest) = mixed.seconds;
                (midnight + i64::from(earliest), midnight + i64::from(latest))
            }
            None if first.country == self.last.country => {
                (first.timestamp_second(), self.last.timestamp_second())
            }
            // As the first versions wrote it.
            None => (midnight, midnight + SECONDS_A_DAY - 1),
        }
    }
}

/// The directory's entry for a block that has no place yet.
pub(crate) fn describe(block: &Block) -> (Position, Entry<()>) {
    let entry = Entry {
        rows: block.len() as u32, // at most plan::BLOCK_ROWS
        last: block.position(block.len() - 1),
        index_bits: block.index_bits(),
        mixed: block.mixed().map(Arc::new),
        networks: block.stations.networks().map(Arc::from),
        place: (),
    };
    (block.position(0), entry)
}
