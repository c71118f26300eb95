use std::fmt;

use aqi::Decimal;
use jiff::Timestamp;

use crate::{Country, Flags, Network, SensorType};

/// The value of a column for one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Unknown.
    Nothing,
    /// An id, a count or an index.
    Whole(u64),
    /// A decimal.
    Decimal(Decimal),
    /// A text: the code of a country.
    Country(Country),
    /// A text: the network of a sensor.
    Network(Network),
    /// A text: the model of a sensor.
    SensorType(SensorType),
    /// A text from a fixed set.
    Word(&'static str),
    /// A text of a few characters, such as `500+`.
    Short(ShortText),
    /// True or false.
    Truth(bool),
    /// A timestamp.
    Timestamp(Timestamp),
    /// Quality flags.
    Flags(Flags),
}

/// At most 15 ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortText {
    bytes: [u8; 15],
    length: u8,
}

impl ShortText {
    /// The `Display` of a value; empty if it is too long, or not ASCII.
    pub(crate) fn of(shown: impl fmt::Display) -> Self {
        let text = shown.to_string();
        let mut kept = Self { bytes: [0; 15], length: 0 };
        if text.is_ascii() && text.len() <= kept.bytes.len() {
            kept.bytes[..text.len()].copy_from_slice(text.as_bytes());
            kept.length = text.len() as u8;
        }
        kept
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Value {
    /// The number of an id, a count or an index.
    pub fn whole(self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn count(self) -> Option<u32> {
        u32::try_from(self.whole()?).ok()
    }

    /// The number of a decimal column.
    pub fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Decimal(number) => Some(number),
            _ => None,
        }
    }

    /// True or false.
    pub fn truth(self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(truth),
            _ => None,
        }
    }

    /// A timestamp.
    pub fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Timestamp(moment) => Some(moment),
            _ => None,
        }
    }

    /// The flags; none for other values.
    pub fn flags(self) -> Flags {
        match self {
            Self::Flags(flags) => flags,
            _ => Flags::NONE,
        }
    }

    /// The text of a text column.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Country(country) => Some(country.as_str()),
            Self::SensorType(model) => Some(model.as_str()),
            Self::Network(network) => Some(network.as_str()),
            Self::Word(word) => Some(word),
            Self::Short(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn country(self) -> Option<Country> {
        match self {
            Self::Country(country) => Some(country),
            _ => None,
        }
    }

    pub(crate) fn sensor_type(self) -> Option<SensorType> {
        match self {
            Self::SensorType(model) => Some(model),
            _ => None,
        }
    }
}

/// Like a CSV cell in the default dialect, except that a negative zero keeps its sign;
/// [`Column::parse`](crate::Column::parse) reads it back.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::Country(_)
            | Self::SensorType(_)
            | Self::Network(_)
            | Self::Word(_)
            | Self::Short(_) => f.write_str(self.text().unwrap_or_default()),
            Self::Truth(truth) => write!(f, "{}", u8::from(*truth)),
            Self::Timestamp(moment) => write!(f, "{moment}"),
            Self::Flags(flags) => f.write_str(&flags.names().collect::<Vec<_>>().join(" ")),
        }
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Nothing, Self::Whole)
    }
}

impl From<Option<Decimal>> for Value {
    fn from(number: Option<Decimal>) -> Self {
        number.map_or(Self::Nothing, Self::Decimal)
    }
}

impl From<Option<bool>> for Value {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Self::Nothing, Self::Truth)
    }
}
