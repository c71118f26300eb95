//! One request followed: from the client's header through server, queue and worker to the
//! record, every line of the logs, and the spans that a collector gets.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use prost::Message;
use serde_json::Value;
use tokio::net::TcpListener;

use super::aws::System;
use super::daemon::Daemon;
use super::emulator::Emulator;
use super::support::{Options, Rig, location, readings};

/// A collector of OpenTelemetry's that keeps the spans it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[derive(Debug, Clone)]
struct Span {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    request: String,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Collector {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let collector = collector.clone();
                let service = service_fn(move |request| collector.clone().take(request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        url
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        assert_eq!(request.uri().path(), "/v1/traces");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let export = ExportTraceServiceRequest::decode(body).unwrap();
        let text = |value: Option<Attribute>| match value {
            Some(Attribute::StringValue(text)) => text,
            other => panic!("no text: {other:?}"),
        };
        for resource in export.resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            let service = attributes.into_iter().find(|one| one.key == "service.name").unwrap();
            let service = text(service.value.unwrap().value);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let request = span.attributes.iter().find(|one| one.key == "request");
                let request = request.map(|one| text(one.value.clone().unwrap().value));
                self.0.lock().unwrap().push(Span {
                    service: service.clone(),
                    name: span.name,
                    trace: hexadecimal(&span.trace_id),
                    id: hexadecimal(&span.span_id),
                    parent: hexadecimal(&span.parent_span_id),
                    request: request.unwrap_or_default(),
                });
            }
        }
        Ok(Response::new(Full::default()))
    }

    /// The first span of a name for a request, once it is there.
    async fn span(&self, name: &str, request: &str) -> Span {
        let begun = Instant::now();
        loop {
            let spans = self.0.lock().unwrap().clone();
            let mut of = spans.iter().filter(|span| span.name == name && span.request == request);
            if let Some(span) = of.next() {
                return span.clone();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{name} {request}: {spans:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The request that a line of a log is about.
fn request_of(line: &Value) -> &str {
    line["span"]["request"].as_str().unwrap_or_else(|| panic!("of no request: {line}"))
}

// The collector has to answer while this waits for the daemons to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_followed_to_the_worker_its_log_and_the_collector() {
    const NAME: &str = "newsroom-42";
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let emulator = Emulator::ministack();
    let system = System::with(emulator.url(), 600).await;
    let collector = Collector::default();
    let otlp = ["--otlp", &collector.start().await];
    let (server, base) = system.server(&otlp);
    let worker: Daemon = system.daemon(&[&["worker"], &otlp[..]].concat());

    let http = reqwest::Client::new();
    let ask = |name: Option<&str>| {
        let url = format!("{base}/api/query?startDate=2026-01-01&endDate=2026-01-02");
        let request = http.get(url).header("Prefer", "respond-async");
        let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
        match name {
            Some(name) => request.header("X-Request-Id", name).send(),
            None => request.send(),
        }
    };
    let queued = ask(Some(NAME)).await.unwrap();
    assert_eq!(
        (queued.status().as_u16(), &queued.headers()["x-request-id"]),
        (202, &NAME.parse().unwrap())
    );
    let path = location(&queued);
    let file = http.get(format!("{base}{path}?wait=30")).send().await.unwrap();
    assert_eq!(file.status(), 200);

    assert_eq!(system.record(&path).await["request"], NAME);
    assert_eq!(request_of(&server.wait_for_line("job queued")), NAME);
    assert_eq!(request_of(&worker.wait_for_line("job done")), NAME);

    let asked = collector.span("request", NAME).await;
    let done = collector.span("job", NAME).await;
    assert_eq!((&*asked.service, &*done.service), ("airshed-server", "airshed-worker"));
    assert_eq!((&*asked.trace, &*asked.parent), (TRACE, "b7ad6b7169203331"));
    assert_eq!((&done.trace, &done.parent), (&asked.trace, &asked.id));

    // A name of ours where there is none, and where it could be mistaken for something else.
    for name in [None, Some("two words"), Some("\"quoted\""), Some(&*"x".repeat(129))] {
        let answer = ask(name).await.unwrap();
        let given = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(given.parse::<uuid::Uuid>().is_ok(), "{name:?}: {given}");
    }
    // A daemon that ends exports what it has.
    for daemon in [server, worker] {
        daemon.signal("-TERM");
        let mut daemon = daemon;
        assert!(daemon.child.wait().unwrap().success());
    }
    let requests = collector.0.lock().unwrap().iter().filter(|span| span.name == "request").count();
    assert_eq!(requests, 6);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(10)).await.unwrap();
    for path in
        ["/", "/nowhere", "/api/query", "/api/query?startDate=x", "/api/results/1", "/metrics"]
    {
        let request = rig.http.get(format!("{}{path}", rig.base)).header("x-request-id", "mine/1");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "mine/1", "{path}");
    }
}
