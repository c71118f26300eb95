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

/// A client of the archive's server.
pub(super) struct Fetcher {
    base: Url,
    client: Client,
    /// Where what is fetched is kept.
    copies: Option<Copies>,
    pause: Duration,
    next: Instant,
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

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
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

impl FetchError {
    /// Whether the server refuses this client, so that further requests are of no use.
    pub(super) fn is_refusal(&self) -> bool {
        let refused =
            [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
        match self {
            Self::Status(status) => refused.contains(status),
            Self::Later(..) => true,
            _ => false,
        }
    }

    /// Whether a backfill cannot go on.
    pub(super) fn ends_all(&self) -> bool {
        self.is_refusal() || matches!(self, Self::Copy(_))
    }

    /// Whether the file itself is the reason: it fails again until it changes.
    pub(super) fn is_of_file(&self) -> bool {
        match self {
            Self::Status(StatusCode::REQUEST_TIMEOUT) => false,
            Self::Status(status) => status.is_client_error() && !self.is_refusal(),
            Self::TooLarge => true,
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
        Ok(Self { base, client, copies, pause, next: Instant::now() })
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
                Err(FetchError::Status(StatusCode::NOT_FOUND)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub(super) async fn file(&mut self, folder: &Url, name: &str) -> Result<Fetched, FetchError> {
        self.ask(Method::GET, &joined(folder, name)?).await
    }

    /// Writes down which copies there are.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.copies.as_mut().map_or(Ok(()), Copies::flush)
    }

    /// A file as it is now, without its bytes if the server says anything about it.
    pub(super) async fn known(&mut self, address: &str) -> Result<Known, FetchError> {
        let url = Url::parse(address).map_err(|_| FetchError::Name(address.to_owned()))?;
        let answered = match self.ask(Method::HEAD, &url).await {
            Ok(head) if head.version.text().is_some() => Ok(head),
            Err(FetchError::Status(
                StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED,
            ))
            | Ok(_) => self.ask(Method::GET, &url).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(fetched) => Ok(fetched.known()),
            Err(error) if error.is_of_file() => {
                Ok(Known { address: address.to_owned(), state: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    /// The same of a file in a folder; `None` if it cannot be found out.
    pub(super) async fn known_in(&mut self, folder: &Url, name: &str) -> Option<Known> {
        let url = joined(folder, name).ok()?;
        self.known(url.as_str()).await.ok()
    }

    /// Asks, again where that may help.
    async fn ask(&mut self, method: Method, url: &Url) -> Result<Fetched, FetchError> {
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
                FetchError::Status(status) => {
                    status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
                }
                FetchError::Transport(_) => true,
                FetchError::TooLarge
                | FetchError::Name(_)
                | FetchError::Later(..)
                | FetchError::Copy(_) => false,
            };
            let pause_now = wished.unwrap_or(pause);
            if !may_pass || attempt == ATTEMPTS {
                return Err(error);
            }
            if pause_now > LONGEST_PAUSE {
                return Err(match error {
                    FetchError::Status(status) => FetchError::Later(status, pause_now),
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
    ) -> Result<(Fetched, bool), (FetchError, Option<Duration>)> {
        let transport = |error: reqwest::Error| (FetchError::Transport(error.without_url()), None);
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
            return Err((FetchError::Status(response.status()), seconds.map(Duration::from_secs)));
        }
        let version = Version::of(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err((FetchError::TooLarge, None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((Fetched { body: body.into(), address, version, from }, method == Method::GET))
    }
}

fn joined(base: &Url, name: &str) -> Result<Url, FetchError> {
    base.join(name).map_err(|_| FetchError::Name(name.to_owned()))
}
