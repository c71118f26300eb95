//! The client, used by commands.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airshed_ingest::retention::Expired;
use bytes::Bytes;
use http::header::{HOST, TE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::csv::Dialect;
use store::{Column, Encoder, Format, Memory, Migration, Pages, Query, Reading, Store};

use super::{DOUBTFUL, LEFT_OUT, ROWS, socket};
use crate::transfer::{self, Exported};

/// A connection to the process that has the store open.
pub struct Client {
    path: PathBuf,
    requests: SendRequest<Full<Bytes>>,
}

/// Why a command failed, or the error of the other process.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made.
    #[error("cannot connect to {path}{}", advice(.cause))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
    /// The connection was lost.
    #[error(
        "the connection to {path} was lost; the process that has the store open may have \
             exited"
    )]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: hyper::Error,
    },
    /// The process that has the store open is of another version.
    #[error("the process that has the store open does not support this command: {0}; restart it")]
    Unknown(String),
    /// The process that has the store open refused, or failed.
    #[error("the process that has the store open answered: {0}")]
    Refused(String),
    /// The output failed.
    #[error("cannot write")]
    Write(#[source] io::Error),
    /// The readings could not be sent.
    #[error("the readings could not be sent")]
    Encode(#[from] transfer::ExportError),
}

impl ClientError {
    /// Whether there is no socket, or no process listens on it.
    pub fn nobody_listens(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        let kind = match self {
            Self::Connect { cause, .. } => cause.kind(),
            _ => return false,
        };
        matches!(kind, NotFound | ConnectionRefused)
    }

    /// Whether the process that has the store open seems to have exited.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Broken { .. }) || self.nobody_listens()
    }
}

/// A process of another version may omit a member.
fn number_in(message: &Value, name: &str) -> Result<u64, ClientError> {
    message[name]
        .as_u64()
        .ok_or_else(|| ClientError::Unknown(format!("its response has no `{name}`")))
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "; only its user and root have permission",
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "(an export, or a process that is shutting down, has no control socket): try again \
             when it has exited"
        }
        _ => "",
    }
}

