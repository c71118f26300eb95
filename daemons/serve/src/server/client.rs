//! Who sends a request: the holder of a key, or an address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::header::{AUTHORIZATION, FORWARDED, HeaderName};
use http::{HeaderMap, Request};
use ipnet::IpNet;

use super::Shared;
use super::problem::Problem;
use crate::keys::{Key, Keys, Right};

/// The address at the other end of a request's connection. A program that embeds the
/// [service](super::service) sets it as an extension of the request; where there is none, all requests
/// count as one client's, which shares with nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// A client, among whom the server's capacity is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// The holder of a key, by its name.
    Key(String),
    /// An address; of IPv6 the first 64 bits, since a subscriber has all of their addresses.
    Address(IpAddr),
    /// Requests whose sender is not known.
    Unknown,
}

impl Client {
    pub(super) fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
            address => address,
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) => write!(f, "key {name}"),
            Self::Address(address) => address.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// The sender of a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) client: Client,
    pub(super) key: Option<Arc<Key>>,
}

impl Caller {
    /// The sender of a request, unless its key is not valid. `by_key`: whether its `Authorization` is one.
    pub(super) fn of<B>(
        shared: &Shared,
        request: &Request<B>,
        by_key: bool,
    ) -> Result<Self, Problem> {
        let access = &shared.server.access;
        let client = address_of(shared, request).map_or(Client::Unknown, Client::at);
        let is_used = |keys: &&Arc<Keys>| by_key && (access.keys_only || !keys.is_empty());
        let keys = access.keys.as_ref().filter(is_used);
        let Some(keys) = keys else {
            return Ok(Self { client, key: None });
        };
        let Some(text) = bearer(request.headers()) else {
            return match access.keys_only {
                true => Err(Problem::NoKey),
                false => Ok(Self { client, key: None }),
            };
        };
        let key = keys.find(text, (shared.server.clock)()).ok_or(Problem::UnknownKey)?;
        Ok(Self { client: Client::Key(key.name.clone()), key: Some(key) })
    }

