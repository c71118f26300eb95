//! `licences`: the terms of Airshed, and of what others wrote in this program and its page.

use std::io::Write;
use std::process::ExitCode;

use airshed::server;
use clap::Args;

use super::Failure;
use super::output::standard;

/// Collected by the build script.
const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.txt"));

#[derive(Args)]
pub(super) struct Licences;

impl Licences {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut output = standard();
        writeln!(output, "Airshed is licensed under MIT OR Apache-2.0, as you choose.\n")?;
        if let Some(page) = server::licences_of_page() {
            writeln!(
                output,
                "The page contains, besides outlines of countries by Natural Earth (public domain):\n\n{page}"
            )?;
        }
        write!(
            output,
            "The program contains these crates, some of them only with certain features:\n\n{CRATES}"
        )?;
        output.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
