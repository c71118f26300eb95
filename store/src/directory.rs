//! Which blocks there are, what a query reads of them, and what a put changes.
//!
//! Blocks of one day and country cover disjoint spans of the order of rows, like the
//! leaves of a search tree. A put rewrites the blocks that its readings fall into and
//! splits those that grow too large, so that its cost follows the batch, not the store,
//! and a query never merges. The directory is all that is kept in memory of a store:
//! some 100 bytes a block.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::block::{Block, day_and_second, timestamp_problem};
use crate::contract::{Page, Run, Summary};
use crate::{Country, Error, ErrorKind, Position, Query, Reading, Window};

/// A block is split beyond this many rows: some 1.4 MB of CSV, a fifth of a megabyte on
/// disk, about a millisecond to decode.
const BLOCK_ROWS: usize = 16_384;

/// A page ends after this many matching rows: some 1.4 MB of CSV…
const PAGE_ROWS: usize = 16_384;

/// …or after this many blocks were looked into, so that no page takes long.
const PAGE_BLOCKS: usize = 32;

/// The blocks of a store, by the position of their first row. `P` says where a block
/// is. Cloning costs a pointer a day; readers keep the clone they started with.
#[derive(Debug, Clone)]
pub(crate) struct Directory<P> {
    days: BTreeMap<i32, Arc<Day<P>>>,
}

type Day<P> = BTreeMap<Position, Entry<P>>;

/// What is known of a block without reading it.
#[derive(Debug, Clone)]
pub(crate) struct Entry<P> {
    pub(crate) rows: u32,
    pub(crate) last: Position,
    pub(crate) index_bits: u16,
    pub(crate) place: P,
}

/// Blocks that go and blocks that come: one put's effect on one stretch of rows.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) removed: Vec<Position>,
    pub(crate) added: Vec<Block>,
}

impl<P> Default for Directory<P> {
    fn default() -> Self {
        Self { days: BTreeMap::new() }
    }
}

impl<P: Clone> Directory<P> {
    pub(crate) fn insert(&mut self, first: Position, entry: Entry<P>) {
        let day = self.days.entry(first.day).or_default();
        Arc::make_mut(day).insert(first, entry);
    }

    pub(crate) fn remove(&mut self, first: Position) -> Option<Entry<P>> {
        let day = self.days.get_mut(&first.day)?;
        let removed = Arc::make_mut(day).remove(&first);
        if day.is_empty() {
            self.days.remove(&first.day);
        }
        removed
    }

