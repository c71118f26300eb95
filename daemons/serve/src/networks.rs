//! Whose data is handed out, and on which terms: by network, so that nobody's readings go out
//! under another's licence.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use store::{Network, Query};

use crate::request::{Ask, BadRequest};

/// On which terms a network's data is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whose data it is, and the name of its licence, in words.
    pub attribution: String,
    /// The address of the licence.
    pub licence: Option<String>,
}

impl Terms {
    /// Whose data it is, and the address of its licence.
    pub fn new(attribution: &str, licence: Option<&str>) -> Self {
        Self { attribution: attribution.to_owned(), licence: licence.map(str::to_owned) }
    }
}

/// The networks whose data is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(BTreeMap<Network, Terms>);

impl Default for Networks {
    /// Sensor.Community, and what a demo left behind.
    fn default() -> Self {
        let terms = Terms::new(store::ATTRIBUTION, Some(store::LICENCE));
        Self::only(Network::SENSOR_COMMUNITY, terms)
            .with(Network::SIMULATED, Terms::new("simulated data, not measurements", None))
    }
}

impl Networks {
    /// One network alone.
    pub fn only(network: Network, terms: Terms) -> Self {
        Self(BTreeMap::from([(network, terms)]))
    }

    /// Whether a network's terms are known.
    pub fn contains(&self, network: Network) -> bool {
        self.0.contains_key(&network)
    }

    /// Another one, too; or other terms for one that is there.
    #[must_use]
    pub fn with(mut self, network: Network, terms: Terms) -> Self {
        self.0.insert(network, terms);
        self
    }

    /// Those that there are readings of. Others may get some meanwhile: they stay out of an answer
    /// that was begun without their terms.
    fn among(&self, present: &[Network]) -> Vec<Network> {
        let known = self.0.keys().copied();
        let there: Vec<_> = known.clone().filter(|network| present.contains(network)).collect();
        match there.is_empty() {
            // Nobody's data is in the answer; made-up data is to be expected least.
            true => known.filter(|network| *network != Network::SIMULATED).collect(),
            false => there,
        }
    }

    /// A query for all that is handed out of what there is.
    pub fn everything(&self, present: &[Network]) -> Query {
        let mut everything = Query::everything();
        everything.networks = self.among(present);
        everything
    }

    /// Those that a query can find readings of, in order.
    fn of(&self, query: &Query) -> impl Iterator<Item = &Terms> {
        let asked = |network: &Network| {
            let Query { networks, sensors, .. } = query;
            (networks.is_empty() || networks.contains(network))
                && (sensors.is_empty() || sensors.iter().any(|sensor| sensor.network == *network))
        };
        self.0.iter().filter(move |(network, _)| asked(network)).map(|(_, terms)| terms)
    }

    /// Whose data an answer has, in words.
    pub fn attribution(&self, query: &Query) -> String {
        let all: Vec<_> = self.of(query).map(|terms| terms.attribution.as_str()).collect();
        all.join("; ")
    }

    /// Whose data a whole copy of what there is has, in words: also of networks whose terms are not
    /// known, which it says.
    pub fn attribution_of_copy(&self, query: &Query, present: &[Network]) -> String {
        let Query { networks, sensors, .. } = query;
        let asked = |network: &&Network| {
            (networks.is_empty() || networks.contains(network))
                && (sensors.is_empty() || sensors.iter().any(|sensor| sensor.network == **network))
        };
        let words = present.iter().filter(asked).map(|network| match self.0.get(network) {
            Some(terms) => terms.attribution.clone(),
            None => format!("{network} (its terms are not known: ask whoever runs it)"),
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// The addresses of the licences of an answer's data, each once.
    pub fn licences(&self, query: &Query) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for licence in self.of(query).filter_map(|terms| terms.licence.as_deref()) {
            if !all.contains(&licence) {
                all.push(licence);
            }
        }
        all
    }

    /// A request that finds nothing else than readings of these networks; `present` are those
    /// that there are readings of.
    pub fn restrict(&self, mut ask: Ask, present: &[Network]) -> Result<Ask, BadRequest> {
        ask = ask.at_home_in(present);
        let known = || self.0.keys().map(Network::as_str).collect::<Vec<_>>().join(", ");
        let missing = |network: &&Network| !self.0.contains_key(network);
        if let Some(other) = ask.query.networks.iter().find(missing) {
            let reason = format!("`{other}` is none of this server's networks ({})", known());
            return Err(BadRequest::new("network", reason));
        }
        let of_sensors = ask.query.sensors.iter().map(|sensor| &sensor.network);
        if let Some(other) = of_sensors.into_iter().find(missing) {
            let reason = format!("`{other}` is none of this server's networks ({})", known());
            return Err(BadRequest::new("sensor", reason));
        }
        if ask.query.networks.is_empty() {
            ask.query.networks = self.among(present);
        }
        Ok(ask)
    }
}

/// A network and its terms, as people write them: `my-school=Our School, CC BY 4.0
/// <https://creativecommons.org/licenses/by/4.0/>`; the address may be left out.
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
            .ok_or("write NAME=ATTRIBUTION or NAME=ATTRIBUTION <ADDRESS OF THE LICENCE>")?;
        let network = name.trim().parse().map_err(|bad: store::BadNetwork| bad.to_string())?;
        let words = words.trim();
        let (attribution, licence) = match words.strip_suffix('>').and_then(|w| w.split_once('<')) {
            Some((attribution, address)) => (attribution.trim(), Some(address.trim())),
            None => (words, None),
        };
        if attribution.is_empty() {
            return Err("say whose data it is, behind the =".to_owned());
        }
        let is_address = |address: &str| {
            let is_web = address.starts_with("https://") || address.starts_with("http://");
            is_web
                && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte))
        };
        if let Some(address) = licence.filter(|address| !is_address(address)) {
            return Err(format!("`{address}` is no address of a licence (https://…)"));
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
