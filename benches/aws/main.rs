//! Compared with the report: the cost of queries, the write rate, and the server under the report's
//! load. All on emulators, on this machine.
//!
//! `cargo bench -p airshed --bench aws`; without `--bench` a small smoke test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

// As the tests of the store call it, of which the network is one.
extern crate store as airshed_store;

#[path = "../../store/tests/emulator/mod.rs"]
mod emulator;
#[path = "../../store/tests/network/mod.rs"]
mod network;

mod load;
mod table;

use tokio::runtime::Runtime;

/// The extent of the measurement.
struct Scale {
    /// Readings per day in the table whose capacity is counted.
    a_day: u64,
    /// Number of items that are put individually.
    single_puts: u64,
    /// Number of readings in the server's store.
    served: u64,
    /// Number of requests, and of concurrent ones.
    load: &'static [(u64, u64)],
}

const WHOLE: Scale = Scale {
    a_day: 25_000,
    single_puts: 2000,
    served: 23_500,
    load: &[(10, 10), (100, 50), (500, 100), (1000, 500), (2500, 500)],
};

const SMOKE: Scale =
    Scale { a_day: 1000, single_puts: 50, served: 1000, load: &[(10, 10), (100, 50)] };

fn main() {
    let scale = if std::env::args().any(|argument| argument == "--bench") { WHOLE } else { SMOKE };
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        table::measure(&scale).await;
        load::measure(&scale).await;
    });
}
