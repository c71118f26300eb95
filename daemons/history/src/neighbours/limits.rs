//! The limits of models, from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use aqi::Decimal;
use store::{Flags, Reading, SensorType};

use super::exact::Exact;

/// For each model, between which values of `(c + 1) / (N + 1)` a reading is like its neighbours.
///
/// The default has the SDS011's, ½ and 2. Those of another model are the 1st and the 99th percentile of
/// its own ratios ([`Ratios`]); models without limits are never above or below their neighbours.
///
/// As a file, each line has a model, its lower and its upper limit, separated by commas, after a line
/// with the names of these columns. Lines that begin with `#` are comments. A model that is not
/// there keeps its limits by default.
///
/// ```
/// use airshed_history::neighbours::Limits;
///
/// let limits: Limits = "model,below,above\nSPS30,0.62,1.71\n".parse()?;
/// assert_eq!(limits.to_string(), "model,below,above\nSDS011,0.5,2\nSPS30,0.62,1.71\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits(BTreeMap<String, Between>);

/// In ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Between {
    below: u32,
    above: u32,
}

const HEADER: &str = "model,below,above";

const ONE: i64 = 10_000;

impl Default for Limits {
    fn default() -> Self {
        Self(BTreeMap::from([("SDS011".to_owned(), Between { below: 5_000, above: 20_000 })]))
    }
}

impl Limits {
    /// The flag of a value beside twice the median of its neighbours.
    pub(super) fn compared(
        &self,
        model: Option<SensorType>,
        value: Decimal,
        twice_median: Exact,
    ) -> Flags {
        let of = |model: SensorType| self.0.get(&model.as_str().to_ascii_uppercase());
        let Some(Between { below, above }) = model.and_then(of) else { return Flags::NONE };
        // Both sides of (c + 1) / (N + 1) = limit / 10,000, times 20,000 · (N + 1).
        let own = Exact::of(value).plus(Exact::whole(1)).times(2 * i128::from(ONE));
        let others = twice_median.plus(Exact::whole(2));
        if own > others.times((*above).into()) {
            Flags::ABOVE_NEIGHBOURS
        } else if own < others.times((*below).into()) {
            Flags::BELOW_NEIGHBOURS
        } else {
            Flags::NONE
        }
    }
}

impl FromStr for Limits {
    type Err = BadLimits;

    fn from_str(text: &str) -> Result<Self, BadLimits> {
        let mut limits = Self::default();
        let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
        let mut lines = lines
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let bad = |line: usize, reason: &str| BadLimits { line, reason: reason.to_owned() };
        let is_header = |line: &str| {
            let names: Vec<_> = line.split(',').map(str::trim).collect();
            names.join(",").eq_ignore_ascii_case(HEADER)
        };
        if !lines.next().is_some_and(|(_, line)| is_header(line)) {
            return Err(bad(1, "the first line must be `model,below,above`"));
        }
        let mut named = BTreeSet::new();
        for (number, line) in lines {
            let cells: Vec<_> = line.split(',').map(str::trim).collect();
            let &[model, below, above] = cells.as_slice() else {
                return Err(bad(number, "expected a model and two limits"));
            };
            let model: SensorType = model
                .parse()
                .map_err(|error: store::BadSensorType| bad(number, &error.to_string()))?;
            let name = model.as_str().to_ascii_uppercase();
            let limit = |text: &str| {
                let limit = Decimal::from_str_exact(text).ok()?.checked_mul(ONE.into())?;
                u32::try_from(limit).ok().filter(|_| limit.fract().is_zero())
            };
            let (Some(below), Some(above)) = (limit(below), limit(above)) else {
                return Err(bad(
                    number,
                    "a limit is a number of up to four decimals, such as 0.62",
                ));
            };
            if below == 0 || i64::from(below) > ONE || i64::from(above) < ONE {
                return Err(bad(
                    number,
                    "limits are above 0, the lower at most 1, the upper at least 1",
                ));
            }
            if !named.insert(name.clone()) {
                return Err(bad(number, &format!("{model} is there twice")));
            }
            limits.0.insert(name, Between { below, above });
        }
        Ok(limits)
    }
}

/// As the file.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        let decimal = |limit: u32| Decimal::new(limit.into(), 4).normalize();
        for (model, Between { below, above }) in &self.0 {
            writeln!(f, "{model},{},{}", decimal(*below), decimal(*above))?;
        }
        Ok(())
    }
}

/// A file of limits that is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLimits {
    line: usize,
    reason: String,
}

impl fmt::Display for BadLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for BadLimits {}

/// The ratios `(c + 1) / (N + 1)` of each model, of which limits are made.
#[derive(Debug, Clone, Default)]
pub struct Ratios(BTreeMap<String, Vec<f64>>);

/// A model needs so many ratios: a percentile of fewer is the greatest or the least.
pub const LEAST_RATIOS: usize = 1_000;

impl Ratios {
    /// Adds the readings of one averaging period and time, such as the daily means of a day. Only
    /// plausible readings of outdoor sensors count, which are those that are neighbours.
    pub fn add(&mut self, readings: &[Reading]) {
        for (number, medians) in super::medians(readings) {
            let reading = &readings[number];
            let Some(model) = reading.sensor_type.filter(|_| super::counts(reading)) else {
                continue;
            };
            let of_model = self.0.entry(model.as_str().to_ascii_uppercase()).or_default();
            for (value, median) in [reading.pm10, reading.pm25].into_iter().zip(medians) {
                let Some((value, median)) = value.zip(median) else { continue };
                let ratio = value.checked_add(Decimal::ONE).zip(median.checked_add(Decimal::ONE));
                let ratio = ratio.and_then(|(own, others)| own.checked_div(others));
                of_model.extend(ratio.and_then(|ratio| f64::try_from(ratio).ok()));
            }
        }
    }

    /// The number of ratios of each model.
    pub fn counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(model, ratios)| (model.as_str(), ratios.len()))
    }

    /// The limits of the models that have a thousand ratios: the 1st and the 99th percentile, to
    /// four decimals. The SDS011's stay as they are.
    pub fn limits(self) -> Limits {
        let mut limits = Limits::default();
        for (model, mut ratios) in self.0 {
            if ratios.len() < LEAST_RATIOS || limits.0.contains_key(&model) {
                continue;
            }
            ratios.sort_by(f64::total_cmp);
            let at = |share: f64| {
                let place = (share * (ratios.len() - 1) as f64).round();
                (ratios[place as usize] * ONE as f64).round() as u32 // a ratio is positive
            };
            let (below, above) = (at(0.01).clamp(1, ONE as u32), at(0.99).max(ONE as u32));
            limits.0.insert(model, Between { below, above });
        }
        limits
    }
}
