//! Lenient parsing of standards, pollutants, units and numbers: unambiguous spellings are accepted;
//! anything else is refused with the expected spelling.

use aqi::{Averaging, Concentration, Pollutant, Standard, Unit, standards};

use super::{Refusal, refuse};

/// The versions of a standard, the newest first, by its id or its short name.
pub(super) fn versions_of(text: &str) -> Result<Vec<&'static Standard>, Refusal> {
    let is_it = |standard: &&&Standard| same(standard.id, text) || same(standard.short_name, text);
    if let Some(found) = standards::ALL.iter().find(is_it) {
        return Ok(standards::ALL.into_iter().filter(|other| other.id == found.id).collect());
    }
    if text.contains('=') {
        return refuse(format!(
            "`{text}` is a concentration: the standard comes before it, such as uk_daqi {text}"
        ));
    }
    let ids = distinct(standards::ALL.iter().map(|standard| standard.id));
    let meant = nearest(text, &ids);
    refuse(format!("unknown standard `{text}`: expected one of {}{meant}", ids.join(" ")))
}

pub(super) fn pollutant_of(standard: &Standard, text: &str) -> Result<Pollutant, Refusal> {
    let covered = |p: &Pollutant| standard.averagings(*p).next().is_some();
    text.parse().ok().filter(covered).ok_or_else(|| {
        let names: Vec<_> =
            Pollutant::ALL.into_iter().filter(covered).map(Pollutant::name).collect();
        let meant =
            if text.parse::<Pollutant>().is_ok() { String::new() } else { nearest(text, &names) };
        let names = names.join(", ");
        Refusal(format!("{} has no pollutant `{text}`; it has {names}{meant}", standard.id))
    })
}

pub(super) fn averaging_of(text: &str) -> Result<Averaging, Refusal> {
    text.parse().map_err(|_| {
        let names = Averaging::ALL.map(Averaging::name);
        Refusal(format!(
            "averaging `{text}`: expected {}{}",
            names.join(", "),
            nearest(text, &names)
        ))
    })
}

pub(super) fn unit_of(text: &str) -> Result<Unit, Refusal> {
    text.parse().map_err(|_| {
        let names = Unit::ALL.map(Unit::name);
        Refusal(format!(
            "unknown unit `{text}`: expected {}{}",
            names.join(", "),
            nearest(text, &names)
        ))
    })
}

const ONE_NUMBER: &str = "write it with a decimal point and without thousands separators";

/// A number and the unit after it, if any.
pub(super) fn value_of(text: &str) -> Result<(Number<'_>, Option<Unit>), Refusal> {
    let text = text.trim();
    let in_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ',' | '\'' | '_');
    let mut end = text.find(|c| !in_number(c)).unwrap_or(text.len());
    let exponent = text[end..].strip_prefix(['e', 'E']);
    if let Some(digits) = exponent.filter(|_| end > 0) {
        let digits = digits.trim_start_matches(['+', '-']);
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if count > 0 {
            end = text.len() - digits.len() + count;
        }
    }
    // A word instead of the number is not a unit.
    let (number, unit) = text.split_at(if end == 0 { text.len() } else { end });
    let unit = match unit.trim() {
        "" => None,
        unit => match unit_of(unit) {
            Err(_) if unit.starts_with(|c: char| c.is_ascii_digit()) => {
                return refuse(format!("concentration `{text}`: {ONE_NUMBER}"));
            }
            unit => Some(unit?),
        },
    };
    Ok((Number(number), unit))
}

/// A number as the user wrote it.
pub(super) struct Number<'a>(&'a str);

impl Number<'_> {
    pub(super) fn in_unit(&self, unit: Unit) -> Result<Concentration, Refusal> {
        let text = self.0;
        let refusal = |reason: &str| Refusal(format!("concentration `{text}`: {reason}"));
        let plain = match text.split_once(',') {
            Some((whole, decimals)) => {
                with_point(whole, decimals).map_err(|reason| refusal(&reason))?
            }
            None => text.to_owned(),
        };
        Concentration::parse(&plain, unit).map_err(|error| {
            let exponent = text.contains(['e', 'E']) && text.parse::<f64>().is_ok();
            match (text.is_empty(), exponent) {
                (true, _) => Refusal("the concentration is missing".to_owned()),
                (_, true) => refusal("write it without an exponent, such as 0.012 for 1.2e-2"),
                _ => refusal(&error.to_string()),
            }
        })
    }
}

/// Converts a decimal comma to a point. Three digits after the comma may be thousands, unless only
/// a zero precedes it.
fn with_point(whole: &str, decimals: &str) -> Result<String, String> {
    let unsigned = whole.trim_start_matches(['+', '-']);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(unsigned) || !digits(decimals) {
        return Err(ONE_NUMBER.to_owned());
    }
    if decimals.len() == 3 && !unsigned.starts_with('0') && !unsigned.is_empty() {
        return Err(format!(
            "the comma may be a decimal comma or a thousands separator; write {whole}.{decimals} \
             or {whole}{decimals}"
        ));
    }
    Ok(format!("{whole}.{decimals}"))
}

/// Whether two names are equal, ignoring case and punctuation.
pub(super) fn same(name: &str, text: &str) -> bool {
    let name = folded(name);
    !name.is_empty() && name == folded(text)
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == '+').flat_map(char::to_lowercase).collect()
}

/// The closest name, as the end of an error; empty if none is close.
pub(super) fn nearest(text: &str, names: &[&str]) -> String {
    let text = folded(text);
    let likeness = |name: &&&str| strsim::jaro_winkler(&folded(name), &text);
    let best = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best.filter(|name| likeness(name) >= 0.8) {
        Some(name) => format!("; did you mean {name}?"),
        None => String::new(),
    }
}

pub(super) fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    words.fold(Vec::new(), |mut all, word| {
        if !all.contains(&word) {
            all.push(word);
        }
        all
    })
}
