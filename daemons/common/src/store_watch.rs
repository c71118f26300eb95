use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, info};

use crate::reason;

/// Whether the store takes readings; where several look at it, its changes are logged once.
#[derive(Debug, Default)]
pub struct StoreWatch(AtomicBool);

impl StoreWatch {
    /// Notes how a put ended, perhaps an empty one that was only a look; whether it was taken.
    pub fn note<T>(&self, put: &Result<T, impl Error>) -> bool {
        let refused = self.0.swap(put.is_err(), Ordering::Relaxed);
        match put {
            Err(error) if !refused => {
                error!(reason = reason(error), "the store takes no readings");
            }
            Ok(_) if refused => info!("the store takes readings again"),
            _ => {}
        }
        put.is_ok()
    }

    /// Whether the last put that was noted failed.
    pub fn refuses(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
