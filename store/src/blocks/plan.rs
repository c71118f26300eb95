//! The changes of a put: the affected blocks are rewritten, and split if they grow too large, so its
//! cost depends on the batch, not on the store, and a query never merges. Those of a deletion are
//! computed by [`deletion`](super::deletion).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::block::Block;
use super::build::{Source, blocks_of};
use super::directory::{Change, Directory, Entry, Group, HIGH, Load, TableChange, Tree};
use super::sensor_countries::{CountriesOfDay, SensorCountries};
use super::stations::{MAX_STATIONS, Station, Stations};
use crate::{Error, ErrorKind, Position, Reading, Sensor, Window};

/// A block is split above this many rows: about 1.4 MB of CSV, 130 kB on disk. Unit tests use small
/// blocks, so that few readings make many.
const BLOCK_ROWS: usize = if cfg!(test) { 6 } else { 16_384 };

/// An edit of a position: a reading to put, with its index, or a deletion.
type Edit<'a> = (Position, Option<(&'a Reading, u8)>);

impl<P: Clone> Directory<P> {
    /// Computes the changes of a put without applying them: the caller stores the new blocks, then
    /// [applies](Self::apply) the changes.
    pub(crate) fn plan_put(
        &self,
        batch: &[Reading],
        sensor_countries: &mut SensorCountries,
        load: &impl Load<P>,
    ) -> Result<Vec<Change>, Error> {
        let mut edits: BTreeMap<i32, Vec<Edit<'_>>> = BTreeMap::new();
        let mut readings = latest_of_each_identity(batch)?;
        // Day by day: the countries of each day's sensors are read at most once.
        readings.sort_unstable_by_key(|reading| reading.timestamp);
        for reading in readings {
            let position = Position::of(reading);
            let Position { day, country, .. } = position;
            let index = reading.index().map_or(0, |index| index.get());
            let edits = edits.entry(day).or_default();
            edits.push((position, Some((reading, index))));
            let sensors = sensor_countries.of_day(day, || self.countries_of_day(day, load))?;
            for home in sensors.add(reading.sensor, country) {
                edits.push((Position { country: home, ..position }, None));
            }
        }
        let mut changes = Vec::new();
        for (day, mut edits) in edits {
            edits.sort_unstable_by_key(|(position, _)| *position);
            let mut high = Vec::new();
            match self.only_block(day, edits.len()) {
                Some(only) => changes.extend(self.plan_day(only, &edits, &mut high, load)?),
                None => {
                    for edits in edits.chunk_by(|(a, _), (b, _)| a.country == b.country) {
                        let group = (day, edits[0].0.country);
                        changes.extend(self.plan_group(group, edits, &mut high, load)?);
                    }
                }
            }
            changes.extend(self.plan_high(day, &high, load)?);
        }
        Ok(changes)
    }

    /// The block of a day with at most one block, if more rows may fit into it; or if it has
    /// several countries, which only such a block can have.
    fn only_block(&self, day: i32, edits: usize) -> Option<Option<(&Position, &Entry<P>)>> {
        let mut blocks = self.days(Tree::All, day, day);
        let only = blocks.next();
        if blocks.next().is_some() {
            return None;
        }
        let Some((first, entry)) = only else {
            return (edits <= BLOCK_ROWS).then_some(None);
        };
        let fits =
            entry.rows as usize + edits <= BLOCK_ROWS && self.table(day, first.country).is_none();
        (fits || entry.mixed.is_some()).then_some(only)
    }

