use core::fmt;

use crate::{Colour, Date};

/// A named range of a standard's index: `Low`, `Moderate`, `Very poor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Category {
    /// The authority's name for it, in English if the authority has one, otherwise in its own
    /// language.
    pub name: &'static str,
    /// The lowest index of the category; the next category's lowest ends it. An index over
    /// the scale's last, such as `10+`, counts as one more than that.
    pub from: u32,
    /// The authority's colour. From secondary sources, if the standard's notes say so.
    pub colour: Option<Colour>,
    /// A colour-blind-safe colour: darker is worse.
    pub safe_colour: Colour,
    /// The severity, for advice; none if the standard is not about short-term health effects.
    pub severity: Option<Severity>,
    /// Its names in other official languages: BCP 47 tag and name.
    pub names: &'static [(&'static str, &'static str)],
}

impl Category {
    /// A category from an index on; `colour` is the authority's (0xRRGGBB), if it has one.
    pub const fn new(
        name: &'static str,
        from: u32,
        colour: Option<u32>,
        safe_colour: Colour,
        severity: Severity,
    ) -> Self {
        let colour = match colour {
            Some(rgb) => Some(Colour::hex(rgb)),
            None => None,
        };
        Self { name, from, colour, safe_colour, severity: Some(severity), names: &[] }
    }

    /// Adds names in other languages.
    #[must_use]
    pub const fn named(self, names: &'static [(&'static str, &'static str)]) -> Self {
        Self { names, ..self }
    }

    /// Without a severity, and so without advice: for standards that are not about short-term
    /// health effects.
    #[must_use]
    pub const fn without_advice(self) -> Self {
        Self { severity: None, ..self }
    }

    /// The name in a language, given as its BCP 47 tag (`cy`, `fr`, `zh-Hant`); the English or only
    /// name if there is no official one.
    pub fn name_in(&self, language: &str) -> &'static str {
        let own = self.names.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(language));
        own.map_or(self.name, |(_, name)| name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The severity of a category: six levels to which this crate maps the categories of every
/// standard, so that they share one set of advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// No precautions needed.
    Clean,
    /// A few unusually sensitive people may notice it.
    Acceptable,
    /// People at risk may have symptoms.
    Elevated,
    /// People at risk are likely to have symptoms, others may.
    Unhealthy,
    /// Everybody may have symptoms.
    VeryUnhealthy,
    /// An emergency.
    Hazardous,
}

/// What to do, in this crate's own words, and the page of the authority that decides.
///
/// It is not medical advice and does not replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// For everybody.
    pub everyone: &'static str,
    /// For people with heart or lung conditions, older people, children and pregnant people.
    pub at_risk: &'static str,
    /// The authority's own page.
    pub page: &'static str,
    /// The date of this text.
    pub written: Date,
}

impl Severity {
    /// What to do for everybody, and for people at risk.
    pub const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::Clean => (
                "The air is clean: be outdoors as you like.",
                "The air is clean: be outdoors as you like.",
            ),
            Self::Acceptable => (
                "Do what you planned.",
                "Do what you planned, and ease off if your chest tells you to.",
            ),
            Self::Elevated => (
                "Do what you planned; slow down if your eyes, throat or chest complain.",
                "Move the hardest effort to another hour or indoors, and keep your medicine \
                 within reach.",
            ),
            Self::Unhealthy => (
                "Shorten or ease hard effort outdoors, most of all near traffic or smoke.",
                "Put off hard effort outdoors. You may need your reliever more often; follow \
                 your care plan.",
            ),
            Self::VeryUnhealthy => (
                "Put off hard effort outdoors and keep windows shut while it lasts.",
                "Stay indoors where the air is cleaner, rest, and call your doctor if symptoms \
                 do not pass.",
            ),
            Self::Hazardous => (
                "Stay indoors with windows shut; filter the air or wear a well-fitting \
                 respirator if you must go out.",
                "Stay indoors in filtered air, keep effort to a minimum, and get help early \
                 when breathing becomes hard.",
            ),
        }
    }

    /// The date of the text of [`advice`](Self::advice).
    pub const WRITTEN: Date = Date::new(2026, 11, 24);
}
