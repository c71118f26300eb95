//! A client's connection, which fails if it reads too slowly.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::either::Either;

use super::listener::Stream;

/// Bytes that the system may keep unsent for a client. More would hide how slowly it reads: of a
/// buffer of megabytes, the system reports progress only when a third has been read.
const UNSENT: u32 = 128 << 10;

/// The slowest client that is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often the progress is checked while the client keeps the server waiting.
    pub(super) window: Duration,
    /// Bytes that it must have read in that time.
    pub(super) least: u64,
}

/// A connection that fails if its client reads too slowly. Time in which the server has nothing to
/// send does not count.
pub(super) struct Connection {
    stream: Stream,
    pace: Pace,
    /// While the client keeps the server waiting.
    waiting: Option<Waiting>,
}

struct Waiting {
    check: Pin<Box<Sleep>>,
    /// Bytes written since the last check.
    written: u64,
}

impl Connection {
    pub(super) fn new(stream: Stream, pace: Pace) -> Self {
        if let Either::Left(stream) = &stream {
            let _ = stream.set_nodelay(true);
            // Where the system does not support it, slow clients are cut off sooner.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
        }
        Self { stream, pace, waiting: None }
    }

    /// The result of a write, or an error if the client has read too little for too long.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(done) = polled {
            if let (Some(waiting), Ok(bytes)) = (&mut self.waiting, &done) {
                waiting.written += *bytes as u64;
            }
            return Poll::Ready(done);
        }
        let window = self.pace.window;
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            check: Box::pin(sleep_until(Instant::now() + window)),
            written: 0,
        });
        while waiting.check.as_mut().poll(context).is_ready() {
            if waiting.written < self.pace.least {
                metrics::counter!("airshed_slow_clients_total").increment(1);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            waiting.written = 0;
            waiting.check.as_mut().reset(Instant::now() + window);
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written everything that it had.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A body that holds something, such as the permit of its response, for as long as it lasts.
pub(super) struct Holding<B, P> {
    body: B,
    _held: P,
}

impl<B, P> Holding<B, P> {
    pub(super) fn new(body: B, held: P) -> Self {
        Self { body, _held: held }
    }
}

impl<B: Body<Data = Bytes> + Unpin, P: Unpin> Body for Holding<B, P> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
