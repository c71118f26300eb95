use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::blocks::{Change, Directory, Item, Load, SensorCountries, Stations};
use crate::{
    Block, Error, ErrorKind, Network, Page, Position, Query, Reading, Store, Summary, View,
};

/// An in-memory store.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
    writer: Mutex<SensorCountries>,
}

type State = Directory<Place>;

/// A location in memory.
#[derive(Debug, Clone)]
enum Place {
    Block(Arc<Block>),
    Table(Arc<Stations>),
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, mut state: State, changes: Vec<Change>) {
        state.apply(changes, |item| match item {
            Item::Block(block) => Place::Block(Arc::from(block)),
            Item::Table(table) => Place::Table(table),
        });
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[async_trait]
impl View for State {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.page(query, after, &Here)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(Self::summary(self))
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        Ok(Self::networks(self))
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        Ok(Some(Self::readings_in_days(self, from, until)))
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        Ok(Some(Self::version(self, from, until)))
    }
}

#[async_trait]
impl View for Memory {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.state().page(query, after, &Here)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(self.state().summary())
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        Ok(self.state().networks())
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        Ok(Some(self.state().readings_in_days(from, until)))
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        Ok(Some(self.state().version(from, until)))
    }
}

#[async_trait]
impl Store for Memory {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let mut sensor_countries = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let changes = state.plan_put(batch, &mut sensor_countries, &Here)?;
        self.change(state, changes);
        Ok(())
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let (changes, deleted) = state.plan_deletion(moment, &Here)?;
        self.change(state, changes);
        Ok(deleted)
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let (changes, deleted) = state.plan_deletion_of(query, &Here)?;
        self.change(state, changes);
        Ok(deleted)
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.state()))
    }
}

struct Here;

impl Load<Place> for Here {
    fn block(&self, place: &Place, _: Option<&Place>) -> Result<Arc<Block>, Error> {
        match place {
            Place::Block(block) => Ok(Arc::clone(block)),
            Place::Table(_) => Err(mistaken()),
        }
    }

    fn table(&self, place: &Place) -> Result<Arc<Stations>, Error> {
        match place {
            Place::Table(table) => Ok(Arc::clone(table)),
            Place::Block(_) => Err(mistaken()),
        }
    }
}

/// Cannot happen: the directory separates blocks and tables.
fn mistaken() -> Error {
    Error::new(ErrorKind::Damaged, "a block is where its stations should be")
}
