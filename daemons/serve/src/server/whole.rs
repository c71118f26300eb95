//! Complete responses that are served repeatedly, also compressed.

use std::io::Write;
use std::num::NonZero;
use std::sync::LazyLock;

use airshed_common::reason;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderName, IF_MATCH};
use http::header::{IF_NONE_MATCH, VARY};
use http::{HeaderMap, Response, StatusCode};
use tokio::sync::{OnceCell, Semaphore};

use super::answer::{Answer, full, set};
use super::encoding;
use super::problem::Problem;

/// A response; each compressed form is created when it is first requested.
pub(super) struct Whole {
    text: Bytes,
    /// Weak: shared by all encodings.
    tag: String,
    /// The other headers.
    headers: HeaderMap,
    effort: Effort,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

/// How much effort to spend on compression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// None: already compressed, or too short.
    None,
    /// Low: it may be requested a few times.
    Some,
    /// High: every visitor requests it.
    Most,
}

impl Effort {
    fn gzip(self) -> Compression {
        match self {
            Self::Most => Compression::best(),
            Self::Some => Compression::default(),
            Self::None => Compression::fast(),
        }
    }

    fn zstd(self) -> i32 {
        match self {
            Self::Most => 12,
            Self::Some => 7,
            Self::None => 1,
        }
    }
}

/// Memory of a cached response beside its text and its key, in bytes: headers, tag, the entry of the
/// cache.
const ENTRY: usize = 2 << 10;

impl Whole {
    pub(super) fn new(text: Bytes, tag: String, headers: HeaderMap, effort: Effort) -> Self {
        let (gzip, zstd) = Default::default();
        Self { text, tag, headers, effort, gzip, zstd }
    }

    /// Approximate size in memory in bytes: with its two compressed forms about a quarter more than
    /// its text.
    pub(super) fn bytes(&self) -> usize {
        ENTRY + self.text.len() + self.text.len() / 4
    }

    /// The response in the client's preferred encoding, or `304`.
    pub(super) async fn respond(&self, asked: &HeaderMap) -> Result<Answer, Problem> {
        if is_satisfied(&self.tag, asked) {
            return Ok(unchanged(&self.tag, self.headers.clone()));
        }
        let (encoding, body) = match encoding::chosen(asked).filter(|_| self.effort != Effort::None)
        {
            Some("zstd") => (Some("zstd"), self.zstd().await?.clone()),
            Some(gzip) => (Some(gzip), self.gzip().await?.clone()),
            None => (None, self.text.clone()),
        };
        let mut answer = Response::new(full(body));
        answer.headers_mut().extend(self.headers.clone());
        if let Some(encoding) = encoding {
            set(&mut answer, CONTENT_ENCODING, encoding);
        }
        if let Some(length) = hyper::body::Body::size_hint(answer.body()).exact() {
            set(&mut answer, CONTENT_LENGTH, &length.to_string());
        }
        tagged(&mut answer, &self.tag);
        Ok(answer)
    }

    pub(super) async fn gzip(&self) -> Result<&Bytes, Problem> {
        let (text, level) = (self.text.clone(), self.effort.gzip());
        let compress = move || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), level);
            let written = encoder.write_all(&text).and_then(|()| encoder.finish());
            written.unwrap_or_default().into() // writing to a Vec cannot fail
        };
        self.gzip.get_or_try_init(|| in_background(compress)).await
    }

    pub(super) async fn zstd(&self) -> Result<&Bytes, Problem> {
        let (text, level) = (self.text.clone(), self.effort.zstd());
        let compress = move || zstd::encode_all(&*text, level).unwrap_or_default().into();
        self.zstd.get_or_try_init(|| in_background(compress)).await
    }
}

/// Whether the client has the response with this tag.
pub(super) fn is_known(tag: &str, asked: &HeaderMap) -> bool {
    tags_in(asked, &IF_NONE_MATCH).any(|known| known.opaque == opaque(tag))
}

/// Whether the client asks for nothing, now that there is a response with this tag: it has it, or asks
/// for one only if there is none (`*`).
pub(super) fn is_satisfied(tag: &str, asked: &HeaderMap) -> bool {
    is_known(tag, asked) || is_star(asked, &IF_NONE_MATCH)
}

/// Whether the response, which has this tag if it has one, is one that `If-Match` allows. A weak tag
/// is none of them (RFC 9110, 13.1.1).
pub(super) fn is_expected(tag: Option<&str>, asked: &HeaderMap) -> bool {
    let is_strong = |tag: &&str| !tag.starts_with("W/");
    let is_listed = |tag: &str| {
        tags_in(asked, &IF_MATCH).any(|known| !known.is_weak && known.opaque == opaque(tag))
    };
    !asked.contains_key(IF_MATCH)
        || tag.is_some() && is_star(asked, &IF_MATCH)
        || tag.filter(is_strong).is_some_and(is_listed)
}

fn is_star(asked: &HeaderMap, name: &HeaderName) -> bool {
    asked.get_all(name).iter().any(|tags| tags.as_bytes().trim_ascii() == b"*")
}

struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// The tags in a header: `"one", W/"two"`.
fn tags_in<'a>(asked: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Tag<'a>> {
    let tags = asked.get_all(name).iter().filter_map(|tags| tags.to_str().ok());
    tags.flat_map(|tags| {
        let mut rest = tags;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let weak = rest.strip_prefix("W/");
            let quoted = weak.unwrap_or(rest).strip_prefix('"')?;
            let (opaque, after) = quoted.split_once('"')?;
            rest = after;
            Some(Tag { is_weak: weak.is_some(), opaque })
        })
    })
}

fn opaque(tag: &str) -> &str {
    tag.trim_start_matches("W/").trim_matches('"')
}

/// The `304` response.
pub(super) fn unchanged(tag: &str, headers: HeaderMap) -> Answer {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    let about_the_file = ["content-type", "content-length", "content-disposition"];
    let others = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let others = others.filter(|(name, _)| !about_the_file.contains(&name.as_str()));
    answer.headers_mut().extend(others);
    tagged(&mut answer, tag);
    answer
}

/// A response that clients may cache, with revalidation on each use.
pub(super) fn tagged(answer: &mut Answer, tag: &str) {
    set(answer, ETAG, tag);
    set(answer, CACHE_CONTROL, "no-cache");
    set(answer, VARY, "accept-encoding");
}

/// Work off the runtime's threads is done on one core less than there are, so that it does not
/// take the time of requests that are answered at once.
static BACKGROUND: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Semaphore::new((cores - 1).max(1))
});

/// The result of work off the runtime's threads.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let permit = BACKGROUND.acquire().await.ok(); // it is never closed
    let work = move || {
        let _permit = permit;
        work()
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| Problem::Internal { log: reason(&panic), transient: false })
}
