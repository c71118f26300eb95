use std::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, Page, Position, Query, Store, View};

/// The pages of an answer, one after another, all of one state of the store. While one
/// is being used the next is already read, so that reading and printing take turns on no
/// core.
pub struct Pages {
    query: Arc<Query>,
    state: State,
    /// Rows that may still be given.
    left: u64,
    beyond: Beyond,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("query", &self.query)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// What there is beyond the rows that may be given.
enum Beyond {
    Nothing,
    Rows,
    /// It has to be read on from here.
    Unread(Arc<dyn View>, Position),
}

enum State {
    Start(Arc<dyn Store>),
    StartOf(Arc<dyn View>),
    Reading(JoinHandle<Result<Read, Error>>),
    End,
}

/// A page, and the state that it and the next are read from.
type Read = (Arc<dyn View>, Page);

impl Pages {
    /// The pages of a query from its first row on. Nothing is read yet.
    pub fn new(store: Arc<dyn Store>, query: Query) -> Self {
        Self::start(State::Start(store), query)
    }

    /// The pages of a query of one view, such as a snapshot.
    pub fn of_view(view: Arc<dyn View>, query: Query) -> Self {
        Self::start(State::StartOf(view), query)
    }

    fn start(state: State, query: Query) -> Self {
        Self { query: Arc::new(query), state, left: u64::MAX, beyond: Beyond::Nothing }
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
                State::Start(store) => {
                    let store = Arc::clone(store);
                    first(store.snapshot().await, &self.query).await
                }
                State::StartOf(view) => first(Ok(Arc::clone(view)), &self.query).await,
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
            let read = page.len();
            self.left -= page.keep_first(self.left);
            if self.left == 0 {
                self.beyond = match page.next.take() {
                    _ if page.len() < read => Beyond::Rows,
                    Some(next) => Beyond::Unread(Arc::clone(&view), next),
                    None => Beyond::Nothing,
                };
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

    /// Whether there are rows beyond [`up_to`](Self::up_to); asked after the last page.
    pub async fn has_more(&mut self) -> Result<bool, Error> {
        while let Beyond::Unread(view, next) = &self.beyond {
            let page = view.query(&self.query, Some(*next)).await?;
            self.beyond = match page.next {
                _ if !page.is_empty() => Beyond::Rows,
                Some(next) => Beyond::Unread(Arc::clone(view), next),
                None => Beyond::Nothing,
            };
        }
        Ok(matches!(self.beyond, Beyond::Rows))
    }
}

async fn first(view: Result<Arc<dyn View>, Error>, query: &Query) -> Result<Read, Error> {
    let view = view?;
    let page = view.query(query, None).await?;
    Ok((view, page))
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let State::Reading(reading) = &self.state {
            reading.abort();
        }
    }
}
