use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::directory::Directory;
use crate::plan::{Change, Homes};
use crate::{Block, Error, Page, Position, Query, Reading, Store, Summary, View};

/// A store in memory, for as long as it exists.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
    writer: Mutex<Homes>,
}

type State = Directory<Arc<Block>>;

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, mut state: State, changes: Vec<Change>) {
        state.apply(changes, Arc::new);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[async_trait]
impl View for State {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.page(query, after, load)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(Self::summary(self))
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        Ok(Some(Self::version(self, from, until)))
    }
}

#[async_trait]
impl View for Memory {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.state().page(query, after, load)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(self.state().summary())
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        Ok(Some(self.state().version(from, until)))
    }
}

#[async_trait]
impl Store for Memory {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let mut homes = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let changes = state.plan_put(batch, &mut homes, load)?;
        self.change(state, changes);
        Ok(())
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let (changes, deleted) = state.plan_deletion(moment, load)?;
        self.change(state, changes);
        Ok(deleted)
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.state()))
    }
}

fn load(block: &Arc<Block>) -> Result<Arc<Block>, Error> {
    Ok(Arc::clone(block))
}
