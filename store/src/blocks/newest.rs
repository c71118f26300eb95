//! The newest row of each sensor.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::block::Block;
use super::integers::{Numbers, RUN};
use crate::contract::RowRange;
use crate::{Sensor, Timestamp, Window};

/// Rows added block by block. Within a block only the number of the last row of each station is
/// recorded; only these rows are then read.
#[derive(Default)]
pub(crate) struct Newest {
    of_each: HashMap<Sensor, Found, foldhash::fast::RandomState>,
    open: Option<Open>,
}

struct Found {
    age: (Timestamp, Window),
    block: Arc<Block>,
    row: usize,
}

/// The current block.
struct Open {
    block: Arc<Block>,
    /// By the number of the station; [`NONE`] if there is no row yet.
    last: Vec<u32>,
    /// The decoded run.
    run: Option<usize>,
    stations: Numbers,
}

const NONE: u32 = u32::MAX;

impl Newest {
    /// Adds adjacent rows; those of a block in order.
    pub(crate) fn add(&mut self, run: &RowRange) {
        let is_other = self.open.as_ref().is_none_or(|open| !Arc::ptr_eq(&open.block, &run.block));
        if is_other {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| Open {
            block: Arc::clone(&run.block),
            last: vec![NONE; run.block.stations().count()],
            run: None,
            stations: Numbers::default(),
        });
        let Open { block, last, run: decoded, stations } = open;
        for row in run.rows.clone() {
            if *decoded != Some(row / RUN) {
                *decoded = Some(row / RUN);
                block.stations_of_run(row / RUN, stations);
            }
            let place = &mut last[stations.0[row % RUN] as usize];
            // Rows of one country are in the order of time; a sensor may have been in several.
            let is_newer = *place == NONE
                || !block.is_mixed()
                || age(block, *place as usize) < age(block, row);
            if is_newer {
                *place = row as u32; // a block's rows are few
            }
        }
    }

    fn close(&mut self) {
        let Some(Open { block, last, .. }) = self.open.take() else { return };
        for (station, row) in last.into_iter().enumerate().filter(|(_, row)| *row != NONE) {
            let row = row as usize;
            let found = Found { age: age(&block, row), block: Arc::clone(&block), row };
            match self.of_each.entry(block.stations().sensor(station)) {
                Entry::Vacant(place) => drop(place.insert(found)),
                Entry::Occupied(mut known) if known.get().age < found.age => {
                    drop(known.insert(found))
                }
                Entry::Occupied(_) => {}
            }
        }
    }

    /// One row of each sensor, in the order of rows.
    pub(crate) fn rows(mut self) -> Vec<RowRange> {
        self.close();
        let rows = self.of_each.into_values();
        let mut runs: Vec<_> =
            rows.map(|Found { block, row, .. }| RowRange { block, rows: row..row + 1 }).collect();
        runs.sort_by_cached_key(|run| run.block.position(run.rows.start));
        runs
    }
}

/// Of several with the same timestamp, the one with the longest averaging period.
fn age(block: &Block, row: usize) -> (Timestamp, Window) {
    let row = block.row(row);
    (row.timestamp(), row.window())
}
