//! Custom standards: of an authority that this crate does not include, or for a study. An invalid
//! standard does not compile.
//!
//! ```
//! use airshed_aqi::{Averaging, Category, Colour, Concentration, Date, End, Pollutant, Rounding};
//! use airshed_aqi::{Sample, Scale, Severity, Shape, Standard, Table, Unit};
//!
//! const PM25: Table = Table::new(
//!     Pollutant::Pm25,
//!     Averaging::Day,
//!     Unit::Microgram,
//!     // Up to 10 µg/m³ it is 1, up to 25 it is 2, above 3.
//!     Scale::new(0, Rounding::HalfUp, Shape::Banded, (0, 0), &[(10, 1), (25, 2)], End::Open(3)),
//!     "Ordinance on Clean Air of Lilliput, 2026",
//! );
//! const BANDS: &[Category] = &[
//!     Category::new("Fair", 1, Some(0x3a86c8), Colour::hex(0xfde725), Severity::Clean),
//!     Category::new("Middling", 2, None, Colour::hex(0x21918c), Severity::Elevated),
//!     Category::new("Foul", 3, None, Colour::hex(0x440154), Severity::Unhealthy),
//! ];
//! static LILLIPUT: Standard = Standard::new("lilliput", "2026", "Lilliput's Air Index", &[PM25], BANDS)
//!     .of("Lilliput", "XX")
//!     .since(Date::new(2026, 1, 1));
//!
//! let mean = Concentration::parse("25.4", Unit::Microgram)?;
//! let answer = LILLIPUT.index(&[Sample::new(Pollutant::Pm25, Averaging::Day, mean)])?;
//! assert_eq!((answer.index().number(), answer.category().name), (2, "Middling"));
//! # Ok::<(), airshed_aqi::Error>(())
//! ```
//!
//! Bands in the wrong order do not compile:
//!
//! ```compile_fail
//! # use airshed_aqi::{Averaging, Category, Colour, End, Pollutant, Rounding, Scale, Severity, Shape};
//! # use airshed_aqi::{Standard, Table, Unit};
//! # const SCALE: Scale = Scale::new(0, Rounding::HalfUp, Shape::Banded, (0, 0), &[(10, 1)], End::Open(2));
//! # const PM25: Table = Table::new(Pollutant::Pm25, Averaging::Day, Unit::Microgram, SCALE, "");
//! # const fn band(name: &'static str, from: u32) -> Category {
//! #     Category::new(name, from, None, Colour::hex(0), Severity::Clean)
//! # }
//! static WRONG: Standard =
//!     Standard::new("wrong", "1", "Wrong", &[PM25], &[band("High", 2), band("Low", 1)]);
//! ```

use crate::standard::BLANK;
use crate::{Category, Content, Date, Needs, Rule, Standard, Table};

impl Standard {
    /// A standard whose index is that of the worst pollutant. It does not compile if
    ///
    /// - a name is empty, or `id` or `version` has a character other than lower-case letters,
    ///   digits, `_`, `-` and `.`;
    /// - there is no table, or a pollutant has two tables for one averaging period;
    /// - there is no category, or the categories are not in ascending order;
    /// - an index is below the first category.
    pub const fn new(
        id: &'static str,
        version: &'static str,
        name: &'static str,
        tables: &'static [Table],
        categories: &'static [Category],
    ) -> Self {
        let standard = Self { id, version, name, short_name: name, tables, categories, ..BLANK };
        standard.check();
        standard
    }

    /// The authority, and the region: an ISO 3166 code.
    #[must_use]
    pub const fn of(self, authority: &'static str, region: &'static str) -> Self {
        Self { authority, region, ..self }
    }

    /// The effective date.
    #[must_use]
    pub const fn since(self, from: Date) -> Self {
        Self { from, ..self }
    }

    /// The variant.
    #[must_use]
    pub const fn as_variant(self, variant: &'static str) -> Self {
        Self { variant, ..self }
    }

    /// The rule that combines the pollutants into one index.
    #[must_use]
    pub const fn by(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// The pollutants required for the index to be official.
    #[must_use]
    pub const fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// Current values are shown by a [NowCast](crate::nowcast) of particulates.
    #[must_use]
    pub const fn with_now_cast(self) -> Self {
        Self { now_cast: true, ..self }
    }

    /// Panics on a contradiction: at compile time for a constant or a static.
    pub(crate) const fn check(&self) {
        assert!(is_word(self.id) && is_word(self.version), "an id and a version name it");
        assert!(!self.name.is_empty() && !self.short_name.is_empty(), "it has a name");
        assert!(!self.tables.is_empty(), "it has a table");
        assert!(!self.categories.is_empty(), "it has a category");
        let lowest = self.categories[0].from;
        let mut at = 1;
        while at < self.categories.len() {
            assert!(self.categories[at - 1].from < self.categories[at].from, "categories ascend");
            at += 1;
        }
        let mut at = 0;
        while at < self.tables.len() {
            let table = &self.tables[at];
            if let Content::Scale(scale) = &table.content {
                assert!(lowest <= scale.places().0, "no index is below the first category");
            }
            let mut other = 0;
            while other < at {
                let same = self.tables[other].pollutant as u8 == table.pollutant as u8
                    && self.tables[other].averaging as u8 == table.averaging as u8;
                assert!(!same, "a pollutant has one table over an averaging period");
                other += 1;
            }
            at += 1;
        }
    }
}

const fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let plain = bytes[at].is_ascii_lowercase() || bytes[at].is_ascii_digit();
        if !plain && !matches!(bytes[at], b'_' | b'-' | b'.') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty()
}
