use crate::{Averaging, Capture, Pollutant, Rounding, Scale, Unit};

/// What a standard says about one pollutant over one averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// The span of time that its concentration is a mean of.
    pub averaging: Averaging,
    /// The unit of the table.
    pub unit: Unit,
    /// What leads to the index.
    pub content: Content,
    /// How many values a mean needs; none where the sources at hand name no rule.
    pub capture: Option<Capture>,
    /// Values above are errors of measurement to the authority, which discards them.
    pub discard_above: Option<u32>,
    /// Above the last row another averaging period of the same pollutant decides.
    pub defers_to: Option<Averaging>,
    /// Where the numbers are from: the national document, and by what way.
    pub source: &'static str,
    /// How far the source carries: see [`Confidence`].
    pub confidence: Confidence,
}

/// What leads from a concentration to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Rows.
    Scale(Scale),
    /// A risk that grows exponentially, `e^(β·c) − 1`, to be summed with the other
    /// pollutants'; the number is β in 10⁻¹⁰ per unit.
    Risk(u32),
}

/// How far the sources at hand carry.
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

    /// How many values a mean needs, of how many.
    #[must_use]
    pub const fn capture(self, at_least: u32, of: u32) -> Self {
        Self { capture: Some(Capture::new(at_least, of)), ..self }
    }

    /// Values above are errors of measurement.
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

    /// The scale, rounded as a policy has it where there is one.
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
