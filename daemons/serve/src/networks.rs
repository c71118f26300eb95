//! Networks and their terms, so that readings are never served under another network's licence.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use store::{Metadata, Network, Query};

use crate::request::{BadRequest, QueryRequest};

/// The terms of a network's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The attribution, with the name of the licence.
    pub attribution: String,
    /// The URL of the licence.
    pub licence: Option<String>,
}

impl Terms {
    /// Terms with an attribution and the URL of a licence.
    pub fn new(attribution: &str, licence: Option<&str>) -> Self {
        Self { attribution: attribution.to_owned(), licence: licence.map(str::to_owned) }
    }
}

/// The networks whose data is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(BTreeMap<Network, Terms>);

impl Default for Networks {
    /// Sensor.Community and the demo's network.
    fn default() -> Self {
        let terms = Terms::new(store::ATTRIBUTION, Some(store::LICENCE));
        Self::only(Network::SENSOR_COMMUNITY, terms)
            .with(Network::SIMULATED, Terms::new("simulated data, not measurements", None))
    }
}

impl Networks {
    /// A single network.
    pub fn only(network: Network, terms: Terms) -> Self {
        Self(BTreeMap::from([(network, terms)]))
    }

    /// Whether the terms of a network are known.
    pub fn contains(&self, network: Network) -> bool {
        self.0.contains_key(&network)
    }

    /// Adds a network, or replaces its terms.
    #[must_use]
    pub fn with(mut self, network: Network, terms: Terms) -> Self {
        self.0.insert(network, terms);
        self
    }

    /// The networks with stored readings. Readings of other networks that arrive meanwhile are
    /// excluded from a response that was started without their terms.
    fn among(&self, present: &[Network]) -> Vec<Network> {
        let known = self.0.keys().copied();
        let there: Vec<_> = known.clone().filter(|network| present.contains(network)).collect();
        match there.is_empty() {
            // Without readings the response has no data of any network, least of all simulated
            // data.
            true => known.filter(|network| *network != Network::SIMULATED).collect(),
            false => there,
        }
    }

    /// A query for all readings that are served.
    pub fn everything(&self, present: &[Network]) -> Query {
        let mut everything = Query::everything();
        everything.networks = self.among(present);
        everything
    }

    /// The networks that a query can match, in order, and their terms.
    pub(crate) fn of(&self, query: &Query) -> impl Iterator<Item = (Network, &Terms)> {
        let matching = self.0.iter().filter(move |(network, _)| can_match(query, **network));
        matching.map(|(network, terms)| (*network, terms))
    }

    /// The attribution of a response.
    pub fn attribution(&self, query: &Query) -> String {
        let all: Vec<_> = self.of(query).map(|(_, terms)| terms.attribution.as_str()).collect();
        all.join("; ")
    }

    /// The description of a response.
    pub fn metadata(&self, request: &QueryRequest) -> Metadata {
        let sources = self.of(&request.query);
        sources.fold(
            request.metadata(&self.attribution(&request.query)),
            |metadata, (network, terms)| {
                metadata.with_source(network, &terms.attribution, terms.licence.as_deref())
            },
        )
    }

    /// The description of a full export: it also names networks without terms.
    pub fn metadata_of_copy(&self, request: &QueryRequest, present: &[Network]) -> Metadata {
        let networks = present.iter().filter(|network| can_match(&request.query, **network));
        let terms = |network: &Network| match self.0.get(network) {
            Some(terms) => terms.clone(),
            None => {
                let words = format!("{network} (its terms are not known: ask its operator)");
                Terms { attribution: words, licence: None }
            }
        };
        let sources: Vec<_> = networks.map(|network| (*network, terms(network))).collect();
        let words: Vec<_> = sources.iter().map(|(_, terms)| terms.attribution.as_str()).collect();
        sources.iter().fold(request.metadata(&words.join("; ")), |metadata, (network, terms)| {
            metadata.with_source(*network, &terms.attribution, terms.licence.as_deref())
        })
    }

    /// The distinct licence URLs of a response.
    pub fn licences(&self, query: &Query) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for licence in self.of(query).filter_map(|(_, terms)| terms.licence.as_deref()) {
            if !all.contains(&licence) {
                all.push(licence);
            }
        }
        all
    }

    /// A request restricted to these networks; `present` are the networks with stored readings.
    pub fn restrict(
        &self,
        mut request: QueryRequest,
        present: &[Network],
    ) -> Result<QueryRequest, BadRequest> {
        request = request.at_home_in(present).served(self.among(present));
        let known = || self.0.keys().map(Network::as_str).collect::<Vec<_>>().join(", ");
        let missing = |network: &&Network| !self.0.contains_key(network);
        if let Some(other) = request.query.networks.iter().find(missing) {
            let reason = format!("`{other}` is not a network of this server ({})", known());
            return Err(BadRequest::new("network", reason));
        }
        let of_sensors = request.query.sensors.iter().map(|sensor| &sensor.network);
        if let Some(other) = of_sensors.into_iter().find(missing) {
            let reason = format!("`{other}` is not a network of this server ({})", known());
            return Err(BadRequest::new("sensor", reason));
        }
        if request.query.networks.is_empty() {
            request.query.networks = self.among(present);
        }
        Ok(request)
    }
}

/// Whether a query can match readings of a network.
fn can_match(query: &Query, network: Network) -> bool {
    let Query { networks, sensors, .. } = query;
    (networks.is_empty() || networks.contains(&network))
        && (sensors.is_empty() || sensors.iter().any(|sensor| sensor.network == network))
}

/// A network and its terms, as text:
/// `my-school=Our School, CC BY 4.0 <https://creativecommons.org/licenses/by/4.0/>`; the licence
/// URL is optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkTerms {
    /// The network.
    pub network: Network,
    /// Its terms.
    pub terms: Terms,
}

impl FromStr for NetworkTerms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, words) = text
            .split_once('=')
            .ok_or("expected NAME=ATTRIBUTION or NAME=ATTRIBUTION <LICENCE URL>")?;
        let network = name.trim().parse().map_err(|bad: store::BadNetwork| bad.to_string())?;
        let words = words.trim();
        let (attribution, licence) = match words.strip_suffix('>').and_then(|w| w.split_once('<')) {
            Some((attribution, address)) => (attribution.trim(), Some(address.trim())),
            None => (words, None),
        };
        if attribution.is_empty() {
            return Err("the attribution after the = is missing".to_owned());
        }
        let is_address = |address: &str| {
            let is_web = address.starts_with("https://") || address.starts_with("http://");
            is_web
                && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte))
        };
        if let Some(address) = licence.filter(|address| !is_address(address)) {
            return Err(format!("`{address}` is not a licence URL (https://…)"));
        }
        if attribution.chars().any(char::is_control) {
            return Err("the attribution has a line break or another control character".to_owned());
        }
        Ok(Self { network, terms: Terms::new(attribution, licence) })
    }
}

impl fmt::Display for NetworkTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.network, self.terms.attribution)?;
        self.terms.licence.as_ref().map_or(Ok(()), |address| write!(f, " <{address}>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_as_people_write_them() {
        for text in [
            "my-school=Our School, CC BY 4.0 <https://creativecommons.org/licenses/by/4.0/>",
            "sensor.community=Somebody else",
        ] {
            assert_eq!(text.parse::<NetworkTerms>().unwrap().to_string(), text);
        }
        for wrong in
            ["", "a", "a=", "=b", "A=b", "a= <https://example.org>", "a=b <ftp://c>", "a=b\nc"]
        {
            wrong.parse::<NetworkTerms>().expect_err(wrong);
        }
    }
}
