use core::fmt;

use rust_decimal::Decimal;

use crate::standard::Needs;
use crate::{
    Averaging, Category, Colour, Concentration, Error, Index, Pollutant, Rounding, Rule, Sample,
    Shape, Standard, Table, decimal,
};

/// Maximum number of parts of an answer: no standard has more tables.
pub(crate) const MOST_PARTS: usize = 10;

/// The sub-index of one pollutant, with its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubIndex {
    standard: &'static Standard,
    table: &'static Table,
    concentration: Concentration,
    steps: u64, // of the table's grid; for a risk, of 10^-12 per cent
    index: Index,
}

/// A row of a table as published in the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The lower bound, in the table's unit.
    pub low: Decimal,
    /// The upper bound; none if it is open.
    pub high: Option<Decimal>,
    /// The index at the lower bound.
    pub index_low: u32,
    /// The index at the upper bound; none if it is open.
    pub index_high: Option<u32>,
}

impl SubIndex {
    #[inline]
    pub(crate) fn new(
        standard: &'static Standard,
        table: &'static Table,
        concentration: Concentration,
        steps: u64,
        index: Index,
    ) -> Self {
        Self { standard, table, concentration, steps, index }
    }

    /// The pollutant.
    pub fn pollutant(&self) -> Pollutant {
        self.table.pollutant
    }

    /// The averaging period of the concentration.
    pub fn averaging(&self) -> Averaging {
        self.table.averaging
    }

    /// The concentration as given.
    pub fn concentration(&self) -> Concentration {
        self.concentration
    }

    /// The table that was used.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The index.
    pub fn index(&self) -> Index {
        self.index
    }

    /// The index's category.
    pub fn category(&self) -> &'static Category {
        self.standard.category(self.index)
    }

    /// The rounded value that was looked up, in the table's unit; none if the standard looks up the
    /// unrounded concentration.
    pub fn rounded(&self) -> Option<Decimal> {
        let scale = self.table.scale(self.standard.rounding)?;
        let on_grid = || decimal::fixed(self.steps, scale.decimals.into());
        (!scale.rounding.keeps_digits()).then(on_grid)
    }

    /// The applicable row of the table; none for a risk.
    pub fn row(&self) -> Option<Row> {
        let scale = self.table.scale(self.standard.rounding)?;
        // A number that is not rounded lies in the row of the next grid step above, unless
        // lower ends belong to their rows.
        let steps = match scale.shape {
            Shape::Joined if scale.rounding.keeps_digits() => {
                self.concentration.on_grid(self.table.unit, scale.decimals, Rounding::Unrounded)
            }
            _ => self.steps,
        };
        let row = scale.row_at(steps);
        let in_unit = |steps: u32| decimal::fixed(steps.into(), scale.decimals.into());
        Some(Row {
            low: in_unit(row.low),
            high: row.high.map(in_unit),
            index_low: row.index_low,
            index_high: row.index_high,
        })
    }

    /// The distance in concentration, in the table's unit, to the start of the next category (or to
    /// its exclusive bound); none in the worst category, and if this table does not reach the next
    /// one.
    pub fn to_next_category(&self) -> Option<Decimal> {
        let category = self.category();
        let next = self.standard.categories.iter().find(|other| other.from > category.from)?;
        let table = self.table;
        let interval =
            self.standard.category_interval(table.pollutant, table.averaging, next).ok()??;
        let value = self.concentration.value_in(table.unit)?;
        Some((interval.low - value).max(Decimal::ZERO))
    }

    /// The added risk in per cent, for standards that sum risks.
    pub fn risk(&self) -> Option<Decimal> {
        matches!(self.standard.rule, Rule::RiskSum(_)).then(|| decimal::fixed(self.steps, 12))
    }
}

