//! The server, in the process that has the store open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::reason;
use airshed_history::Flagging;
use airshed_ingest::retention::{self, Expired};
use airshed_ingest::{put_means, put_means_of_some};
use airshed_serve::networks::Networks;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{Encoder, Migration, Pages, Reading, Store};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{DOUBTFUL, LEFT_OUT, ROWS, Socket, export_request};
use crate::transfer::Exported;

/// The parts of a control server.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The networks and their terms.
    pub networks: Arc<Networks>,
    /// The name of this daemon, for display.
    pub daemon: &'static str,
    /// How long open responses are drained at shutdown.
    pub drain: Duration,
    /// What becomes of readings here.
    pub policy: Policy,
}

/// What a deployment does with readings.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How long they are kept; `None`: for ever.
    pub keep: Option<SignedDuration>,
    /// How means of some sensors are flagged.
    pub flagging: Flagging,
}

/// Maximum size of an import request in bytes: about ten times that of a batch.
const LARGEST_IMPORT: usize = 64 << 20;

const NO_TIMESTAMP: &str = "before: expected an RFC 3339 timestamp";

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Serves commands on the store until stopped.
pub async fn run(parts: Parts, socket: Socket, stop: CancellationToken) {
    let (drain, parts) = (parts.drain, Arc::new(parts));
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(reason = reason(&error), "cannot accept a command");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // The file's mode forbids it too, on systems that check it.
        let user = stream.peer_cred().map(|peer| peer.uid());
        if !user.is_ok_and(|user| user == socket.user || user == 0) {
            warn!("refused a command from another user");
            continue;
        }
        let parts = Arc::clone(&parts);
        let service = service_fn(move |request| answer(Arc::clone(&parts), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(reason = reason(&error), "a command's connection ended early");
            }
        });
    }
    drop(socket);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        warn!("aborting commands that were still running");
    }
}

async fn answer(parts: Arc<Parts>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/status") => status(&parts).await,
        (&Method::GET, "/v1/export") => export(&parts, &query).await,
        (&Method::GET, "/v1/sidecar") => sidecar(&parts, &query).await,
        (&Method::POST, "/v1/import") => import(&parts, &query, request.into_body()).await,
        (&Method::POST, "/v1/delete") => delete(&parts, &query).await,
        (&Method::GET, "/v1/expired") => expired(&parts, &query).await,
        (&Method::POST, "/v1/migrate") => migrate(&parts).await,
        (
            _,
            "/v1/status" | "/v1/export" | "/v1/sidecar" | "/v1/import" | "/v1/delete"
            | "/v1/expired" | "/v1/migrate",
        ) => text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        (_, path) => text(
            StatusCode::NOT_FOUND,
            format!("{path} is not supported by Airshed {}", env!("CARGO_PKG_VERSION")),
        ),
    })
}

async fn status(parts: &Parts) -> Answer {
    match parts.store.summary().await {
        Ok(summary) => json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "daemon": parts.daemon,
            "readings": summary.readings(),
            "keepSeconds": parts.policy.keep.map(|keep| keep.as_secs()),
        })),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    }
}

/// Imports the readings in a body, atomically; with `means=true` beside those that are there,
/// with `means=some` as those of some sensors.
async fn import(parts: &Parts, query: &str, body: Incoming) -> Answer {
    let body = match Limited::new(body, LARGEST_IMPORT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return text(StatusCode::BAD_REQUEST, reason(error.as_ref())),
    };
    let batch = match read(&body) {
        Ok(batch) => batch,
        Err(message) => return text(StatusCode::BAD_REQUEST, message),
    };
    let done = match query {
        "means=true" => put_means(parts.store.as_ref(), &batch).await,
        "means=some" => {
            put_means_of_some(parts.store.as_ref(), &batch, &parts.policy.flagging).await
        }
        _ => parts.store.put(&batch).await,
    };
    match done {
        Ok(()) => {
            info!(readings = batch.len(), "imported through the control socket");
            text(StatusCode::NO_CONTENT, "")
        }
        Err(error) => {
            warn!(reason = reason(&error), "an import through the control socket failed");
            text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error))
        }
    }
}

fn read(csv: &[u8]) -> Result<Vec<Reading>, String> {
    let rows = store::csv::CsvReader::new(csv).map_err(|error| reason(&error))?;
    rows.map(|row| row.map(|row| row.reading).map_err(|error| error.to_string())).collect()
}

/// The timestamp in the query of a request.
fn before(query: &str) -> Option<Timestamp> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields.find(|(name, _)| name == "before").and_then(|(_, text)| text.parse().ok())
}

