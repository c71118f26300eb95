//! The server's public address, as clients know it.

use http::HeaderMap;
use http::header::{HOST, HeaderName};

/// Set by servers in front that end TLS; the scheme that the client used.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The URL of a path, from the request's `Host`; `None` if that is missing or no host.
pub(super) fn of(headers: &HeaderMap, path: &str) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_host = |host: &&str| {
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        !host.is_empty() && host.len() <= 255 && host.bytes().all(is_of_host)
    };
    let host = text(&HOST).filter(is_host)?;
    let scheme = if text(&FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    Some(format!("{scheme}://{host}{path}"))
}