/// An index and its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    standard: &'static Standard,
    index: Index,
    penalty: u32,
    parts: [Option<Part>; MOST_PARTS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Counts(SubIndex),
    Refused(&'static Table, Error),
}

impl Standard {
    /// The index of several pollutants measured at one place, explained.
    ///
    /// A value that the standard discards ([`Error::Implausible`]) or that is below its table
    /// ([`Error::BelowTable`]) is ignored and reported by [`Answer::refused`]; it is an error only
    /// if no other value is left. If the standard's minimum of pollutants is not met, the index is
    /// computed from the given ones, and [`Answer::is_complete`] is false; a sum of risks is then
    /// [`Error::Incomplete`], because a partial sum is not an index.
    ///
    /// [`Error::NothingGiven`] without samples, [`Error::GivenTwice`] for duplicates, and the
    /// errors of [`sub_index`](Self::sub_index).
    pub fn index(&'static self, samples: &[Sample]) -> Result<Answer, Error> {
        let mut parts: [Option<Part>; MOST_PARTS] = [None; MOST_PARTS];
        let mut refusal = Error::NothingGiven;
        for (count, sample) in samples.iter().enumerate() {
            let part = match self.sub_index(sample) {
                Ok(sub_index) => Part::Counts(sub_index),
                Err(error @ (Error::Implausible(_) | Error::BelowTable(..))) => {
                    refusal = error;
                    Part::Refused(self.table(sample.pollutant, sample.averaging)?, error)
                }
                Err(error) => return Err(error),
            };
            let same = |other: &Part| core::ptr::eq(other.table(), part.table());
            // One part a table, so there is room for each that is not given twice.
            match parts.get(count) {
                Some(None) if !parts[..count].iter().flatten().any(same) => {
                    parts[count] = Some(part);
                }
                _ => return Err(Error::GivenTwice(sample.pollutant)),
            }
        }
        let mut answer = Answer { standard: self, index: Index::new(0), penalty: 0, parts };
        let worst = answer.parts().map(SubIndex::index).max().ok_or(refusal)?;
        answer.aggregate(worst)?;
        Ok(answer)
    }
}

impl Part {
    fn table(&self) -> &'static Table {
        match self {
            Self::Counts(sub_index) => sub_index.table,
            Self::Refused(table, _) => table,
        }
    }
}

impl Answer {
    /// Computes the index by the standard's rule.
    fn aggregate(&mut self, worst: Index) -> Result<(), Error> {
        match self.standard.rule {
            Rule::Worst => self.index = worst,
            Rule::WorstWithPenalty { bad_from, two, three, most } => {
                let bad = |p: &Pollutant| {
                    let of_it = self.parts().filter(|part| part.pollutant() == *p);
                    of_it.map(SubIndex::index).max().is_some_and(|i| i.number() >= bad_from)
                };
                let points = match Pollutant::ALL.iter().filter(|p| bad(p)).count() {
                    0 | 1 => 0,
                    2 => two,
                    _ => three,
                };
                let raised = worst.plus(points);
                self.index = if worst.is_over() || points == 0 {
                    worst
                } else {
                    raised.min(Index::new(most))
                };
                self.penalty = self.index.number() - worst.number();
            }
            Rule::RiskSum(_) => {
                if !self.needs_met() {
                    return Err(Error::Incomplete);
                }
                let sum = self.risk_parts().map(|part| part.steps).sum();
                self.index = self.standard.index_of_risk(sum).ok_or(Error::Incomplete)?;
            }
        }
        Ok(())
    }

    /// The index.
    pub fn index(&self) -> Index {
        self.index
    }

