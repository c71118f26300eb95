//! `airshed index`: the index of given concentrations, one at a time or by the file.

use std::fmt;
use std::io::{Read, Write};

use aqi::{Answer, Averaging, Concentration, Pollutant, Sample, Standard, Unit, standards};

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

/// The index of `POLLUTANT[/AVERAGING]=VALUE[UNIT]` pairs by a standard, such as
/// `PM10=0.05mg/m3` or `O3/8h=0.07ppm`. Without an averaging period it is the standard's
/// usual one, without a unit µg/m³. The standard is `ID[:VERSION[:VARIANT or POLICY]]`; the
/// newest version and the first variant that covers the pairs when they are left out.
pub fn of_pairs(standard: &str, pairs: &[String]) -> Result<Answer, Refusal> {
    let mut words = standard.splitn(3, ':');
    let mut word = || words.next().unwrap_or_default();
    let (id, version, kind) = (word(), word(), word());
    let samples = |standard| pairs.iter().map(|pair| of_pair(standard, pair)).collect();
    first_to_answer(find(id, version, kind)?, samples)
}

/// The answer of the first variant that has one; else the refusal of the first.
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
        return refuse(format!("`{pair}`: give POLLUTANT=VALUE, such as PM2.5=11.5"));
    };
    let (pollutant, averaging) = match subject.split_once('/') {
        Some((pollutant, averaging)) => (pollutant, Some(averaging_of(averaging)?)),
        None => (subject, None),
    };
    let pollutant = pollutant_of(standard, pollutant)?;
    let usual = || standard.averagings(pollutant).next();
    // The index refuses a pollutant that the standard does not cover, whatever its mean.
    let averaging = averaging.or_else(usual).unwrap_or(Averaging::Day);
    let unit = value.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
    let (number, unit) = value.split_at(unit.filter(|at| *at > 0).unwrap_or(value.len()));
    let unit = if unit.is_empty() { "ug/m3" } else { unit };
    Ok(Sample::new(pollutant, averaging, concentration_of(number, unit)?))
}

/// Reads CSV with the header `standard,version,pollutant,unit,averaging,concentration`
/// (in any order, with others) and writes each row back with `index,category,error`
/// appended. A bad row gets its error and ends nothing; the number of such rows.
pub fn batch(input: impl Read, output: impl Write) -> Result<u64, BatchError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(output);
    let header = reader.byte_headers()?.clone();
    let place = |name: &str| {
        let bare = |cell: &[u8]| cell.trim_ascii() == name.as_bytes();
        header.iter().position(bare).ok_or_else(|| BatchError::Column(name.to_owned()))
    };
    let places = [
        place("standard")?,
        place("version")?,
        place("pollutant")?,
        place("unit")?,
        place("averaging")?,
        place("concentration")?,
    ];
    let appended = ["index", "category", "error"].map(str::as_bytes);
    writer.write_byte_record(&header.iter().chain(appended).collect())?;
    let mut record = csv::ByteRecord::new();
    let mut refused = 0;
    while reader.read_byte_record(&mut record)? {
        let cell = |place: usize| String::from_utf8_lossy(record.get(place).unwrap_or_default());
        let cells = places.map(|place| cell(place).trim().to_owned());
        let answer = match record.len() == header.len() {
            true => of_row(&cells),
            false => refuse(format!("{} cells, the header has {}", record.len(), header.len())),
        };
        let (index, category, error) = match answer {
            Ok(answer) => (answer.index().to_string(), answer.category().name, String::new()),
            Err(refusal) => {
                refused += 1;
                (String::new(), "", refusal.to_string())
            }
        };
        // A short row is filled up and a long one keeps its cells behind ours.
        let own = (0..header.len()).map(|place| record.get(place).unwrap_or_default());
        let ours = [index.as_bytes(), category.as_bytes(), error.as_bytes()];
        let rest = record.iter().skip(header.len());
        writer.write_byte_record(&own.chain(ours).chain(rest).collect())?;
    }
    writer.flush()?;
    Ok(refused)
}

