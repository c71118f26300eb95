//! Accepts connections, and serves HTTP over them: HTTP/1, and over TLS also HTTP/2.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use airshed_common::reason;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, warn};

use super::access_log::{AccessLog, Entry};
use super::answer::BoxError;
use super::client::{Client, Peer};
use super::connection::{Connection, Pace};
use super::exchange::{Exchanges, Sending};
use super::listener::{Listener, Stream};
use super::pool::Pool;
use super::{Limits, address, routes};

const HTTPS: HeaderValue = HeaderValue::from_static("https");

/// Timeout for a request's headers, and for idle connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until stopped, then drains open responses for a limited time.
pub(super) async fn serve<S, B>(
    service: S,
    listener: Listener,
    limits: &Limits,
    proxies: Vec<IpNet>,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
{
    let (pace, log) = (limits.pace(), listener.access_log());
    let transport = Transport { service, pace, log, peer: None, stop: stop.clone() };
    let (mut connections, places) = (JoinSet::new(), Pool::new(limits.connections));
    let mut refused = Refused::default();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Usually out of file descriptors: wait until some are closed.
                    refused.note(&error);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let client = match peer.map(|peer| peer.to_canonical()) {
            Some(peer) if !proxies.iter().any(|net| net.contains(&peer)) => Client::at(peer),
            _ => Client::Unknown,
        };
        let Ok(place) = places.try_take(&client) else {
            metrics::counter!("airshed_refused_connections_total").increment(1);
            continue; // closes it
        };
        #[cfg(feature = "tls")]
        let tls = listener.tls();
        let transport = Transport { peer: peer.map(Peer), ..transport.clone() };
        connections.spawn(async move {
            let _place = place;
            #[cfg(feature = "tls")]
            if let Some(tls) = tls {
                return transport.talk_over_tls(&tls, stream).await;
            }
            transport.talk(stream).await;
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, drained).await.is_err() {
        warn!("some clients were still reading; aborting their responses");
    }
}

/// Connections that could not be accepted, of which the log has one line a minute.
#[derive(Default)]
struct Refused {
    logged: Option<Instant>,
    since: u64,
}

impl Refused {
    fn note(&mut self, error: &io::Error) {
        self.since += 1;
        if self.logged.is_none_or(|logged| logged.elapsed() > Duration::from_secs(60)) {
            let attempts = self.since;
            warn!(reason = reason(error), attempts, "cannot accept connections; trying again");
            (self.logged, self.since) = (Some(Instant::now()), 0);
        }
    }
}

/// What a connection needs.
#[derive(Clone)]
struct Transport<S> {
    service: S,
    pace: Pace,
    log: Option<AccessLog>,
    peer: Option<Peer>,
    stop: CancellationToken,
}

impl<S, B> Transport<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
{
    async fn talk(self, stream: Stream) {
        let connection = Connection::new(stream, self.pace);
        self.http1(connection, false).await;
    }

    /// A client that is silent, or does not speak TLS, is gone after a while.
    #[cfg(feature = "tls")]
    async fn talk_over_tls(self, tls: &super::tls::Acceptor, stream: Stream) {
        let connection = Connection::new(stream, self.pace);
        let accepted = tokio::select! {
            accepted = tls.accept(connection) => accepted,
            () = self.stop.cancelled() => return,
        };
        match accepted {
            Ok(stream) if super::tls::is_http2(&stream) => self.http2(stream).await,
            Ok(stream) => self.http1(stream, true).await,
            Err(error) => debug!(reason = reason(&error), "no TLS connection"),
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin, is_over_tls: bool) {
        let exchanges = Exchanges::in_turn();
        let service = TowerToHyperService::new(self.exchanging(exchanges.clone(), is_over_tls));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        };
        exchanges.end();
        note_end(ended);
    }

    /// Beside the connection, which fails when its client reads nothing at all, each response must
    /// make progress: a client can leave one of them unread. One that does loses the connection.
    #[cfg(feature = "tls")]
    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let exchanges = Exchanges::side_by_side();
        let service = TowerToHyperService::new(self.exchanging(exchanges.clone(), true));
        let builder = super::tls::http2();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let watched = async {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = exchanges.idle(HEADER_TIMEOUT) => {}
                () = self.stop.cancelled() => {}
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = exchanges.idle(HEADER_TIMEOUT) => Ok(()), // it does not agree to the end
            }
        };
        tokio::select! {
            ended = watched => note_end(ended),
            () = exchanges.too_slow(self.pace) => {
                metrics::counter!("airshed_slow_clients_total").increment(1);
                debug!("connection closed: its client reads a response too slowly");
            }
        }
        exchanges.end();
    }

    /// The service of a connection.
    fn exchanging(
        &self,
        exchanges: Exchanges,
        is_over_tls: bool,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Sending<B>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + use<S, B> {
        let (service, peer, log) = (self.service.clone(), self.peer, self.log.clone());
        tower::service_fn(move |mut request: Request<Incoming>| {
            let entry = log.as_ref().map(|log| Entry::begin(log, &mut request));
            let exchange = exchanges.begin(entry);
            request.extensions_mut().insert(routes::Direct);
            peer.map(|peer| request.extensions_mut().insert(peer));
            if is_over_tls {
                // Whatever the client says.
                request.headers_mut().insert(address::FORWARDED_PROTO, HTTPS);
            }
            name_host(&mut request);
            let answered = service.clone().call(request);
            async move { Ok(Sending::of(answered.await?, exchange)) }
        })
    }
}

/// Over HTTP/2 the host is in the URI. Another one beside it is one too many (RFC 9113, 8.3.1).
fn name_host(request: &mut Request<Incoming>) {
    if request.version() == Version::HTTP_2
        && let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
        && request.headers().get(HOST) != Some(&host)
    {
        request.headers_mut().append(HOST, host);
    }
}

fn note_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(reason = reason(&error), "connection ended early");
    }
}