async fn expired(parts: &Parts, query: &str) -> Answer {
    let Some(before) = before(query) else {
        return text(StatusCode::BAD_REQUEST, NO_TIMESTAMP);
    };
    match retention::expired(&parts.store, before).await {
        Ok(Expired { stored, extent, expired }) => {
            let (first, last) = extent.unzip();
            json(&json!({ "readings": stored, "first": first, "last": last, "expired": expired }))
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    }
}

async fn delete(parts: &Parts, query: &str) -> Answer {
    let Some(before) = before(query) else {
        return text(StatusCode::BAD_REQUEST, NO_TIMESTAMP);
    };
    match parts.store.delete_before(before).await {
        Ok(deleted) => json(&json!({ "deleted": deleted })),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    }
}

/// One migration step.
async fn migrate(parts: &Parts) -> Answer {
    match parts.store.migrate().await {
        Ok(Migration { left, readings }) => json(&json!({ "left": left, "readings": readings })),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    }
}

async fn export(parts: &Parts, query: &str) -> Answer {
    let request = match export_request(query) {
        Ok(request) => request,
        Err(bad) => return text(StatusCode::BAD_REQUEST, bad.to_string()),
    };
    let prepared = async {
        let view = parts.store.snapshot().await?;
        let present = view.networks().await?;
        let request = request.clone().at_home_in(&present);
        let stored = request.stored_at(request.view_of(Arc::clone(&view)).as_ref()).await?;
        let metadata = parts.networks.metadata_of_copy(&request, &present).with_stored(stored);
        Ok::<_, store::Error>((request.encoder(metadata)?, request.pages_of(view)))
    };
    let (encoder, pages) = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    };
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        match send(encoder, pages, &mut sender).await {
            Ok(Some(Exported { rows, doubtful, left_out })) => {
                let numbers =
                    [(ROWS, Some(rows)), (DOUBTFUL, Some(doubtful)), (LEFT_OUT, left_out)];
                let numbers =
                    numbers.into_iter().filter_map(|(name, rows)| Some((name, rows?.into())));
                let trailers = numbers.collect::<HeaderMap>();
                let _ = sender.send_trailers(trailers).await; // the client may have disconnected
            }
            Ok(None) => {}
            Err(error) => {
                warn!(reason = reason(&error), "an export through the control socket was aborted");
                sender.abort(error.into());
            }
        }
    });
    let mut answer = Response::new(body.boxed_unsync());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.format.media_type()));
    for name in [ROWS, DOUBTFUL, LEFT_OUT] {
        headers.append(TRAILER, HeaderValue::from(name));
    }
    answer
}

/// The description of an exported file.
async fn sidecar(parts: &Parts, query: &str) -> Answer {
    let fields = form_urlencoded::parse(query.as_bytes());
    let (own, others): (Vec<_>, Vec<_>) =
        fields.partition(|(name, _)| ["file", "rows", "doubtful", "left_out"].contains(&&**name));
    let value = |name: &str| own.iter().find(|(own, _)| own == name).map(|(_, value)| value);
    let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
    let request = match export_request(&fields) {
        Ok(request) => request,
        Err(bad) => return text(StatusCode::BAD_REQUEST, bad.to_string()),
    };
    let number = |name: &str| value(name).and_then(|number| number.parse().ok());
    let Some(file) = value("file") else {
        return text(StatusCode::BAD_REQUEST, "file: missing");
    };
    let prepared = async {
        let view = parts.store.snapshot().await?;
        let present = view.networks().await?;
        let request = request.at_home_in(&present);
        let stored = request.stored_at(request.view_of(view).as_ref()).await?;
        let metadata = parts.networks.metadata_of_copy(&request, &present).with_stored(stored);
        Ok::<_, store::Error>((request, metadata))
    };
    let (request, metadata) = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, reason(&error)),
    };
    let metadata = metadata.with_rows(number("rows")).with_doubtful(number("doubtful"));
    let metadata = metadata.with_left_out(number("left_out"));
    match request.beside(&metadata, file) {
        Some(description) => text(StatusCode::OK, description),
        None => text(StatusCode::NO_CONTENT, ""),
    }
}

/// The numbers of the file sent; `None` if the client disconnected. There is no write timeout: an export
/// into a pipe that is not read blocks no other request.
async fn send(
    mut encoder: Encoder,
    mut pages: Pages,
    sender: &mut Sender<Bytes, BoxError>,
) -> Result<Option<Exported>, store::Error> {
    let (mut file, mut exported) = (Vec::new(), Exported::default());
    while let Some(page) = pages.next().await.transpose()? {
        encoder.page(&mut file, &page)?;
        exported.rows += page.len() as u64;
        exported.doubtful += page.implausible() as u64;
        if !file.is_empty() && sender.send_data(std::mem::take(&mut file).into()).await.is_err() {
            return Ok(None);
        }
    }
    exported.left_out = pages.left_out().await?;
    encoder.set_left_out(exported.left_out);
    encoder.finish(&mut file)?;
    let sent = file.is_empty() || sender.send_data(file.into()).await.is_ok();
    Ok(sent.then_some(exported))
}

fn json(body: &Value) -> Answer {
    let mut answer = text(StatusCode::OK, body.to_string());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
