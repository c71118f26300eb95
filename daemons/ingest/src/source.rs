//! The source of the feed: a URL, with conditional requests and a contact, or a file.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use reqwest::header::{LAST_MODIFIED, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use store::Window;
use tokio::io::AsyncReadExt;

/// The feed's location: `http(s)://…` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Fetched over HTTP.
    Url(Url),
    /// Read from the file system.
    File(PathBuf),
}

impl Source {
    /// The averaging period of the operator's known paths; `None` for others.
    ///
    /// Means over 24 hours and one hour have files of their own; all other files, and the
    /// answers to `/airrohr/v1/filter/…` and `/airrohr/v1/sensor/…`, are of five minutes.
    pub fn usual_window(&self) -> Option<Window> {
        let path = match self {
            Self::Url(url) => Cow::Borrowed(url.path()),
            Self::File(path) => path.to_string_lossy(),
        };
        let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
        let (name, folder) = (parts.next()?, parts.next().unwrap_or_default());
        let filter = ["type=", "area=", "box=", "country="];
        match name {
            "data.24h.json" => Some(Window::Day24),
            "data.1h.json" => Some(Window::Hour),
            "data.json" | "data.dust.min.json" | "data.temp.min.json" => Some(Window::FiveMinutes),
            _ if path.contains("/airrohr/v1/") && ["filter", "sensor"].contains(&folder) => {
                Some(Window::FiveMinutes)
            }
            // The file name of a downloaded filter result.
            _ if filter
                .iter()
                .any(|key| name.strip_prefix("filter-").unwrap_or(name).starts_with(key)) =>
            {
                Some(Window::FiveMinutes)
            }
            _ => None,
        }
    }

    /// Whether fetching needs a contact in the `User-Agent`, as Sensor.Community requires: for any
    /// server except one on this machine.
    pub fn needs_contact(&self) -> bool {
        let Self::Url(url) = self else { return false };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        !loopback && host != "localhost"
    }
}

impl FromStr for Source {
    type Err = BadSource;

    fn from_str(text: &str) -> Result<Self, BadSource> {
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(BadSource) } else { Ok(Self::File(path.into())) };
        }
        let url = Url::parse(text).map_err(|_| BadSource)?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self::Url(url)),
            _ => Err(BadSource),
        }
    }
}

/// The URL without possible secrets: user, password and query values.
fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Setting them cannot fail for a URL with a host.
        let _ = shown.set_username("redacted").and_then(|()| shown.set_password(None));
    }
    if url.query().is_some() {
        let names = url.query_pairs().map(|(name, _)| (name.into_owned(), "redacted"));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(names).finish();
        shown.set_query(Some(&query));
    }
    shown.set_fragment(None);
    shown.into()
}

/// As a log shows it: without secrets.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&redacted(url)),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// The text is not a feed location.
#[derive(Debug, thiserror::Error)]
#[error("a feed is http://…, https://… or file:PATH")]
pub struct BadSource;

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The response was incomplete or missing.
    #[error("no complete response")]
    Transport(#[source] reqwest::Error),
    /// The server refused or failed.
    #[error("the server answered {status}")]
    Status {
        /// Its status.
        status: StatusCode,
        /// The delay that it requests (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The body exceeds the size limit.
    #[error("the response is larger than {MAX_FEED_BYTES} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for FetchError {
    /// Without the URL, which may hold secrets.
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url())
    }
}

/// Ten times the largest existing feed.
const MAX_FEED_BYTES: usize = 512 << 20;

/// A fetcher of the feed.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Fetches once.
    async fn fetch(&self) -> Result<Fetched, FetchError>;

    /// The feed with these validators was stored: make later requests conditional on them.
    fn keep(&mut self, validators: HeaderMap);

    /// The feed's location, for display.
    fn source(&self) -> &Source;
}

/// Fetches a feed repeatedly, and only when it has changed.
#[derive(Debug)]
pub struct Fetcher {
    source: Source,
    client: Client,
    /// The validators of the last stored response.
    validators: HeaderMap,
}

