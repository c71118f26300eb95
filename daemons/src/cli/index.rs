//! `index`: the index of given concentrations, or of a CSV file.

use std::io::{self, Write};
use std::process::ExitCode;

use airshed::index;
use aqi::{Answer, Pollutant, standards};
use clap::Args;
use store::Flags;

use super::output::{say, standard};
use super::{Failure, bad_call};

#[derive(Args)]
pub(super) struct Index {
    /// The standard: ID[:VERSION[:VARIANT or POLICY]], such as uk_daqi, us_aqi:2012,
    /// "eu_caqi:2012:roadside daily"; see --list.
    #[arg(required_unless_present_any = ["batch", "list", "flags"], value_name = "STANDARD")]
    standard: Option<String>,
    /// Concentrations, for the standard's averaging period or the given one, in ug/m3 or with a
    /// unit: PM2.5=11.5, PM10=0.05mg/m3, O3/8h=0.07ppm, "PM10=20,4 µg/m³".
    #[arg(required_unless_present_any = ["batch", "list", "flags"], value_name = "POLLUTANT=VALUE")]
    concentrations: Vec<String>,
    /// Read CSV (standard,version,pollutant,unit,averaging,concentration, and more; separated by
    /// comma, semicolon, tab or bar) from standard input; write each row with index,category,error
    /// appended.
    #[arg(long, conflicts_with_all = ["standard", "concentrations"])]
    batch: bool,
    /// List the standards with the pollutants and averaging periods that each covers.
    #[arg(long, conflicts_with_all = ["standard", "concentrations", "batch"])]
    list: bool,
    /// List the quality flags of readings, when each is set, and which of them quality=plausible
    /// leaves out.
    #[arg(long, conflicts_with_all = ["standard", "concentrations", "batch", "list"])]
    flags: bool,
}

impl Index {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        if self.batch {
            let refused = index::batch(io::stdin().lock(), standard())?;
            if refused > 0 {
                say(format_args!(
                    "airshed: {refused} rows have no index; see their column `error`"
                ));
            }
            return Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if self.list {
            standard().write_all(list().as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.flags {
            standard().write_all(flags().as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let name = self.standard.unwrap_or_default();
        let answer = index::of_pairs(&name, &self.concentrations)
            .map_err(|refusal| bad_call(refusal.to_string()))?;
        standard().write_all(explain(&answer).as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Every standard with its versions, variants and policies.
fn list() -> String {
    let mut text = String::new();
    for standard in standards::ALL {
        let kind = [standard.variant, standard.policy].into_iter().filter(|word| !word.is_empty());
        let name: Vec<_> = [standard.id, standard.version].into_iter().chain(kind).collect();
        let tables = standard.tables.iter();
        let covers: Vec<_> = tables
            .map(|table| format!("{}/{} {}", table.pollutant, table.averaging, table.unit))
            .collect();
        let time = match standard.until {
            Some(until) => format!("from {} until {until}", standard.from),
            None => format!("since {}", standard.from),
        };
        let name = name.join(":");
        text += &format!("{name}\n    {}\n    {standard}, {time}\n", covers.join(", "));
    }
    text
}

/// Every quality flag.
fn flags() -> String {
    let implausible: Vec<_> = Flags::IMPLAUSIBLE.names().collect();
    let mut text = String::new();
    for (flag, meaning) in Flags::MEANINGS {
        for name in flag.names() {
            let worth = match implausible.contains(&name) {
                true => "quality=plausible leaves it out",
                false => "it only informs",
            };
            let stored = match Flags::STORED.contains(flag) {
                true => "stored when a mean is made: --flags of the commands that do so",
                false => "follows from the reading itself",
            };
            text += &format!("{name}\n    {meaning}\n    {worth}\n    {stored}\n");
        }
    }
    text
}

fn explain(answer: &Answer) -> String {
    let dominant: Vec<_> = answer.dominant().map(Pollutant::name).collect();
    let mut text = format!(
        "index: {}\nband: {}\ndominant: {}\n",
        answer.index(),
        answer.category(),
        if dominant.is_empty() { "none named".to_owned() } else { dominant.join(", ") }
    );
    for part in answer.parts() {
        text += &format!(
            "  {}: {} as a mean of {}",
            part.pollutant(),
            part.concentration(),
            part.averaging()
        );
        if let Some(rounded) = part.rounded() {
            text += &format!(", rounded to {rounded}");
        }
        match part.risk() {
            Some(risk) => text += &format!(": adds {} % to the risk", risk.round_dp(2)),
            None => text += &format!(": index {}", part.index()),
        }
        let (pollutant, averaging) = (part.pollutant(), part.averaging());
        let interval = answer.standard().interval(pollutant, averaging, part.index());
        if let (Ok(Some(interval)), None) = (interval, part.risk()) {
            text += &format!(" ({interval})");
        }
        text += "\n";
    }
    for (pollutant, averaging, error) in answer.refused() {
        text += &format!("  {pollutant} as a mean of {averaging} does not count: {error}\n");
    }
    for (pollutant, averaging) in answer.undecided() {
        text += &format!("  {pollutant} is above this table: its mean of {averaging} decides\n");
    }
    if answer.penalty() > 0 {
        text += &format!("  {} added because several are bad\n", answer.penalty());
    }
    if !answer.is_complete() {
        text += &format!("  not official: {} wants", answer.standard().id);
        let groups: Vec<_> = answer
            .missing()
            .map(|group| group.iter().map(|p| p.name()).collect::<Vec<_>>().join(" or "))
            .collect();
        text += &match groups.is_empty() {
            true => format!(" {} pollutants\n", answer.standard().needs.at_least),
            false => format!(" {}, too\n", groups.join(", ")),
        };
    }
    text += &format!("by {}\n", answer.standard());
    text
}
