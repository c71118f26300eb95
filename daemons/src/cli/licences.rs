//! `licences`: the terms of Airshed, and of what others wrote in this program and its page.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::output::standard;

/// Written by `make licences`, for all features.
const CRATES: &str = include_str!("../../licences/crates.txt");
const PAGE: &str = include_str!("../../licences/page.txt");

#[derive(Args)]
pub(super) struct Licences;

impl Licences {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut output = standard();
        writeln!(
            output,
            "Airshed is licensed under MIT OR Apache-2.0, as you choose.\n\n\
             The page contains, besides outlines of countries by Natural Earth (public domain):\n\n\
             {PAGE}\n\
             The program contains these crates, some of them only with certain features:\n\n\
             {CRATES}"
        )?;
        output.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
