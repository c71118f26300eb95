//! The changes of a deletion: only blocks that lose a part of their rows are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::block::Block;
use super::build::Source;
use super::day::{day_and_second, whole_seconds_up};
use super::directory::{Change, Directory, Entry, Load, Tree};
use crate::{Error, Position, Query};

/// What is deleted.
enum Doomed<'q> {
    /// All readings before a second since 1970.
    Before(i64),
    Matching(&'q Query),
}

/// What a block loses, as far as the directory tells.
enum Loss {
    Nothing,
    Unknown,
    All,
}

impl Doomed<'_> {
    fn loss<P>(&self, first: &Position, entry: &Entry<P>) -> Loss {
        let (start, end) = entry.seconds(first);
        match self {
            Self::Before(kept) if end < *kept => Loss::All,
            Self::Before(kept) if start < *kept => Loss::Unknown,
            Self::Matching(query) => {
                let (from, until) = (query.from.as_second(), query.until.as_second());
                if start <= until && from <= end { Loss::Unknown } else { Loss::Nothing }
            }
            Self::Before(_) => Loss::Nothing,
        }
    }

    /// The rows of a block that are not deleted.
    fn kept<'b>(&self, block: &'b Block) -> Vec<Source<'b>> {
        let mut kept = vec![true; block.len()];
        match self {
            Self::Before(first_kept) => {
                for (kept, position) in kept.iter_mut().zip(block.positions()) {
                    *kept = position.timestamp_second() >= *first_kept;
                }
            }
            Self::Matching(query) => {
                for rows in block.select(query, None) {
                    kept[rows].fill(false);
                }
            }
        }
        let rows = kept.into_iter().enumerate().filter(|(_, is_kept)| *is_kept);
        rows.map(|(row, _)| Source::Kept(block, row)).collect()
    }
}

impl<P: Clone> Directory<P> {
    /// Computes the changes of deleting everything before a timestamp, and the deleted readings.
    pub(crate) fn plan_deletion(
        &self,
        before: Timestamp,
        load: &impl Load<P>,
    ) -> Result<(Vec<Change>, u64), Error> {
        let doomed = Doomed::Before(whole_seconds_up(before));
        self.plan(&doomed, i32::MIN, day_and_second(before).0, load)
    }

    /// Computes the changes of deleting the readings that match a query, and their number.
    pub(crate) fn plan_deletion_of(
        &self,
        query: &Query,
        load: &impl Load<P>,
    ) -> Result<(Vec<Change>, u64), Error> {
        let [first_day, last_day] = [query.from, query.until].map(|day| day_and_second(day).0);
        self.plan(&Doomed::Matching(query), first_day, last_day, load)
    }

    fn plan(
        &self,
        doomed: &Doomed<'_>,
        first_day: i32,
        last_day: i32,
        load: &impl Load<P>,
    ) -> Result<(Vec<Change>, u64), Error> {
        let (mut changes, mut deleted) = (Vec::new(), 0);
        let all: Vec<_> = self.days(Tree::All, first_day, last_day).collect();
        for blocks in all.chunk_by(|a, b| (a.0.day, a.0.country) == (b.0.day, b.0.country)) {
            let group = (blocks[0].0.day, blocks[0].0.country);
            // Stations of only deleted readings are removed from the table, too.
            let whole = self.table(group.0, group.1).is_some();
            let cut = self.cut(Tree::All, blocks, whole, doomed, load)?;
            if cut.deleted == 0 {
                continue;
            }
            deleted += cut.deleted;
            let parts = cut.parts(doomed);
            let chunks: Vec<_> = parts.iter().map(Vec::as_slice).collect();
            let (table, added) = match cut.removed.len() == blocks.len() {
                true => self.group_anew(group, &chunks),
                false => (None, chunks.iter().map(|rows| Block::from_sorted(rows)).collect()),
            };
            changes.push(Change { tree: Tree::All, removed: cut.removed, table, added });
        }
        let high: Vec<_> = self.days(Tree::High, first_day, last_day).collect();
        for blocks in high.chunk_by(|a, b| a.0.day == b.0.day) {
            let cut = self.cut(Tree::High, blocks, false, doomed, load)?;
            if cut.deleted > 0 {
                let added = cut.parts(doomed).iter().map(|rows| Block::from_sorted(rows)).collect();
                changes.push(Change { tree: Tree::High, removed: cut.removed, table: None, added });
            }
        }
        Ok((changes, deleted))
    }

    /// What blocks lose; the others are removed, too, and rewritten if `whole`.
    fn cut(
        &self,
        tree: Tree,
        blocks: &[(&Position, &Entry<P>)],
        whole: bool,
        doomed: &Doomed<'_>,
        load: &impl Load<P>,
    ) -> Result<Cut, Error> {
        let mut cut = Cut::default();
        let mut untouched = Vec::new();
        for (first, entry) in blocks {
            let rows = u64::from(entry.rows);
            let lost = match doomed.loss(first, entry) {
                Loss::Nothing => 0,
                Loss::All => rows,
                Loss::Unknown => {
                    let block = self.load(tree, first, entry, load)?;
                    let lost = rows - doomed.kept(&block).len() as u64;
                    if lost > 0 {
                        cut.rewritten.insert(**first, block);
                    }
                    lost
                }
            };
            match lost {
                0 => untouched.push((*first, *entry)),
                _ => cut.removed.push(**first),
            }
            cut.deleted += lost;
        }
        if whole && cut.deleted > 0 {
            for (first, entry) in untouched {
                cut.removed.push(*first);
                cut.rewritten.insert(*first, self.load(tree, first, entry, load)?);
            }
        }
        cut.rewritten.values().try_for_each(|block| block.check_rewritable())?;
        Ok(cut)
    }
}

/// What some blocks lose.
#[derive(Default)]
struct Cut {
    removed: Vec<Position>,
    /// Those of them that keep rows, or may.
    rewritten: BTreeMap<Position, Arc<Block>>,
    deleted: u64,
}

impl Cut {
    /// The rows that are left, in order, by block.
    fn parts(&self, doomed: &Doomed<'_>) -> Vec<Vec<Source<'_>>> {
        let parts = self.rewritten.values().map(|block| doomed.kept(block));
        parts.filter(|part| !part.is_empty()).collect()
    }
}