    /// The change of sorted edits to a day with at most one block. Few rows stay in one block;
    /// otherwise each country gets its own. Records the edits that affect high rows.
    fn plan_day<'a>(
        &self,
        only: Option<(&Position, &Entry<P>)>,
        edits: &[Edit<'a>],
        high: &mut Vec<Edit<'a>>,
        load: &impl Load<P>,
    ) -> Result<Vec<Change>, Error> {
        let old = self.load_old(Tree::All, only.into_iter(), load)?;
        let rows = match old.blocks().next() {
            None => {
                high.extend(edits.iter().filter(|edit| is_high(edit)));
                edits.iter().filter_map(new_row).collect()
            }
            Some(block) => match merge(block, edits, high) {
                Some(rows) => rows,
                None => return Ok(Vec::new()),
            },
        };
        let mut removed: Vec<_> = only.iter().map(|(first, _)| **first).collect();
        if rows.len() <= BLOCK_ROWS {
            let added: Vec<_> =
                rows.chunks(BLOCK_ROWS).map(|rows| Block::from_edited(rows)).collect();
            let is_change = !removed.is_empty() || !added.is_empty();
            let change = Change { tree: Tree::All, removed, table: None, added };
            return Ok(is_change.then_some(change).into_iter().collect());
        }
        let changes = rows.chunk_by(|a, b| a.country() == b.country()).map(|of_country| {
            let group = (of_country[0].day(), of_country[0].country());
            let part = Part { rows: of_country.to_vec(), appended: false };
            let chunks: Vec<_> = part.chunks().collect();
            let Blocks { added, table } = whole_group(&chunks, Block::from_sorted);
            let table = table.map(|table| (group, Some(table)));
            Change { tree: Tree::All, removed: std::mem::take(&mut removed), table, added }
        });
        Ok(changes.collect())
    }

    /// The blocks of a day and country.
    fn group(&self, (day, country): Group) -> Vec<(&Position, &Entry<P>)> {
        let of_day = self.days(Tree::All, day, day);
        of_day.filter(|(first, _)| first.country == country).collect()
    }

    /// The change of sorted edits to the blocks of a day and country. Records the edits that affect
    /// high rows.
    fn plan_group<'a>(
        &self,
        group: Group,
        edits: &[Edit<'a>],
        high: &mut Vec<Edit<'a>>,
        load: &impl Load<P>,
    ) -> Result<Option<Change>, Error> {
        let blocks = self.group(group);
        let edited = edited_blocks(&blocks, edits);
        let old =
            self.load_old(Tree::All, edited.iter().filter_map(|edited| edited.block), load)?;
        let (parts, mut removed) = edited_parts(&edited, &old, high);
        if removed.is_empty() && parts.iter().all(|part| part.rows.is_empty()) {
            return Ok(None);
        }
        let chunks: Vec<_> = parts.iter().flat_map(Part::chunks).collect();
        let untouched = blocks.iter().filter(|(first, _)| !removed.contains(first));
        let rows: u64 = untouched.clone().map(|(_, entry)| u64::from(entry.rows)).sum();
        let rows = rows + chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        let untouched: Vec<_> = untouched.copied().collect();

        if let Some(place) = self.table(group.0, group.1) {
            if rows == 0 {
                let table = Some((group, None));
                return Ok(Some(Change { tree: Tree::All, removed, table, added: Vec::new() }));
            }
            let before = load.table(place)?;
            let (mut added, after) = blocks_of(&chunks, Some(Arc::clone(&before)));
            if after.count() as u64 <= rows && after.count() <= MAX_STATIONS {
                added.iter_mut().for_each(|block| block.shares_stations = true);
                let table = (!Arc::ptr_eq(&before, &after)).then_some((group, Some(after)));
                return Ok(Some(Change { tree: Tree::All, removed, table, added }));
            }
            // Most of its stations are unused: the table is rebuilt.
            let rest = self.load_old(Tree::All, untouched.iter().copied(), load)?;
            let mut chunks: Vec<Vec<Source<'_>>> = chunks.iter().map(|c| c.to_vec()).collect();
            chunks.extend(rest.blocks().map(|block| all_rows(block).collect()));
            removed.extend(untouched.iter().map(|(first, _)| **first));
            let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let Blocks { added, table } = whole_group(&chunks, Block::from_sorted);
            return Ok(Some(Change {
                tree: Tree::All,
                removed,
                table: Some((group, table)),
                added,
            }));
        }
        if untouched.is_empty() {
            let Blocks { added, table } = whole_group(&chunks, Block::from_edited);
            let table = table.map(|table| (group, Some(table)));
            return Ok(Some(Change { tree: Tree::All, removed, table, added }));
        }
        let added = chunks.iter().map(|rows| Block::from_edited(rows)).collect();
        Ok(Some(Change { tree: Tree::All, removed, table: None, added }))
    }