/// The result of a fetch.
#[derive(Debug)]
pub enum Fetched {
    /// The feed and its validators: pass them to [`Fetch::keep`] when the feed was stored.
    Feed(Bytes, HeaderMap),
    /// Not modified since the last stored feed.
    Unchanged,
}

/// How servers are asked.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// The contact in the `User-Agent`, which the operator requires.
    pub contact: Option<String>,
    /// Hosts to which a server may redirect, besides itself.
    pub redirect_hosts: Vec<String>,
}

/// The longest chain of redirects that is followed.
const REDIRECTS: usize = 5;

/// Follows redirects to the same host, never from HTTPS to HTTP, and to hosts that are allowed: a feed is
/// not to make this machine ask others, such as those of its own network.
fn redirects(allowed: Vec<String>) -> Policy {
    Policy::custom(move |attempt| {
        let Some(before) = attempt.previous().last() else { return attempt.stop() };
        let url = attempt.url();
        let host = url.host_str().unwrap_or_default();
        let is_known = Some(host) == before.host_str()
            || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
        let is_weaker = before.scheme() == "https" && url.scheme() != "https";
        let problem = if !is_known {
            format!("redirected to {host}; --redirect-hosts {host} allows that")
        } else if is_weaker {
            "redirected from HTTPS to HTTP".to_owned()
        } else if attempt.previous().len() > REDIRECTS {
            "redirected too often".to_owned()
        } else {
            return attempt.follow();
        };
        attempt.error(problem)
    })
}

/// A client that identifies itself and, as the operator requires, a contact.
pub(crate) fn client(options: &ClientOptions) -> Result<Client, reqwest::Error> {
    let version = env!("CARGO_PKG_VERSION");
    let agent = match &options.contact {
        Some(contact) => format!("airshed/{version} ({contact})"),
        None => format!("airshed/{version}"),
    };
    Client::builder()
        .user_agent(agent)
        .redirect(redirects(options.redirect_hosts.clone()))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(300))
        .build()
}

impl Fetcher {
    /// A fetcher that identifies itself and, as the operator requires, a contact.
    pub fn new(source: Source, options: &ClientOptions) -> Result<Self, reqwest::Error> {
        let client = client(options)?;
        Ok(Self { source, client, validators: HeaderMap::new() })
    }

    async fn fetch_url(&self, url: Url) -> Result<Fetched, FetchError> {
        let request = self.client.get(url).headers(self.validators.clone());
        let mut response = request.send().await?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Unchanged);
        }
        if status != StatusCode::OK {
            let header = response.headers().get(RETRY_AFTER).map(HeaderValue::to_str);
            let seconds = header.and_then(Result::ok).and_then(|text| text.parse().ok());
            let retry_after = seconds.map(Duration::from_secs);
            return Err(FetchError::Status { status, retry_after });
        }
        let validators = validators_of(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_FEED_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched::Feed(body.into(), validators))
    }
}

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        match &self.source {
            Source::File(path) => match read(path).await {
                Ok(bytes) if bytes.len() > MAX_FEED_BYTES => Err(FetchError::TooLarge),
                Ok(bytes) => Ok(Fetched::Feed(bytes.into(), HeaderMap::new())),
                Err(cause) => Err(FetchError::File { path: path.clone(), cause }),
            },
            Source::Url(url) => self.fetch_url(url.clone()).await,
        }
    }

    fn keep(&mut self, validators: HeaderMap) {
        self.validators = validators;
    }

    fn source(&self) -> &Source {
        &self.source
    }
}

/// Reads a file, at most a byte more than the largest feed: it may be a device.
async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(MAX_FEED_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn validators_of(answer: &HeaderMap) -> HeaderMap {
    let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    let known = pairs.into_iter().filter_map(|(given, asked)| {
        let value = answer.get(given)?.clone();
        Some((asked, value))
    });
    known.collect()
}
