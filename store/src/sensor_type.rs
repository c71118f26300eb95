use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// A sensor's model, such as `SDS011`.
///
/// One to 24 characters: a letter or digit first, then letters, digits, spaces and `. _ - / + ( )`.
/// It cannot contain anything that a spreadsheet or a browser could execute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorType {
    text: [u8; Self::MAX_LENGTH],
    length: u8,
}

static ALSO_ACCEPTED: OnceLock<Vec<SensorType>> = OnceLock::new();

impl SensorType {
    const MAX_LENGTH: usize = 24;

    /// The name as given.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// An unreadable model: not known to measure particulate matter.
    pub const UNREADABLE: Self = Self::constant(b"unreadable");

    /// A missing model where one is required, as in the network's feed: not known to measure
    /// particulate matter either. In contrast, a reading without any model comes from a source
    /// without models, such as a file with the report's columns, and is
    /// [trusted](crate::Reading::index).
    pub const UNKNOWN: Self = Self::constant(b"unknown");

    const fn constant(name: &[u8]) -> Self {
        let mut text = [0; Self::MAX_LENGTH];
        let mut at = 0;
        while at < name.len() {
            text[at] = name[at];
            at += 1;
        }
        Self { text, length: name.len() as u8 }
    }

    /// Whether the model is known to measure particulate matter in µg/m³: it belongs to
    /// one of [`FAMILIES`](Self::FAMILIES), or was [named](Self::accept_also).
    pub fn measures_particulates(&self) -> bool {
        self.is_of_families() || self.is_also_accepted()
    }

    fn is_of_families(&self) -> bool {
        // Spelling variants: `Next PM`, `IPS 7100`.
        let mut plain = [0; Self::MAX_LENGTH];
        let written = self.bytes().iter().filter(|byte| !b" -_".contains(byte));
        let length = plain.iter_mut().zip(written).map(|(to, from)| *to = *from).count();
        let name = &plain[..length];
        let is_of = |family: &&str| {
            let Some((start, rest)) = name.split_at_checked(family.len()) else { return false };
            start.eq_ignore_ascii_case(family.as_bytes())
                && (rest.is_empty() || family.ends_with('5') || rest.iter().any(u8::is_ascii_digit))
        };
        Self::FAMILIES.iter().any(is_of)
    }

    fn is_also_accepted(&self) -> bool {
        let named = |kind: &Self| kind.as_str().eq_ignore_ascii_case(self.as_str());
        !self.counts_particles() && ALSO_ACCEPTED.get().is_some_and(|all| all.iter().any(named))
    }

    /// Whether it publishes whole µg/m³ (the HPM and the PMS family), so that zero is clean air and
    /// no sign of a failed fan. It cannot be told from the values: a failed fan's are zero too.
    pub fn publishes_whole_numbers(&self) -> bool {
        ["HPM", "PMS"].into_iter().any(|family| {
            let start = self.as_str().get(..family.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(family))
        })
    }

    /// Whether its classification may have been different when its readings were stored.
    pub(crate) fn may_have_changed(&self) -> bool {
        !self.is_of_families() && !self.counts_particles()
    }

    /// Whether models were [named](Self::accept_also).
    pub(crate) fn others_are_accepted() -> bool {
        ALSO_ACCEPTED.get().is_some_and(|all| !all.is_empty())
    }

    /// The sensors of particulate matter that Sensor.Community's firmware supports, by the prefix
    /// of their names, case-insensitive, followed by a number or nothing: SDS011 and SDS021,
    /// PMS1003 to PMS7003, HPM, SPS30, SEN5x, NextPM and IPS-7100.
    pub const FAMILIES: [&str; 8] = ["SDS", "PMS", "HPM", "SPS", "SEN5", "NextPM", "NPM", "IPS"];

    /// The models of the network that report particulate matter, as it spells them, particle
    /// counters included.
    pub const KNOWN: [&str; 13] = [
        "SDS011", "SDS021", "PMS1003", "PMS3003", "PMS5003", "PMS6003", "PMS7003", "HPM", "SPS30",
        "SEN5X", "NextPM", "IPS-7100", "PPD42NS",
    ];

    /// Registers additional models that measure particulate matter in µg/m³, for the whole process.
    /// Call it once, before any reading is created or read; returns whether it was the first call.
    /// Models that [count particles](Self::counts_particles) are not accepted.
    ///
    /// Previously stored readings of these models then have an index; queries by index then read
    /// all blocks, since the directory was written before.
    pub fn accept_also(models: Vec<Self>) -> bool {
        ALSO_ACCEPTED.set(models).is_ok()
    }

    /// Whether the model reports particle counts in `P1` and `P2`, never µg/m³.
    pub fn counts_particles(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("PPD42NS")
    }
}

impl FromStr for SensorType {
    type Err = BadSensorType;

    fn from_str(text: &str) -> Result<Self, BadSensorType> {
        let bytes = text.as_bytes();
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b" ._-/+()".contains(b);
        let starts_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        if !starts_well || bytes.len() > Self::MAX_LENGTH || !bytes.iter().all(plain) {
            return Err(BadSensorType);
        }
        let mut kept = [0; Self::MAX_LENGTH];
        kept[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { text: kept, length: bytes.len() as u8 }) // at most 24
    }
}

impl fmt::Display for SensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SensorType({self})")
    }
}

/// A filter by models, case-insensitive: `sds011` is `SDS011`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SensorTypes(Vec<SensorType>);

impl SensorTypes {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it contains a model.
    pub fn contains(&self, kind: &SensorType) -> bool {
        self.iter().any(|wanted| wanted.as_str().eq_ignore_ascii_case(kind.as_str()))
    }

    /// Each model as given.
    pub fn iter(&self) -> std::slice::Iter<'_, SensorType> {
        self.0.iter()
    }
}

impl From<Vec<SensorType>> for SensorTypes {
    fn from(models: Vec<SensorType>) -> Self {
        Self(models)
    }
}

/// The text is not a valid sensor model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSensorType;

impl fmt::Display for BadSensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sensor type is 1 to 24 letters, digits, spaces and . _ - / + ( )")
    }
}

impl std::error::Error for BadSensorType {}
