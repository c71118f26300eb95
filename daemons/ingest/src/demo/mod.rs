//! A simulated sensor network, served in the real feed's format.
//!
//! `/static/v2/data.24h.json` is the current state of the network;
//! `/at/<UTC seconds>/static/v2/data.24h.json` is its state at that time. [`network`] generates the
//! data, deterministically for each time.

pub mod network;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use airshed_common::Clock;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use network::Network;

/// The path of the feed, as at Sensor.Community.
pub const FEED_PATH: &str = "/static/v2/data.24h.json";

/// The real feed is refreshed every five minutes.
const REFRESH_SECONDS: i64 = 300;

struct Feed {
    network: Network,
    clock: Clock,
    /// The last generated file, and its time.
    last: Mutex<Option<(i64, Bytes)>>,
}

/// Serves the network until stopped.
pub async fn run(network: Network, listener: TcpListener, clock: Clock, stop: CancellationToken) {
    let feed = Arc::new(Feed { network, clock, last: Mutex::new(None) });
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            () = stop.cancelled() => return,
        };
        let feed = Arc::clone(&feed);
        let service = service_fn(move |request| {
            let feed = Arc::clone(&feed);
            async move { Ok::<_, Infallible>(answer(feed, request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(feed: Arc<Feed>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Some(moment) = moment_of(request.uri().path(), (feed.clock)()) else {
        return status(StatusCode::NOT_FOUND);
    };
    let tag = HeaderValue::from_str(&format!("\"{moment}\"")).ok();
    if tag.is_some() && request.headers().get(IF_NONE_MATCH) == tag.as_ref() {
        return status(StatusCode::NOT_MODIFIED);
    }
    let Ok(file) = tokio::task::spawn_blocking(move || feed.file(moment)).await else {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut answer = Response::new(Full::new(file));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
    answer
}

fn moment_of(path: &str, now: Timestamp) -> Option<i64> {
    let seconds = match path.strip_prefix("/at/") {
        None => (path == FEED_PATH).then_some(now.as_second())?,
        Some(rest) => {
            let (seconds, path) = rest.split_at(rest.find('/')?);
            (path == FEED_PATH).then_some(seconds.parse().ok()?)?
        }
    };
    Timestamp::from_second(seconds).ok()?;
    Some(seconds - seconds.rem_euclid(REFRESH_SECONDS))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

impl Feed {
    fn file(&self, moment: i64) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((made, file)) if *made == moment => file.clone(),
            _ => {
                let file = Bytes::from(self.network.feed(moment));
                *last = Some((moment, file.clone()));
                file
            }
        }
    }
}