    /// The change of edits, in any order, to the high rows of a day.
    fn plan_high(
        &self,
        day: i32,
        edits: &[Edit<'_>],
        load: &impl Load<P>,
    ) -> Result<Option<Change>, Error> {
        let mut edits = edits.to_vec();
        edits.sort_unstable_by_key(|(position, _)| *position);
        let blocks: Vec<_> = self.days(Tree::High, day, day).collect();
        let edited = edited_blocks(&blocks, &edits);
        let old =
            self.load_old(Tree::High, edited.iter().filter_map(|edited| edited.block), load)?;
        let (parts, removed) = edited_parts(&edited, &old, &mut Vec::new());
        let added: Vec<_> = parts.iter().flat_map(Part::chunks).map(Block::from_edited).collect();
        let is_change = !removed.is_empty() || !added.is_empty();
        Ok(is_change.then_some(Change { tree: Tree::High, removed, table: None, added }))
    }

    /// Computes the changes of rewriting some blocks, with all others of their days and countries;
    /// limited to a number of rows, but at least one day or country.
    pub(crate) fn plan_rewriting(
        &self,
        is_meant: impl Fn(&P) -> bool,
        most_rows: u64,
        load: &impl Load<P>,
    ) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        let mut rows = 0;
        let all: Vec<_> = self.days(Tree::All, i32::MIN, i32::MAX).collect();
        let groups = all.chunk_by(|a, b| (a.0.day, a.0.country) == (b.0.day, b.0.country));
        let high: Vec<_> = self.days(Tree::High, i32::MIN, i32::MAX).collect();
        let groups = groups.map(|group| (Tree::All, group));
        for (tree, blocks) in groups.chain(high.chunks(1).map(|block| (Tree::High, block))) {
            if !blocks.iter().any(|(_, entry)| is_meant(&entry.place)) {
                continue;
            }
            let of_group: u64 = blocks.iter().map(|(_, entry)| u64::from(entry.rows)).sum();
            if rows > 0 && rows + of_group > most_rows {
                break;
            }
            rows += of_group;
            let group = (blocks[0].0.day, blocks[0].0.country);
            let removed = blocks.iter().map(|(first, _)| **first).collect();
            let old = self.load_old(tree, blocks.iter().copied(), load)?;
            let chunks: Vec<Vec<_>> = old.blocks().map(|block| all_rows(block).collect()).collect();
            let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let (table, added) = match tree {
                Tree::All => self.group_anew(group, &chunks),
                Tree::High => (None, chunks.iter().map(|rows| Block::from_sorted(rows)).collect()),
            };
            changes.push(Change { tree, removed, table, added });
        }
        Ok(changes)
    }

