//! The program as its users drive it: calls, files, signals, kills. Nothing has to be installed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod backfill;
mod binary;
mod calls;
mod control;
#[path = "../support/daemon.rs"]
mod daemon;
mod durability;
mod exports;
mod feeds;
mod full_disk;
mod greedy;
mod hostile;
mod imports;
mod keys;
mod listening;
mod live_means;
mod loadtest;
mod publish;
mod push;
mod retention;
mod sidecars;
#[path = "../support/mod.rs"]
mod support;
