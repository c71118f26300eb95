//! An HTTP client like one user's browser: a keep-alive connection, a query, and following the job
//! to its file.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_platform_verifier::ConfigVerifierExt;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Reference;

/// How long the server holds a poll of a job that is not done yet.
const WAIT_SECONDS: u32 = 30;

/// A server.
#[derive(Clone)]
pub struct Target {
    host: String,
    port: u16,
    /// As in the `Host` header.
    authority: String,
    tls: Option<Arc<ClientConfig>>,
}

/// The URL is not that of a server that can be tested.
#[derive(Debug, thiserror::Error)]
#[error("invalid server URL `{url}`: {reason}; expected, for example, http://127.0.0.1:8501")]
pub struct TargetError {
    url: String,
    reason: String,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let failed = |reason: &str| TargetError { url: url.to_owned(), reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|_| failed("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| failed("it has no host"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(failed("it has a path"));
        }
        let (tls, usual) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let config = ClientConfig::with_platform_verifier();
                (Some(Arc::new(config.map_err(|error| failed(&error.to_string()))?)), 443)
            }
            _ => return Err(failed("it is neither http nor https")),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(usual);
        Ok(Self { host, port, authority: authority.to_string(), tls })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.tls.is_some() { "s" } else { "" }, self.authority)
    }
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Failure {
    /// No connection could be made, or it was closed before a response.
    #[error("no connection")]
    Connect,
    /// No complete response within the timeout.
    #[error("timeout")]
    Timeout,
    /// An unexpected status.
    #[error("status {0}")]
    Status(u16),
    /// The transfer was aborted.
    #[error("cut body")]
    Cut,
    /// A complete file with the wrong content.
    #[error("wrong rows")]
    Wrong,
}

/// A downloaded file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    crc32: u32,
    /// Whether the query became a job.
    pub(super) by_job: bool,
}

impl File {
    pub(super) fn reference(&self) -> Reference {
        Reference { rows: self.rows, bytes: self.bytes, crc32: self.crc32 }
    }
}

/// A query, ready to send.
pub(super) struct Prepared {
    body: Bytes,
    authority: String,
}

impl Prepared {
    pub(super) fn new(target: &Target, query: &Map<String, Value>) -> Self {
        let body = serde_json::to_vec(query).unwrap_or_default().into(); // plain JSON
        Self { body, authority: target.authority.clone() }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let body = Full::new(self.body.clone());
        let request = addressed(&self.authority).method(Method::POST).uri("/api/query");
        // All parts are valid.
        request.header(CONTENT_TYPE, "application/json").body(body).unwrap_or_default()
    }
}

fn addressed(authority: &str) -> http::request::Builder {
    let agent = concat!("airshed-loadtest/", env!("CARGO_PKG_VERSION"));
    Request::builder().header(HOST, authority).header(USER_AGENT, agent).header(ACCEPT, "*/*")
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, opened on demand.
pub(super) struct Connection {
    target: Arc<Target>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, sender: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// The file for a query, directly or by a job.
    pub(super) async fn ask(
        &mut self,
        query: &Prepared,
        longest: Duration,
    ) -> Result<File, Failure> {
        let asked = timeout(longest, self.follow(query)).await;
        let answer = asked.unwrap_or(Err(Failure::Timeout));
        if answer.is_err() {
            // Any response still in transit on it is obsolete.
            self.sender = None;
        }
        answer
    }

    async fn follow(&mut self, query: &Prepared) -> Result<File, Failure> {
        let answer = self.send(|| query.request()).await?;
        match answer.status() {
            StatusCode::OK => read(answer, false).await,
            StatusCode::ACCEPTED => {
                let location = answer.headers().get(LOCATION).and_then(|at| at.to_str().ok());
                let location = location.ok_or(Failure::Status(202))?.to_owned();
                finish(answer).await?;
                self.wait_for(&location).await
            }
            status => Err(Failure::Status(status.as_u16())),
        }
    }

    async fn wait_for(&mut self, location: &str) -> Result<File, Failure> {
        let path = format!("{location}?wait={WAIT_SECONDS}");
        loop {
            let request = || {
                let request = addressed(&self.target.authority).uri(&path);
                request.body(Full::default()).unwrap_or_default()
            };
            let request = request();
            let answer = self.send(move || request.clone()).await?;
            match answer.status() {
                StatusCode::OK => return read(answer, true).await,
                StatusCode::ACCEPTED => finish(answer).await?,
                // The record cannot be read now; the job continues.
                StatusCode::SERVICE_UNAVAILABLE => {
                    finish(answer).await?;
                    sleep(Duration::from_secs(1)).await;
                }
                status => return Err(Failure::Status(status.as_u16())),
            }
        }
    }

    async fn send(
        &mut self,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let kept = self.is_open();
        loop {
            self.connect().await?;
            let Some(sender) = &mut self.sender else { return Err(Failure::Connect) };
            if sender.ready().await.is_ok() {
                let mut error = match sender.try_send_request(request()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                // Otherwise nothing was sent: the server had closed the keep-alive connection.
                if error.take_message().is_none() || !kept {
                    return Err(Failure::Connect);
                }
            }
            self.sender = None;
        }
    }

    pub(super) async fn connect(&mut self) -> Result<(), Failure> {
        if self.is_open() {
            return Ok(());
        }
        let target = &self.target;
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await;
        let stream = stream.map_err(|_| Failure::Connect)?;
        let _ = stream.set_nodelay(true);
        let stream: Pin<Box<dyn Stream>> = match &target.tls {
            None => Box::pin(stream),
            Some(config) => {
                let name = ServerName::try_from(target.host.clone());
                let name = name.map_err(|_| Failure::Connect)?;
                let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                Box::pin(connected.map_err(|_| Failure::Connect)?)
            }
        };
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Connect)?;
        tokio::spawn(connection);
        self.sender = Some(sender);
        Ok(())
    }
}

/// Reads and discards a body, so that the connection can be reused.
async fn finish(answer: Response<Incoming>) -> Result<(), Failure> {
    answer.into_body().collect().await.map(drop).map_err(|_| Failure::Cut)
}

async fn read(answer: Response<Incoming>, by_job: bool) -> Result<File, Failure> {
    let mut body = answer.into_body();
    let (mut bytes, mut lines, mut hash) = (0, 0, crc32fast::Hasher::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Cut)?;
        if let Some(data) = frame.data_ref() {
            bytes += data.len() as u64;
            lines += data.iter().filter(|byte| **byte == b'\n').count() as u64;
            hash.update(data);
        }
    }
    Ok(File { rows: lines.saturating_sub(1), bytes, crc32: hash.finalize(), by_job })
}
