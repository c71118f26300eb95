use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, Page, Query, Store, View};

/// The pages of an answer, one after another, all of one state of the store. While one
/// is being used the next is already read, so that reading and printing take turns on no
/// core.
pub struct Pages {
    store: Arc<dyn Store>,
    query: Arc<Query>,
    state: State,
    /// Rows that may still be given.
    left: u64,
}

enum State {
    Start,
    Reading(JoinHandle<Result<Read, Error>>),
    End,
}

/// A page, and the state that it and the next are read from.
type Read = (Arc<dyn View>, Page);

impl Pages {
    /// The pages of a query from its first row on. Nothing is read yet.
    pub fn new(store: Arc<dyn Store>, query: Query) -> Self {
        Self { store, query: Arc::new(query), state: State::Start, left: u64::MAX }
    }

    /// Only the first `rows` rows of them.
    #[must_use]
    pub fn up_to(mut self, rows: u64) -> Self {
        self.left = rows;
        if rows == 0 {
            self.state = State::End;
        }
        self
    }

    /// The next page that holds a row; `None` after the last. After an error there is
    /// nothing more. Dropped while waiting, it can be called again.
    pub async fn next(&mut self) -> Option<Result<Page, Error>> {
        loop {
            let read = match &mut self.state {
                State::Start => self.first().await,
                State::Reading(reading) => reading.await.unwrap_or_else(|e| {
                    Err(Error::new(ErrorKind::Io, "reading was interrupted").because(e))
                }),
                State::End => return None,
            };
            let (view, mut page) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.state = State::End;
                    return Some(Err(error));
                }
            };
            self.left -= page.keep_first(self.left);
            if self.left == 0 {
                page.next = None;
            }
            self.state = match page.next {
                None => State::End,
                next => {
                    let query = Arc::clone(&self.query);
                    State::Reading(tokio::spawn(async move {
                        let page = view.query(&query, next).await?;
                        Ok((view, page))
                    }))
                }
            };
            if !page.is_empty() {
                return Some(Ok(page));
            }
        }
    }

    async fn first(&self) -> Result<Read, Error> {
        let view = self.store.snapshot().await?;
        let page = view.query(&self.query, None).await?;
        Ok((view, page))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let State::Reading(reading) = &self.state {
            reading.abort();
        }
    }
}
