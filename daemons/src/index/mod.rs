//! `airshed index`: the index of given concentrations, from arguments or from a file.

mod batch;
mod words;

use std::fmt;

use aqi::{Answer, Averaging, Sample, Standard, Unit};

pub use batch::{BatchError, batch};
use words::{averaging_of, distinct, pollutant_of, same, value_of, versions_of};

/// Why there is no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(reason.into()))
}

/// The index of `POLLUTANT[/AVERAGING]=VALUE[UNIT]` pairs by a standard, such as `PM10=0.05mg/m3`
/// or `O3/8h=0.07ppm`. The default averaging period is the standard's, the default unit µg/m³. The
/// standard is `ID[:VERSION[:VARIANT or POLICY]]`; the defaults are the newest version and the
/// first variant that covers the pairs.
pub fn of_pairs(standard: &str, pairs: &[String]) -> Result<Answer, Refusal> {
    let mut words = standard.splitn(3, ':');
    let mut word = || words.next().unwrap_or_default().trim();
    let (id, version, kind) = (word(), word(), word());
    let samples = |standard| pairs.iter().map(|pair| of_pair(standard, pair)).collect();
    first_to_answer(find(id, version, kind)?, samples)
}

/// The answer of the first variant that has one, otherwise the error of the first.
fn first_to_answer(
    (first, others): (&'static Standard, Vec<&'static Standard>),
    samples: impl Fn(&'static Standard) -> Result<Vec<Sample>, Refusal>,
) -> Result<Answer, Refusal> {
    let answer = |standard| index(standard, &samples(standard)?);
    answer(first)
        .or_else(|refusal| others.into_iter().find_map(|other| answer(other).ok()).ok_or(refusal))
}

fn of_pair(standard: &Standard, pair: &str) -> Result<Sample, Refusal> {
    let Some((subject, value)) = pair.split_once('=') else {
        return refuse(format!("`{pair}`: expected POLLUTANT=VALUE, such as PM2.5=11.5"));
    };
    let (pollutant, averaging) = match subject.split_once('/') {
        Some((pollutant, averaging)) => (pollutant, Some(averaging_of(averaging.trim())?)),
        None => (subject, None),
    };
    let pollutant = pollutant_of(standard, pollutant.trim())?;
    let usual = || standard.averagings(pollutant).next();
    // A pollutant that the standard does not cover is refused for any averaging period.
    let averaging = averaging.or_else(usual).unwrap_or(Averaging::Day);
    let of_subject = |refusal: Refusal| Refusal(format!("{}: {refusal}", subject.trim()));
    let concentration = value_of(value)
        .and_then(|(number, unit)| number.in_unit(unit.unwrap_or(Unit::Microgram)))
        .map_err(of_subject)?;
    Ok(Sample::new(pollutant, averaging, concentration))
}

fn index(standard: &'static Standard, samples: &[Sample]) -> Result<Answer, Refusal> {
    standard.index(samples).map_err(|error| match error {
        aqi::Error::WrongAveraging(pollutant, averaging) => {
            let names: Vec<_> = standard.averagings(pollutant).map(Averaging::name).collect();
            let wanted = names.join(" or ");
            Refusal(format!(
                "{} takes {pollutant} as a mean of {wanted}, not {averaging}",
                standard.id
            ))
        }
        error => Refusal(format!("{}: {error}", standard.id)),
    })
}

/// The variants of a standard's version, the default first, or those of the named variant or
/// policy.
fn find(
    id: &str,
    version: &str,
    kind: &str,
) -> Result<(&'static Standard, Vec<&'static Standard>), Refusal> {
    let all = versions_of(id)?;
    let id = all[0].id;
    let versions = distinct(all.iter().map(|standard| standard.version));
    let version = match version {
        "" => versions[0],
        given => match versions.iter().find(|version| same(version, given)) {
            Some(version) => version,
            None => {
                let versions = versions.join(", ");
                return refuse(format!("{id} has no version `{given}`; it has {versions}"));
            }
        },
    };
    let all: Vec<_> = all.into_iter().filter(|standard| standard.version == version).collect();
    let wanted = |standard: &&Standard| match kind {
        "" => standard.policy.is_empty(),
        kind => {
            let is_variant = standard.policy.is_empty() && same(standard.variant, kind);
            is_variant || (!standard.policy.is_empty() && same(standard.policy, kind))
        }
    };
    let mut found = all.iter().copied().filter(wanted);
    let Some(first) = found.next() else {
        let kinds = distinct(all.iter().flat_map(|s| [s.variant, s.policy]));
        let kinds: Vec<_> = kinds.into_iter().filter(|kind| !kind.is_empty()).collect();
        let has = if kinds.is_empty() { "no variants".to_owned() } else { kinds.join(", ") };
        return refuse(format!("{id} has no `{kind}`; it has {has}"));
    };
    Ok((first, found.collect()))
}
