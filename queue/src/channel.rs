use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::ready::{Next, Ready};
use crate::{Delivery, Depth, Error, ErrorKind, Queue, Receipt, Sender};

/// An in-process queue, not persistent. Clones share the queue.
///
/// Of several [senders](Sender), the one with the fewest messages in flight is next, and messages that
/// are not large; then the one whose last turn is longest ago. A large one that has waited for [`Options::patience`] comes
/// before all. Messages of one sender and one size come in order.
#[derive(Debug, Clone)]
pub struct Channel(Arc<Shared>);

/// Options of a [`Channel`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The capacity in messages, including hidden ones; default 10,000.
    pub capacity: usize,
    /// Maximum number of receives of a message before it becomes a dead letter; default 5.
    pub max_receives: u32,
    /// The dead-letter queue; without one, messages stay.
    pub dead_letters: Option<Channel>,
    /// Maximum number of large messages in flight; default: any number.
    pub large_in_flight: usize,
    /// How long a large message waits for smaller ones of its sender; default 10 minutes.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_receives: 5,
            dead_letters: None,
            large_in_flight: usize::MAX,
            patience: Duration::from_secs(600),
        }
    }
}

#[derive(Debug)]
struct Shared {
    options: Options,
    state: Mutex<State>,
    /// Notifies waiting receivers.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: Ready,
    /// In-flight messages, by the number of the receipt.
    hidden: HashMap<u64, Hidden>,
    next_receipt: u64,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) sender: String,
    pub(crate) is_large: bool,
    pub(crate) receives: u32,
    pub(crate) sent: Instant,
}

#[derive(Debug)]
struct Hidden {
    message: Message,
    until: Instant,
}

impl Channel {
    /// An empty queue.
    pub fn new(options: Options) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { options, state, changed: Notify::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the ready messages, and returns when more may be ready.
    fn take(&self, max: usize, visibility: Duration) -> (Vec<Delivery>, Option<Instant>) {
        let now = Instant::now();
        let mut state = self.state();
        self.requeue_expired(&mut state, now);
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(mut message) = self.next(&mut state, now)
        {
            message.receives += 1;
            let number = state.next_receipt;
            state.next_receipt += 1;
            taken.push(Delivery {
                body: message.body.clone(),
                receives: message.receives,
                receipt: Receipt::new(number.to_string()),
            });
            state.hidden.insert(number, Hidden { message, until: now + visibility });
        }
        (taken, state.hidden.values().map(|hidden| hidden.until).min())
    }

    /// Takes the message that is next, if one can be delivered now.
    fn next(&self, state: &mut State, now: Instant) -> Option<Message> {
        let Options { large_in_flight, patience, .. } = self.0.options;
        let mut in_flight: HashMap<&str, usize> = HashMap::new();
        let mut large = 0;
        for Hidden { message, .. } in state.hidden.values() {
            *in_flight.entry(&message.sender).or_default() += 1;
            large += usize::from(message.is_large);
        }
        let has_room = large < large_in_flight;
        let next = state.ready.senders().filter_map(|(sender, lanes)| {
            let Next { is_late, is_large, served, number } = lanes.next(has_room, now, patience)?;
            let held = in_flight.get(sender).copied().unwrap_or_default();
            Some(((!is_late, held, is_large, served, number), sender))
        });
        let ((_, _, is_large, ..), sender) = next.min()?;
        let sender = sender.to_owned();
        state.ready.pop(&sender, is_large)
    }

    /// Messages whose visibility timeout has passed become ready again, or dead letters.
    fn requeue_expired(&self, state: &mut State, now: Instant) {
        let mut due: Vec<_> = state.hidden.extract_if(|_, hidden| hidden.until <= now).collect();
        due.sort_unstable_by_key(|(number, _)| *number);
        for (_, Hidden { message, .. }) in due {
            let given_up = message.receives >= self.0.options.max_receives;
            let dead_letters = self.0.options.dead_letters.as_ref().filter(|_| given_up);
            // Without a dead-letter queue it stays.
            let Some(dead_letters) = dead_letters else {
                state.ready.push(message);
                continue;
            };
            // Even beyond its capacity: a dead letter must not be lost.
            let dead = Message { receives: 0, ..message };
            dead_letters.state().ready.push(dead);
            dead_letters.0.changed.notify_waiters();
        }
    }
}

#[async_trait]
impl Queue for Channel {
    async fn send(&self, body: &str) -> Result<(), Error> {
        self.send_from(body, Sender::new("", false)).await
    }

    async fn send_from(&self, body: &str, sender: Sender<'_>) -> Result<(), Error> {
        let mut state = self.state();
        let capacity = self.0.options.capacity;
        if state.ready.len() + state.hidden.len() >= capacity {
            let message = format!("the queue is full ({capacity} messages); retry later");
            return Err(Error::new(ErrorKind::Full, message));
        }
        state.ready.push(Message {
            body: body.to_owned(),
            sender: sender.name.to_owned(),
            is_large: sender.is_large,
            receives: 0,
            sent: Instant::now(),
        });
        drop(state);
        self.0.changed.notify_waiters();
        Ok(())
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // Registered before checking, so that a send in between is not missed.
            changed.as_mut().enable();
            let (taken, next) = self.take(max, visibility);
            if !taken.is_empty() || max == 0 || Instant::now() >= deadline {
                return Ok(taken);
            }
            let look_again = next.map_or(deadline, |next| next.min(deadline));
            // Woken or timed out: check again in either case.
            let _ = timeout_at(look_again, changed).await;
        }
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), Error> {
        if let Ok(number) = receipt.as_str().parse() {
            self.state().hidden.remove(&number);
        }
        Ok(())
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error> {
        let now = Instant::now();
        let number: Option<u64> = receipt.as_str().parse().ok();
        let mut state = self.state();
        let found = number.and_then(|number| state.hidden.get_mut(&number));
        let Some(hidden) = found.filter(|hidden| hidden.until > now) else {
            let message = "the visibility timeout has passed; another receiver may have the \
                           message";
            return Err(Error::new(ErrorKind::Expired, message));
        };
        hidden.until = now + visibility;
        drop(state);
        self.0.changed.notify_waiters();
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, Error> {
        let now = Instant::now();
        let mut state = self.state();
        self.requeue_expired(&mut state, now);
        let oldest = state.ready.oldest().map(|sent| now - sent);
        Ok(Depth { waiting: state.ready.len(), hidden: state.hidden.len(), oldest })
    }
}
