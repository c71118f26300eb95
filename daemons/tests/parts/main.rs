//! The pure parts by data in, data out; the server, its jobs and the collector in this process, on
//! free ports. Nothing has to be installed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod backfill;
mod collector;
mod demo;
mod events;
mod feed;
mod freshness;
mod http;
mod index;
mod jobs;
mod kept;
mod metadata;
mod networks;
mod page;
mod quality;
mod records;
mod request;
mod standards;
#[path = "../support/mod.rs"]
mod support;
mod windows;
