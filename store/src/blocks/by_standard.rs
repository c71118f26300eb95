use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use super::integers::Integers;
use crate::AqiStandard;

/// Cached index positions of all rows of a block by repeatedly used standards other than the
/// default.
#[derive(Debug, Default)]
pub(super) struct ByStandard {
    columns: RwLock<Vec<(AqiStandard, Arc<Integers>)>>,
    asked: AtomicUsize,
}

impl ByStandard {
    /// A deployment usually has one; further ones are computed each time. (They take about one byte
    /// per row, which the cache limits allow for.)
    const MOST: usize = 2;

    /// A single query needs them twice: to select and to render rows.
    const SELDOM: usize = 2;

    /// The positions by a standard, if cached: `make` computes them when it has been used often.
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
