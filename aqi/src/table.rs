use crate::{Averaging, Capture, Pollutant, Rounding, Scale, Unit};

/// The table of a standard for one pollutant and one averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// The averaging period of its concentration.
    pub averaging: Averaging,
    /// The unit of the table.
    pub unit: Unit,
    /// The mapping to the index.
    pub content: Content,
    /// The data-capture rule of a mean; none if the available sources have no rule.
    pub capture: Option<Capture>,
    /// The authority discards higher values as measurement errors.
    pub discard_above: Option<u32>,
    /// Above the last row another averaging period of the same pollutant applies.
    pub defers_to: Option<Averaging>,
    /// The source of the numbers: the national document, and how it was obtained.
    pub source: &'static str,
    /// The confidence in the source: see [`Confidence`].
    pub confidence: Confidence,
}

/// The mapping from a concentration to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Rows.
    Scale(Scale),
    /// A risk that grows exponentially, `e^(β·c) − 1`, to be summed with the other
    /// pollutants'; the number is β in 10⁻¹⁰ per unit.
    Risk(u32),
}

/// The confidence in the available sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// From secondary sources that agree, or from one official page in part.
    Medium,
    /// Read in the official document, or in several independent transcriptions of it.
    High,
}

impl Table {
    /// A scale for a pollutant, and where its numbers are from.
    pub const fn new(
        pollutant: Pollutant,
        averaging: Averaging,
        unit: Unit,
        scale: Scale,
        source: &'static str,
    ) -> Self {
        Self {
            pollutant,
            averaging,
            unit,
            content: Content::Scale(scale),
            capture: None,
            discard_above: None,
            defers_to: None,
            source,
            confidence: Confidence::High,
        }
    }

    pub(crate) const fn risk(
        pollutant: Pollutant,
        unit: Unit,
        beta: u32,
        source: &'static str,
    ) -> Self {
        Self {
            pollutant,
            averaging: Averaging::ThreeHours,
            unit,
            content: Content::Risk(beta),
            capture: Some(Capture::new(2, 3)),
            discard_above: None,
            defers_to: None,
            source,
            confidence: Confidence::High,
        }
    }

    /// Sets the data-capture rule.
    #[must_use]
    pub const fn capture(self, at_least: u32, of: u32) -> Self {
        Self { capture: Some(Capture::new(at_least, of)), ..self }
    }

    /// Sets the limit above which values are measurement errors.
    #[must_use]
    pub const fn discarding_above(self, most: u32) -> Self {
        Self { discard_above: Some(most), ..self }
    }

    pub(crate) const fn deferring_to(self, averaging: Averaging) -> Self {
        Self { defers_to: Some(averaging), ..self }
    }

    pub(crate) const fn medium(self) -> Self {
        Self { confidence: Confidence::Medium, ..self }
    }

    /// The same over another averaging period.
    #[must_use]
    pub const fn over(self, averaging: Averaging) -> Self {
        Self { averaging, ..self }
    }

    /// The scale, with the rounding of a policy, if any.
    #[inline]
    pub(crate) fn scale(&self, policy: Option<Rounding>) -> Option<Scale> {
        match self.content {
            Content::Scale(scale) => {
                Some(Scale { rounding: policy.unwrap_or(scale.rounding), ..scale })
            }
            Content::Risk(_) => None,
        }
    }
}
