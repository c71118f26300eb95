//! The contract for machines.

use http::StatusCode;

use super::answer::{Answer, respond};

const DOCUMENT: &str = include_str!("../../page/openapi.json");

pub(super) fn document() -> Answer {
    let text = DOCUMENT.replace("{{version}}", env!("CARGO_PKG_VERSION"));
    respond(StatusCode::OK, "application/json", text)
}