    /// The index's category.
    pub fn category(&self) -> &'static Category {
        self.standard.category(self.index)
    }

    /// The index's official colour.
    pub fn colour(&self) -> Option<Colour> {
        self.standard.colour(self.index)
    }

    /// The standard.
    pub fn standard(&self) -> &'static Standard {
        self.standard
    }

    /// The sub-index of each sample that was used, in the order given.
    pub fn parts(&self) -> impl Iterator<Item = &SubIndex> {
        self.parts.iter().flatten().filter_map(|part| match part {
            Part::Counts(sub_index) => Some(sub_index),
            Part::Refused(..) => None,
        })
    }

    /// The samples that were ignored, with the errors.
    pub fn refused(&self) -> impl Iterator<Item = (Pollutant, Averaging, Error)> {
        self.parts.iter().flatten().filter_map(|part| match part {
            Part::Counts(_) => None,
            Part::Refused(table, error) => Some((table.pollutant, table.averaging, *error)),
        })
    }

    /// The parts of a sum of risks: of PM10 and PM2.5 only the riskier, where the standard
    /// takes one of the two.
    fn risk_parts(&self) -> impl Iterator<Item = &SubIndex> {
        self.parts().enumerate().filter_map(|(at, part)| {
            let groups = self.standard.needs.groups.iter();
            let rivals = |rival: &SubIndex| {
                let mut groups = groups.clone();
                groups.any(|g| g.contains(&part.pollutant()) && g.contains(&rival.pollutant()))
            };
            let riskier = |(other, rival): (usize, &SubIndex)| {
                rival.steps > part.steps || (rival.steps == part.steps && other < at)
            };
            let beaten = self.parts().enumerate().any(|it| rivals(it.1) && riskier(it));
            (!beaten).then_some(part)
        })
    }

    /// The dominant pollutants: those with the highest sub-index, more than one for a tie; for a
    /// sum of risks the one with the largest risk. None if the standard names no dominant pollutant
    /// at so low an index.
    pub fn dominant(&self) -> impl Iterator<Item = Pollutant> {
        let weight = |part: &SubIndex| match self.standard.rule {
            Rule::RiskSum(_) => part.steps,
            _ => u64::from(part.index.bits_of()),
        };
        let most = self.parts().map(weight).max();
        let named = self.standard.dominant_above.is_none_or(|least| self.index.number() > least);
        let weighty = move |p: &Pollutant| {
            named && self.parts().any(|part| part.pollutant() == *p && Some(weight(part)) == most)
        };
        Pollutant::ALL.into_iter().filter(weighty)
    }

    /// What was added to the highest sub-index because several pollutants are bad.
    pub fn penalty(&self) -> u32 {
        self.penalty
    }

    /// The required groups of pollutants of which none was used.
    pub fn missing(&self) -> impl Iterator<Item = &'static [Pollutant]> {
        let groups = self.standard.needs.groups.iter().copied();
        groups.filter(|group| !group.iter().any(|pollutant| self.has(*pollutant)))
    }

    /// Whether the standard's minimum of pollutants is met, so that the index is official
    /// as far as this crate can tell.
    pub fn is_complete(&self) -> bool {
        let above = self.standard.needs.unless_above;
        self.needs_met() || above.is_some_and(|above| self.index.place() > above)
    }

    /// Another averaging period that is required for a pollutant whose concentration is above its
    /// table, if that period was not given.
    pub fn undecided(&self) -> impl Iterator<Item = (Pollutant, Averaging)> {
        self.parts().filter_map(|part| {
            let averaging = part.table.defers_to?;
            let scale = part.table.scale(self.standard.rounding)?;
            let beyond = scale.rows.last().is_some_and(|(top, _)| part.steps > u64::from(*top));
            let given = self.parts.iter().flatten().any(|other| {
                let table = other.table();
                table.pollutant == part.table.pollutant && table.averaging == averaging
            });
            (beyond && !given).then_some((part.table.pollutant, averaging))
        })
    }

    fn has(&self, pollutant: Pollutant) -> bool {
        self.parts().any(|part| part.pollutant() == pollutant)
    }

    fn needs_met(&self) -> bool {
        let Needs { at_least, .. } = self.standard.needs;
        let count = Pollutant::ALL.into_iter().filter(|pollutant| self.has(*pollutant)).count();
        count >= at_least && self.missing().next().is_none()
    }
}

impl fmt::Display for Answer {
    /// The index and its category: `4, Moderate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.index, self.category())
    }
}
