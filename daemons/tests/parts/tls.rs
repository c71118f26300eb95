//! HTTPS and HTTP/2: the same answers, and the same bounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use airshed::server::Tls;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::support::certificate::Pair;
use super::support::{Options, Rig, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

const OTHER: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31&minAqi=1";

/// A server with a certificate, and that.
async fn rig(options: Options) -> (Rig, Pair) {
    let pair = Pair::new();
    let tls = Some(Tls::read(&pair.certificate(), &pair.key()).unwrap());
    (Rig::start(Options { tls, ..options }).await, pair)
}

/// A connection that offers HTTP/2.
async fn connect(rig: &Rig, pair: &Pair) -> TlsStream<TcpStream> {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(pair.certificate()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address(rig)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

fn address(rig: &Rig) -> &str {
    rig.base.trim_start_matches("https://")
}

type Client = SendRequest<Empty<Bytes>>;

/// An HTTP/2 client that lets each response go on by so many bytes before they are read.
async fn client(rig: &Rig, pair: &Pair, window: u32) -> Client {
    let stream = TokioIo::new(connect(rig, pair).await);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    // Together they may go on for ever.
    builder.initial_stream_window_size(window).initial_connection_window_size(1 << 30);
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn get(rig: &Rig, client: &mut Client, path: &str) -> hyper::Result<Response<Incoming>> {
    client.ready().await?;
    let request = Request::get(format!("{}{path}", rig.base)).body(Empty::new()).unwrap();
    client.send_request(request).await
}

#[tokio::test]
async fn the_answers_are_the_same_with_either_version_and_its_addresses_are_https() {
    let (rig, pair) = rig(Options::default()).await;
    rig.store.put(&readings(40_000)).await.unwrap();
    let plain = Rig::start(Options { store: Arc::clone(&rig.store), ..Options::default() }).await;
    let expected = plain.get(ALL).await.bytes().await.unwrap();
    for (client, version) in [
        (pair.client().build().unwrap(), Version::HTTP_2),
        (pair.client().http1_only().build().unwrap(), Version::HTTP_11),
    ] {
        let answer = client.get(format!("{}{ALL}", rig.base)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        assert!(answer.bytes().await.unwrap() == expected, "{version:?}");
        let dataset = client.get(format!("{}/dataset.jsonld", rig.base));
        // A client cannot say otherwise.
        let dataset = dataset.header("x-forwarded-proto", "http").send().await.unwrap();
        let own = format!("{}/dataset", rig.base);
        assert!(dataset.text().await.unwrap().contains(&own), "{version:?}: {own}");
    }
}

#[tokio::test]
async fn over_http_2_there_is_one_host_too() {
    let (rig, pair) = rig(Options::default()).await;
    let mut client = client(&rig, &pair, 65_535).await;
    for (host, status) in [(address(&rig), 200), ("example.org", 400)] {
        let request = Request::get(format!("{}/healthz", rig.base)).header("host", host);
        let answer = client.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

/// Until the status of another query is this one.
async fn until(rig: &Rig, client: &mut Client, status: u16) {
    let is_there = async {
        while get(rig, client, OTHER).await.unwrap().status() != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_there).await.expect("it comes");
}

#[tokio::test]
async fn a_place_is_held_until_the_last_byte_has_been_sent() {
    let (rig, pair) = rig(Options { in_flight: 1, workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(16_000)).await.unwrap(); // one page
    let mut reader = client(&rig, &pair, 65_535).await;
    let mut other = client(&rig, &pair, 65_535).await;
    let unread = get(&rig, &mut reader, ALL).await.unwrap();
    assert_eq!(unread.status(), 200);
    assert_eq!(get(&rig, &mut other, OTHER).await.unwrap().status(), 202, "the place is taken");
    // Others of the connection go on beside it.
    assert_eq!(get(&rig, &mut reader, "/healthz").await.unwrap().status(), 200);
    let text = unread.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 16_001);
    until(&rig, &mut other, 200).await;
}

/// Whether the response was unread from the beginning, or from some point on.
#[tokio::test]
async fn a_client_that_leaves_a_response_unread_loses_its_connection_and_place() {
    for window in [0, 1, 100_000] {
        let write_timeout = Duration::from_millis(200);
        let options = Options { in_flight: 1, workers: 0, write_timeout, ..Options::default() };
        let (rig, pair) = rig(options).await;
        rig.store.put(&readings(16_000)).await.unwrap();
        let mut reader = client(&rig, &pair, window).await;
        let mut other = client(&rig, &pair, 65_535).await;
        let unread = get(&rig, &mut reader, ALL).await.unwrap();
        assert_eq!(unread.status(), 200);
        until(&rig, &mut other, 200).await;
        assert!(unread.into_body().collect().await.is_err(), "with a window of {window}");
        assert!(get(&rig, &mut reader, "/healthz").await.is_err());
    }
}

/// The end of a response fits into what the server keeps beside what the client allows.
#[tokio::test]
async fn a_place_is_held_by_the_end_of_a_response_too() {
    let write_timeout = Duration::from_millis(200);
    let options = Options { in_flight: 1, workers: 0, write_timeout, ..Options::default() };
    let (rig, pair) = rig(options).await;
    rig.store.put(&readings(200)).await.unwrap();
    let mut reader = client(&rig, &pair, 10).await;
    let mut other = client(&rig, &pair, 65_535).await;
    let unread = get(&rig, &mut reader, ALL).await.unwrap();
    assert_eq!(unread.status(), 200);
    assert_eq!(get(&rig, &mut other, OTHER).await.unwrap().status(), 202, "the place is taken");
    until(&rig, &mut other, 200).await;
    assert!(unread.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_client_that_reads_steadily_gets_everything() {
    let options = Options { write_timeout: Duration::from_millis(500), ..Options::default() };
    let (rig, pair) = rig(options).await;
    rig.store.put(&readings(40_000)).await.unwrap();
    let mut client = client(&rig, &pair, 32 << 10).await;
    let mut body = get(&rig, &mut client, ALL).await.unwrap().into_body();
    let (begun, mut lines) = (tokio::time::Instant::now(), 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap_or_default(); // or trailers
        lines += data.iter().filter(|byte| **byte == b'\n').count();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lines, 40_001);
    assert!(begun.elapsed() > Duration::from_millis(1000), "longer than it may be silent");
}

#[tokio::test]
async fn what_a_connection_may_occupy_is_bounded() {
    let (rig, pair) = rig(Options::default()).await;
    let mut stream = connect(&rig, &pair).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS come first");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let settings: BTreeMap<_, _> =
        settings.chunks(6).map(|one| (number(&one[..2]), number(&one[2..]))).collect();
    let bounded = |name: u32, most: u32| settings.get(&name).is_some_and(|given| *given <= most);
    assert!(bounded(3, 100), "concurrent requests: {settings:?}");
    assert!(bounded(4, 64 << 10), "bodies: {settings:?}");
    assert!(bounded(6, 16 << 10), "header fields: {settings:?}");
}

/// With the clock going on by itself when everything waits.
#[tokio::test(start_paused = true)]
async fn a_connection_that_does_nothing_ends() {
    let (rig, pair) = rig(Options::default()).await;
    let begun = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(address(&rig)).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or_default(), 0);
    let handshake = begun.elapsed();
    assert!(handshake < Duration::from_secs(20), "before TLS: {handshake:?}");
    // With TLS, but nothing of HTTP/2; and with a request that has ended.
    let mut silent = connect(&rig, &pair).await;
    let mut end = Vec::new();
    let _ = silent.read_to_end(&mut end).await;
    let mut client = client(&rig, &pair, 65_535).await;
    assert_eq!(get(&rig, &mut client, "/healthz").await.unwrap().status(), 200);
    while client.ready().await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(200), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_not_tls_ends_and_harms_nobody() {
    let (rig, pair) = rig(Options::default()).await;
    for sent in
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x40\x00nonsense", "\0\0\0\0\0\0"]
    {
        let mut stream = TcpStream::connect(address(&rig)).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{sent:?}");
    }
    let mut client = client(&rig, &pair, 65_535).await;
    assert_eq!(get(&rig, &mut client, "/healthz").await.unwrap().status(), 200);
}

#[tokio::test]
async fn without_tls_there_is_no_http_2() {
    let rig = Rig::start(Options::default()).await;
    let mut stream = TcpStream::connect(rig.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_is_replaced_and_a_broken_one_is_not_taken() {
    let mut pair = Pair::new();
    let tls = Tls::read(&pair.certificate(), &pair.key()).unwrap();
    let rig = Rig::start(Options { tls: Some(tls.clone()), ..Options::default() }).await;
    let url = format!("{}/healthz", rig.base);
    let (certificate, key) = (std::fs::read(pair.certificate()).unwrap(), pair.key());
    let first = || pair_client(&certificate);
    assert_eq!(first().get(&url).send().await.unwrap().status(), 200);
    assert!(!tls.reload().unwrap(), "nothing has changed");
    let old_key = std::fs::read(&key).unwrap();
    pair.replace();
    // The certificate is there, its key is not yet.
    let new_key = std::fs::read(&key).unwrap();
    for broken in [&old_key[..], b"", b"nonsense"] {
        std::fs::write(&key, broken).unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains(&key.display().to_string()), "{error}");
        assert_eq!(first().get(&url).send().await.unwrap().status(), 200, "the old one remains");
    }
    std::fs::write(&key, new_key).unwrap();
    assert!(tls.reload().unwrap());
    assert!(first().get(&url).send().await.is_err(), "it is another one");
    let second = pair.client().build().unwrap();
    assert_eq!(second.get(&url).send().await.unwrap().status(), 200);
    std::fs::remove_file(pair.certificate()).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("certificate.pem"), "{error}");
    assert_eq!(second.get(&url).send().await.unwrap().status(), 200);
}

fn pair_client(certificate: &[u8]) -> reqwest::Client {
    let trusted = reqwest::Certificate::from_pem(certificate).unwrap();
    // A connection for each request.
    let client = reqwest::Client::builder().tls_certs_only([trusted]);
    client.pool_max_idle_per_host(0).build().unwrap()
}
