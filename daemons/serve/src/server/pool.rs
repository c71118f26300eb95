//! Permits that are shared among clients: one that has many waits for one that has few.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::client::Client;

/// A number of permits. What is given back goes to the waiting client that holds the fewest.
pub(super) struct Pool {
    size: usize,
    /// How many a client can hold, so that others find some however long it holds them.
    most: usize,
    /// How many it can hold while no other client asks.
    most_alone: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    held: HashMap<Client, usize>,
    waiting: HashMap<Client, VecDeque<Waiting>>,
    arrivals: u64,
    asked: Recent,
}

struct Waiting {
    number: u64,
    permit: oneshot::Sender<Permit>,
}

/// A permit, which is given back when it is dropped.
pub(super) struct Permit {
    pool: Arc<Pool>,
    client: Client,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.give_back(&self.client);
    }
}

/// Why there was no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The client holds as many as one can.
    Own,
    /// Others hold them.
    Others,
}

/// Three quarters; at least one is for others, unless there is but one.
fn share_of(size: usize) -> usize {
    size - (size / 4).max(1).min(size.saturating_sub(1))
}

/// The two clients that did something last.
#[derive(Default)]
pub(super) struct Recent {
    last: Option<(Client, Instant)>,
    before: Option<(Client, Instant)>,
}

impl Recent {
    pub(super) fn note(&mut self, client: &Client) {
        if self.last.as_ref().is_some_and(|(last, _)| last != client) {
            self.before = self.last.take();
        }
        self.last = Some((client.clone(), Instant::now()));
    }

    /// Whether another client did it within a time.
    pub(super) fn others_than(&self, client: &Client, within: Duration) -> bool {
        let both = self.last.iter().chain(&self.before);
        both.into_iter().any(|(other, at)| other != client && at.elapsed() < within)
    }
}

/// For how long a client counts after its last request.
const REMEMBERED: Duration = Duration::from_secs(60);

impl Pool {
    /// Permits of which a client can hold three quarters.
    pub(super) fn new(size: usize) -> Arc<Self> {
        let most = share_of(size);
        Self::with(size, most, most)
    }

    /// The same, but nine tenths while no other client asks.
    pub(super) fn elastic(size: usize) -> Arc<Self> {
        Self::with(size, share_of(size), size - size / 10)
    }

    fn with(size: usize, most: usize, most_alone: usize) -> Arc<Self> {
        Arc::new(Self { size, most, most_alone, state: Mutex::default() })
    }

    /// A permit, if there is one now.
    pub(super) fn try_take(self: &Arc<Self>, client: &Client) -> Result<Permit, Refused> {
        let mut state = self.state();
        state.asked.note(client);
        self.grant(&mut state, client)
    }

    /// A permit, as soon as there is one; calls `waits` if there is none now.
    pub(super) async fn take(
        self: &Arc<Self>,
        client: &Client,
        patience: Duration,
        waits: impl FnOnce(Refused),
    ) -> Result<Permit, Refused> {
        let (waiting, refused) = {
            let mut state = self.state();
            state.asked.note(client);
            let refused = match self.grant(&mut state, client) {
                Ok(permit) => return Ok(permit),
                Err(refused) => refused,
            };
            let (permit, waiting) = oneshot::channel();
            let number = state.arrivals;
            state.arrivals += 1;
            let queue = state.waiting.entry(client.clone()).or_default();
            queue.retain(|waiting| !waiting.permit.is_closed());
            queue.push_back(Waiting { number, permit });
            (waiting, refused)
        };
        waits(refused);
        match timeout(patience, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(refused),
        }
    }

    fn grant(self: &Arc<Self>, state: &mut State, client: &Client) -> Result<Permit, Refused> {
        if self.has_its_share(state, client) {
            return Err(Refused::Own);
        }
        match state.taken < self.size {
            true => Ok(self.permit(state, client)),
            false => Err(Refused::Others),
        }
    }

    fn permit(self: &Arc<Self>, state: &mut State, client: &Client) -> Permit {
        state.taken += 1;
        *state.held.entry(client.clone()).or_default() += 1;
        Permit { pool: Arc::clone(self), client: client.clone() }
    }

    fn has_its_share(&self, state: &State, client: &Client) -> bool {
        let held = state.held.get(client).copied().unwrap_or_default();
        *client != Client::Unknown
            && held > 0
            && held >= self.most
            && (held >= self.most_alone || state.asked.others_than(client, REMEMBERED))
    }

    fn give_back(self: &Arc<Self>, client: &Client) {
        let granted = {
            let mut state = self.state();
            state.taken -= 1;
            if let Some(held) = state.held.get_mut(client) {
                *held -= 1;
                if *held == 0 {
                    state.held.remove(client);
                }
            }
            self.grant_waiting(&mut state)
        };
        // One that gave up at this moment drops its permit, which goes to the next one.
        for (waiting, permit) in granted {
            drop(waiting.send(permit));
        }
    }

