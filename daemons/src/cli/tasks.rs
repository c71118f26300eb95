//! Daemons that run in one process.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use airshed::networks::Networks;
use airshed::{control, reason};
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Failure;
use super::store_flags::StoreFlags;

/// How long a daemon that stops waits for commands on its store.
const DRAIN: Duration = Duration::from_secs(8);

/// Daemons that run and stop together.
pub(super) struct Tasks {
    set: JoinSet<&'static str>,
    pub(super) stop: CancellationToken,
}

impl Tasks {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    pub(super) fn add(
        &mut self,
        name: &'static str,
        daemon: impl Future<Output = ()> + Send + 'static,
    ) {
        self.set.spawn(async move {
            daemon.await;
            name
        });
    }

    /// Serves the control socket of the store that this process has open.
    pub(super) fn add_control(
        &mut self,
        flags: &StoreFlags,
        store: &Arc<dyn Store>,
        networks: &Arc<Networks>,
        daemon: &'static str,
        policy: control::Policy,
    ) {
        if let Some(socket) = flags.socket() {
            let (store, networks) = (Arc::clone(store), Arc::clone(networks));
            let parts = control::Parts { store, networks, daemon, drain: DRAIN, policy };
            self.add("control", control::run(parts, socket, self.stop.clone()));
        }
    }

    /// Waits until all have ended; if one ends by itself, the others are stopped.
    pub(super) async fn run(mut self) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        while let Some(ended) = self.set.join_next().await {
            if !self.stop.is_cancelled() {
                match ended {
                    Ok(name) => error!(name, "ended unexpectedly; shutting down"),
                    Err(panic) => error!(reason = reason(&panic), "panicked; shutting down"),
                }
                code = ExitCode::FAILURE;
                self.stop.cancel();
            }
        }
        info!("stopped");
        Ok(code)
    }
}
