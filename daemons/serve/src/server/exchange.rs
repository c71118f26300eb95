//! A request and its response, until the last byte of that has been sent.
//!
//! A response is sent in pieces, each of which reports when it is gone. What the response holds, such
//! as its permit, is held until then; and over HTTP/2, where a client can leave a single response
//! unread while the connection goes on, the pieces show how slowly it reads.

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
#[cfg(feature = "tls")]
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;
#[cfg(feature = "tls")]
use tokio::time::{sleep, sleep_until};

use super::access_log::Entry;
#[cfg(feature = "tls")]
use super::connection::Pace;
use super::frames::FRAME;

/// The longest piece over HTTP/2, in bytes. One of them is kept beside what its client has allowed, and
/// they are what its client's progress is measured in.
#[cfg(feature = "tls")]
const SHORT: usize = 16 << 10;

/// The exchanges of a connection.
#[derive(Clone)]
pub(super) struct Exchanges(Arc<Connected>);

struct Connected {
    /// The longest piece of a response.
    piece: usize,
    /// Those that are watched, if they are.
    open: Option<Mutex<Open>>,
    /// Whether the connection has ended: what is left of its responses is not sent.
    has_ended: AtomicBool,
}

struct Open {
    exchanges: Vec<Weak<Exchange>>,
    /// When the last one began or ended.
    changed: Instant,
}

impl Exchanges {
    /// One after the other: the connection itself shows how slowly its client reads, so that only an access
    /// log needs pieces.
    pub(super) fn in_turn() -> Self {
        Self::of_pieces(usize::MAX, None)
    }

    /// Several at once, each of which is watched.
    #[cfg(feature = "tls")]
    pub(super) fn side_by_side() -> Self {
        let open = Open { exchanges: Vec::new(), changed: Instant::now() };
        Self::of_pieces(SHORT, Some(Mutex::new(open)))
    }

    fn of_pieces(piece: usize, open: Option<Mutex<Open>>) -> Self {
        Self(Arc::new(Connected { piece, open, has_ended: AtomicBool::new(false) }))
    }

    /// To be called when a request arrives, with its entry in the access log.
    pub(super) fn begin(&self, entry: Option<Entry>) -> Arc<Exchange> {
        let exchange = Arc::new(Exchange {
            of: self.clone(),
            sending: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            has_waited: AtomicBool::new(false),
            ended: Mutex::new(None),
            is_whole: AtomicBool::new(false),
            total: AtomicU64::new(0),
            piece: if entry.is_some() { self.0.piece.min(FRAME) } else { self.0.piece },
            entry,
        });
        if let Some(mut open) = self.open() {
            open.exchanges.retain(|other| other.strong_count() > 0);
            open.exchanges.push(Arc::downgrade(&exchange));
            open.changed = Instant::now();
        }
        exchange
    }

    /// To be called when the connection has ended, before what it holds is dropped.
    pub(super) fn end(&self) {
        self.0.has_ended.store(true, Relaxed);
    }

    fn open(&self) -> Option<MutexGuard<'_, Open>> {
        let open = self.0.open.as_ref()?;
        Some(open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is watched over HTTP/2.
#[cfg(feature = "tls")]
impl Exchanges {
    /// Ends when the client has read less of a response than it must.
    pub(super) async fn too_slow(&self, pace: Pace) {
        loop {
            sleep(pace.window).await;
            let Some(open) = self.open() else { continue };
            let open: Vec<_> = open.exchanges.iter().filter_map(Weak::upgrade).collect();
            // All of them, since each begins to count anew.
            let slow = open.iter().filter(|exchange| exchange.is_too_slow(pace.least)).count();
            if slow > 0 {
                return;
            }
        }
    }

    /// Ends when there was no exchange for so long.
    pub(super) async fn idle(&self, most: Duration) {
        loop {
            let since = self.unused_since().unwrap_or_else(Instant::now);
            if since.elapsed() >= most {
                return;
            }
            sleep_until(since + most).await;
        }
    }

    /// `None`: there is an exchange now.
    fn unused_since(&self) -> Option<Instant> {
        let open = self.open()?;
        let is_open = open.exchanges.iter().any(|exchange| exchange.strong_count() > 0);
        (!is_open).then_some(open.changed)
    }
}

/// A request and its response.
pub(super) struct Exchange {
    of: Exchanges,
    /// Bytes that were handed over, but not sent yet.
    sending: AtomicU64,
    /// Bytes sent since the last check.
    sent: AtomicU64,
    /// Whether there were bytes to be sent at every moment since the last check.
    has_waited: AtomicBool,
    /// The body, once it has ended: it holds the permit of its response.
    ended: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whether the body came to its end, and none of it was left when the connection ended.
    is_whole: AtomicBool,
    /// Bytes sent.
    total: AtomicU64,
    /// The longest piece of the response.
    piece: usize,
    entry: Option<Entry>,
}

impl Exchange {
    /// The piece that has these bytes.
    fn piece(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.sending.fetch_add(bytes.len() as u64, Relaxed);
        Bytes::from_owner(Piece { bytes, exchange: Arc::clone(self) })
    }

    /// Whether the client kept the server waiting since the last check, and read too little.
    #[cfg(feature = "tls")]
    fn is_too_slow(&self, least: u64) -> bool {
        let sent = self.sent.swap(0, Relaxed);
        let waits = self.sending.load(Relaxed) > 0;
        self.has_waited.swap(waits, Relaxed) && waits && sent < least
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            entry.end(self.total.load(Relaxed), self.is_whole.load(Relaxed));
        }
        if let Some(mut open) = self.of.open() {
            open.changed = Instant::now();
        }
    }
}

struct Piece {
    bytes: Bytes,
    exchange: Arc<Exchange>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let (exchange, bytes) = (&self.exchange, self.bytes.len() as u64);
        match exchange.of.0.has_ended.load(Relaxed) {
            true => exchange.is_whole.store(false, Relaxed),
            false => {
                exchange.sent.fetch_add(bytes, Relaxed);
                exchange.total.fetch_add(bytes, Relaxed);
            }
        }
        if exchange.sending.fetch_sub(bytes, Relaxed) == bytes {
            exchange.has_waited.store(false, Relaxed);
        }
    }
}

/// The body of a response, in pieces. It lasts until its last byte has been sent, not only handed over.
pub(super) struct Sending<B: Send + 'static> {
    body: Option<B>,
    /// What is left of its last frame.
    rest: Bytes,
    /// Whether it came to its end.
    has_ended: bool,
    exchange: Arc<Exchange>,
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Sending<B> {
    pub(super) fn of(answer: Response<B>, exchange: Arc<Exchange>) -> Response<Self> {
        if let Some(entry) = &exchange.entry {
            entry.answer(&answer);
        }
        answer.map(|body| {
            let has_ended = body.is_end_stream(); // it is not polled then
            Self { body: Some(body), rest: Bytes::new(), has_ended, exchange }
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send> Body for Sending<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => {
                        this.has_ended = true;
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.has_ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        let length = this.rest.len().min(this.exchange.piece);
        let piece = this.exchange.piece(this.rest.split_to(length));
        this.has_ended = this.is_end_stream();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.as_ref().map(Body::size_hint).unwrap_or_default();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl<B: Send + 'static> Drop for Sending<B> {
    fn drop(&mut self) {
        self.exchange.is_whole.store(self.has_ended, Relaxed);
        let body = self.body.take().map(|body| Box::new(body) as _);
        *self.exchange.ended.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }
}
