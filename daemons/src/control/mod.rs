//! Commands to the process that has a store open: HTTP/1.1 over a Unix socket beside its file.
//!
//! Only one process at a time can open the embedded store. That process serves a [`Socket`] with
//! [`run`]; a command that finds the store locked uses a [`Client`].
//!
//! | request | response |
//! | --- | --- |
//! | `GET /v1/status` | JSON: `version`, `pid`, `daemon`, `readings` |
//! | `GET /v1/export?…` | the file, with the fields of `/api/query`; without dates, all readings. The trailer `airshed-rows` has the number of rows |
//! | `GET /v1/sidecar?file=&rows=&…` | the description to put beside the file of that name, percent-encoded, with so many rows; the other fields as for the export. `204` if the file contains it |
//! | `POST /v1/import` | rows as CSV with all columns, stored atomically; `204` |
//! | `POST /v1/delete?before=` | deletes all readings before a timestamp; JSON: `deleted` |
//! | `GET /v1/expired?before=` | JSON: `readings`, the `first` and `last` timestamp, and `expired`: how many are before that one |
//! | `POST /v1/migrate` | one step of the migration to the format of this version; JSON: `left`, `readings` |
//!
//! Errors are `text/plain`. A path of a later version gets `404`: the process has to be restarted
//! with that version.

mod client;
mod server;
mod socket;

pub use client::{Client, ClientError};
pub use server::{Parts, Policy, run};
pub use socket::{Socket, SocketError, SocketFile, socket_of};

use airshed_serve::request::{BadRequest, Dates, Defaults, QueryRequest};
use http::HeaderName;
use jiff::{SignedDuration, Timestamp};

const ROWS: HeaderName = HeaderName::from_static("airshed-rows");
const DOUBTFUL: HeaderName = HeaderName::from_static("airshed-doubtful-rows");
const LEFT_OUT: HeaderName = HeaderName::from_static("airshed-left-out-rows");

/// The query of an export: the fields of a query string, all optional.
pub fn export_request(fields: &str) -> Result<QueryRequest, BadRequest> {
    let (last, newest, span) = (Timestamp::MAX, Timestamp::MAX, SignedDuration::MAX);
    let dates = Some(Dates { last, newest, span });
    Defaults { dates, ..Defaults::default() }.form(fields.as_bytes())
}
