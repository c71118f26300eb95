use std::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, Flags, Page, Position, Query, Store, View};

/// The pages of a query, in order, all from one state of the store. The next page is read ahead
/// while the current one is used, so reading and rendering overlap.
pub struct Pages {
    query: Arc<Query>,
    state: State,
    /// Number of rows left within the limit.
    left: u64,
    beyond: Beyond,
    /// The view that was last read, and the number of rows until then.
    view: Option<Arc<dyn View>>,
    rows: u64,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("query", &self.query)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Whether there are rows beyond the limit.
enum Beyond {
    Nothing,
    Rows,
    /// Unknown: to be read from here.
    Unread(Arc<dyn View>, Position),
}

enum State {
    Start(Arc<dyn Store>),
    StartOf(Arc<dyn View>),
    Reading(JoinHandle<Result<Read, Error>>),
    End,
}

/// A page, and the snapshot it and the next are read from.
type Read = (Arc<dyn View>, Page);

impl Pages {
    /// The pages of a query from its first row on. Lazy: nothing is read yet.
    pub fn new(store: Arc<dyn Store>, query: Query) -> Self {
        Self::start(State::Start(store), query)
    }

    /// The pages of a query of one view, such as a snapshot.
    pub fn of_view(view: Arc<dyn View>, query: Query) -> Self {
        Self::start(State::StartOf(view), query)
    }

    fn start(state: State, query: Query) -> Self {
        let (query, left, beyond) = (Arc::new(query), u64::MAX, Beyond::Nothing);
        Self { query, state, left, beyond, view: None, rows: 0 }
    }

    /// Limits the pages to the first `rows` rows.
    #[must_use]
    pub fn up_to(mut self, rows: u64) -> Self {
        self.left = rows;
        if rows == 0 {
            self.state = State::End;
        }
        self
    }

    /// The next non-empty page; `None` after the last, and after an error. Cancel-safe: if dropped
    /// while waiting, it can be called again.
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
            self.rows += page.len() as u64;
            self.view = Some(Arc::clone(&view));
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

    /// Whether there are rows beyond the limit [`up_to`](Self::up_to); call it after the last page.
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

    /// The number of readings that match but for their flags ([`Query::without`]); `None` if there are
    /// rows beyond the limit. Call it after the last page.
    pub async fn left_out(&mut self) -> Result<Option<u64>, Error> {
        if self.query.without.is_empty() {
            return Ok(Some(0));
        }
        let Some(view) = self.view.clone() else { return Ok(None) };
        if self.has_more().await? {
            return Ok(None);
        }
        let query = Query { without: Flags::NONE, ..(*self.query).clone() };
        let (mut after, mut all) = (None, 0);
        loop {
            let page = view.query(&query, after).await?;
            all += page.len() as u64;
            after = page.next;
            if after.is_none() {
                return Ok(Some(all.saturating_sub(self.rows)));
            }
        }
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
