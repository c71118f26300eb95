//! What clients have of the queue and of the space for results.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Job, Jobs, State};

/// Bounds of what jobs and their results occupy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all results, of which one client may have half.
    pub bytes: u64,
    /// Jobs of one client that have not ended.
    pub open: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: u64::MAX, open: usize::MAX }
    }
}

/// What a client may have, if that is not what any may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnQuota {
    /// Bytes of its results.
    pub bytes: Option<u64>,
    /// Its jobs that have not ended.
    pub open: Option<usize>,
}

/// Bytes of a row in the shortest format.
const LEAST_BYTES: u64 = 20;

/// Why a client gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverQuota {
    /// So many of its jobs have not ended.
    Open(usize),
    /// Its results occupy what it may have.
    Own {
        /// What it may have, in bytes.
        most: u64,
        /// When the first of them expires.
        until: Option<Timestamp>,
    },
    /// All results occupy what there is.
    All {
        /// What there is, in bytes.
        most: u64,
    },
}

/// What is known of all jobs: those of this process, and all others since the last sweep.
#[derive(Debug, Default)]
pub(super) struct Usage {
    quota: Quota,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    jobs: HashMap<Uuid, Used>,
    clients: HashMap<String, Sum>,
    all: Sum,
}

#[derive(Debug, Clone)]
struct Used {
    client: Option<String>,
    is_open: bool,
    bytes: u64,
    expires: Option<Timestamp>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum {
    open: usize,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, used: &Used) {
        self.open += usize::from(used.is_open);
        self.bytes = self.bytes.saturating_add(used.bytes);
    }

    fn take(&mut self, used: &Used) {
        self.open = self.open.saturating_sub(usize::from(used.is_open));
        self.bytes = self.bytes.saturating_sub(used.bytes);
    }
}

impl Known {
    fn set(&mut self, id: Uuid, used: Option<Used>) {
        let used = used.filter(|used| used.is_open || used.bytes > 0);
        let before = match used.clone() {
            Some(used) => self.jobs.insert(id, used),
            None => self.jobs.remove(&id),
        };
        if let Some(before) = before {
            self.all.take(&before);
            if let Some(client) = before.client
                && let Some(sum) = self.clients.get_mut(&client)
            {
                sum.take(&Used { client: None, ..before });
                if *sum == Sum::default() {
                    self.clients.remove(&client);
                }
            }
        }
        if let Some(used) = used {
            self.all.add(&used);
            if let Some(client) = &used.client {
                self.clients.entry(client.clone()).or_default().add(&used);
            }
        }
    }

    fn of(&self, client: &str) -> Sum {
        self.clients.get(client).copied().unwrap_or_default()
    }
}

impl Usage {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a job as its worker sees it. The file of a job that shares another's work is the other's.
    pub(super) fn note(&self, job: &Job) {
        let is_open = !job.state.is_final() && job.withdrawn.is_none();
        let (bytes, expires) = match job.state {
            State::Done { bytes, expires, .. } if job.shares.is_none() => (bytes, Some(expires)),
            _ => (0, None),
        };
        let mut known = self.known();
        // What a worker has written so far is noted by it.
        let running = !job.state.is_final();
        let written = known.jobs.get(&job.id).filter(|_| running).map_or(0, |used| used.bytes);
        let bytes = bytes.max(written);
        // What others use and its client does not is nobody's.
        let client = job.client.clone().filter(|_| job.withdrawn.is_none());
        known.set(job.id, Some(Used { client, is_open, bytes, expires }));
    }

    pub(super) fn forget(&self, id: Uuid) {
        self.known().set(id, None);
    }
}

impl Jobs {
    /// Whether a client, known by its [pseudonym](Self::pseudonym), may have another job, of about so
    /// many rows. A result can still turn out longer: then it is [noted](Self::note_written).
    pub fn admit(&self, client: &str, own: OwnQuota, rows: u64) -> Result<(), OverQuota> {
        let least = rows.saturating_mul(LEAST_BYTES);
        let quota = self.usage.quota;
        let open = own.open.unwrap_or(quota.open);
        let most = own.bytes.unwrap_or(quota.bytes / 2);
        let known = self.usage.known();
        let has = known.of(client);
        if has.open >= open {
            return Err(OverQuota::Open(open));
        }
        if has.bytes.saturating_add(least) > most {
            let own = known.jobs.values().filter(|used| used.client.as_deref() == Some(client));
            return Err(OverQuota::Own { most, until: own.filter_map(|used| used.expires).min() });
        }
        match known.all.bytes.saturating_add(least) > quota.bytes {
            true => Err(OverQuota::All { most: quota.bytes }),
            false => Ok(()),
        }
    }

    /// Notes how much of a result is written, and says whether there is room for it.
    pub fn note_written(&self, job: &Job, written: u64) -> Result<(), OverQuota> {
        let quota = self.usage.quota;
        let most = job.result_bytes.unwrap_or(quota.bytes / 2);
        let mut known = self.usage.known();
        if let Some(used) = known.jobs.get(&job.id).cloned() {
            known.set(job.id, Some(Used { bytes: written, ..used }));
        }
        if job.client.as_ref().is_some_and(|client| known.of(client).bytes > most) {
            return Err(OverQuota::Own { most, until: None });
        }
        match known.all.bytes > quota.bytes {
            true => Err(OverQuota::All { most: quota.bytes }),
            false => Ok(()),
        }
    }

    /// The bytes of all results, including those that are being written.
    pub fn result_bytes(&self) -> u64 {
        self.usage.known().all.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn used() -> impl Strategy<Value = Option<Used>> {
        let used = (prop::option::of("[ab]"), any::<bool>(), 0u64..1000);
        let used = used.prop_map(|(client, is_open, bytes)| Used {
            client,
            is_open,
            bytes,
            expires: None,
        });
        prop::option::of(used)
    }

    proptest! {
        #[test]
        fn the_sums_are_those_of_the_jobs(changes in prop::collection::vec((0u128..5, used()), 0..40)) {
            let mut known = Known::default();
            for (id, used) in changes {
                known.set(Uuid::from_u128(id), used);
                let sum = |client: Option<&str>| {
                    let mut sum = Sum::default();
                    let is_of = |used: &&Used| client.is_none() || used.client.as_deref() == client;
                    known.jobs.values().filter(is_of).for_each(|used| sum.add(used));
                    sum
                };
                prop_assert_eq!(known.all, sum(None));
                for client in ["a", "b"] {
                    prop_assert_eq!(known.of(client), sum(Some(client)));
                }
                prop_assert!(known.clients.values().all(|sum| *sum != Sum::default()));
            }
        }
    }
}
