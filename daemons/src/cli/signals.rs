//! Signals: which stop the process, and which make it read its files again.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Failure;

/// The total time for a graceful shutdown.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Changes when files are to be read or opened again.
pub(super) type Reload = watch::Receiver<()>;

/// A token that Ctrl-C, SIGTERM and SIGHUP cancel. A second signal, or a shutdown that takes too long, ends
/// the process at once.
pub(super) fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = ending()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = received(&mut interrupt, &mut terminate) => {}
            _ = hang_up.recv() => {}
        }
        shut_down(cancelled, interrupt, terminate).await;
    });
    Ok(stop)
}

/// A token that Ctrl-C and SIGTERM cancel, as above; SIGHUP reloads.
pub(super) fn stop_or_reload_on_signals() -> Result<(CancellationToken, Reload), Failure> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = ending()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (reload, reloaded) = watch::channel(());
    let cancelled = stop.clone();
    tokio::spawn(async move {
        let reloading = async {
            while hang_up.recv().await.is_some() {
                tracing::info!("SIGHUP: reloading files");
                reload.send_replace(());
            }
            std::future::pending().await
        };
        tokio::select! {
            () = received(&mut interrupt, &mut terminate) => {}
            () = reloading => {}
        }
        shut_down(cancelled, interrupt, terminate).await;
    });
    Ok((stop, reloaded))
}

fn ending() -> Result<(Signal, Signal), Failure> {
    Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

async fn received(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn shut_down(stop: CancellationToken, mut interrupt: Signal, mut terminate: Signal) {
    tracing::info!("shutting down: draining responses, requeueing running jobs");
    stop.cancel();
    tokio::select! {
        () = received(&mut interrupt, &mut terminate) => {}
        () = tokio::time::sleep(STOP_WITHIN) => {}
    }
    tracing::warn!("shutdown timed out; exiting with work unfinished");
    std::process::exit(1);
}
