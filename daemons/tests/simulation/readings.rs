//! The store of readings: durable, and each of its states is remembered.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use store::{
    Error, ErrorKind, Memory, Network, Page, Position, Query, Reading, Store, Summary, View,
};

use super::world::{Disk, Fate, Life, World};

/// What is stored, whoever asks, and each state that it was in.
#[derive(Clone, Default)]
pub(super) struct Stored {
    memory: Arc<Memory>,
    states: Arc<Mutex<Vec<Arc<dyn View>>>>,
}

impl Stored {
    pub(super) async fn new() -> Self {
        let this = Self::default();
        this.remember().await;
        this
    }

    async fn remember(&self) {
        let state = self.memory.snapshot().await.unwrap();
        self.states.lock().unwrap().push(state);
    }

    /// The number of the present state.
    pub(super) fn state(&self) -> usize {
        self.states.lock().unwrap().len() - 1
    }

    pub(super) fn at(&self, state: usize) -> Arc<dyn View> {
        Arc::clone(&self.states.lock().unwrap()[state])
    }
}

/// The store as a process sees it.
pub(super) struct Readings {
    pub(super) stored: Stored,
    pub(super) world: World,
    pub(super) life: Life,
}

impl Readings {
    async fn asked(&self) -> Result<(), Error> {
        self.life.check().await;
        match !self.world.is_calm() && self.world.percent(2) {
            true => Err(Error::new(ErrorKind::Io, "no answer")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl View for Readings {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.asked().await?;
        self.stored.memory.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.life.check().await;
        self.stored.memory.summary().await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.asked().await?;
        self.stored.memory.version(from, until).await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.life.check().await;
        self.stored.memory.networks().await
    }
}

#[async_trait]
impl Store for Readings {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.life.check().await;
        let full = || Err(Error::new(ErrorKind::Io, "no space left"));
        if batch.is_empty() {
            return if self.world.disk() == Disk::Full { full() } else { Ok(()) };
        }
        let fate = self.world.fate().await;
        self.life.check().await;
        self.world.note(&format!("store {} readings: {fate:?}", batch.len()));
        if self.world.disk() == Disk::Full {
            return full();
        }
        if fate != Fate::Refused {
            self.stored.memory.put(batch).await?;
            self.stored.remember().await;
        }
        self.world.delay().await;
        self.life.check().await;
        match fate {
            Fate::Done => Ok(()),
            Fate::Lost | Fate::Refused => Err(Error::new(ErrorKind::Io, "no answer")),
        }
    }

    async fn delete_before(&self, _: Timestamp) -> Result<u64, Error> {
        Ok(0)
    }

    async fn delete(&self, _: &Query) -> Result<u64, Error> {
        Ok(0)
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        self.asked().await?;
        self.stored.memory.snapshot().await
    }
}

/// A store in one state for ever.
pub(super) struct Still(pub(super) Arc<dyn View>);

#[async_trait]
impl View for Still {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.0.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.0.summary().await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.0.version(from, until).await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.0.networks().await
    }
}

#[async_trait]
impl Store for Still {
    async fn put(&self, _: &[Reading]) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Denied, "it is still"))
    }

    async fn delete_before(&self, _: Timestamp) -> Result<u64, Error> {
        Ok(0)
    }

    async fn delete(&self, _: &Query) -> Result<u64, Error> {
        Ok(0)
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::clone(&self.0))
    }
}
