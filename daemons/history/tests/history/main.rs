//! The rule for means beside a naive model, files of the archive whole and damaged, and both
//! together; and what readings say beside each other, by the definitions.
#![allow(clippy::unwrap_used)]

mod archive;
mod area;
mod climate;
mod damaged;
mod day;
mod fixed;
mod limits;
mod means;
mod model;
mod neighbours;
mod plausibility;
mod scaling;

use proptest::test_runner::Config;

/// So many cases, unless `PROPTEST_CASES` says how many.
fn cases(number: u32) -> Config {
    Config { cases: number, ..Config::default() }
}
