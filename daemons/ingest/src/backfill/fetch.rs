//! Fetches files of the archive: one after the other, over one connection, with pauses.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::time::Duration;

use airshed_common::Disk;
use bytes::Bytes;
use jiff::civil::Date;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, Response, StatusCode, Url};
use tokio::time::{Instant, sleep, sleep_until};

use super::Backfill;
use super::archive::{Files, Named, names_in};
use super::copies::{Copies, Copy, Version};
use super::layout::{self, Days, Layout};

use super::unread::{Known, state_of_bytes};

/// Longer than any file of a day, which is in memory as a whole.
const MOST_BYTES: u64 = 256 << 20;

/// Longer than any file of a month, which is in a temporary file, and how long one may take.
const MOST_OF_MONTH: u64 = 32 << 30;
const LONGEST_OF_MONTH: Duration = Duration::from_secs(12 * 3600);

/// Attempts for a file, and the first pause between them, which doubles.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Files that fail one after the other: then the server is at fault.
pub(super) const MOST_IN_ROW: u32 = 5;

/// A client of the archive's server.
pub(super) struct Fetcher {
    layout: Layout,
    client: Client,
    /// Where what is fetched is kept.
    copies: Option<Copies>,
    /// The disk of temporary files.
    temporary: Disk,
    pause: Duration,
    next: Instant,
    /// Files that failed one after the other, perhaps by the server's fault.
    failed_in_row: u32,
}

/// Where the bytes of what is fetched go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Into {
    Memory,
    File,
}

#[derive(Debug)]
enum Body {
    Memory(Bytes),
    /// At its start.
    File(File),
}

/// A file that was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    body: Body,
    /// The address that was asked for.
    pub(super) address: String,
    version: Version,
    /// Where it came from in the end.
    from: Url,
}

impl Fetched {
    pub(super) fn known(&self) -> io::Result<Known> {
        let state = match (self.version.text(), &self.body) {
            (Some(text), _) => text,
            (None, Body::Memory(bytes)) => state_of_bytes(&bytes[..])?,
            (None, Body::File(file)) => {
                let mut file = file;
                io::Seek::rewind(&mut file)?;
                state_of_bytes(file)?
            }
        };
        Ok(Known { address: self.address.clone(), state })
    }

    /// Its bytes, once.
    pub(super) fn read(&self) -> Box<dyn Read + '_> {
        match &self.body {
            Body::Memory(bytes) => Box::new(&bytes[..]),
            Body::File(file) => Box::new(file),
        }
    }

    /// Of a listing, which is in memory.
    fn text(&self) -> std::borrow::Cow<'_, str> {
        match &self.body {
            Body::Memory(bytes) => String::from_utf8_lossy(bytes),
            Body::File(_) => "".into(),
        }
    }
}

/// The files of a day: the address of their folder, and their names.
pub(super) type Listed = (Url, Vec<Named>);

