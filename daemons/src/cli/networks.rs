//! The terms of networks, as flags.

use std::sync::Arc;

use airshed::networks::{NetworkTerms, Networks};
use clap::Args;

/// On which terms data is handed out.
#[derive(Args, Clone)]
pub(super) struct NetworkFlags {
    /// The terms of a network's data: NAME=ATTRIBUTION, or NAME=ATTRIBUTION <ADDRESS OF THE
    /// LICENCE>; may be given several times (in the variable with a | between). A server hands out
    /// only readings of Sensor.Community and of networks that are named here; an export has all,
    /// and says which terms are not known.
    #[arg(long, env = "AIRSHED_NETWORK_TERMS", value_name = "TERMS", value_delimiter = '|')]
    network_terms: Vec<NetworkTerms>,
}

impl NetworkFlags {
    /// Whether any are named.
    pub(super) fn are_given(&self) -> bool {
        !self.network_terms.is_empty()
    }

    /// The networks that are named, and those whose terms are always known.
    pub(super) fn networks(&self) -> Arc<Networks> {
        let named = self.network_terms.iter().cloned();
        let add = |all: Networks, NetworkTerms { network, terms }| all.with(network, terms);
        Arc::new(named.fold(Networks::default(), add))
    }
}
