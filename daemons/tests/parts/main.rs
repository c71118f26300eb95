//! The pure parts by data in, data out; the server, its jobs and the collector in this process, on
//! free ports. Nothing has to be installed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod access_log;
mod area;
mod backfill;
mod base_path;
mod better;
mod callbacks;
mod clients;
mod climate;
mod collector;
mod days;
mod demo;
mod events;
mod feed;
mod freshness;
mod full_disk;
mod headers;
mod http;
mod index;
mod jobs;
mod kept;
mod live_means;
mod lost_answers;
mod metadata;
mod networks;
mod page;
mod places;
mod push;
mod quality;
mod records;
mod request;
mod retention;
mod scaled;
mod sensor;
mod series;
mod sharing;
mod standards;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod windows;