impl Client {
    /// Connects to a socket.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = socket::connect(path)
            .await
            .map_err(|cause| ClientError::Connect { path: path.to_owned(), cause })?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (requests, connection) =
            shaken.map_err(|cause| ClientError::Broken { path: path.to_owned(), cause })?;
        tokio::spawn(connection); // ends with the last request
        Ok(Self { path: path.to_owned(), requests })
    }

    /// Writes the file for the fields of a query string; returns its numbers.
    pub async fn export(
        &mut self,
        fields: &str,
        output: &mut (impl Write + ?Sized),
    ) -> Result<Exported, ClientError> {
        let answer = self.ask(Method::GET, &format!("/v1/export?{fields}"), Bytes::new()).await?;
        let (mut body, mut done) = (answer.into_body(), Exported::default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|cause| self.broken(cause))?;
            if let Some(bytes) = frame.data_ref() {
                output.write_all(bytes).map_err(ClientError::Write)?;
            } else if let Some(trailers) = frame.trailers_ref() {
                let told = |name| trailers.get(name)?.to_str().ok()?.parse().ok();
                let [rows, doubtful, left_out] = [ROWS, DOUBTFUL, LEFT_OUT].map(told);
                (done.rows, done.left_out) = (rows.unwrap_or(done.rows), left_out);
                done.doubtful = doubtful.unwrap_or(done.doubtful);
            }
        }
        output.flush().map_err(ClientError::Write)?;
        Ok(done)
    }

    /// The description to put beside an exported file with this percent-encoded name, for the fields
    /// of its query string and its numbers; `None` if the file contains it.
    pub async fn sidecar(
        &mut self,
        fields: &str,
        file: &str,
        exported: Exported,
    ) -> Result<Option<String>, ClientError> {
        let mut own = form_urlencoded::Serializer::new(String::new());
        let Exported { rows, doubtful, left_out } = exported;
        own.append_pair("file", file);
        let numbers = [("rows", Some(rows)), ("doubtful", Some(doubtful)), ("left_out", left_out)];
        for (name, number) in numbers {
            own.extend_pairs(number.map(|number| (name, number.to_string())));
        }
        let own = own.finish();
        let path = format!("/v1/sidecar?{own}&{fields}");
        let answer = self.ask(Method::GET, &path, Bytes::new()).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let message = answer.into_body().collect().await.map_err(|cause| self.broken(cause))?;
        Ok(Some(String::from_utf8_lossy(&message.to_bytes()).into_owned()))
    }

    /// Puts readings into the store, atomically; they are durable when this returns.
    pub async fn put(&mut self, batch: &[Reading]) -> Result<(), ClientError> {
        self.import("/v1/import", batch).await
    }

    /// The same of means, beside those that are there (see [`airshed_ingest::put_means`]).
    pub async fn put_means(&mut self, batch: &[Reading]) -> Result<(), ClientError> {
        self.import("/v1/import?means=true", batch).await
    }

    /// The same of means of some sensors (see [`airshed_ingest::put_means_of_some`]).
    pub async fn put_means_of_some(&mut self, batch: &[Reading]) -> Result<(), ClientError> {
        self.import("/v1/import?means=some", batch).await
    }

    async fn import(&mut self, path: &str, batch: &[Reading]) -> Result<(), ClientError> {
        // Sent as CSV with all columns, which is lossless.
        let memory = Memory::new();
        memory.put(batch).await.map_err(transfer::ExportError::Store)?;
        let encoder = Encoder::new(Format::Csv(Dialect::DEFAULT), Column::ALL, "");
        let encoder = encoder.map_err(transfer::ExportError::Store)?;
        let (mut rows, pages) = (Vec::new(), Pages::new(Arc::new(memory), Query::everything()));
        transfer::export(pages, encoder, &mut rows, |_| {}).await?;
        self.ask(Method::POST, path, rows.into()).await.map(drop)
    }

    /// Deletes all readings before a timestamp; returns their number.
    pub async fn delete_before(&mut self, moment: Timestamp) -> Result<u64, ClientError> {
        let path = format!("/v1/delete?before={moment}");
        self.number(Method::POST, &path, "deleted").await
    }

    /// What is stored, and how much of it is older than a timestamp.
    pub async fn expired(&mut self, horizon: Timestamp) -> Result<Expired, ClientError> {
        let message = self.json(Method::GET, &format!("/v1/expired?before={horizon}")).await?;
        let stored = number_in(&message, "readings")?;
        let time = |name: &str| message[name].as_str().and_then(|text| text.parse().ok());
        let (extent, expired) = (time("first").zip(time("last")), number_in(&message, "expired")?);
        Ok(Expired { stored, extent, expired })
    }

    /// The number of stored readings.
    pub async fn readings(&mut self) -> Result<u64, ClientError> {
        self.number(Method::GET, "/v1/status", "readings").await
    }

    /// How long the process keeps readings; `None`: for ever, or it is of a version that does not say.
    pub async fn keep(&mut self) -> Result<Option<SignedDuration>, ClientError> {
        let status = self.json(Method::GET, "/v1/status").await?;
        Ok(status["keepSeconds"].as_i64().map(SignedDuration::from_secs))
    }

    /// One step of the store's [migration](store::Store::migrate).
    pub async fn migrate(&mut self) -> Result<Migration, ClientError> {
        let message = self.json(Method::POST, "/v1/migrate").await?;
        let (left, readings) = (number_in(&message, "left")?, number_in(&message, "readings")?);
        Ok(Migration { left, readings })
    }

    async fn number(&mut self, method: Method, path: &str, name: &str) -> Result<u64, ClientError> {
        number_in(&self.json(method, path).await?, name)
    }

    async fn json(&mut self, method: Method, path: &str) -> Result<Value, ClientError> {
        let answer = self.ask(method, path, Bytes::new()).await?;
        let message = answer.into_body().collect().await.map_err(|cause| self.broken(cause))?;
        Ok(serde_json::from_slice(&message.to_bytes()).unwrap_or_default())
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(HOST, "airshed").header(TE, "trailers").body(Full::new(body));
        let request = request.map_err(|error| ClientError::Refused(error.to_string()))?;
        self.requests.ready().await.map_err(|cause| self.broken(cause))?;
        let answer = self.requests.send_request(request).await;
        let answer = answer.map_err(|cause| self.broken(cause))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let message = answer.into_body().collect().await.map_err(|cause| self.broken(cause))?;
        let message = String::from_utf8_lossy(&message.to_bytes()).into_owned();
        Err(match status {
            StatusCode::NOT_FOUND => ClientError::Unknown(message),
            _ => ClientError::Refused(message),
        })
    }

    fn broken(&self, cause: hyper::Error) -> ClientError {
        ClientError::Broken { path: self.path.clone(), cause }
    }
}
