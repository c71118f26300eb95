//! `retention`: what is older than a retention period, shown and deleted.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use airshed::retention::{Expired, expired};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::output::standard;
use super::store_flags::{Access, Reached, StoreFlags};
use super::{Failure, bad_call, wall_clock};

#[derive(Subcommand)]
pub(super) enum Retention {
    /// Show how many readings are older than the retention period.
    Show(Show),
    /// Show them, and delete them once confirmed.
    Apply(Apply),
}

#[derive(Args)]
pub(super) struct Show {
    /// Retention period in days, at least 1, by this machine's clock.
    #[arg(
        long,
        env = "AIRSHED_KEEP_READINGS",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    keep_readings: u32,
    #[command(flatten)]
    store: StoreFlags,
}

#[derive(Args)]
pub(super) struct Apply {
    #[command(flatten)]
    show: Show,
    /// Delete without confirmation.
    #[arg(long)]
    yes: bool,
}

impl Retention {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Show(show) => {
                let mut store = show.store.reach(Access::Read).await?;
                show.horizon_and_expired(&mut store).await?;
            }
            Self::Apply(apply) => apply.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    /// Prints what is stored, and what is too old; returns the horizon and the number of readings
    /// before it.
    async fn horizon_and_expired(&self, store: &mut Reached) -> Result<(Timestamp, u64), Failure> {
        let (now, days) = (wall_clock()(), self.keep_readings);
        let period = SignedDuration::from_hours(24 * i64::from(days));
        let horizon = now.checked_sub(period).unwrap_or(Timestamp::MIN);
        let Expired { stored, extent, expired } = match store {
            Reached::Opened(store) => expired(store, horizon).await?,
            Reached::Held(client) => client.expired(horizon).await?,
        };
        let mut out = standard();
        match extent {
            Some((first, last)) => writeln!(out, "stored: {stored} readings, {first} to {last}")?,
            None => writeln!(out, "stored: no readings")?,
        }
        writeln!(out, "the clock: {now:.0}")?;
        writeln!(out, "older than {days} days, before {horizon:.0}: {expired} readings")?;
        out.flush()?;
        Ok((horizon, expired))
    }
}

impl Apply {
    async fn run(&self) -> Result<(), Failure> {
        let mut store = self.show.store.reach(Access::Write).await?;
        let (horizon, expired) = self.show.horizon_and_expired(&mut store).await?;
        if expired == 0 || !self.yes && !confirmed(expired)? {
            return Ok(());
        }
        let deleted = match &mut store {
            Reached::Opened(store) => store.delete_before(horizon).await?,
            Reached::Held(client) => client.delete_before(horizon).await?,
        };
        writeln!(standard(), "deleted: {deleted} readings")?;
        Ok(())
    }
}

fn confirmed(readings: u64) -> Result<bool, Failure> {
    let mut out = standard();
    if !std::io::stdin().is_terminal() {
        return Err(bad_call("confirmation required, but stdin is not a terminal; pass --yes"));
    }
    write!(out, "Type {readings} to delete them for good: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == readings.to_string())
}
