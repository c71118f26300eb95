//! Commands to the process that holds a store: HTTP/1.1 over a Unix socket beside its file.
//!
//! The embedded store belongs to one process at a time. That process serves a [`Socket`]
//! with [`run`]; a command on the same store that finds it held goes through a [`Client`].
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /v1/status` | JSON: `version`, `pid`, `daemon`, `readings` |
//! | `GET /v1/export?…` | the file, with the fields of `/api/query`; without dates, all of it. How many rows it has follows as the trailer `airshed-rows` |
//! | `POST /v1/import` | rows as CSV with all columns, kept whole or not at all; `204` |
//! | `POST /v1/delete?before=` | deletes all readings before a moment; JSON: `deleted` |
//! | `POST /v1/migrate` | one step of the migration to the format of this version; JSON: `left`, `readings` |
//!
//! Errors are `text/plain`. A path of a later version is a `404` here: the process has to be
//! restarted with that version.

mod client;
mod server;
mod socket;

pub use client::{Client, ClientError};
pub use server::{Parts, run};
pub use socket::{Socket, SocketError, socket_of};

use airshed_serve::request::{Ask, BadRequest, Dates, Defaults};
use http::HeaderName;
use jiff::{SignedDuration, Timestamp};

const ROWS: HeaderName = HeaderName::from_static("airshed-rows");

/// What an export is asked for: the fields of a query string, of which none is required.
pub fn export_request(fields: &str) -> Result<Ask, BadRequest> {
    let (last, newest, span) = (Timestamp::MAX, Timestamp::MAX, SignedDuration::MAX);
    let dates = Some(Dates { last, newest, span });
    Defaults { dates, ..Defaults::default() }.form(fields.as_bytes())
}
