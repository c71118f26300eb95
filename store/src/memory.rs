use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;

use crate::directory::{Directory, Homes};
use crate::{Block, Error, Page, Position, Query, Reading, Store, Summary};

/// A store in memory, for as long as it exists.
#[derive(Debug, Default)]
pub struct Memory {
    directory: RwLock<Directory<Arc<Block>>>,
    writer: Mutex<Homes>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn snapshot(&self) -> Directory<Arc<Block>> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Store for Memory {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let mut homes = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut directory = self.snapshot();
        let changes = directory.plan(batch, &mut homes, load)?;
        directory.apply(changes, Arc::new);
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
        Ok(())
    }

    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.snapshot().page(query, after, load)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        Ok(self.snapshot().summary())
    }
}

fn load(block: &Arc<Block>) -> Result<Arc<Block>, Error> {
    Ok(Arc::clone(block))
}
