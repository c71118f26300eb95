use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use super::integers::Integers;
use crate::AqiStandard;

/// The places of all rows of a block by other standards than the default, of those that are
/// asked for again and again.
#[derive(Debug, Default)]
pub(super) struct ByStandard {
    columns: RwLock<Vec<(AqiStandard, Arc<Integers>)>>,
    asked: AtomicUsize,
}

impl ByStandard {
    /// A deployment has one; further ones are computed each time. (They take about a byte a
    /// row, which the bounds of caches leave room for.)
    const MOST: usize = 2;

    /// A single answer asks twice: to select rows and to print them.
    const SELDOM: usize = 2;

    /// Those by a standard, where they are kept: `make` makes them when it has been asked for often.
    pub(super) fn of(
        &self,
        standard: AqiStandard,
        make: impl FnOnce() -> Integers,
    ) -> Option<Arc<Integers>> {
        {
            let columns = self.columns.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, column)) = columns.iter().find(|(known, _)| *known == standard) {
                return Some(Arc::clone(column));
            }
            if columns.len() >= Self::MOST || self.asked.fetch_add(1, Relaxed) < Self::SELDOM {
                return None;
            }
        }
        let column = Arc::new(make());
        let mut columns = self.columns.write().unwrap_or_else(PoisonError::into_inner);
        if columns.len() < Self::MOST && columns.iter().all(|(known, _)| *known != standard) {
            columns.push((standard, Arc::clone(&column)));
        }
        Some(column)
    }
}
