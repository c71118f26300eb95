//! The memory of responses that are complete before they are sent: slow clients keep it occupied.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::Problem;

/// Beyond what a cache may hold.
const IN_FLIGHT: u64 = 32 << 20;

/// The unit in which memory is counted.
const UNIT: usize = 1 << 10;

/// How long a response waits for memory.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A bound for complete responses of one kind, cached or being sent.
pub(super) struct ResponseMemory {
    free: Arc<Semaphore>,
    units: u32,
}

/// Memory that is reserved for a response.
pub(super) struct Reserved {
    _permit: OwnedSemaphorePermit,
}

impl ResponseMemory {
    /// Room for these bytes in a cache, and for others that are being sent.
    pub(super) fn new(cached: u64) -> Self {
        let units = cached.saturating_add(IN_FLIGHT) / UNIT as u64;
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Room for so many bytes, if there is some now.
    pub(super) fn try_reserve(&self, bytes: usize) -> Option<Reserved> {
        Arc::clone(&self.free)
            .try_acquire_many_owned(self.units_of(bytes))
            .ok()
            .map(|permit| Reserved { _permit: permit })
    }

    /// A complete response, once there is room for it.
    pub(super) async fn hold(&self, bytes: Vec<u8>) -> Result<Bytes, Problem> {
        let free = Arc::clone(&self.free).acquire_many_owned(self.units_of(bytes.len()));
        let permit = timeout(LONGEST_WAIT, free).await;
        let busy =
            Problem::Busy("Too many clients are still reading their responses. Retry later.");
        let permit = permit.ok().and_then(Result::ok).ok_or(busy)?;
        Ok(Reserved { _permit: permit }.hold(bytes))
    }

    /// At most everything: the largest response goes alone.
    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }
}

impl Reserved {
    /// Bytes that occupy this memory until the last reference to them is gone.
    pub(super) fn hold(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { bytes, _reserved: self })
    }
}

struct Held {
    bytes: Vec<u8>,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
