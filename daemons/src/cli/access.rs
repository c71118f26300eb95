//! Who may use a server: keys, proxies, rates.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airshed::keys::{Keys, KeysError};
use airshed::server::Access;
use clap::Args;
use ipnet::IpNet;

use super::signals::Reload;
use super::tasks::Tasks;
use super::{Failure, bad_call};

#[derive(Args, Clone)]
pub(super) struct AccessFlags {
    /// File of API keys, as `airshed keys` writes it. It is read again when it changes [default:
    /// DATA/keys.json]
    #[arg(long, env = "AIRSHED_KEYS", value_name = "FILE", value_parser = open)]
    keys: Option<Arc<Keys>>,
    /// Refuse requests without a key. Otherwise a key only gives its holder a share of the capacity and
    /// jobs of their own.
    #[arg(long)]
    keys_only: bool,
    /// Addresses or networks of proxies, such as 127.0.0.1,10.0.0.0/8, whose header Forwarded or
    /// X-Forwarded-For names the client. If any are given, whatever connects to --listen unix:PATH
    /// counts as one.
    #[arg(long, env = "AIRSHED_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    trusted_proxies: Vec<IpNet>,
    /// Requests per second that one client may send while other clients have to wait, and ten times as
    /// many at once; 0: no limit. A client is the holder of a key, an IPv4 address, or the first 64 bits
    /// of an IPv6 address.
    #[arg(long, env = "AIRSHED_RATE", default_value_t = 50, value_name = "N")]
    rate: u32,
}

/// Opened while flags are parsed, so that an error names the flag or the variable.
fn open(file: &str) -> Result<Arc<Keys>, KeysError> {
    Keys::open(file).map(Arc::new)
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse().map(|address: std::net::IpAddr| address.into());
    let network = text.parse().or_else(|_| address());
    network.map_err(|_| "expected an address or a network, such as 127.0.0.1 or 10.0.0.0/8")
}

impl AccessFlags {
    pub(super) fn rate(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.rate)
    }

    pub(super) fn access(&self, data: &Path) -> Result<Access, Failure> {
        let keys = match &self.keys {
            Some(keys) => Arc::clone(keys),
            None => Arc::new(Keys::open(in_data(data))?),
        };
        if self.keys_only && keys.is_empty() {
            return Err(bad_call(
                "--keys-only without any key would refuse every request: run `airshed keys add` first",
            ));
        }
        let (keys_only, proxies) = (self.keys_only, self.trusted_proxies.clone());
        Ok(Access { keys: Some(keys), keys_only, proxies })
    }
}

/// Reads the keys again at each reload.
pub(super) fn reload_keys(access: &Access, tasks: &mut Tasks, reload: &Reload) {
    let Some(keys) = access.keys.clone() else { return };
    let (stop, mut reload) = (tasks.stop.clone(), reload.clone());
    tasks.add("keys", async move {
        loop {
            tokio::select! {
                Ok(()) = reload.changed() => keys.reload(),
                () = stop.cancelled() => return,
            }
        }
    });
}

/// Where the keys of a store are.
pub(super) fn in_data(data: &Path) -> PathBuf {
    data.join("keys.json")
}
