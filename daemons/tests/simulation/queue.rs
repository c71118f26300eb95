//! A queue that loses, delays and repeats messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::message;
use async_trait::async_trait;
use queue::{Channel, Delivery, Depth, Error, ErrorKind, Options, Queue, Queues, Receipt};
use uuid::Uuid;

use super::objects::Kept;
use super::world::{Fate, Life, World};

/// Three queues, as in [`queue::open`].
#[derive(Clone)]
pub(super) struct Channels {
    requests: Channel,
    dead_requests: Channel,
    responses: Channel,
}

impl Channels {
    pub(super) fn new() -> Self {
        let dead_requests = Channel::new(Options::default());
        let mut options = Options::default();
        options.dead_letters = Some(dead_requests.clone());
        let responses = Channel::new(Options::default());
        Self { requests: Channel::new(options), dead_requests, responses }
    }

    /// As a process sees them.
    pub(super) fn seen_by(&self, world: &World, life: &Life, kept: &Kept, shared: bool) -> Queues {
        let seen = |inner: &Channel, name| {
            let (inner, world, life) = (inner.clone(), world.clone(), life.clone());
            let (kept, received) = (kept.clone(), Mutex::default());
            Arc::new(Unreliable { inner, world, life, name, kept, received }) as Arc<dyn Queue>
        };
        Queues {
            requests: seen(&self.requests, "requests"),
            dead_requests: seen(&self.dead_requests, "dead"),
            responses: seen(&self.responses, "responses"),
            shared,
        }
    }
}

struct Unreliable {
    inner: Channel,
    world: World,
    life: Life,
    name: &'static str,
    kept: Kept,
    /// The jobs of what was received.
    received: Mutex<HashMap<Receipt, Uuid>>,
}

impl Unreliable {
    async fn fate(&self, what: &str) -> Fate {
        self.life.check().await;
        let fate = self.world.fate().await;
        self.life.check().await;
        self.world.note(&format!("{} {what}: {fate:?}", self.name));
        fate
    }
}

fn unanswered() -> Error {
    Error::new(ErrorKind::Io, "no answer")
}

#[async_trait]
impl Queue for Unreliable {
    async fn send(&self, body: &str) -> Result<(), Error> {
        let id = message::id_in(body).unwrap();
        let fate = self.fate(&format!("send {id}")).await;
        if fate == Fate::Refused {
            return Err(unanswered());
        }
        match if self.world.is_calm() { 100 } else { self.world.below(100) } {
            0..5 => self.world.note("the message is lost"),
            5..10 => {
                self.inner.send(body).await?;
                self.inner.send(body).await?;
            }
            10..15 => {
                let (inner, body, world) =
                    (self.inner.clone(), body.to_owned(), self.world.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(world.below(600))).await;
                    world.note("a late message");
                    let _ = inner.send(&body).await;
                });
            }
            _ => self.inner.send(body).await?,
        }
        if fate == Fate::Lost { Err(unanswered()) } else { Ok(()) }
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        self.life.check().await;
        if !self.world.is_calm() && self.world.percent(2) {
            self.world.delay().await;
            return Err(unanswered());
        }
        let received = self.inner.receive(max, visibility, wait).await?;
        // A process that was killed meanwhile has received the messages: they are hidden for a while.
        self.life.check().await;
        for delivery in &received {
            let id = message::id_in(&delivery.body).unwrap();
            self.world.note(&format!("{} receive {id}, {}", self.name, delivery.receives));
            self.received.lock().unwrap().insert(delivery.receipt.clone(), id);
        }
        Ok(received)
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), Error> {
        let fate = self.fate("ack").await;
        let id = self.received.lock().unwrap().get(receipt).copied();
        if let Some(id) = id.filter(|_| self.name == "requests") {
            let state = self.kept.state_of(id).await;
            // Otherwise it would only go on when the sweeper finds it.
            if matches!(state.as_deref(), Some("queued" | "running")) {
                self.world.wrong(format!("{id} is acknowledged before its end"));
            }
        }
        match fate {
            Fate::Refused => return Err(unanswered()),
            Fate::Lost => return Ok(()),
            Fate::Done => {}
        }
        self.inner.ack(receipt).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error> {
        match self.fate("extend").await {
            Fate::Refused => return Err(unanswered()),
            fate => {
                let extended = self.inner.extend(receipt, visibility).await;
                if fate == Fate::Lost { Err(unanswered()) } else { extended }
            }
        }
    }

    async fn depth(&self) -> Result<Depth, Error> {
        self.inner.depth().await
    }
}
