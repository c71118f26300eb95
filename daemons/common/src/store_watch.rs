use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, info};

use crate::reason;

/// Whether the store accepts writes; shared, so that a change is logged once.
#[derive(Debug, Default)]
pub struct StoreWatch(AtomicBool);

impl StoreWatch {
    /// Records the result of a put, possibly an empty one used as a check; returns whether it
    /// succeeded.
    pub fn note<T>(&self, put: &Result<T, impl Error>) -> bool {
        let refused = self.0.swap(put.is_err(), Ordering::Relaxed);
        match put {
            Err(error) if !refused => {
                error!(reason = reason(error), "the store rejects writes");
            }
            Ok(_) if refused => info!("the store accepts writes again"),
            _ => {}
        }
        put.is_ok()
    }

    /// Whether the last recorded put failed.
    pub fn refuses(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