    pub(crate) fn get(&self, first: &Position) -> Option<&Entry<P>> {
        self.days.get(&first.day)?.get(first)
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut countries = BTreeMap::new();
        let mut extent: Option<(i64, i64)> = None;
        for (first, entry) in self.days.values().flat_map(|day| day.iter()) {
            *countries.entry(first.country).or_default() += u64::from(entry.rows);
            let (start, end) = (first.timestamp_second(), entry.last.timestamp_second());
            let so_far = extent.unwrap_or((start, end));
            extent = Some((so_far.0.min(start), so_far.1.max(end)));
        }
        let timestamp = |second| jiff::Timestamp::from_second(second).unwrap_or_default();
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
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<Page, Error> {
        let mut page = Page::default();
        let (mut rows, mut blocks) = (0, 0);
        for entry in self.candidates(query, after) {
            let block = load(&entry.place)?;
            for mut run in block.select(query, after) {
                run.end = run.end.min(run.start + PAGE_ROWS - rows);
                rows += run.len();
                if rows == PAGE_ROWS {
                    page.next = Some(block.position(run.end - 1));
                }
                page.runs.push(Run { block: Arc::clone(&block), rows: run });
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

    /// The blocks that a query cannot rule out, in order.
    fn candidates(
        &self,
        query: &Query,
        after: Option<Position>,
    ) -> impl Iterator<Item = &Entry<P>> {
        let (from, until) = (query.from.as_second(), query.until.as_second());
        let first_day = day_and_second(query.from).0.max(after.map_or(i32::MIN, |p| p.day));
        let last_day = day_and_second(query.until).0;
        let accepted = query.accepted_indices();
        let accepted_bits = (0..accepted.len())
            .filter(|index| accepted[*index])
            .fold(0, |bits, index| bits | 1u16 << index);
        let days = (first_day <= last_day).then(|| self.days.range(first_day..=last_day));
        let entries = days.into_iter().flatten().flat_map(|(_, day)| day.iter());
        entries
            .filter(move |(first, entry)| {
                query.accepts_country(first.country)
                    && entry.index_bits & accepted_bits != 0
                    && first.timestamp_second() <= until
                    && entry.last.timestamp_second() >= from
                    && after.is_none_or(|after| after < entry.last)
            })
            .map(|(_, entry)| entry)
    }

    /// What a put changes. Nothing is changed yet: the caller keeps the new blocks, then
    /// [applies](Self::apply) the changes.
    pub(crate) fn plan(
        &self,
        batch: &[Reading],
        homes: &mut Homes,
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<Vec<Change>, Error> {
        let mut edits: BTreeMap<(i32, Option<Country>), Edits<'_>> = BTreeMap::new();
        for reading in latest_of_each_identity(batch)? {
            let position = Position::of(reading);
            let Position { day, country, .. } = position;
            let edit = edits.entry((day, country)).or_default();
            edit.push((position, Some(reading)));
            let sensors = homes.of_day(day, || self.homes_of_day(day, &load))?;
            for &(_, home) in sensors
                .range((reading.sensor, None)..)
                .take_while(|(sensor, _)| *sensor == reading.sensor)
            {
                if home != country {
                    let gone = Position { country: home, ..position };
                    edits.entry((day, home)).or_default().push((gone, None));
                }
            }
            sensors.insert((reading.sensor, country));
        }
        let mut changes = Vec::new();
        for ((day, country), mut edit) in edits {
            edit.sort_unstable_by_key(|(position, _)| *position);
            self.plan_partition(day, country, &edit, &load, &mut changes)?;
        }
        Ok(changes)
    }

    fn plan_partition(
        &self,
        day: i32,
        country: Option<Country>,
        mut edits: &[(Position, Option<&Reading>)],
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let blocks: Vec<_> = self
            .days
            .get(&day)
            .into_iter()
            .flat_map(|day| day.iter())
            .filter(|(first, _)| first.country == country)
            .collect();
        if blocks.is_empty() {
            let readings: Vec<_> = edits.iter().filter_map(|(_, new)| new.cloned()).collect();
            if !readings.is_empty() {
                changes.push(Change { removed: Vec::new(), added: split(&readings, true) });
            }
            return Ok(());
        }
        for (number, (first, entry)) in blocks.iter().enumerate() {
            let end = match blocks.get(number + 1) {
                Some((next, _)) => edits.partition_point(|(position, _)| position < next),
                None => edits.len(),
            };
            let (mine, rest) = edits.split_at(end);
            edits = rest;
            if mine.is_empty() {
                continue;
            }
            let old = load(&entry.place)?;
            if let Some(readings) = merge(&old, mine) {
                let appended = mine[0].0 > entry.last;
                let added = split(&readings, appended);
                changes.push(Change { removed: vec![**first], added });
            }
        }
        Ok(())
    }

    /// Makes the changes, given where every added block was put.
    pub(crate) fn apply(&mut self, changes: Vec<Change>, mut place: impl FnMut(Block) -> P) {
        for change in changes {
            for first in change.removed {
                self.remove(first);
            }
            for block in change.added {
                let (first, entry) = describe(&block);
                let Entry { rows, last, index_bits, place: () } = entry;
                let place = place(block);
                self.insert(first, Entry { rows, last, index_bits, place });
            }
        }
    }

    fn homes_of_day(
        &self,
        day: i32,
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<SensorHomes, Error> {
        let mut homes = SensorHomes::new();
        for entry in self.days.get(&day).into_iter().flat_map(|day| day.values()) {
            let block = load(&entry.place)?;
            homes.extend(block.sensors.iter().map(|sensor| (*sensor, block.country)));
        }
        Ok(homes)
    }
}

/// The directory's entry for a block that has no place yet.
pub(crate) fn describe(block: &Block) -> (Position, Entry<()>) {
    let entry = Entry {
        rows: block.len() as u32, // at most BLOCK_ROWS
        last: block.position(block.len() - 1),
        index_bits: block.index_bits(),
        place: (),
    };
    (block.position(0), entry)
}

/// What happens to positions of one day and country: a reading comes, or goes.
type Edits<'a> = Vec<(Position, Option<&'a Reading>)>;

/// The sensors of a day and the countries that they have been read in. A reading whose
/// country changed is found by it. It may name too many countries, never too few.
type SensorHomes = BTreeSet<(u64, Option<Country>)>;

/// [`SensorHomes`] of the days that were put to last.
#[derive(Debug, Default)]
pub(crate) struct Homes(Vec<(i32, SensorHomes)>);

impl Homes {
    const DAYS: usize = 8;

    fn of_day(
        &mut self,
        day: i32,
        read: impl FnOnce() -> Result<SensorHomes, Error>,
    ) -> Result<&mut SensorHomes, Error> {
        match self.0.iter().position(|(known, _)| *known == day) {
            Some(found) => {
                let last = self.0.len() - 1;
                self.0.swap(found, last);
            }
            None => {
                let sensors = read()?;
                if self.0.len() == Self::DAYS {
                    self.0.remove(0);
                }
                self.0.push((day, sensors));
            }
        }
        let last = self.0.len() - 1;
        Ok(&mut self.0[last].1)
    }
}

fn latest_of_each_identity(batch: &[Reading]) -> Result<Vec<&Reading>, Error> {
    let mut latest: HashMap<(u64, Window, jiff::Timestamp), &Reading> =
        HashMap::with_capacity(batch.len());
    for reading in batch {
        if let Some(problem) = timestamp_problem(reading.timestamp) {
            let Reading { sensor, timestamp, .. } = reading;
            let message = format!("the timestamp {timestamp} of sensor {sensor} {problem}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        latest.insert((reading.sensor, reading.window, reading.timestamp), reading);
    }
    Ok(latest.into_values().collect())
}

/// A block's rows with the edits made; `None` when they change nothing.
fn merge(old: &Block, edits: &[(Position, Option<&Reading>)]) -> Option<Vec<Reading>> {
    let mut merged = Vec::with_capacity(old.len() + edits.len());
    let mut changed = false;
    let mut edits = edits.iter().peekable();
    for row in 0..old.len() {
        let position = old.position(row);
        while let Some((_, new)) = edits.next_if(|(edit, _)| *edit < position) {
            changed |= new.is_some();
            merged.extend(new.cloned());
        }
        let kept = old.row(row).reading();
        match edits.next_if(|(edit, _)| *edit == position) {
            None => merged.push(kept),
            Some((_, new)) => {
                changed |= new.is_none_or(|new| !same(new, &kept));
                merged.extend(new.cloned());
            }
        }
    }
    for (_, new) in edits {
        changed |= new.is_some();
        merged.extend(new.cloned());
    }
    changed.then_some(merged)
}

/// Equal to the last digit: `2.0` and `2.00` compare equal but print differently.
fn same(a: &Reading, b: &Reading) -> bool {
    let scales = |r: &Reading| {
        [r.pm10, r.pm25, r.latitude, r.longitude, r.altitude].map(|v| v.map(|v| v.scale()))
    };
    a == b && scales(a) == scales(b)
}

/// Rows as blocks of allowed size: full ones where rows were appended, so that time
/// order fills them; even ones otherwise, so that each has room.
fn split(readings: &[Reading], appended: bool) -> Vec<Block> {
    let rows = match appended {
        true => BLOCK_ROWS,
        false => readings.len().div_ceil(readings.len().div_ceil(BLOCK_ROWS).max(1)).max(1),
    };
    readings.chunks(rows).map(Block::from_sorted).collect()
}
