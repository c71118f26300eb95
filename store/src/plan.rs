//! What a put or a deletion changes: the blocks that its readings fall into are written
//! anew, and split where they grow too large, so that its cost follows the batch, not
//! the store, and a query never merges.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::block::{Block, Source, Station};
use crate::block::{day_and_second, whole_seconds_up};
use crate::directory::{Directory, Entry, HIGH, Tree};
use crate::{Country, Error, ErrorKind, Position, Reading, Window};

/// A block is split beyond this many rows: some 1.4 MB of CSV, a third of a megabyte on
/// disk.
const BLOCK_ROWS: usize = 16_384;

/// Blocks that go and blocks that come: the effect on one stretch of rows.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) tree: Tree,
    pub(crate) removed: Vec<Position>,
    pub(crate) added: Vec<Block>,
}

/// What happens to a position: a reading comes, or what is there goes.
type Edit<'a> = (Position, Option<&'a Reading>);

impl<P: Clone> Directory<P> {
    /// What a put changes. Nothing is changed yet: the caller keeps the new blocks, then
    /// [applies](Self::apply) the changes.
    pub(crate) fn plan_put(
        &self,
        batch: &[Reading],
        homes: &mut Homes,
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<Vec<Change>, Error> {
        let mut edits: BTreeMap<(i32, Option<Country>), Vec<Edit<'_>>> = BTreeMap::new();
        let mut readings = latest_of_each_identity(batch)?;
        // Day by day: each day's homes are read at most once.
        readings.sort_unstable_by_key(|reading| reading.timestamp);
        for reading in readings {
            let position = Position::of(reading);
            let Position { day, country, .. } = position;
            edits.entry((day, country)).or_default().push((position, Some(reading)));
            let sensors = homes.of_day(day, || self.homes_of_day(day, &load))?;
            for home in sensors.add(reading.sensor, country) {
                let gone = Position { country: home, ..position };
                edits.entry((day, home)).or_default().push((gone, None));
            }
        }
        let mut changes = Vec::new();
        let mut high: BTreeMap<i32, Vec<Edit<'_>>> = BTreeMap::new();
        for ((day, country), mut edits) in edits {
            edits.sort_unstable_by_key(|(position, _)| *position);
            let blocks = self.days(Tree::All, day, day);
            let blocks: Vec<_> = blocks.filter(|(first, _)| first.country == country).collect();
            let planned = plan_edits(Tree::All, &blocks, &edits, &load)?;
            changes.extend(planned.changes);
            high.entry(day).or_default().extend(planned.high);
        }
        for (day, edits) in high {
            let blocks: Vec<_> = self.days(Tree::High, day, day).collect();
            changes.extend(plan_edits(Tree::High, &blocks, &edits, &load)?.changes);
        }
        Ok(changes)
    }

    /// What deleting everything before a moment changes, and the readings that it
    /// deletes. Blocks that are older as a whole are not read.
    pub(crate) fn plan_deletion(
        &self,
        before: Timestamp,
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<(Vec<Change>, u64), Error> {
        let first_kept = whole_seconds_up(before);
        let last_day = day_and_second(before).0;
        let mut changes = Vec::new();
        let mut deleted = 0;
        for tree in [Tree::All, Tree::High] {
            for (first, entry) in self.days(tree, i32::MIN, last_day) {
                let (start, end) = entry.seconds(first);
                if start >= first_kept {
                    continue;
                }
                let straddling = if end >= first_kept { Some(load(&entry.place)?) } else { None };
                let mut kept = Vec::new();
                if let Some(block) = &straddling {
                    let is_kept =
                        |row: &usize| block.position(*row).timestamp_second() >= first_kept;
                    let rows = (0..block.len()).filter(is_kept);
                    kept.extend(rows.map(|row| Source::Kept(block, row)));
                }
                if tree == Tree::All {
                    deleted += u64::from(entry.rows) - kept.len() as u64;
                }
                if kept.len() < entry.rows as usize {
                    let added = split(&kept, false);
                    changes.push(Change { tree, removed: vec![*first], added });
                }
            }
        }
        Ok((changes, deleted))
    }

    fn homes_of_day(
        &self,
        day: i32,
        load: impl Fn(&P) -> Result<Arc<Block>, Error>,
    ) -> Result<SensorHomes, Error> {
        let mut homes = SensorHomes::default();
        for (first, entry) in self.days(Tree::All, day, day) {
            for sensor in &load(&entry.place)?.sensors {
                homes.add(*sensor, first.country);
            }
        }
        Ok(homes)
    }
}

/// What edits come to.
struct Planned<'a> {
    changes: Vec<Change>,
    /// The edits that change a high row or make one.
    high: Vec<Edit<'a>>,
}

/// The changes that edits make to adjacent blocks; both in order.
fn plan_edits<'a, P>(
    tree: Tree,
    blocks: &[(&Position, &Entry<P>)],
    mut edits: &[Edit<'a>],
    load: impl Fn(&P) -> Result<Arc<Block>, Error>,
) -> Result<Planned<'a>, Error> {
    let mut planned = Planned { changes: Vec::new(), high: Vec::new() };
    if blocks.is_empty() {
        let new: Vec<_> = edits.iter().filter_map(|(_, new)| new.map(Source::New)).collect();
        planned.high.extend(edits.iter().filter(|(_, new)| new.is_some_and(is_high)));
        let added = split(&new, true);
        planned.changes.push(Change { tree, removed: Vec::new(), added });
    }
    for (number, (first, entry)) in blocks.iter().enumerate() {
        let end = match blocks.get(number + 1) {
            Some((next, _)) => edits.partition_point(|(position, _)| position < *next),
            None => edits.len(),
        };
        let (mine, rest) = edits.split_at(end);
        edits = rest;
        if mine.is_empty() {
            continue;
        }
        let old = load(&entry.place)?;
        if let Some(rows) = merge(&old, mine, &mut planned.high) {
            let appended = mine[0].0 > entry.last;
            let added = split(&rows, appended);
            planned.changes.push(Change { tree, removed: vec![**first], added });
        }
    }
    planned.changes.retain(|change| !change.removed.is_empty() || !change.added.is_empty());
    Ok(planned)
}

