//! How far sensors are from official stations: prints the tables of `docs/truth.md`, which says
//! where the files come from.
//!
//!     cargo run --release --package airshed-history --example truth -- \
//!         --archive FOLDER --reference FILE... [--sofia FOLDER]
#![allow(clippy::print_stdout, reason = "it is a program")]

mod data;
mod report;
mod tally;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut archive, mut references, mut sofia) = (None, Vec::new(), None);
    let mut option = String::new();
    for argument in std::env::args().skip(1) {
        match option.as_str() {
            _ if argument.starts_with("--") => option = argument,
            "--archive" => archive = Some(PathBuf::from(argument)),
            "--reference" => references.push(PathBuf::from(argument)),
            "--sofia" => sofia = Some(PathBuf::from(argument)),
            _ => return Err(format!("{option} {argument}: not an option of this program").into()),
        }
    }
    let archive = archive.ok_or("give the folder of the archive's files: --archive FOLDER")?;
    print!("{}", report::of(&archive, &references, sofia.as_deref())?);
    Ok(())
}
