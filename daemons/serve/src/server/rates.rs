//! How often a client may ask: the generic cell rate algorithm (ITU-T I.371, annex A).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderName;
use tokio::time::Instant;

use super::answer::{Answer, set};
use super::client::{Caller, Client};
use super::pool::Recent;
use super::problem::Problem;

/// Seconds of its rate that a client can use at once.
const BURST: u32 = 10;

/// Clients are forgotten that have not asked for long, whenever there are twice as many, and at least
/// so many.
const FEW_CLIENTS: usize = 1024;

/// For how long a client counts as one that waits.
const WAITS: Duration = Duration::from_secs(5);

/// Rates of requests by client.
pub(super) struct Rates {
    /// Of clients without a quota of their own: it binds only while others wait.
    shared: Option<NonZeroU32>,
    clients: Mutex<Clients>,
    waited: Mutex<Recent>,
}

struct Clients {
    /// When each will have its whole rate again.
    full_at: HashMap<Client, Instant>,
    tidied_at: usize,
}

/// What is left of a client's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    rate: NonZeroU32,
    requests: u32,
    /// When all are there again.
    reset: Duration,
}

impl Rates {
    pub(super) fn new(rate: Option<NonZeroU32>) -> Self {
        let clients = Clients { full_at: HashMap::new(), tidied_at: FEW_CLIENTS };
        Self { shared: rate, clients: Mutex::new(clients), waited: Mutex::default() }
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
        let own = caller.key.as_ref().and_then(|key| key.rate);
        let shared = self.shared.filter(|_| *client != Client::Unknown);
        let Some(rate) = own.or(shared) else { return Ok(None) };
        match self.lock().count(client, rate, Instant::now()) {
            Ok(left) => Ok(Some(left)),
            Err((left, _)) if own.is_none() && !self.others_wait(client) => Ok(Some(left)),
            Err((left, wait)) => Err(Problem::TooMany {
                what: match own {
                    Some(_) => "requests for this key",
                    None => "requests while other clients wait",
                },
                left: Some(left),
                wait,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    /// What is left after a request; if it is one too many, what is left, and when there is one again.
    fn count(
        &mut self,
        client: &Client,
        rate: NonZeroU32,
        now: Instant,
    ) -> Result<Left, (Left, Duration)> {
        if self.full_at.len() >= self.tidied_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.tidied_at = (2 * self.full_at.len()).max(FEW_CLIENTS);
        }
        let (one, all) = (Duration::from_secs(1) / rate.get(), Duration::from_secs(BURST.into()));
        let full_at = self.full_at.entry(client.clone()).or_insert(now);
        let after = (*full_at).max(now) + one;
        // A quota may have been made smaller.
        let used = (after - now).min(all + one);
        let left = |used: Duration| {
            let requests = all.saturating_sub(used).as_secs_f64() * f64::from(rate.get());
            Left { rate, requests: requests.round() as u32, reset: used.min(all) }
        };
        if used > all {
            return Err((left(all), used - all));
        }
        *full_at = after;
        Ok(left(used))
    }
}

impl Left {
    /// The header fields of draft-ietf-httpapi-ratelimit-headers-10.
    pub(super) fn describe(self, answer: &mut Answer) {
        let (burst, requests) = (self.rate.get().saturating_mul(BURST), self.requests);
        let reset = self.reset.as_secs_f64().ceil();
        let (policy, left) = (
            format!("\"requests\";q={burst};w={BURST}"),
            format!("\"requests\";r={requests};t={reset}"),
        );
        set(answer, HeaderName::from_static("ratelimit-policy"), &policy);
        set(answer, HeaderName::from_static("ratelimit"), &left);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::from([203, 0, 113, number]))
    }

    proptest! {
        /// A bucket of tokens beside it: it holds ten seconds' worth, and is filled at the rate.
        #[test]
        fn a_client_has_its_rate_and_ten_seconds_of_it_at_once(
            rate in 1u32..8, asked in prop::collection::vec((0u8..2, 0u64..3000), 1..300),
        ) {
            let Some(rate) = NonZeroU32::new(rate) else { return Ok(()) };
            let mut clients = Clients { full_at: HashMap::new(), tidied_at: 1 };
            let begun = Instant::now();
            let mut now = 0;
            let full = f64::from(rate.get() * BURST);
            let mut buckets = [(full, 0u64); 2];
            for (number, pause) in asked {
                now += pause;
                let (tokens, since) = &mut buckets[usize::from(number)];
                let filled = (now - *since) as f64 / 1000.0 * f64::from(rate.get());
                *tokens = (*tokens + filled).min(full);
                *since = now;
                let counted =
                    clients.count(&client(number), rate, begun + Duration::from_millis(now));
                // Both round.
                let (is_clear, has_one) = ((*tokens - 1.0).abs() > 1e-6, *tokens >= 1.0);
                prop_assert!(!is_clear || counted.is_ok() == has_one, "{} {:?}", tokens, counted);
                match counted {
                    Ok(left) => {
                        *tokens -= 1.0;
                        prop_assert!((f64::from(left.requests) - *tokens).abs() <= 1.0);
                    }
                    Err((left, wait)) => {
                        prop_assert_eq!(left.requests, 0);
                        let expected = (1.0 - *tokens) / f64::from(rate.get());
                        prop_assert!((wait.as_secs_f64() - expected).abs() < 1e-3);
                    }
                }
            }
        }
    }

    #[test]
    fn clients_that_are_gone_are_forgotten() {
        let mut clients = Clients { full_at: HashMap::new(), tidied_at: FEW_CLIENTS };
        let begun = Instant::now();
        for number in 0..20_000u64 {
            let client = Client::Key(number.to_string());
            let now = begun + Duration::from_millis(100 * number);
            assert!(clients.count(&client, NonZeroU32::MIN, now).is_ok());
            assert!(clients.full_at.len() <= 2 * FEW_CLIENTS);
        }
    }
}