fn is_high(reading: &Reading) -> bool {
    reading.index().is_some_and(|index| index.get() >= HIGH)
}

/// The sensors of a day and the countries that they have been read in: one, and for the few
/// that moved, others. A reading whose country changed is found by it. It may name too many
/// countries, never too few.
#[derive(Debug, Default)]
struct SensorHomes(HashMap<u64, Countries, foldhash::fast::RandomState>);

type Countries = (Option<Country>, Vec<Option<Country>>);

impl SensorHomes {
    /// Notes that a sensor is in a country; the others that it has been in.
    fn add(&mut self, sensor: u64, country: Option<Country>) -> Vec<Option<Country>> {
        let (first, more) = self.0.entry(sensor).or_insert_with(|| (country, Vec::new()));
        if more.is_empty() && *first == country {
            return Vec::new(); // does not allocate
        }
        if *first != country && !more.contains(&country) {
            more.push(country);
        }
        let all = std::iter::once(*first).chain(more.iter().copied());
        all.filter(|home| *home != country).collect()
    }
}

/// [`SensorHomes`] of the days that were put to last, the last of them at the end.
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
                let found = self.0.remove(found);
                self.0.push(found);
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

/// What is to be kept of a batch, in no order; [`Invalid`](ErrorKind::Invalid) for a
/// reading that cannot be kept.
pub(crate) fn latest_of_each_identity(batch: &[Reading]) -> Result<Vec<&Reading>, Error> {
    let mut latest: HashMap<(u64, Window, Timestamp), &Reading, foldhash::fast::RandomState> =
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

/// A block's rows with the edits made; `None` when they change nothing. Notes the edits
/// that change a high row or make one.
fn merge<'b, 'a: 'b>(
    old: &'b Block,
    edits: &[Edit<'a>],
    high: &mut Vec<Edit<'a>>,
) -> Option<Vec<Source<'b>>> {
    let mut merged = Vec::with_capacity(old.len() + edits.len());
    let mut changed = false;
    let mut edits = edits.iter().peekable();
    let add = |merged: &mut Vec<Source<'b>>, high: &mut Vec<_>, edit: &Edit<'a>| {
        high.extend(edit.1.is_some_and(is_high).then_some(*edit));
        merged.extend(edit.1.map(Source::New));
        edit.1.is_some()
    };
    for row in 0..old.len() {
        let position = old.position(row);
        while let Some(edit) = edits.next_if(|(edit, _)| *edit < position) {
            changed |= add(&mut merged, high, edit);
        }
        match edits.next_if(|(edit, _)| *edit == position) {
            Some(edit) if edit.1.is_none_or(|new| !same(new, &old.row(row).reading())) => {
                changed = true;
                let new = edit.1.filter(|new| is_high(new));
                if new.is_some() || old.indices[row] >= HIGH {
                    high.push((position, new));
                }
                merged.extend(edit.1.map(Source::New));
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
    let scales = |r: &Reading| [r.pm10, r.pm25].map(|v| v.map(|v| v.scale()));
    a == b && scales(a) == scales(b) && Station::of(a).is_exactly(&Station::of(b))
}

/// Rows as blocks of allowed size: full ones where rows were appended, so that time
/// order fills them; even ones otherwise, so that each has room.
fn split(rows: &[Source<'_>], appended: bool) -> Vec<Block> {
    let size = match appended {
        true => BLOCK_ROWS,
        false => rows.len().div_ceil(rows.len().div_ceil(BLOCK_ROWS).max(1)).max(1),
    };
    rows.chunks(size).map(Block::from_sorted).collect()
}
