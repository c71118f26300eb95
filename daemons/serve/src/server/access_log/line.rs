//! A line of the access log. Nothing that a client sends can end it or begin another field.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::{HeaderValue, Method, Uri, Version};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{Addresses, Form};

/// The status of a client that disconnected before its response began, as other servers log it.
const DISCONNECTED: u16 = 499;

pub(super) struct Line<'a> {
    pub(super) address: Option<IpAddr>,
    pub(super) key: Option<&'a str>,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) version: Version,
    pub(super) referrer: Option<&'a HeaderValue>,
    pub(super) agent: Option<&'a HeaderValue>,
    /// A hash.
    pub(super) query: Option<String>,
    /// `None`: the client disconnected before.
    pub(super) status: Option<u16>,
    pub(super) bytes: u64,
    /// Whether all of the response was sent.
    pub(super) is_whole: bool,
    pub(super) rows: Option<u64>,
    pub(super) took: Duration,
    pub(super) location: Option<&'a HeaderValue>,
    pub(super) request: Option<&'a HeaderValue>,
}

impl Line<'_> {
    /// With its end.
    pub(super) fn text(&self, form: Form, addresses: Addresses, now: Timestamp) -> String {
        let address = self.address.and_then(|address| shown(address, addresses));
        let status = self.status.unwrap_or(DISCONNECTED);
        if form == Form::Json {
            let line = json!({
                "time": format!("{now:.3}"),
                "client": address.map(|address| address.to_string()),
                "key": self.key,
                "method": self.method.as_str(),
                "path": self.uri.path(),
                "query": self.query,
                "status": status,
                "bytes": self.bytes,
                "complete": self.is_whole,
                "rows": self.rows,
                "seconds": self.took.as_secs_f64(),
                "job": self.job().map(|job| job.to_string()),
                "request": self.request.and_then(|id| id.to_str().ok()),
            });
            return format!("{line}\n");
        }
        let mut text = String::new();
        let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let time = now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        let target = self.uri.path_and_query().map_or("*", |target| target.as_str());
        let key = Field(self.key.map(str::as_bytes), b' ');
        let bytes = match self.bytes {
            0 => "-".to_owned(),
            bytes => bytes.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{address} - {key} [{time}] \"{} {} {:?}\" {status} {bytes}",
            Field(Some(self.method.as_str().as_bytes()), b'"'),
            Field(Some(target.as_bytes()), b'"'),
            self.version,
        );
        if form == Form::Combined {
            let [referrer, agent] = [self.referrer, self.agent]
                .map(|header| Field(header.map(HeaderValue::as_bytes), b'"'));
            let _ = write!(text, " \"{referrer}\" \"{agent}\"");
        }
        text.push('\n');
        text
    }

    /// The job that the request is about, or that it made.
    fn job(&self) -> Option<Uuid> {
        let made = self.location.and_then(|location| location.to_str().ok()).unwrap_or_default();
        let id = |path: &str| {
            let rest = path.split_once("/api/results/")?.1;
            rest.split(['/', '?']).next()?.parse().ok()
        };
        id(made).or_else(|| id(self.uri.path()))
    }
}

/// What is logged of an address.
fn shown(address: IpAddr, addresses: Addresses) -> Option<IpAddr> {
    match (addresses, address.to_canonical()) {
        (Addresses::None, _) => None,
        (Addresses::Full, address) => Some(address),
        (Addresses::Short, IpAddr::V4(address)) => {
            Some(Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00).into())
        }
        (Addresses::Short, IpAddr::V6(address)) => {
            Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)).into())
        }
    }
}

/// A field with the character that ends it; everything that could be mistaken is escaped.
struct Field<'a>(Option<&'a [u8]>, u8);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = self.0.filter(|text| !text.is_empty()) else { return f.write_str("-") };
        for byte in text {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                b' '..=b'~' if *byte != self.1 => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}
