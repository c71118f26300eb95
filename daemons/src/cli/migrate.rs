//! `migrate`: converts a store's file to the format of this version.

use std::process::ExitCode;

use clap::Args;
use store::Migration;

use super::files::bar;
use super::output::say;
use super::store_flags::{Access, Reached, StoreFlags};
use super::{Failure, bad_call};

#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    store: StoreFlags,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        if self.store.file().is_none() {
            return Err(bad_call("--store: only a file: store can be migrated"));
        }
        let mut store = self.store.reach(Access::Write).await?;
        let mut progress = step(&mut store).await?;
        let bar = bar(progress.left, "{bar:30} {percent}% {human_pos} readings {eta}", "");
        let all = progress.left;
        // Each step is durable: an interrupted migration continues where it stopped.
        while progress.left > 0 {
            progress = step(&mut store).await?;
            bar.set_position(all.saturating_sub(progress.left));
        }
        bar.finish_and_clear();
        say(format_args!("{} readings, all in the current format", progress.readings));
        Ok(ExitCode::SUCCESS)
    }
}

async fn step(store: &mut Reached) -> Result<Migration, Failure> {
    Ok(match store {
        Reached::Opened(store) => store.migrate().await?,
        Reached::Held(client) => client.migrate().await?,
    })
}