/// What could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{address}")]
pub(super) struct FetchError {
    pub(super) address: String,
    #[source]
    pub(super) why: Why,
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("no complete response")]
    Transport(#[source] reqwest::Error),
    #[error("the server answered {0}, and asks to wait for {1:?}: continue then")]
    Later(StatusCode, Duration),
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("`{0}` is not a name")]
    Name(String),
    #[error("a copy cannot be kept")]
    Copy(#[source] io::Error),
    #[error("a temporary file")]
    Local(#[source] io::Error),
}

impl Why {
    /// Of what is at an address.
    fn at(self, address: impl ToString) -> FetchError {
        FetchError { address: address.to_string(), why: self }
    }

    /// Whether a backfill cannot go on: the server asks this client to wait, or the disk is full.
    pub(super) fn ends_all(&self) -> bool {
        match self {
            Self::Status(status) => *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Later(..) | Self::Copy(_) | Self::Local(_) => true,
            _ => false,
        }
    }

    /// Whether the file itself is the reason: it fails again until it changes.
    pub(super) fn is_of_file(&self) -> bool {
        match self {
            Self::Status(StatusCode::REQUEST_TIMEOUT) => false,
            Self::Status(status) => status.is_client_error() && !self.ends_all(),
            Self::TooLarge(_) => true,
            _ => false,
        }
    }

    /// Whether the server may fail for every file, and not for this one only.
    pub(super) fn may_be_of_server(&self) -> bool {
        let of_file =
            [StatusCode::NOT_FOUND, StatusCode::GONE, StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS];
        match self {
            Self::Status(status) => !of_file.contains(status),
            Self::Transport(_) => true,
            _ => false,
        }
    }
}

impl Fetcher {
    pub(super) fn new(base: &Url, backfill: &Backfill) -> Result<Self, reqwest::Error> {
        let client = crate::source::client(&backfill.client)?;
        let layout = Layout::of(base);
        let copies = backfill.copies.as_deref();
        let copies = copies.map(|folder| Copies::new(folder, &layout.root));
        let temporary = backfill.disk.holding(&std::env::temp_dir());
        let (pause, next) = (backfill.pause, Instant::now());
        Ok(Self { layout, client, copies, temporary, pause, next, failed_in_row: 0 })
    }

    /// The files of a day; `None` if it has no folder.
    pub(super) async fn list(
        &mut self,
        date: Date,
        files: &Files,
    ) -> Result<Option<Listed>, FetchError> {
        for folder in self.layout.of_day(date) {
            if let Some(listing) = self.listing(&folder).await? {
                let names = names_in(&listing.text(), date, files);
                return Ok(Some((listing.from, names)));
            }
        }
        Ok(None)
    }

    /// The files of a month, if the archive has no folders of days: those in zip or, if there are
    /// none, in Parquet. Where it has, a missing day is no reason to fetch gigabytes.
    pub(super) async fn list_month(
        &mut self,
        month: Date,
        files: &Files,
    ) -> Result<Vec<(Url, Named)>, FetchError> {
        if self.layout.days == Days::Unknown {
            self.layout.days = match self.listing("").await {
                Ok(Some(listing)) => layout::days_in(&listing.text()),
                Err(error) if !error.why.is_of_file() => return Err(error),
                Ok(None) | Err(_) => Days::Unlisted,
            };
        }
        let mut found = Vec::new();
        if self.layout.days == Days::There {
            return Ok(found);
        }
        if let Some(folder) = self.layout.csv_of(month)
            && let Some(listing) = self.listing(&folder).await?
        {
            self.add(&mut found, &listing.from, layout::months_in(&listing.text(), month, files))?;
        }
        if let Some(folder) = self.layout.parquet_of(month).filter(|_| found.is_empty())
            && let Some(types) = self.listing(&folder).await?
        {
            for kind in layout::types_in(&types.text(), files) {
                let Some(listing) = self.listing(&format!("{folder}{kind}/")).await? else {
                    continue;
                };
                let parts = layout::parts_in(&listing.text(), month, &kind, files);
                self.add(&mut found, &listing.from, parts)?;
            }
        }
        Ok(found)
    }

    /// Adds the files of a folder that belong to what is asked for.
    fn add(
        &self,
        found: &mut Vec<(Url, Named)>,
        folder: &Url,
        named: Vec<Named>,
    ) -> Result<(), FetchError> {
        for named in named {
            let url = joined(folder, &named.name)?;
            if self.layout.has(&url) {
                found.push((url, named));
            }
        }
        Ok(())
    }

    /// `None` if there is no such folder.
    async fn listing(&mut self, folder: &str) -> Result<Option<Fetched>, FetchError> {
        match self.ask(Method::GET, &joined(&self.layout.root, folder)?, Into::Memory).await {
            Ok(listing) => Ok(Some(listing)),
            Err(FetchError { why: Why::Status(StatusCode::NOT_FOUND), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file of a day, into memory.
    pub(super) async fn file(&mut self, folder: &Url, name: &str) -> Result<Fetched, FetchError> {
        let fetched = self.ask(Method::GET, &joined(folder, name)?, Into::Memory).await;
        self.noted(fetched)
    }

    /// A file of a month, into a temporary file.
    pub(super) async fn month(&mut self, url: &Url) -> Result<Fetched, FetchError> {
        let fetched = self.ask(Method::GET, url, Into::File).await;
        self.noted(fetched)
    }

    fn noted(&mut self, fetched: Result<Fetched, FetchError>) -> Result<Fetched, FetchError> {
        self.failed_in_row = match &fetched {
            Err(error) if error.why.may_be_of_server() => self.failed_in_row + 1,
            _ => 0,
        };
        fetched
    }

    /// Whether it seems that the server fails for every file.
    pub(super) fn is_failing(&self) -> bool {
        self.failed_in_row >= MOST_IN_ROW
    }

    /// Writes down which copies there are.
    pub(super) fn flush(&mut self) -> Result<(), FetchError> {
        let flushed = self.copies.as_mut().map_or(Ok(()), Copies::flush);
        flushed.map_err(|error| Why::Copy(error).at(&self.layout.root))
    }

    /// A file as it is now, without its bytes if the server says anything about it.
    pub(super) async fn known(&mut self, address: &str) -> Result<Known, FetchError> {
        let url = Url::parse(address);
        let url = url.map_err(|_| Why::Name(address.to_owned()).at(address))?;
        let answered = match self.ask(Method::HEAD, &url, Into::Memory).await {
            Ok(head) if head.version.text().is_some() => Ok(head),
            Err(FetchError {
                why: Why::Status(StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED),
                ..
            })
            | Ok(_) => self.ask(Method::GET, &url, Into::File).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(fetched) => fetched.known().map_err(|error| Why::Local(error).at(address)),
            Err(FetchError { why, .. }) if why.is_of_file() => {
                Ok(Known { address: address.to_owned(), state: why.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(&mut self, method: Method, url: &Url, into: Into) -> Result<Fetched, FetchError> {
        self.ask_again(method, url, into).await.map_err(|why| why.at(url))
    }

    /// Asks, again where that may help.
    async fn ask_again(&mut self, method: Method, url: &Url, into: Into) -> Result<Fetched, Why> {
        let copy = match &mut self.copies {
            Some(copies) if method == Method::GET => copies.get(url).map_err(Why::Copy)?,
            _ => None,
        };
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            sleep_until(self.next).await;
            self.next = Instant::now() + self.pause;
            let (error, wished) = match self.try_once(&method, url, copy.as_ref(), into).await {
                Ok(fetched) => return Ok(fetched),
                Err(failed) => failed,
            };
            let may_pass = match &error {
                Why::Status(status) => {
                    status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
                }
                Why::Transport(_) => true,
                Why::TooLarge(_) | Why::Name(_) | Why::Later(..) | Why::Copy(_) | Why::Local(_) => {
                    false
                }
            };
            let pause_now = wished.unwrap_or(pause);
            if !may_pass || attempt == ATTEMPTS {
                return Err(error);
            }
            if pause_now > LONGEST_PAUSE {
                return Err(match error {
                    Why::Status(status) => Why::Later(status, pause_now),
                    error => error,
                });
            }
            sleep(pause_now).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    /// On failure also the pause that the server wishes.
    async fn try_once(
        &mut self,
        method: &Method,
        url: &Url,
        copy: Option<&Copy>,
        into: Into,
    ) -> Result<Fetched, (Why, Option<Duration>)> {
        let now = |why: Why| (why, None);
        let conditions = copy.map(|copy| copy.version.conditions()).unwrap_or_default();
        let mut request = self.client.request(method.clone(), url.clone()).headers(conditions);
        if into == Into::File {
            request = request.timeout(LONGEST_OF_MONTH);
        }
        let response = request.send().await.map_err(transport).map_err(now)?;
        let (address, from) = (url.to_string(), response.url().clone());
        if let Some(Copy { version, path }) = copy
            && response.status() == StatusCode::NOT_MODIFIED
        {
            let body = match into {
                Into::Memory => fs::read(path).map(|bytes| Body::Memory(bytes.into())),
                Into::File => File::open(path).map(Body::File),
            };
            let body = body.map_err(Why::Copy).map_err(now)?;
            return Ok(Fetched { body, address, version: version.clone(), from });
        }
        if response.status() != StatusCode::OK {
            let wished = response.headers().get(RETRY_AFTER);
            let seconds = wished.and_then(|wished| wished.to_str().ok()?.parse().ok());
            return Err((Why::Status(response.status()), seconds.map(Duration::from_secs)));
        }
        let version = Version::of(response.headers());
        let copies = self.copies.as_mut().filter(|_| method == Method::GET);
        let body = match into {
            Into::Memory => {
                let body = in_memory(response).await.map_err(now)?;
                if let Some(copies) = copies {
                    copies.put(url, &body, version.clone()).map_err(Why::Copy).map_err(now)?;
                }
                Body::Memory(body)
            }
            Into::File => {
                let file = match &copies {
                    Some(copies) => copies.file_for(url).map_err(Why::Copy).map_err(now)?,
                    None => None,
                };
                Body::File(match (file, copies) {
                    (Some(mut file), Some(copies)) => {
                        let kept = file.as_file_mut();
                        into_file(response, kept, &Disk::default(), Why::Copy)
                            .await
                            .map_err(now)?;
                        copies
                            .put_file(url, file, version.clone())
                            .map_err(Why::Copy)
                            .map_err(now)?
                    }
                    _ => {
                        let mut file = tempfile::tempfile().map_err(Why::Local).map_err(now)?;
                        into_file(response, &mut file, &self.temporary, Why::Local)
                            .await
                            .map_err(now)?;
                        file
                    }
                })
            }
        };
        Ok(Fetched { body, address, version, from })
    }
}

fn transport(error: reqwest::Error) -> Why {
    Why::Transport(error.without_url())
}

async fn in_memory(mut response: Response) -> Result<Bytes, Why> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if (body.len() + chunk.len()) as u64 > MOST_BYTES {
            return Err(Why::TooLarge(MOST_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// `failed`: what a failure to write is.
async fn into_file(
    mut response: Response,
    file: &mut File,
    disk: &Disk,
    failed: fn(io::Error) -> Why,
) -> Result<(), Why> {
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        bytes += chunk.len() as u64;
        if bytes > MOST_OF_MONTH {
            return Err(Why::TooLarge(MOST_OF_MONTH));
        }
        disk.bound(&mut *file).write_all(&chunk).map_err(failed)?;
    }
    io::Seek::rewind(file).map_err(failed)
}

fn joined(base: &Url, name: &str) -> Result<Url, FetchError> {
    base.join(name).map_err(|_| Why::Name(name.to_owned()).at(base))
}
