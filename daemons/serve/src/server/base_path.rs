//! The path below which clients find a server that shares its address with others.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use super::routes;

/// The path of a server behind a proxy, such as `/air`; empty for a server with an address of its own.
///
/// Requests are accepted with this path and without it, since some proxies strip it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// A text is no [`BasePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a path such as /air, of letters, digits and -._~, that does not begin like a path of the \
     server itself"
)]
pub struct BasePathError;

impl FromStr for BasePath {
    type Err = BasePathError;

    fn from_str(text: &str) -> Result<Self, BasePathError> {
        let path = text.trim_end_matches('/');
        if path.is_empty() && text.len() <= 1 {
            return Ok(Self::default());
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment =
            |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_plain);
        let mut segments = path.strip_prefix('/').ok_or(BasePathError)?.split('/');
        let first = segments.clone().next().unwrap_or_default();
        match segments.all(is_segment) && !routes::is_first_segment(first) {
            true => Ok(Self(path.to_owned())),
            false => Err(BasePathError),
        }
    }
}

impl BasePath {
    /// The path as the routes have it. It is empty for the base path itself.
    pub(super) fn strip<'a>(&self, path: &'a str) -> &'a str {
        let rest = path.strip_prefix(self.0.as_str());
        rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
