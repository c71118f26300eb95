//! Puts at no more than so many write units a second, so that others find capacity on the table.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How fast readings are put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// As fast as the table allows.
    #[default]
    Unlimited,
    /// At most so many write capacity units per second, of the table and its index together.
    Units(NonZeroU32),
    /// At most half of the table's provisioned write capacity; without a limit on demand.
    HalfOfTable,
}

/// The units of an item before any was counted: of the table and of its index.
const UNITS: f64 = 2.0;

/// Gives each call its time to start.
#[derive(Debug)]
pub(super) struct Pacer {
    units_per_second: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next call may start.
    next: Instant,
    /// What an item consumed last.
    units_per_item: f64,
}

impl Pacer {
    pub(super) fn new(units: NonZeroU32) -> Self {
        let state = State { next: Instant::now(), units_per_item: UNITS };
        Self { units_per_second: f64::from(units.get()), state: Mutex::new(state) }
    }

    /// Waits until a call with so many items may start; returns the units that it is expected to
    /// consume.
    pub(super) async fn wait(&self, items: usize) -> f64 {
        let (start, expected) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let expected = items as f64 * state.units_per_item;
            let start = state.next.max(Instant::now());
            state.next = start + self.time_of(expected);
            (start, expected)
        };
        sleep_until(start).await;
        expected
    }

    /// Takes into account what a call consumed.
    pub(super) fn count(&self, items: usize, expected: f64, consumed: f64) {
        if items == 0 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.units_per_item = consumed / items as f64;
        match consumed >= expected {
            true => state.next += self.time_of(consumed - expected),
            false => {
                let back = self.time_of(expected - consumed);
                state.next = state.next.checked_sub(back).unwrap_or(state.next);
            }
        }
    }

    fn time_of(&self, units: f64) -> Duration {
        Duration::try_from_secs_f64(units / self.units_per_second).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    /// Sixteen calls at once, as a put makes them: on the whole as fast as is allowed, and at no time
    /// more, but for what was expected too low before the first answers.
    #[tokio::test(start_paused = true)]
    async fn units_are_consumed_as_fast_as_is_allowed() {
        for (units, of_item, items) in [(10, 1.0, 25), (100, 3.0, 25), (7, 0.5, 1)] {
            let pacer = Pacer::new(NonZeroU32::new(units).unwrap());
            let (begun, consumed) = (Instant::now(), Mutex::new(0.0));
            let of_call = of_item * items as f64;
            let too_low = 16.0 * items as f64 * (of_item - UNITS).max(0.0);
            let calls = (0..16).map(|_| async {
                for _ in 0..10 {
                    let expected = pacer.wait(items).await;
                    let allowed = begun.elapsed().as_secs_f64() * f64::from(units);
                    let mut consumed = consumed.lock().unwrap();
                    assert!(*consumed <= allowed + too_low + 1e-3, "{consumed} of {allowed}");
                    *consumed += of_call;
                    pacer.count(items, expected, of_call);
                }
            });
            join_all(calls).await;
            let all = 160.0 * of_call;
            let allowed = begun.elapsed().as_secs_f64() * f64::from(units);
            let too_high = 16.0 * items as f64 * (UNITS - of_item).max(0.0);
            assert!(allowed <= all + too_high, "{allowed} for {all}");
        }
    }
}
