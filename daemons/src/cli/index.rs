//! `index`: one answer, or a file of them.

use std::io::{self, Write};
use std::process::ExitCode;

use airshed::index;
use aqi::daqi;
use clap::Args;

use super::Failure;

#[derive(Args)]
pub(super) struct Index {
    /// The standard: uk_daqi.
    #[arg(required_unless_present = "batch", value_name = "STANDARD")]
    standard: Option<String>,
    /// Concentrations over the standard's averaging period, in ug/m3 or with a unit:
    /// PM2.5=11.5, PM10=0.05mg/m3.
    #[arg(required_unless_present = "batch", value_name = "POLLUTANT=VALUE")]
    concentrations: Vec<String>,
    /// Read CSV (standard,version,pollutant,unit,averaging,concentration, and more) from
    /// standard input; write each row back with index,category,error appended.
    #[arg(long, conflicts_with_all = ["standard", "concentrations"])]
    batch: bool,
}

impl Index {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        if self.batch {
            let refused = index::batch(io::stdin().lock(), io::stdout().lock())?;
            if refused > 0 {
                eprintln!("airshed: {refused} rows have no index; their column `error` says why");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let standard = self.standard.unwrap_or_default();
        let answer = index::of_pairs(&standard, &self.concentrations)?;
        io::stdout().lock().write_all(explain(&answer).as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn explain(answer: &daqi::Daqi) -> String {
    let dominant: Vec<_> = answer.dominant().map(aqi::Pollutant::name).collect();
    let mut text = format!(
        "index: {}\nband: {}\ndominant: {}\n",
        answer.index(),
        answer.band(),
        dominant.join(", ")
    );
    for part in answer.parts() {
        let (start, end) = daqi::interval(part.pollutant(), part.index());
        let row = match end {
            Some(end) => format!("{start} to below {end}"),
            None => format!("{start} and above"),
        };
        text += &format!(
            "  {}: {} as a mean of {}, rounded to {}: index {} ({row} µg/m³)\n",
            part.pollutant(),
            part.concentration(),
            daqi::averaging(part.pollutant()).name(),
            part.rounded(),
            part.index(),
        );
    }
    text
}
