//! What HTTP asks of every request and every answer (RFC 9110 to 9112).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Options, Rig, json, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// The status of a request as it is written.
async fn raw(rig: &Rig, request: &str) -> String {
    let address = rig.base.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_has_one_host_and_a_body_as_it_is() {
    let rig = Rig::start(Options::default()).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
    ] {
        let answer = raw(&rig, request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
    }
    let url = format!("{}/api/query", rig.base);
    let packed = rig.http.post(&url).header("content-type", "application/json");
    let packed = packed.header("content-encoding", "gzip").body("{}").send().await.unwrap();
    assert_eq!(packed.status(), 415);
    assert_eq!(json(packed).await["field"], "Content-Encoding");
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_kept_and_is_not_to_be_guessed() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(7)).await.unwrap();
    for path in [
        "/",
        "/form",
        "/robots.txt",
        "/favicon.ico",
        "/api/summary",
        "/openapi.json",
        "/nowhere",
        ALL,
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert!(answer.headers().contains_key("cache-control"), "{path}");
    }
}
