//! `neighbour-limits`: how the sensor types of exported daily means differ from their neighbours.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use airshed::neighbours::{KILOMETRES, LEAST_RATIOS, Ratios};
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
        let (mut ratios, mut seen) = (Ratios::default(), BTreeSet::new());
        for path in &self.files {
            let (input, _) = open(path)?;
            let (mut day, mut refused) = (Vec::<Reading>::new(), 0u64);
            let mut is_mixed = false;
            let read = store::import::read(input, &mut |row| {
                match row {
                    Ok(row) if row.reading.window == Window::Day => {
                        // An export is in order of time.
                        let end = row.reading.timestamp;
                        if day.last().is_none_or(|last| last.timestamp != end) {
                            ratios.add(&std::mem::take(&mut day));
                            is_mixed |= !seen.insert(end);
                        }
                        if is_mixed {
                            return ControlFlow::Break(());
                        }
                        day.push(row.reading);
                    }
                    Ok(_) => {}
                    Err(_) => refused += 1,
                }
                ControlFlow::Continue(())
            });
            read.map_err(|error| format!("{}: {}", path.display(), airshed::reason(&error)))?;
            if is_mixed {
                return Err(format!(
                    "{}: the sensors of a day have to be together: use one file as `airshed export` \
                     writes it, of all countries and networks",
                    path.display()
                )
                .into());
            }
            ratios.add(&day);
            if refused > 0 {
                say(format_args!("{}: {refused} rows cannot be read", path.display()));
            }
        }
        if seen.is_empty() {
            return Err("there are no daily means: export with --window day".into());
        }
        for (model, count) in ratios.counts() {
            let few = match count < LEAST_RATIOS {
                true => format!("; it has no limits with fewer than {LEAST_RATIOS}"),
                false => String::new(),
            };
            say(format_args!(
                "{model}: {count} values beside those of three or more other sensors within \
                 {KILOMETRES} km{few}"
            ));
        }
        standard().write_all(ratios.limits().to_string().as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