/// Why a batch could not be read or written at all.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The header lacks a column.
    #[error(
        "the header has no column `{0}`; it needs \
         standard,version,pollutant,unit,averaging,concentration"
    )]
    Column(String),
    /// The input cannot be read, or the output not written.
    #[error("cannot read or write")]
    Csv(#[from] csv::Error),
    /// The output cannot be written.
    #[error("cannot write")]
    Write(#[from] std::io::Error),
}

/// A row has one concentration, or several parted by `;` in the cells `pollutant` and
/// `concentration` (and in `unit` and `averaging`, where one for all will do).
fn of_row(cells: &[String; 6]) -> Result<Answer, Refusal> {
    let [id, version, pollutants, units, averagings, concentrations] = cells;
    let cells = [pollutants, units, averagings, concentrations];
    first_to_answer(find(id, version, "")?, |standard| samples_of(standard, cells))
}

fn samples_of(standard: &Standard, cells: [&String; 4]) -> Result<Vec<Sample>, Refusal> {
    let lists = cells.map(|cell| cell.split(';').map(str::trim).collect::<Vec<_>>());
    let [pollutants, units, averagings, concentrations] = lists;
    let one_or_each = |list: &[&str]| list.len() == 1 || list.len() == pollutants.len();
    if concentrations.len() != pollutants.len() || !one_or_each(&units) || !one_or_each(&averagings)
    {
        return refuse("the lists of pollutants, units, averagings and concentrations differ");
    }
    let of = |list: &[&str], at: usize| list[at.min(list.len() - 1)].to_owned();
    let sample = |(at, pollutant): (usize, &&str)| {
        let pollutant = pollutant_of(standard, pollutant)?;
        let averaging = averaging_of(&of(&averagings, at))?;
        Ok(Sample::new(
            pollutant,
            averaging,
            concentration_of(concentrations[at], &of(&units, at))?,
        ))
    };
    pollutants.iter().enumerate().map(sample).collect()
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

/// The variants of a standard's version, the default first, or those of the variant or
/// policy that is named.
fn find(
    id: &str,
    version: &str,
    kind: &str,
) -> Result<(&'static Standard, Vec<&'static Standard>), Refusal> {
    let versions = distinct(standards::ALL.iter().filter(|s| s.id == id).map(|s| s.version));
    if versions.is_empty() {
        let names = distinct(standards::ALL.iter().map(|standard| standard.id));
        return refuse(format!("standard `{id}`: give one of {}", names.join(" ")));
    }
    if !version.is_empty() && !versions.contains(&version) {
        let versions = versions.join(", ");
        return refuse(format!("{id} has no version `{version}`; it has {versions}"));
    }
    let all: Vec<_> = standards::find(id, version).collect();
    let wanted = |standard: &&Standard| match kind {
        "" => standard.policy.is_empty(),
        kind => standard.policy == kind || (standard.policy.is_empty() && standard.variant == kind),
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

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    words.fold(Vec::new(), |mut all, word| {
        if !all.contains(&word) {
            all.push(word);
        }
        all
    })
}

fn pollutant_of(standard: &Standard, text: &str) -> Result<Pollutant, Refusal> {
    let covered = |p: &Pollutant| standard.averagings(*p).next().is_some();
    text.parse().ok().filter(covered).ok_or_else(|| {
        let names: Vec<_> =
            Pollutant::ALL.into_iter().filter(covered).map(Pollutant::name).collect();
        Refusal(format!("{} has no pollutant `{text}`; it has {}", standard.id, names.join(", ")))
    })
}

fn averaging_of(text: &str) -> Result<Averaging, Refusal> {
    text.parse().map_err(|_| {
        let names = Averaging::ALL.map(Averaging::name).join(", ");
        Refusal(format!("averaging `{text}`: give {names}"))
    })
}

fn concentration_of(text: &str, unit: &str) -> Result<Concentration, Refusal> {
    let unit: Unit = unit.parse().map_err(|_| {
        let names = Unit::ALL.map(Unit::name).join(", ");
        Refusal(format!("unit `{unit}`: give {names}"))
    })?;
    Concentration::parse(text, unit)
        .map_err(|error| Refusal(format!("concentration `{text}`: {error}")))
}
