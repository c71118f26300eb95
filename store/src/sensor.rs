//! Sensors: numbers that are unique within a network.

use std::fmt;
use std::str::FromStr;

/// A network of sensors, which determines the licence and the attribution of readings.
///
/// One to 16 characters: a letter or digit first, then letters, digits, `.`, `-` and `_`, all in
/// lower case. `sensor.community` is the default. It sorts before all others, which sort by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Network([u8; Network::MAX_LENGTH]);

impl Network {
    const MAX_LENGTH: usize = 16;

    /// `sensor.community`, whose sensors are written without the network.
    pub const SENSOR_COMMUNITY: Self = Self([0; Self::MAX_LENGTH]);

    /// `simulated`: the network of `airshed demo`.
    pub const SIMULATED: Self = Self(*b"simulated\0\0\0\0\0\0\0");

    const DEFAULT_NAME: &str = "sensor.community";

    /// The name.
    pub fn as_str(&self) -> &str {
        if self.is_default() {
            return Self::DEFAULT_NAME;
        }
        std::str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }

    /// Whether it is [`SENSOR_COMMUNITY`](Self::SENSOR_COMMUNITY).
    pub fn is_default(&self) -> bool {
        *self == Self::SENSOR_COMMUNITY
    }

    /// The name padded with zeros; only zeros for the default.
    pub(crate) fn bytes(self) -> [u8; Self::MAX_LENGTH] {
        self.0
    }

    /// The network of the result of [`bytes`](Self::bytes).
    pub(crate) fn of_bytes(bytes: [u8; Self::MAX_LENGTH]) -> Option<Self> {
        let network = Self(bytes);
        let is_one = network.is_default() || network.as_str().parse() == Ok(network);
        is_one.then_some(network)
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bytes = text.as_bytes();
        let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_well = bytes.first().is_some_and(is_word);
        let is_plain = |byte: &u8| is_word(byte) || b".-_".contains(byte);
        if !starts_well || bytes.len() > Self::MAX_LENGTH || !bytes.iter().all(is_plain) {
            return Err(BadNetwork);
        }
        if text == Self::DEFAULT_NAME {
            return Ok(Self::SENSOR_COMMUNITY);
        }
        let mut name = [0; Self::MAX_LENGTH];
        name[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(name))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({self})")
    }
}

/// The text is not the name of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadNetwork;

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the name of a network is 1 to 16 lower-case letters, digits, dots, hyphens and \
             underscores, a letter or digit first",
        )
    }
}

impl std::error::Error for BadNetwork {}

/// A sensor: its number is unique within its network.
///
/// Written `28842` in the default network, `my-school:12` in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sensor {
    /// The network that numbered it.
    pub network: Network,
    /// The number there, at most 2^63 - 1.
    pub id: u64,
}

impl Sensor {
    /// Sorts after every valid sensor; not a valid sensor itself.
    pub(crate) const LAST: Self = Self { network: Network([u8::MAX; 16]), id: u64::MAX };
}

impl From<u64> for Sensor {
    /// A sensor of the default network.
    fn from(id: u64) -> Self {
        Self { network: Network::SENSOR_COMMUNITY, id }
    }
}

impl FromStr for Sensor {
    type Err = BadSensor;

    fn from_str(text: &str) -> Result<Self, BadSensor> {
        let (network, id) = match text.split_once(':') {
            Some((network, id)) => (network.parse().map_err(BadSensor::Network)?, id),
            None => (Network::SENSOR_COMMUNITY, text),
        };
        let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
        let id = if is_number { id.parse().ok() } else { None };
        let id = id.filter(|id| i64::try_from(*id).is_ok()).ok_or(BadSensor::Id)?;
        Ok(Self { network, id })
    }
}

impl fmt::Display for Sensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.network.is_default() {
            write!(f, "{}:", self.network)?;
        }
        write!(f, "{}", self.id)
    }
}

/// The text is not a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSensor {
    /// The part before the colon is not a network.
    Network(BadNetwork),
    /// The number is not an integer up to 2^63 - 1.
    Id,
}

impl fmt::Display for BadSensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(bad) => bad.fmt(f),
            Self::Id => f.write_str(
                "a sensor id is an integer such as 28842, or prefixed by its network, such as \
                 my-school:12",
            ),
        }
    }
}

impl std::error::Error for BadSensor {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn networks_and_sensors_are_read_back(
            name in "[a-z0-9][a-z0-9._-]{0,15}", other in "[a-z0-9][a-z0-9._-]{0,15}",
            id in 0..=i64::MAX as u64,
        ) {
            let (network, other): (Network, Network) = (name.parse().unwrap(), other.parse().unwrap());
            prop_assert_eq!(network.to_string(), name);
            prop_assert_eq!(Network::of_bytes(network.bytes()), Some(network));
            let by_name = network.as_str().cmp(other.as_str());
            let default_first = other.is_default().cmp(&network.is_default());
            prop_assert_eq!(network.cmp(&other), default_first.then(by_name));
            let sensor = Sensor { network, id };
            prop_assert_eq!(sensor.to_string().parse(), Ok(sensor));
        }

        #[test]
        fn any_text_and_any_bytes_are_taken_or_refused(text in ".{0,20}", bytes in any::<[u8; 16]>()) {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.as_str(), &text);
            }
            if let Ok(sensor) = text.parse::<Sensor>() {
                prop_assert_eq!(sensor.to_string().parse(), Ok(sensor));
            }
            if let Some(network) = Network::of_bytes(bytes) {
                prop_assert_eq!(network.bytes(), bytes);
            }
        }
    }

    #[test]
    fn what_is_no_sensor_is_refused() {
        for text in ["", ":", "7:", ":7", "-7", "+7", "7.0", "a:b:7", "A:7", "9223372036854775808"]
        {
            text.parse::<Sensor>().expect_err(text);
        }
        assert_eq!("sensor.community:7".parse(), Ok(Sensor::from(7)));
        assert_eq!(Sensor::from(7).to_string(), "7");
        let bad = Network::of_bytes(*b"sensor.community");
        assert_eq!(bad, None, "the default has one form");
        assert_eq!("simulated".parse(), Ok(Network::SIMULATED));
    }
}
