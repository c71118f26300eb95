//! How often a client may ask.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::answer::{Answer, set};
use super::client::{Caller, Client};
use super::pool::Recent;
use super::problem::Problem;

/// Seconds of its rate that a client can use at once.
const BURST: u32 = 10;

/// Limits of clients that have not asked for long are forgotten after so many requests.
const TIDIED: u32 = 4096;

/// For how long a client counts as one that waits.
const WAITS: Duration = Duration::from_secs(5);

type Limiter =
    RateLimiter<Client, HashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// Rates of requests by client.
pub(super) struct Rates {
    /// Of clients without a quota of their own: it binds only while others wait.
    shared: Option<(Quota, Limiter)>,
    /// Of keys that have one: it binds always.
    own: Mutex<HashMap<NonZeroU32, Arc<(Quota, Limiter)>>>,
    clock: DefaultClock,
    waited: Mutex<Recent>,
    asked: AtomicU32,
}

/// What is left of a client's rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    quota: Quota,
    requests: u32,
}

fn limited(rate: NonZeroU32) -> (Quota, Limiter) {
    let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
    let quota = Quota::per_second(rate).allow_burst(burst);
    let limiter = RateLimiter::hashmap(quota).with_middleware::<StateInformationMiddleware>();
    (quota, limiter)
}

impl Rates {
    pub(super) fn new(rate: Option<NonZeroU32>) -> Self {
        Self {
            shared: rate.map(limited),
            own: Mutex::default(),
            clock: DefaultClock::default(),
            waited: Mutex::default(),
            asked: AtomicU32::new(0),
        }
    }

    /// Notes that a client had to wait.
    pub(super) fn note_wait(&self, client: &Client) {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner).note(client);
    }

    fn others_wait(&self, client: &Client) -> bool {
        let waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.others_than(client, WAITS)
    }

    /// Counts a request; `None` if its client has no limit.
    pub(super) fn count(&self, caller: &Caller) -> Result<Option<Left>, Problem> {
        let client = &caller.client;
        let Some(rate) = caller.key.as_ref().and_then(|key| key.rate) else {
            let Some((quota, limiter)) = &self.shared else { return Ok(None) };
            if *client == Client::Unknown {
                return Ok(None);
            }
            return match self.count_in(*quota, limiter, client) {
                Err(_) if !self.others_wait(client) => {
                    Ok(Some(Left { quota: *quota, requests: 0 }))
                }
                counted => counted,
            };
        };
        let own = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(own.entry(rate).or_insert_with(|| Arc::new(limited(rate))))
        };
        self.count_in(own.0, &own.1, client)
    }

    fn count_in(
        &self,
        quota: Quota,
        limiter: &Limiter,
        client: &Client,
    ) -> Result<Option<Left>, Problem> {
        if self.asked.fetch_add(1, Relaxed) % TIDIED == TIDIED - 1 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        match limiter.check_key(client) {
            Ok(state) => Ok(Some(Left { quota, requests: state.remaining_burst_capacity() })),
            Err(until) => Err(Problem::TooMany {
                what: "requests while other clients wait",
                left: Some(Left { quota, requests: 0 }),
                wait: until.wait_time_from(self.clock.now()),
            }),
        }
    }
}

impl Left {
    /// The header fields of draft-ietf-httpapi-ratelimit-headers-10.
    pub(super) fn describe(self, answer: &mut Answer) {
        let (burst, requests) = (self.quota.burst_size().get(), self.requests);
        let refill = self.quota.replenish_interval();
        let window = self.quota.burst_size_replenished_in().as_secs().max(1);
        let reset = refill.saturating_mul(burst - requests.min(burst)).as_secs_f64().ceil();
        let named = http::header::HeaderName::from_static;
        set(answer, named("ratelimit-policy"), &format!("\"requests\";q={burst};w={window}"));
        set(answer, named("ratelimit"), &format!("\"requests\";r={requests};t={reset}"));
    }
}
