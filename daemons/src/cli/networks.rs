//! Flags for the terms of networks.

use std::sync::Arc;

use airshed::networks::{NetworkTerms, Networks};
use clap::Args;

/// The terms of networks.
#[derive(Args, Clone)]
pub(super) struct NetworkFlags {
    /// Attribution and licence of a network's data: NAME=ATTRIBUTION, or NAME=ATTRIBUTION <LICENCE
    /// URL>; repeatable (in the environment variable, separated by |). A server withholds readings
    /// of networks other than Sensor.Community and those given here; an export includes all
    /// readings and names the networks without terms.
    #[arg(long, env = "AIRSHED_NETWORK_TERMS", value_name = "TERMS", value_delimiter = '|')]
    network_terms: Vec<NetworkTerms>,
}

impl NetworkFlags {
    /// Whether any terms are given.
    pub(super) fn are_given(&self) -> bool {
        !self.network_terms.is_empty()
    }

    /// The given networks, and those with built-in terms.
    pub(super) fn networks(&self) -> Arc<Networks> {
        let named = self.network_terms.iter().cloned();
        let add = |all: Networks, NetworkTerms { network, terms }| all.with(network, terms);
        Arc::new(named.fold(Networks::default(), add))
    }
}
