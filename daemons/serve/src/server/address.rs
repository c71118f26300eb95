//! The server's public address, as clients know it.

use http::HeaderMap;
use http::header::{HOST, HeaderName};

/// Set by servers in front that end TLS; the scheme that the client used.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The path below which clients find the server; the server sets it on every request.
pub(super) const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The path below which clients find the server, or nothing.
pub(super) fn base(headers: &HeaderMap) -> &str {
    headers.get(&FORWARDED_PREFIX).and_then(|base| base.to_str().ok()).unwrap_or_default()
}

/// A path of the server, as clients know it.
pub(super) fn path(headers: &HeaderMap, path: &str) -> String {
    format!("{}{path}", base(headers))
}

/// The URL of a path of the server, from the request's `Host`; `None` if that is missing or no host.
pub(super) fn of(headers: &HeaderMap, path: &str) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_host = |host: &&str| {
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        !host.is_empty() && host.len() <= 255 && host.bytes().all(is_of_host)
    };
    let host = text(&HOST).filter(is_host)?;
    let scheme = if text(&FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    Some(format!("{scheme}://{host}{}{path}", base(headers)))
}