    /// All blocks of a day and country, rewritten, and the change of their station table.
    pub(super) fn group_anew(
        &self,
        group: Group,
        chunks: &[&[Source<'_>]],
    ) -> (TableChange, Vec<Block>) {
        let Blocks { added, table } = whole_group(chunks, Block::from_sorted);
        let had_one = self.table(group.0, group.1).is_some();
        ((table.is_some() || had_one).then_some((group, table)), added)
    }

    /// Blocks whose rows are to be rewritten.
    fn load_old<'b>(
        &self,
        tree: Tree,
        blocks: impl Iterator<Item = (&'b Position, &'b Entry<P>)>,
        load: &impl Load<P>,
    ) -> Result<Old, Error>
    where
        P: 'b,
    {
        let load = |(first, entry)| {
            let block: Arc<Block> = self.load(tree, first, entry, load)?;
            block.check_rewritable()?;
            Ok((*first, block))
        };
        blocks.map(load).collect::<Result<_, _>>().map(Old)
    }

    fn countries_of_day(&self, day: i32, load: &impl Load<P>) -> Result<CountriesOfDay, Error> {
        let mut sensor_countries = CountriesOfDay::default();
        let mut last_table = None;
        for (first, entry) in self.days(Tree::All, day, day) {
            let stations = match self.table(day, first.country) {
                Some(_) if last_table == Some(first.country) => continue,
                Some(table) => {
                    last_table = Some(first.country);
                    load.table(table)?
                }
                None => {
                    let block = self.load(Tree::All, first, entry, load)?;
                    if entry.mixed.is_some() {
                        for position in block.positions() {
                            sensor_countries.add(position.sensor, position.country);
                        }
                        continue;
                    }
                    Arc::clone(&block.stations)
                }
            };
            for sensor in stations.sensors() {
                sensor_countries.add(sensor, first.country);
            }
        }
        Ok(sensor_countries)
    }
}

/// Blocks by their first positions.
struct Old(BTreeMap<Position, Arc<Block>>);

impl Old {
    fn get(&self, first: &Position) -> Option<&Block> {
        self.0.get(first).map(AsRef::as_ref)
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.0.values().map(AsRef::as_ref)
    }
}

/// The edits of a block; `None` if there is no block yet.
struct Edited<'d, 'e, 'a, P> {
    block: Option<(&'d Position, &'d Entry<P>)>,
    edits: &'e [Edit<'a>],
}

/// Assigns sorted edits to adjacent blocks.
fn edited_blocks<'d, 'e, 'a, P>(
    blocks: &[(&'d Position, &'d Entry<P>)],
    mut edits: &'e [Edit<'a>],
) -> Vec<Edited<'d, 'e, 'a, P>> {
    if blocks.is_empty() {
        return vec![Edited { block: None, edits }];
    }
    let mut edited = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let end = match blocks.get(number + 1) {
            Some((next, _)) => edits.partition_point(|(position, _)| position < *next),
            None => edits.len(),
        };
        let (mine, rest) = edits.split_at(end);
        edits = rest;
        if !mine.is_empty() {
            edited.push(Edited { block: Some(*block), edits: mine });
        }
    }
    edited
}

/// Sorted rows for one block or, if they are many, several.
struct Part<'a> {
    rows: Vec<Source<'a>>,
    /// Whether they were added behind all others.
    appended: bool,
}

impl Part<'_> {
    /// Rows as blocks of valid size: full ones if rows were appended, so that appends in time order
    /// fill blocks; equal ones otherwise, so that each has space.
    fn chunks(&self) -> impl Iterator<Item = &[Source<'_>]> {
        let rows = &self.rows;
        let size = match self.appended {
            true => BLOCK_ROWS,
            false => rows.len().div_ceil(rows.len().div_ceil(BLOCK_ROWS).max(1)).max(1),
        };
        rows.chunks(size)
    }
}

/// The result of edits on blocks, and the changed blocks. Records the edits that affect high rows.
fn edited_parts<'o, 'a: 'o, P>(
    edited: &[Edited<'_, '_, 'a, P>],
    old: &'o Old,
    high: &mut Vec<Edit<'a>>,
) -> (Vec<Part<'o>>, Vec<Position>) {
    let (mut parts, mut removed) = (Vec::new(), Vec::new());
    for Edited { block, edits } in edited {
        let Some(block) = block.and_then(|(first, _)| old.get(first)) else {
            high.extend(edits.iter().filter(|edit| is_high(edit)));
            parts.push(Part { rows: edits.iter().filter_map(new_row).collect(), appended: true });
            continue;
        };
        if let Some(rows) = merge(block, edits, high) {
            let (first, last) = (block.position(0), block.position(block.len() - 1));
            parts.push(Part { rows, appended: edits[0].0 > last });
            removed.push(first);
        }
    }
    (parts, removed)
}

