//! What needs other programs: emulators of AWS (Python, Node.js), Prometheus, curl, faketime,
//! Caddy, nginx.
#![allow(clippy::unwrap_used, clippy::panic)]

mod aws;
mod backfill;
mod clock;
mod cost;
#[path = "../support/daemon.rs"]
mod daemon;
mod dataset;
mod duckdb;
#[path = "../../../store/tests/emulator/mod.rs"]
mod emulator;
mod provision;
mod proxies;
mod proxy;
mod readme;
#[path = "../support/mod.rs"]
mod support;
mod trace;
mod watch;
