//! The pure parts by data in, data out; the flow in one process on free ports; the
//! binary as a user drives it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod aws;
mod binary;
mod calls;
mod collector;
mod control;
mod cost;
mod demo;
mod durability;
#[path = "../../../store/tests/emulator/mod.rs"]
mod emulator;
mod events;
mod feed;
mod freshness;
mod http;
mod index;
mod jobs;
mod loadtest;
mod networks;
mod page;
mod provision;
mod proxy;
mod quality;
mod readme;
mod request;
mod standards;
mod support;
mod trace;
mod watch;
