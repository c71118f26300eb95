//! `migrate`: a store's file in the format of this version.

use std::process::ExitCode;

use airshed::reason;
use clap::Args;
use store::{Embedded, ErrorKind, Options};

use super::files::bar;
use super::output::say;
use super::settings::StoreFlags;
use super::{Failure, bad_call};

#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    store: StoreFlags,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let Some(path) = self.store.file() else {
            return Err(bad_call("--store: only a file has a format to migrate from"));
        };
        let mut options = Options::default();
        options.create = false;
        let store = Embedded::open(&path, options).map_err(|error| match error.kind() {
            ErrorKind::Locked => Failure::from(format!("{}; stop it first", reason(&error))),
            _ => error.into(),
        })?;
        let mut progress = store.migrate().await?;
        let bar = bar(progress.left, "{bar:30} {percent}% {human_pos} readings {eta}", "");
        let all = progress.left;
        // Each step is durable: whoever stops here goes on where it was.
        while progress.left > 0 {
            progress = store.migrate().await?;
            bar.set_position(all.saturating_sub(progress.left));
        }
        bar.finish_and_clear();
        say(format_args!("{} readings, all in the format of this version", progress.readings));
        Ok(ExitCode::SUCCESS)
    }
}
