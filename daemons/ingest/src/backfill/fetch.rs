//! Fetches files of the archive: one after the other, over one connection, with pauses.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::Date;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, StatusCode, Url};
use tokio::time::{Instant, sleep, sleep_until};

use super::archive::{Files, Named, names_in};
use super::copies::{Copies, Copy, Version};
use super::unread::{Known, state_of_bytes};

/// Longer than any file of a day.
const MOST_BYTES: usize = 256 << 20;

/// Attempts for a file, and the first pause between them, which doubles.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Files that fail one after the other: then the server is at fault.
pub(super) const MOST_IN_ROW: u32 = 5;

/// A client of the archive's server.
pub(super) struct Fetcher {
    base: Url,
    client: Client,
    /// Where what is fetched is kept.
    copies: Option<Copies>,
    pause: Duration,
    next: Instant,
    /// Files that failed one after the other, perhaps by the server's fault.
    failed_in_row: u32,
}

/// A file that was fetched.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    pub(super) body: Bytes,
    /// The address that was asked for.
    pub(super) address: String,
    version: Version,
    /// Where it came from in the end.
    from: Url,
}

impl Fetched {
    pub(super) fn known(&self) -> Known {
        let state = self.version.text().unwrap_or_else(|| state_of_bytes(&self.body));
        Known { address: self.address.clone(), state }
    }
}

/// The files of a day: the address of their folder, and their names.
pub(super) type Listed = (Url, Vec<Named>);

/// What could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{address}")]
pub(super) struct FetchError {
    address: String,
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
    #[error("it is larger than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("`{0}` is not a name")]
    Name(String),
    #[error("a copy cannot be kept")]
    Copy(#[from] io::Error),
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
            Self::Later(..) | Self::Copy(_) => true,
            _ => false,
        }
    }

    /// Whether the file itself is the reason: it fails again until it changes.
    pub(super) fn is_of_file(&self) -> bool {
        match self {
            Self::Status(StatusCode::REQUEST_TIMEOUT) => false,
            Self::Status(status) => status.is_client_error() && !self.ends_all(),
            Self::TooLarge => true,
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
    pub(super) fn new(
        base: &Url,
        contact: Option<&str>,
        pause: Duration,
        copies: Option<&Path>,
    ) -> Result<Self, reqwest::Error> {
        let client = crate::source::client(contact)?;
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let copies = copies.map(|folder| Copies::new(folder, &base));
        Ok(Self { base, client, copies, pause, next: Instant::now(), failed_in_row: 0 })
    }

    /// The files of a day: in the folder of the day or, of earlier years, below that of the year.
    /// `None` if there is neither.
    pub(super) async fn list(
        &mut self,
        date: Date,
        files: &Files,
    ) -> Result<Option<Listed>, FetchError> {
        for folder in [format!("{date}/"), format!("{}/{date}/", date.year())] {
            let url = joined(&self.base, &folder)?;
            match self.ask(Method::GET, &url).await {
                Ok(listing) => {
                    let names = names_in(&String::from_utf8_lossy(&listing.body), date, files);
                    return Ok(Some((listing.from, names)));
                }
                Err(FetchError { why: Why::Status(StatusCode::NOT_FOUND), .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub(super) async fn file(&mut self, folder: &Url, name: &str) -> Result<Fetched, FetchError> {
        let fetched = self.ask(Method::GET, &joined(folder, name)?).await;
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
        flushed.map_err(|error| Why::Copy(error).at(&self.base))
    }

    /// A file as it is now, without its bytes if the server says anything about it.
    pub(super) async fn known(&mut self, address: &str) -> Result<Known, FetchError> {
        let url = Url::parse(address);
        let url = url.map_err(|_| Why::Name(address.to_owned()).at(address))?;
        let answered = match self.ask(Method::HEAD, &url).await {
            Ok(head) if head.version.text().is_some() => Ok(head),
            Err(FetchError {
                why: Why::Status(StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED),
                ..
            })
            | Ok(_) => self.ask(Method::GET, &url).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(fetched) => Ok(fetched.known()),
            Err(FetchError { why, .. }) if why.is_of_file() => {
                Ok(Known { address: address.to_owned(), state: why.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    /// The same of a file in a folder; `None` if it cannot be found out.
    pub(super) async fn known_in(&mut self, folder: &Url, name: &str) -> Option<Known> {
        let url = joined(folder, name).ok()?;
        self.known(url.as_str()).await.ok()
    }

    async fn ask(&mut self, method: Method, url: &Url) -> Result<Fetched, FetchError> {
        self.ask_again(method, url).await.map_err(|why| why.at(url))
    }

    /// Asks, again where that may help.
    async fn ask_again(&mut self, method: Method, url: &Url) -> Result<Fetched, Why> {
        let copy = match &mut self.copies {
            Some(copies) if method == Method::GET => copies.get(url)?,
            _ => None,
        };
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            sleep_until(self.next).await;
            self.next = Instant::now() + self.pause;
            let (error, wished) = match self.try_once(&method, url, copy.as_ref()).await {
                Ok((fetched, is_new)) => {
                    if let Some(copies) = self.copies.as_mut().filter(|_| is_new) {
                        copies.put(url, &fetched.body, fetched.version.clone())?;
                    }
                    return Ok(fetched);
                }
                Err(failed) => failed,
            };
            let may_pass = match &error {
                Why::Status(status) => {
                    status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
                }
                Why::Transport(_) => true,
                Why::TooLarge | Why::Name(_) | Why::Later(..) | Why::Copy(_) => false,
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

    /// Also whether it is new, and no copy; on failure the pause that the server wishes.
    async fn try_once(
        &self,
        method: &Method,
        url: &Url,
        copy: Option<&Copy>,
    ) -> Result<(Fetched, bool), (Why, Option<Duration>)> {
        let transport = |error: reqwest::Error| (Why::Transport(error.without_url()), None);
        let conditions = copy.map(|copy| copy.version.conditions()).unwrap_or_default();
        let request = self.client.request(method.clone(), url.clone()).headers(conditions);
        let mut response = request.send().await.map_err(transport)?;
        let (address, from) = (url.to_string(), response.url().clone());
        if let Some(Copy { version, body }) = copy
            && response.status() == StatusCode::NOT_MODIFIED
        {
            let (version, body) = (version.clone(), body.clone());
            return Ok((Fetched { body, address, version, from }, false));
        }
        if response.status() != StatusCode::OK {
            let wished = response.headers().get(RETRY_AFTER);
            let seconds = wished.and_then(|wished| wished.to_str().ok()?.parse().ok());
            return Err((Why::Status(response.status()), seconds.map(Duration::from_secs)));
        }
        let version = Version::of(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err((Why::TooLarge, None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((Fetched { body: body.into(), address, version, from }, method == Method::GET))
    }
}

fn joined(base: &Url, name: &str) -> Result<Url, FetchError> {
    base.join(name).map_err(|_| Why::Name(name.to_owned()).at(base))
}
