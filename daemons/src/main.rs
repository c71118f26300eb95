//! The `airshed` command: arguments → settings → parts → run. The only place that reads
//! the environment, the wall clock and signals.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
