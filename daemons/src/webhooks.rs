//! Messages to URLs that clients name, and to no machine of the operator's network.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use airshed_common::reason;
use airshed_serve::callbacks::Webhooks;
use async_trait::async_trait;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::net::lookup_host;

/// Addresses that are not of the public internet, from IANA's registries of special-purpose addresses
/// (RFC 6890); of the ranges that embed addresses of IPv4 all.
const SPECIAL: [&str; 29] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// A sender of messages: no redirects, ten seconds for each.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    client: Client,
    range: Range,
}

/// Where messages may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// To addresses of the public internet.
    Public,
    /// To any address, also of this machine and its networks.
    Any,
}

impl WebhookSender {
    /// A sender.
    pub fn new(range: Range) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(concat!("airshed/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .dns_resolver(std::sync::Arc::new(Resolver(range)))
            .build()?;
        Ok(Self { client, range })
    }
}

#[async_trait]
impl Webhooks for WebhookSender {
    fn check(&self, url: &str) -> Result<(), String> {
        let url: Url = url.parse().map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected a URL that begins with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user or a password is not called".to_owned());
        }
        // A name is checked when it is resolved.
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        match address {
            Ok(address) => self.range.check(address),
            Err(_) => Ok(()),
        }
    }

    async fn post(&self, url: &str, message: &Value) -> Result<(), String> {
        self.check(url)?;
        let post = self.client.post(url).header(CONTENT_TYPE, "application/json");
        let answer = post.body(message.to_string()).send().await.map_err(|e| reason(&e))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the answer was {status}")),
        }
    }
}

impl Range {
    fn check(self, address: IpAddr) -> Result<(), String> {
        match self == Self::Any || is_public(address) {
            true => Ok(()),
            false => Err(format!(
                "{address} is not an address of the public internet; --callbacks any allows it"
            )),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    let special = SPECIAL.iter().filter_map(|net| net.parse::<IpNet>().ok());
    let address = address.to_canonical();
    !special.into_iter().any(|net| net.contains(&address))
}

/// Resolves names to addresses that may be used, so that a name cannot be checked with one address and
/// called with another.
#[derive(Debug)]
struct Resolver(Range);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let range = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let (usable, others): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| range.check(address.ip()).is_ok());
            if let (true, Some(other)) = (usable.is_empty(), others.first()) {
                range.check(other.ip())?;
            }
            let addresses: Addrs = Box::new(usable.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_one() {
        for net in SPECIAL {
            let net: IpNet = net.parse().unwrap();
            assert!(!is_public(net.network()), "{net}");
            assert!(!is_public(net.broadcast()), "{net}");
        }
        for public in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        assert!(!is_public("::ffff:127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn only_urls_of_the_public_web_are_called() {
        let sender = WebhookSender::new(Range::Public).unwrap();
        for wrong in [
            "",
            "x",
            "file:///etc/passwd",
            "ftp://example.org",
            "http://127.0.0.1/",
            "http://[::1]:80/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://user:pw@example.org/",
            "http://10.1.2.3/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data/",
        ] {
            assert!(sender.check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(sender.check("https://example.org/hook?x=1"), Ok(()));
        assert_eq!(WebhookSender::new(Range::Any).unwrap().check("http://127.0.0.1/"), Ok(()));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_called() {
        let sender = WebhookSender::new(Range::Public).unwrap();
        let failed = sender.post("http://localhost:9/", &Value::Null).await.unwrap_err();
        assert!(failed.contains("not an address of the public internet"), "{failed}");
    }
}
