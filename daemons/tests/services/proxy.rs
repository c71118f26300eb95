//! Stands between the daemons and an emulator, and spoils some of the calls.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What it does to calls; can be changed while it runs.
#[derive(Default)]
pub(super) struct Faults {
    /// Of a hundred calls, how many are spoilt.
    pub percent: AtomicU64,
    /// Milliseconds that every query of the table takes longer.
    pub query_ms: AtomicU64,
    /// Whether queries of the table are never answered.
    pub hang: AtomicBool,
    /// Calls so far, and those that were spoilt.
    pub calls: AtomicU64,
    pub spoilt: AtomicU64,
    writes: Mutex<Vec<Write>>,
}

/// A call that put items into a table.
#[derive(Debug, Clone)]
pub(super) struct Write {
    /// When it came.
    pub at: Instant,
    /// The keys of its items, as they are in the call.
    pub keys: Vec<(String, String)>,
    /// The units that it consumed.
    pub units: f64,
}

impl Faults {
    /// The calls that put items, in the order in which they came, since they were taken last.
    pub(super) fn take_writes(&self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut *self.writes.lock().unwrap());
        writes.sort_by_key(|write| write.at);
        writes
    }

    pub(super) fn writes(&self) -> usize {
        self.writes.lock().unwrap().len()
    }

    fn note(&self, at: Instant, asked: &Bytes, answered: &Bytes) {
        let json = |bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let (asked, answered) = (json(asked), json(answered));
        let tables =
            asked["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
        let items = tables.flat_map(|items| items.as_array().into_iter().flatten());
        let keys = items.filter_map(|item| {
            let item = &item["PutRequest"]["Item"];
            let key = |name: &str| Some(item[name]["S"].as_str()?.to_owned());
            Some((key("day_country")?, key("time_sensor")?))
        });
        let keys: Vec<_> = keys.collect();
        let consumed = answered["ConsumedCapacity"].as_array().into_iter().flatten();
        let units = consumed.filter_map(|of_table| of_table["CapacityUnits"].as_f64()).sum();
        if !keys.is_empty() {
            self.writes.lock().unwrap().push(Write { at, keys, units });
        }
    }
}

/// Runs until the test's runtime ends; its URL.
pub(super) async fn start(emulator: String, faults: Arc<Faults>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (client, faults, emulator) = (client.clone(), faults.clone(), emulator.clone());
            let service = service_fn(move |request| {
                answer(client.clone(), faults.clone(), emulator.clone(), request)
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

async fn answer(
    client: reqwest::Client,
    faults: Arc<Faults>,
    emulator: String,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let at = Instant::now();
    let number = faults.calls.fetch_add(1, Relaxed);
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let (of_table, query, batch) = (
        target.is_some_and(|target| target.starts_with("DynamoDB")),
        target.is_some_and(|target| target.ends_with(".Query")),
        target.is_some_and(|target| target.ends_with(".BatchWriteItem")),
    );
    if query {
        if faults.hang.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(faults.query_ms.load(Relaxed))).await;
    }
    let chance = mixed(number);
    let spoilt = chance % 100 < faults.percent.load(Relaxed);
    faults.spoilt.fetch_add(u64::from(spoilt), Relaxed);
    let kind = spoilt.then_some(chance / 100 % 5);
    match kind {
        Some(0) if batch => {}
        Some(0) => return Ok(message(StatusCode::INTERNAL_SERVER_ERROR, "")),
        Some(1) if of_table => return Ok(message(StatusCode::BAD_REQUEST, THROTTLED)),
        Some(1) => return Ok(message(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
        Some(2) => tokio::time::sleep(Duration::from_millis(1500)).await,
        _ => {}
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(cut(Bytes::new())) };
    let body = body.to_bytes();
    if kind == Some(0) && batch {
        return Ok(unprocessed(&body));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = client.request(parts.method, format!("{emulator}{path}"));
    for (name, value) in &parts.headers {
        if name != http::header::HOST {
            forwarded = forwarded.header(name, value);
        }
    }
    let Ok(answered) = forwarded.body(body.clone()).send().await else {
        return Ok(cut(Bytes::new()));
    };
    let (status, headers) = (answered.status(), answered.headers().clone());
    let asked = body;
    let Ok(body) = answered.bytes().await else { return Ok(cut(Bytes::new())) };
    if batch {
        faults.note(at, &asked, &body);
    }
    // Done, and its answer is lost: at once, or half way.
    let mut answer = match kind {
        Some(3) => return Ok(cut(Bytes::new())),
        Some(4) => cut(body.slice(..body.len() / 2)),
        _ => Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync()),
    };
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    answer.headers_mut().remove(http::header::TRANSFER_ENCODING);
    Ok(answer)
}

/// Nothing of a batch was done for want of capacity, which is no error.
fn unprocessed(body: &Bytes) -> Response<Body> {
    let asked: serde_json::Value = serde_json::from_slice(body).unwrap();
    let message = serde_json::json!({ "UnprocessedItems": asked["RequestItems"] }).to_string();
    Response::new(Full::new(message.into()).map_err(|never| match never {}).boxed_unsync())
}

const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"The level of configured provisioned throughput for the table was exceeded."}"#;

fn message(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut answer =
        Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// An answer that breaks off after some bytes.
fn cut(bytes: Bytes) -> Response<Body> {
    let broken = std::io::Error::other("cut off");
    let frames = stream::iter([Ok(Frame::data(bytes))]).chain(stream::iter([Err(broken)]));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

/// A number that looks like chance, the same for the same call (SplitMix64's mixing).
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