    fn grant_waiting(
        self: &Arc<Self>,
        state: &mut State,
    ) -> Vec<(oneshot::Sender<Permit>, Permit)> {
        let mut granted = Vec::new();
        while state.taken < self.size
            && let Some(client) = self.next(state)
        {
            let queue = state.waiting.get_mut(&client);
            let waiting = queue.and_then(VecDeque::pop_front);
            state.waiting.retain(|_, queue| !queue.is_empty());
            if let Some(Waiting { permit: waiting, .. }) = waiting
                && !waiting.is_closed()
            {
                granted.push((waiting, self.permit(state, &client)));
            }
        }
        granted
    }

    /// The waiting client that holds the fewest permits; of equals, the one that has waited longest.
    fn next(&self, state: &State) -> Option<Client> {
        let able = state.waiting.iter().filter(|(client, _)| !self.has_its_share(state, client));
        let order = |(client, queue): &(&Client, &VecDeque<Waiting>)| {
            let held = state.held.get(*client).copied().unwrap_or(0);
            (held, queue.front().map_or(u64::MAX, |waiting| waiting.number))
        };
        able.min_by_key(order).map(|(client, _)| client.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures::FutureExt;
    use futures::future::FusedFuture;
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::from([203, 0, 113, number]))
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_places_for_others_and_waits_for_its_own() {
        let pool = Pool::new(8);
        let (greedy, other) = (client(1), client(2));
        let mut held: Vec<_> = (0..6).map(|_| pool.try_take(&greedy).ok().unwrap()).collect();
        assert_eq!(pool.try_take(&greedy).err(), Some(Refused::Own));
        assert_eq!(pool.take(&greedy, PATIENCE, drop).await.err(), Some(Refused::Own));
        let others = [pool.try_take(&other).ok().unwrap(), pool.try_take(&other).ok().unwrap()];
        assert_eq!(pool.take(&other, PATIENCE, drop).await.err(), Some(Refused::Others));
        // A place goes to the client that has fewer, though the other one has waited longer.
        let (mut first, mut second) = (
            Box::pin(pool.take(&greedy, PATIENCE, drop)),
            Box::pin(pool.take(&other, PATIENCE, drop)),
        );
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        held.pop();
        let second = second.await;
        assert!(second.is_ok() && (&mut first).now_or_never().is_none());
        drop(others);
        assert!(first.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn alone_a_client_has_an_elastic_pool_to_itself() {
        let pool = Pool::elastic(4);
        let held: Vec<_> = (0..4).map(|_| pool.try_take(&client(1)).ok().unwrap()).collect();
        assert_eq!(pool.try_take(&client(2)).err(), Some(Refused::Others));
        drop(held);
        let held: Vec<_> = (0..3).map(|_| pool.try_take(&client(1)).ok().unwrap()).collect();
        assert_eq!(pool.try_take(&client(1)).err(), Some(Refused::Own));
        tokio::time::advance(REMEMBERED).await;
        assert!(pool.try_take(&client(1)).is_ok());
        drop(held);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Take(u8),
        Wait(u8),
        GiveUp(usize),
        GiveBack(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..4u8).prop_map(Step::Take),
            (0..4u8).prop_map(Step::Wait),
            any::<usize>().prop_map(Step::GiveUp),
            any::<usize>().prop_map(Step::GiveBack),
        ]
    }

    proptest! {
        /// No permit is lost or made, no client has more than its share, and nobody waits for what is free.
        #[test]
        fn permits_are_kept(size in 1usize..9, steps in prop::collection::vec(step(), 0..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
            let pool = Pool::new(size);
            let mut held = Vec::new();
            let mut waiting = Vec::new();
            for step in steps {
                match step {
                    Step::Take(number) => held.extend(pool.try_take(&client(number))),
                    Step::Wait(number) => {
                        let pool = Arc::clone(&pool);
                        let taking = async move { pool.take(&client(number), PATIENCE, drop).await };
                        waiting.push((number, Box::pin(taking.fuse())));
                    }
                    Step::GiveUp(at) if !waiting.is_empty() => {
                        drop(waiting.remove(at % waiting.len()));
                    }
                    Step::GiveBack(at) if !held.is_empty() => drop(held.remove(at % held.len())),
                    Step::GiveUp(_) | Step::GiveBack(_) => {}
                }
                for (_, taking) in &mut waiting {
                    let taken = runtime.block_on(async { taking.now_or_never() });
                    held.extend(taken.into_iter().flatten());
                }
                waiting.retain(|(_, taking)| !taking.is_terminated());
                let of = |number| held.iter().filter(|permit: &&Permit| permit.client == client(number)).count();
                prop_assert!(held.len() <= size);
                for number in 0..4 {
                    prop_assert!(of(number) <= pool.most);
                    let waits = waiting.iter().any(|(other, _)| *other == number);
                    prop_assert!(!waits || held.len() == size || of(number) == pool.most);
                }
                prop_assert_eq!(pool.state().taken, held.len());
            }
        }
    }
}
