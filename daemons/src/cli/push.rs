//! Flags for measurements that sensors push.

use std::sync::Arc;

use airshed::networks::Networks;
use airshed::push::{self, Places, Receiver, Tokens, Writer};
use airshed::{Clock, Flagging};
use clap::Args;
use store::{Network, Store};

use super::feed_flags::live_means;
use super::store_flags::StoreFlags;
use super::{Failure, bad_call};

/// What may be pushed.
#[derive(Args, Clone)]
pub(super) struct PushFlags {
    /// Take measurements that sensors of your own push to /api/push: a file with a token of at least
    /// 16 characters a line (or sha256: and its hash), followed by the boards that may use it if not
    /// all may, such as esp8266-1234567. It is read at start.
    #[arg(
        long = "push-tokens",
        env = "AIRSHED_PUSH_TOKENS",
        value_name = "FILE",
        value_parser = |file: &str| read(file, Tokens::read)
    )]
    tokens: Option<Arc<Tokens>>,
    /// Network of the sensors that push; --network-terms gives its licence.
    #[arg(
        long = "push-network",
        env = "AIRSHED_PUSH_NETWORK",
        default_value = "own",
        value_name = "NAME"
    )]
    network: Network,
    /// Where the boards that push are: a CSV file with the columns board, latitude, longitude,
    /// altitude, country and indoor. It is read at start.
    #[arg(
        long = "push-places",
        env = "AIRSHED_PUSH_PLACES",
        value_name = "FILE",
        value_parser = |file: &str| read(file, Places::read),
        requires = "tokens"
    )]
    places: Option<Arc<Places>>,
}

/// Reads a file while flags are parsed, so that an error names the flag or the variable.
fn read<T>(file: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Arc<T>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read it: {error}"))?;
    let text = text.trim_start_matches('\u{feff}'); // as editors on Windows write it
    parse(text).map(Arc::new)
}

/// What was read from the files.
pub(super) struct Pushing {
    tokens: Arc<Tokens>,
    places: Arc<Places>,
    pub(super) network: Network,
}

impl PushFlags {
    /// Checked before anything is created; `None` if nothing may be pushed. `others`: the networks of
    /// which this process stores readings from elsewhere.
    pub(super) fn check(self, others: &[Network]) -> Result<Option<Pushing>, Failure> {
        let Self { tokens, network, places } = self;
        let Some(tokens) = tokens else { return Ok(None) };
        if network.is_default() || others.contains(&network) {
            return Err(bad_call(format!(
                "sensors cannot push to {network}, whose sensors have other numbers: choose another \
                 --push-network"
            )));
        }
        Ok(Some(Pushing { tokens, places: places.unwrap_or_default(), network }))
    }
}

impl Pushing {
    /// Samples are kept for `days`.
    pub(super) fn start(
        self,
        store: &Arc<dyn Store>,
        flags: &StoreFlags,
        networks: &Networks,
        days: u32,
        flagging: Flagging,
        clock: &Clock,
    ) -> (Receiver, Writer) {
        let Self { tokens, places, network } = self;
        if !networks.contains(network) {
            tracing::warn!(
                "pushed readings of {network} are stored but withheld: set --network-terms to serve \
                 them"
            );
        }
        let means = live_means(store, flags, network, days, flagging);
        push::receiver(tokens, places, network, Arc::clone(store), means, Arc::clone(clock))
    }
}