    /// A problem unless the sender may do this. Without a key everything may be done but to
    /// administer, and nothing can be done to what belongs to a key.
    pub(super) fn may(&self, right: Right) -> Result<(), Problem> {
        match &self.key {
            Some(key) if !key.rights.contains(&right) => {
                Err(Problem::Forbidden(format!("The key {} has no right to {right}.", key.name)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_admin(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.rights.contains(&Right::Admin))
    }

    /// To whom what it creates belongs.
    pub(super) fn owner(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.name.as_str())
    }
}

/// The address that a request was sent from.
pub(super) fn address_of<B>(shared: &Shared, request: &Request<B>) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>().map(|Peer(peer)| peer.to_canonical());
    sender(request.headers(), peer, &shared.server.access.proxies)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(text.trim())
}

/// The header that most proxies set, which RFC 7239's `Forwarded` was to replace.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request was sent from: behind named proxies, the one that the first of them
/// saw. A proxy sets one of the two headers and passes on what the client wrote into the other one:
/// if they disagree, neither is believed. What reaches a Unix socket comes from a proxy on this machine.
fn sender(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &[IpNet]) -> Option<IpAddr> {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    if peer.is_some_and(|peer| !is_proxy(&peer)) || proxies.is_empty() {
        return peer;
    }
    let named = |name: &HeaderName, address: fn(&str) -> Option<IpAddr>| {
        let values = headers.get_all(name).iter();
        // Whatever bytes a client wrote, what its proxy added is at the end.
        let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let hops: Vec<_> = texts.iter().flat_map(|text| text.split(',')).map(address).collect();
        let known = hops.iter().rev().map_while(|hop| *hop);
        let mut nearest = None;
        for address in known {
            nearest = Some(address);
            if !is_proxy(&address) {
                break;
            }
        }
        nearest
    };
    let (new, old) = (named(&FORWARDED, forwarded), named(&X_FORWARDED_FOR, plain));
    match (new, old) {
        // Behind a Unix socket all such count as one client.
        (Some(new), Some(old)) if new != old => peer.or(Some(Ipv4Addr::UNSPECIFIED.into())),
        (new, old) => new.or(old).or(peer),
    }
}

/// The `for` of an element of `Forwarded`.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let node = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?.1;
    plain(node.trim().trim_matches('"'))
}

/// An address, maybe with a port, IPv6 maybe in brackets.
fn plain(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let address = match node.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok(),
        None => node.parse().ok().or_else(|| node.rsplit_once(':')?.0.parse().ok()),
    };
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn seen(forwarded: &[&str], old: &[&str], peer: Option<&str>, proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, HeaderValue::from_str(value).unwrap());
        }
        for value in old {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        let peer = peer.map(|peer| peer.parse().unwrap());
        sender(&headers, peer, &proxies).map_or("unknown".to_owned(), |address| address.to_string())
    }

    #[test]
    fn a_named_proxy_is_believed_and_nobody_else() {
        let local = ["127.0.0.0/8", "::1/128"];
        let one = ["for=203.0.113.7"];
        assert_eq!(seen(&one, &[], Some("198.51.100.1"), &local), "198.51.100.1");
        assert_eq!(seen(&one, &[], Some("127.0.0.1"), &[]), "127.0.0.1");
        assert_eq!(seen(&one, &[], Some("127.0.0.1"), &local), "203.0.113.7");
        assert_eq!(seen(&one, &[], None, &local), "203.0.113.7", "a Unix socket");
        assert_eq!(seen(&one, &[], None, &[]), "unknown");
        assert_eq!(seen(&[], &["203.0.113.7"], Some("::1"), &local), "203.0.113.7");
        // What a client wrote itself is left of what its proxy adds.
        let forged = ["for=192.0.2.1, for=203.0.113.7;proto=https"];
        assert_eq!(seen(&forged, &[], Some("127.0.0.1"), &local), "203.0.113.7");
        assert_eq!(
            seen(&[], &["192.0.2.1", "203.0.113.7, 127.0.0.2"], Some("::1"), &local),
            "203.0.113.7"
        );
        // A client that writes the header that its proxy does not set.
        assert_eq!(
            seen(&["for=192.0.2.1"], &["203.0.113.7"], Some("127.0.0.1"), &local),
            "127.0.0.1"
        );
        assert_eq!(seen(&one, &["203.0.113.7"], Some("127.0.0.1"), &local), "203.0.113.7");
        let odd = HeaderValue::from_bytes(b"\xff, 203.0.113.7").unwrap();
        let odd = HeaderMap::from_iter([(X_FORWARDED_FOR, odd)]);
        let proxies = ["127.0.0.1/32".parse().unwrap()];
        let peer = "127.0.0.1".parse().ok();
        assert_eq!(sender(&odd, peer, &proxies), "203.0.113.7".parse().ok());
        // Ports, brackets, and names that are no addresses.
        let v6 = ["For=\"[2001:db8::1]:4711\""];
        assert_eq!(seen(&v6, &[], Some("127.0.0.1"), &local), "2001:db8::1");
        assert_eq!(
            seen(&["for=\"203.0.113.7:80\""], &[], Some("127.0.0.1"), &local),
            "203.0.113.7"
        );
        assert_eq!(seen(&["for=_hidden"], &[], Some("127.0.0.1"), &local), "127.0.0.1");
        assert_eq!(
            seen(&["for=203.0.113.7, for=unknown"], &[], Some("127.0.0.1"), &local),
            "127.0.0.1"
        );
    }

    #[test]
    fn a_subscriber_of_ipv6_is_one_client() {
        let at = |address: &str| Client::at(address.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:203.0.113.7"), at("203.0.113.7"));
    }

    proptest! {
        /// Whatever a client writes, what its proxy adds at the end counts, or else the proxy.
        #[test]
        fn nobody_can_pass_for_another(
            old in "[ -~]{0,60}", new in "[ -~]{0,60}", adds_new: bool, by_socket: bool,
        ) {
            let added = "203.0.113.7";
            let (element, hop) = (format!("{new},for={added}"), format!("{old},{added}"));
            let (new, old) = match adds_new {
                true => (element.as_str(), old.as_str()),
                false => (new.as_str(), hop.as_str()),
            };
            let peer = (!by_socket).then_some("127.0.0.1");
            let seen = seen(&[new], &[old], peer, &["127.0.0.1/32"]);
            let proxy = if by_socket { "0.0.0.0" } else { "127.0.0.1" };
            prop_assert!(seen == added || seen == proxy, "{}", seen);
        }
    }
}