struct Blocks {
    added: Vec<Block>,
    table: Option<Arc<Stations>>,
}

/// All blocks of a day and country, with a station table if they share enough stations; otherwise
/// with their own stations.
fn whole_group(chunks: &[&[Source<'_>]], alone: impl Fn(&[Source<'_>]) -> Block) -> Blocks {
    if chunks.len() > 1 {
        let (mut added, table) = blocks_of(chunks, None);
        let rows: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        if table.count() <= rows / 2 && table.count() <= MAX_STATIONS / 2 {
            added.iter_mut().for_each(|block| block.shares_stations = true);
            return Blocks { added, table: Some(table) };
        }
    }
    let added = chunks.iter().map(|rows| alone(rows)).collect();
    Blocks { added, table: None }
}

fn new_row<'a>(edit: &Edit<'a>) -> Option<Source<'a>> {
    edit.1.map(|(reading, index)| Source::New(reading, index))
}

fn is_high(edit: &Edit<'_>) -> bool {
    edit.1.is_some_and(|(_, index)| index >= HIGH)
}

fn all_rows(block: &Block) -> impl Iterator<Item = Source<'_>> {
    (0..block.len()).map(move |row| Source::Kept(block, row))
}

/// The readings of a batch to store, unsorted; [`Invalid`](ErrorKind::Invalid) for a reading that
/// cannot be stored.
pub(crate) fn latest_of_each_identity(batch: &[Reading]) -> Result<Vec<&Reading>, Error> {
    let mut latest: HashMap<(Sensor, Window, Timestamp), &Reading, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(batch.len(), Default::default());
    for reading in batch {
        if let Err(problem) = reading.check() {
            let Reading { sensor, timestamp, .. } = reading;
            let message = format!("{problem} (sensor {sensor}, {timestamp})");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        latest.insert((reading.sensor, reading.window, reading.timestamp), reading);
    }
    Ok(latest.into_values().collect())
}

/// A block's rows with the edits applied; `None` if nothing changes. Records the edits that affect
/// high rows.
fn merge<'b, 'a: 'b>(
    old: &'b Block,
    edits: &[Edit<'a>],
    high: &mut Vec<Edit<'a>>,
) -> Option<Vec<Source<'b>>> {
    let mut merged = Vec::with_capacity(old.len() + edits.len());
    let mut changed = false;
    let mut edits = edits.iter().peekable();
    let add = |merged: &mut Vec<Source<'b>>, high: &mut Vec<_>, edit: &Edit<'a>| {
        high.extend(is_high(edit).then_some(*edit));
        merged.extend(new_row(edit));
        edit.1.is_some()
    };
    for (row, position) in old.positions().enumerate() {
        while let Some(edit) = edits.next_if(|(edit, _)| *edit < position) {
            changed |= add(&mut merged, high, edit);
        }
        match edits.next_if(|(edit, _)| *edit == position) {
            Some(edit) if edit.1.is_none_or(|(new, _)| !same(new, &old.row(row).reading())) => {
                changed = true;
                let was_high = old.indices.get(row) >= u64::from(HIGH);
                match is_high(edit) {
                    true => high.push(*edit),
                    false => high.extend(was_high.then_some((position, None))),
                }
                merged.extend(new_row(edit));
            }
            _ => merged.push(Source::Kept(old, row)),
        }
    }
    for edit in edits {
        changed |= add(&mut merged, high, edit);
    }
    changed.then_some(merged)
}

/// Equal to the last digit: `2.0` and `2.00` compare equal but print differently.
fn same(a: &Reading, b: &Reading) -> bool {
    let written =
        |r: &Reading| [r.pm10, r.pm25].map(|v| v.map(|v| (v.scale(), v.is_sign_negative())));
    a == b && written(a) == written(b) && Station::of(a).is_exactly(&Station::of(b))
}
