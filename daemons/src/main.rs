//! The `airshed` command: arguments → settings → parts → run. The only place that reads
//! the environment, the wall clock and signals.
// A command's future has the types of all that it waits for.
#![recursion_limit = "256"]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
