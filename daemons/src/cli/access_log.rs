//! The access log of the server.

use std::path::PathBuf;

use airshed::server::{AccessLog, Addresses, Form, Listener};
use airshed::{Clock, reason};
use clap::Args;

use super::signals::Reload;
use super::tasks::Tasks;
use super::{Failure, bad_call};

fn log_file(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    let is_in_folder =
        path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    is_in_folder.then_some(path).ok_or("expected - or a file in a folder that exists")
}

#[derive(Args, Clone)]
pub(super) struct AccessLogFlags {
    /// Append a line to this file for each response, when its last byte has been sent; - for standard
    /// output. After renaming the file, send SIGHUP to open a new one.
    #[arg(long, env = "AIRSHED_ACCESS_LOG", value_name = "FILE", value_parser = log_file)]
    access_log: Option<PathBuf>,
    /// Form of the access log: common, combined (with referrer and user agent), or json, which has a
    /// hash of the query instead of the query.
    #[arg(
        long,
        env = "AIRSHED_ACCESS_LOG_FORMAT",
        default_value = "common",
        value_name = "FORMAT"
    )]
    access_log_format: Form,
    /// Addresses in the access log: short (their network: 24 bits of IPv4, 48 of IPv6), full or none.
    #[arg(long, env = "AIRSHED_ACCESS_LOG_ADDRESSES", default_value = "short", value_name = "HOW")]
    access_log_addresses: Addresses,
}

impl AccessLogFlags {
    pub(super) fn open(&self, clock: Clock) -> Result<Option<AccessLog>, Failure> {
        let Some(path) = &self.access_log else { return Ok(None) };
        let file = Some(path.clone()).filter(|path| path.as_os_str() != "-");
        let log = AccessLog::open(file, self.access_log_format, self.access_log_addresses, clock);
        let refused = |error| {
            bad_call(format!("--access-log {}: cannot open it: {}", path.display(), reason(&error)))
        };
        log.map(Some).map_err(refused)
    }
}

/// The listener with its access log, which is opened again at each reload.
pub(super) fn logging_to(
    log: AccessLog,
    listener: Listener,
    tasks: &mut Tasks,
    reload: &Reload,
) -> Listener {
    let (stop, mut reload) = (tasks.stop.clone(), reload.clone());
    let reopened = log.clone();
    tasks.add("access log", async move {
        loop {
            tokio::select! {
                Ok(()) = reload.changed() => {}
                () = stop.cancelled() => return,
            }
            let log = reopened.clone();
            let _ = tokio::task::spawn_blocking(move || log.reopen()).await; // it does not panic
        }
    });
    listener.with_access_log(log)
}
