//! What a server publishes about itself.

use http::StatusCode;
use http::header::LOCATION;
use jiff::SignedDuration;

use super::Shared;
use super::answer::{Answer, respond, set};
use super::base_path::BasePath;
use super::problem::Problem;

/// What a server publishes about itself, besides its data.
#[derive(Debug, Clone)]
pub struct Site {
    /// Whether `/metrics` is there.
    pub metrics: bool,
    /// Where to report security problems, for `/.well-known/security.txt`: `mailto:…`, `https://…` or
    /// `tel:…`; `None`: there is no such file.
    pub security_contact: Option<String>,
    /// Where clients find the server below its host.
    pub base_path: BasePath,
}

impl Default for Site {
    fn default() -> Self {
        Self { metrics: true, security_contact: None, base_path: BasePath::default() }
    }
}

/// For how long a contact is said to be valid: RFC 9116 recommends less than a year.
const VALID: SignedDuration = SignedDuration::from_hours(180 * 24);

/// From the base path to the page, whose URLs are relative to what is behind the slash.
pub(super) fn to_page(site: &Site, query: Option<&str>) -> Answer {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut answer = respond(StatusCode::PERMANENT_REDIRECT, "text/plain", "");
    set(&mut answer, LOCATION, &format!("{}/{query}", site.base_path));
    answer
}

/// The file of RFC 9116.
pub(super) fn security(shared: &Shared) -> Result<Answer, Problem> {
    let Some(contact) = &shared.server.site.security_contact else {
        return Err(Problem::NoSuchPath);
    };
    let expires = (shared.server.clock)().saturating_add(VALID).unwrap_or(jiff::Timestamp::MAX);
    let expires = expires.strftime("%Y-%m-%dT00:00:00Z"); // the same for a day
    let text = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n");
    Ok(respond(StatusCode::OK, "text/plain; charset=utf-8", text))
}
