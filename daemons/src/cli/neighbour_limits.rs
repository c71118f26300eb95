//! `neighbour-limits`: how the sensor types of exported daily means differ from their neighbours.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use airshed::neighbours::{KILOMETRES, Ratios};
use clap::Args;
use store::{Reading, Window};

use super::Failure;
use super::files::open;
use super::output::{say, standard};

#[derive(Args)]
pub(super) struct NeighbourLimits {
    /// Exported files with daily means and all columns, in any format that `import` reads; - for
    /// standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl NeighbourLimits {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut ratios = Ratios::default();
        for path in &self.files {
            let (input, _) = open(path)?;
            let (mut day, mut refused) = (Vec::<Reading>::new(), 0u64);
            let read = store::import::read(input, &mut |row| {
                match row {
                    Ok(row) if row.reading.window == Window::Day => {
                        // An export is in order of time.
                        if day.last().is_some_and(|last| last.timestamp != row.reading.timestamp) {
                            ratios.add(&std::mem::take(&mut day));
                        }
                        day.push(row.reading);
                    }
                    Ok(_) => {}
                    Err(_) => refused += 1,
                }
                ControlFlow::Continue(())
            });
            read.map_err(|error| format!("{}: {}", path.display(), airshed::reason(&error)))?;
            ratios.add(&day);
            if refused > 0 {
                say(format_args!("{}: {refused} rows cannot be read", path.display()));
            }
        }
        for (model, count) in ratios.counts() {
            say(format_args!(
                "{model}: {count} values beside those of three or more other sensors within \
                 {KILOMETRES} km"
            ));
        }
        standard().write_all(ratios.limits().to_string().as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
