//! The access log: a line for each response, when its last byte has been sent.
//!
//! Lines are written by a thread of their own. Whatever the disk does, no response waits for it: lines
//! beyond those that wait are dropped, and counted.

mod line;
mod writer;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use airshed_common::Clock;
use http::header::{CONTENT_LENGTH, LOCATION, REFERER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::line::Line;
use self::writer::{Message, Output, write_all};
use crate::trace::REQUEST_ID;

/// Lines that wait to be written: those of about a second under the highest load.
const WAITING: usize = 20_000;

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The Common Log Format, with the request as it was sent.
    Common,
    /// The same, with referrer and user agent.
    Combined,
    /// An object for each response, which has a hash in place of the query.
    Json,
}

/// How much of clients' addresses is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// All of it.
    Full,
    /// The network: 24 bits of IPv4, 48 bits of IPv6.
    Short,
    /// Nothing.
    None,
}

/// A text is no name of a [`Form`] or of [`Addresses`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NameError(&'static str);

impl FromStr for Form {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "common" => Ok(Self::Common),
            "combined" => Ok(Self::Combined),
            "json" => Ok(Self::Json),
            _ => Err(NameError("common, combined or json")),
        }
    }
}

impl FromStr for Addresses {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "full" => Ok(Self::Full),
            "short" => Ok(Self::Short),
            "none" => Ok(Self::None),
            _ => Err(NameError("full, short or none")),
        }
    }
}

/// An open access log. Its clones write to the same file; when the last one is dropped, everything has
/// been written.
#[derive(Clone)]
pub struct AccessLog(Arc<Open>);

struct Open {
    form: Form,
    addresses: Addresses,
    clock: Clock,
    sender: Option<SyncSender<Message>>,
    /// Lines that could not wait.
    dropped: Arc<AtomicU64>,
    writer: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// Appends to a file, or writes to standard output if there is none.
    pub fn open(
        file: Option<PathBuf>,
        form: Form,
        addresses: Addresses,
        clock: Clock,
    ) -> io::Result<Self> {
        let output = Output::open(file)?;
        let (sender, receiver) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("access log".to_owned());
        let dropped = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&dropped);
        let writer = Some(writer.spawn(move || write_all(output, &receiver, &noted))?);
        Ok(Self(Arc::new(Open { form, addresses, clock, sender: Some(sender), dropped, writer })))
    }

    /// Opens the file again, after it was renamed. Waits while the disk does.
    pub fn reopen(&self) {
        if let Some(sender) = &self.0.sender {
            let _ = sender.send(Message::Reopen); // it ends only when this is dropped
        }
    }

    fn write(&self, line: &Line<'_>) {
        let Open { form, addresses, clock, sender, dropped, .. } = &*self.0;
        let text = line.text(*form, *addresses, clock());
        let sent = sender.as_ref().map(|sender| sender.try_send(Message::Line(text)));
        if let Some(Err(TrySendError::Full(_))) = sent {
            dropped.fetch_add(1, Relaxed);
            writer::count_lost(1);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// What handlers know of a request, an extension of it.
#[derive(Default)]
pub(super) struct Note {
    address: OnceLock<IpAddr>,
    key: OnceLock<String>,
    query: OnceLock<String>,
}

impl Note {
    pub(super) fn set_address(&self, address: IpAddr) {
        let _ = self.address.set(address);
    }

    pub(super) fn set_key(&self, name: &str) {
        let _ = self.key.set(name.to_owned());
    }

    /// A query in its canonical form.
    pub(super) fn set_query(&self, canonical: &str) {
        let _ = self.query.set(hash(canonical));
    }
}

/// The number of rows of a response, when it is known: an extension of the response.
#[derive(Clone, Default)]
pub(super) struct Rows(Arc<OnceLock<u64>>);

impl Rows {
    pub(super) fn of(rows: u64) -> Self {
        Self(Arc::new(rows.into()))
    }

    pub(super) fn set(&self, rows: u64) {
        let _ = self.0.set(rows);
    }
}

/// The first half of 64 bits in which equal queries are equal.
fn hash(query: &str) -> String {
    let digest = Sha256::digest(query.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A request whose line is written when this is dropped.
pub(super) struct Entry {
    log: AccessLog,
    begun: Instant,
    note: Arc<Note>,
    method: Method,
    uri: Uri,
    version: Version,
    referrer: Option<HeaderValue>,
    agent: Option<HeaderValue>,
    answered: OnceLock<Answered>,
}

struct Answered {
    status: u16,
    request: Option<HeaderValue>,
    location: Option<HeaderValue>,
    length: Option<u64>,
    rows: Option<Rows>,
}

impl Entry {
    pub(super) fn begin<B>(log: &AccessLog, request: &mut Request<B>) -> Self {
        let note = Arc::new(Note::default());
        request.extensions_mut().insert(Arc::clone(&note));
        let header = |name| request.headers().get(name).cloned();
        Self {
            log: log.clone(),
            begun: Instant::now(),
            note,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referrer: header(REFERER),
            agent: header(USER_AGENT),
            answered: OnceLock::new(),
        }
    }

    pub(super) fn answer<B>(&self, answer: &Response<B>) {
        let header = |name| answer.headers().get(name).cloned();
        let length = header(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let _ = self.answered.set(Answered {
            status: answer.status().as_u16(),
            request: header(REQUEST_ID),
            location: header(LOCATION),
            length,
            rows: answer.extensions().get().cloned(),
        });
    }

    /// Writes the line. `is_whole`: the body has ended.
    pub(super) fn end(&self, bytes: u64, is_whole: bool) {
        let answered = self.answered.get();
        let length = answered.and_then(|answered| answered.length);
        self.log.write(&Line {
            address: self.note.address.get().copied(),
            key: self.note.key.get().map(String::as_str),
            method: &self.method,
            uri: &self.uri,
            version: self.version,
            referrer: self.referrer.as_ref(),
            agent: self.agent.as_ref(),
            query: self.note.query.get().cloned().or_else(|| self.uri.query().map(hash)),
            status: answered.map(|answered| answered.status),
            bytes,
            is_whole: is_whole || length.is_some_and(|length| bytes >= length),
            rows: answered.and_then(|answered| answered.rows.as_ref()?.0.get().copied()),
            took: self.begun.elapsed(),
            location: answered.and_then(|answered| answered.location.as_ref()),
            request: answered.and_then(|answered| answered.request.as_ref()),
        });
    }
}
