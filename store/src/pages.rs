use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, Page, Position, Query, Store};

/// The pages of an answer, one after another. While one is being used the next is
/// already read, so that reading and printing take turns on no core.
pub struct Pages {
    store: Arc<dyn Store>,
    query: Arc<Query>,
    state: State,
}

enum State {
    Start,
    Reading(JoinHandle<Result<Page, Error>>),
    End,
}

impl Pages {
    /// The pages of a query from its first row on. Nothing is read yet.
    pub fn new(store: Arc<dyn Store>, query: Query) -> Self {
        Self { store, query: Arc::new(query), state: State::Start }
    }

    /// The next page that holds a row; `None` after the last. After an error there is
    /// nothing more.
    pub async fn next(&mut self) -> Option<Result<Page, Error>> {
        loop {
            let read = match &mut self.state {
                State::Start => self.store.query(&self.query, None).await,
                State::Reading(reading) => reading.await.unwrap_or_else(|e| {
                    Err(Error::new(ErrorKind::Io, "reading was interrupted").because(e))
                }),
                State::End => return None,
            };
            let page = match read {
                Ok(page) => page,
                Err(error) => {
                    self.state = State::End;
                    return Some(Err(error));
                }
            };
            self.state = page.next.map_or(State::End, |after| self.read_ahead(after));
            if !page.is_empty() {
                return Some(Ok(page));
            }
        }
    }

    fn read_ahead(&self, after: Position) -> State {
        let (store, query) = (Arc::clone(&self.store), Arc::clone(&self.query));
        State::Reading(tokio::spawn(async move { store.query(&query, Some(after)).await }))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let State::Reading(reading) = &self.state {
            reading.abort();
        }
    }
}
