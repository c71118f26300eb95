use core::fmt;

use rust_decimal::Decimal;

use crate::rounding::{GRID_MAX, first_where};
use crate::table::Content;
use crate::{
    Advice, Averaging, Category, Colour, Concentration, Date, Error, Index, Interval, Pollutant,
    Rounding, Scale, Severity, SubIndex, Table, decimal, risk,
};

/// A concentration of a pollutant, with its averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sample {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// The averaging period.
    pub averaging: Averaging,
    /// The unrounded mean.
    pub concentration: Concentration,
}

impl Sample {
    /// A concentration of a pollutant for an averaging period.
    pub const fn new(
        pollutant: Pollutant,
        averaging: Averaging,
        concentration: Concentration,
    ) -> Self {
        Self { pollutant, averaging, concentration }
    }
}

/// A version of an authority's air-quality index.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standard {
    /// Its name in files and commands: `us_aqi`.
    pub id: &'static str,
    /// Its version in files and commands: `2024`. With `id` it names the standard's
    /// variants and policies together.
    pub version: &'static str,
    /// The variant of the index (`hourly`, `roadside`), if there are several; otherwise empty.
    pub variant: &'static str,
    /// The policy, if the authority leaves a choice and this is not the crate's default; otherwise
    /// empty. The standard's documentation explains the choice.
    pub policy: &'static str,
    /// The full name, with the authority: `US EPA Air Quality Index`.
    pub name: &'static str,
    /// The short name, with the authority: `US EPA AQI`.
    pub short_name: &'static str,
    /// The authority.
    pub authority: &'static str,
    /// The region: an ISO 3166 code, or `EU`, or `WORLD`.
    pub region: &'static str,
    /// The effective date.
    pub from: Date,
    /// The end date, if a later version replaced it: the first day on which it was not in force.
    pub until: Option<Date>,
    /// One for each pollutant and averaging period.
    pub tables: &'static [Table],
    /// The rule that combines the pollutants into one index.
    pub rule: Rule,
    /// The pollutants required for the index to be official.
    pub needs: Needs,
    /// From the best to the worst.
    pub categories: &'static [Category],
    /// Official colours of the individual index values from 1 on, if any.
    pub index_colours: &'static [Colour],
    /// Whether the authority numbers its index; if it only names levels, the index is the position
    /// of the level.
    pub numbered: bool,
    /// A pollutant is called dominant only when the index is above this.
    pub dominant_above: Option<u32>,
    /// A policy's rounding, which replaces that of the tables.
    pub rounding: Option<Rounding>,
    /// Whether the authority reports current values by a [NowCast](crate::nowcast) instead of the
    /// daily mean of particulates.
    pub now_cast: bool,
    /// The authority's pages with advice, each with its start date.
    pub advice_pages: &'static [(Date, &'static str)],
}

/// How several pollutants are combined into one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The highest of the sub-indices.
    Worst,
    /// The highest of the sub-indices, plus a penalty if several pollutants are bad.
    WorstWithPenalty {
        /// The sub-index from which a pollutant counts as bad.
        bad_from: u32,
        /// The penalty for two bad pollutants.
        two: u32,
        /// The penalty for three or more bad pollutants.
        three: u32,
        /// The maximum of the index.
        most: u32,
    },
    /// The risks are added up, in per cent, and the sum is looked up.
    RiskSum(Scale),
}

/// The required pollutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needs {
    /// The minimum number of pollutants.
    pub at_least: usize,
    /// One of each group.
    pub groups: &'static [&'static [Pollutant]],
    /// Above this index there are no requirements: more pollutants could only raise it.
    pub unless_above: Option<u32>,
}

impl Needs {
    pub(crate) const ONE: Self = Self::of(1, &[]);

    /// A minimum number of pollutants, and one of each group.
    pub const fn of(at_least: usize, groups: &'static [&'static [Pollutant]]) -> Self {
        Self { at_least, groups, unless_above: None }
    }

    pub(crate) const fn unless_above(self, index: u32) -> Self {
        Self { unless_above: Some(index), ..self }
    }
}

/// Default values of a standard.
pub(crate) const BLANK: Standard = Standard {
    id: "",
    version: "",
    variant: "",
    policy: "",
    name: "",
    short_name: "",
    authority: "",
    region: "",
    from: Date::year(0),
    until: None,
    tables: &[],
    rule: Rule::Worst,
    needs: Needs::ONE,
    categories: &[],
    index_colours: &[],
    numbered: true,
    dominant_above: None,
    rounding: None,
    now_cast: false,
    advice_pages: &[],
};

impl Standard {
    /// The table for a pollutant and an averaging period; [`Error::NotInStandard`] or
    /// [`Error::WrongAveraging`].
    #[inline]
    pub fn table(
        &self,
        pollutant: Pollutant,
        averaging: Averaging,
    ) -> Result<&'static Table, Error> {
        let mut covered = false;
        for table in self.tables {
            if table.pollutant == pollutant {
                if table.averaging == averaging {
                    return Ok(table);
                }
                covered = true;
            }
        }
        Err(match covered {
            true => Error::WrongAveraging(pollutant, averaging),
            false => Error::NotInStandard(pollutant),
        })
    }

    /// The averaging periods that the standard accepts for a pollutant, the default first; none if
    /// it does not cover it.
    pub fn averagings(&self, pollutant: Pollutant) -> impl Iterator<Item = Averaging> {
        let of_it = self.tables.iter().filter(move |table| table.pollutant == pollutant);
        of_it.map(|table| table.averaging)
    }

    /// The index of one pollutant, with its explanation. For a sum of risks: the index if the other
    /// pollutants were absent.
    ///
    /// [`Error::NotInStandard`], [`Error::WrongAveraging`], [`Error::WrongUnit`];
    /// [`Error::BelowTable`] and [`Error::Implausible`] if the standard has such limits.
    #[inline]
    pub fn sub_index(&'static self, sample: &Sample) -> Result<SubIndex, Error> {
        let table = self.table(sample.pollutant, sample.averaging)?;
        let given = sample.concentration.unit();
        if given.kind() != table.unit.kind() {
            let (pollutant, wanted) = (sample.pollutant, table.unit);
            return Err(Error::WrongUnit { pollutant, given, wanted });
        }
        let (steps, index) = match table.content {
            Content::Scale(scale) => {
                let rounding = self.rounding.unwrap_or(scale.rounding);
                let steps = sample.concentration.on_grid(table.unit, scale.decimals, rounding);
                (steps, index_at(table, &scale, steps)?)
            }
            Content::Risk(beta) => {
                let risk = risk::risk(beta, sample.concentration, table.unit);
                (risk, self.index_of_risk(risk).ok_or(Error::Incomplete)?)
            }
        };
        Ok(SubIndex::new(self, table, sample.concentration, steps, index))
    }

    /// The index of a sum of risks; none for a standard with another rule.
    pub(crate) fn index_of_risk(&self, risk: risk::Risk) -> Option<Index> {
        match &self.rule {
            Rule::RiskSum(scale) => {
                scale.index_at(risk::on_grid(risk, scale.decimals, scale.rounding))
            }
            _ => None,
        }
    }

    /// The category of an index.
    pub fn category(&self, index: Index) -> &'static Category {
        let from = |category: &&Category| category.from <= index.place();
        let above = self.categories.iter().take_while(from).count();
        &self.categories[above.saturating_sub(1)]
    }

    /// The first and the last index of a category; no last for the worst.
    pub fn indices(&self, category: &Category) -> (Index, Option<Index>) {
        let next = self.categories.iter().find(|other| other.from > category.from);
        // A category that begins one above the scale's end holds what is over the scale.
        let scale_end = self.scale_end().filter(|end| category.from == end + 1);
        let first = scale_end.map_or(Index::new(category.from), Index::over);
        (first, next.map(|next| Index::new(next.from - 1)))
    }

    /// The lowest and the highest [place](Index::place) that the indices of a pollutant have; no
    /// highest if its scale is open-ended. None for a pollutant that the standard does not cover,
    /// or only as a part of a sum of risks.
    ///
    /// ```
    /// use airshed_aqi::{Pollutant::Pm25, daqi::DAQI, standards::us::{AQI_2012, AQI_2024}};
    /// assert_eq!(DAQI.places(Pm25), Some((1, Some(10))));
    /// assert_eq!(AQI_2012.places(Pm25), Some((0, Some(501)))); // over 500
    /// assert_eq!(AQI_2024.places(Pm25), Some((0, None)));
    /// ```
    pub fn places(&self, pollutant: Pollutant) -> Option<(u32, Option<u32>)> {
        let of_it = self.tables.iter().filter(|table| table.pollutant == pollutant);
        let ends = of_it.filter_map(|table| Some(table.scale(None)?.places()));
        ends.reduce(|(low, high), (other_low, other_high)| {
            (low.min(other_low), high.zip(other_high).map(|(a, b)| a.max(b)))
        })
    }

    /// The last number before "more than".
    fn scale_end(&self) -> Option<u32> {
        let end_of = |scale: &Scale| match scale.end {
            crate::End::Over => scale.rows.last().map(|(_, index)| *index),
            _ => None,
        };
        match &self.rule {
            Rule::RiskSum(scale) => end_of(scale),
            _ => self.tables.iter().find_map(|table| end_of(&table.scale(None)?)),
        }
    }

    /// The official colour of an index: its own, or its category's.
    pub fn colour(&self, index: Index) -> Option<Colour> {
        let own = (index.place() as usize).checked_sub(1).and_then(|at| self.index_colours.get(at));
        own.copied().or(self.category(index).colour)
    }

    /// The concentrations with this index; none if no concentration has it (a steep row skips
    /// some). For a sum of risks, see [`sub_index`](Self::sub_index): the bounds are then on a grid
    /// of a thousandth of the unit, both inclusive.
    ///
    /// [`Error::NotInStandard`], [`Error::WrongAveraging`].
    pub fn interval(
        &'static self,
        pollutant: Pollutant,
        averaging: Averaging,
        index: Index,
    ) -> Result<Option<Interval>, Error> {
        self.interval_between(pollutant, averaging, index, index)
    }

    /// The concentrations whose index is in this category of the standard; none if the table does
    /// not reach it.
    ///
    /// [`Error::NotInStandard`], [`Error::WrongAveraging`].
    pub fn category_interval(
        &'static self,
        pollutant: Pollutant,
        averaging: Averaging,
        category: &Category,
    ) -> Result<Option<Interval>, Error> {
        let next = self.categories.iter().find(|other| other.from > category.from);
        // "Over" the number below belongs to this category, over its own last does not.
        let low = match category.from {
            0 => Index::new(0),
            from => Index::over(from - 1),
        };
        let high = next.map_or(Index::over(Index::MAX_NUMBER), |next| Index::new(next.from - 1));
        self.interval_between(pollutant, averaging, low, high)
    }

    fn interval_between(
        &'static self,
        pollutant: Pollutant,
        averaging: Averaging,
        low: Index,
        high: Index,
    ) -> Result<Option<Interval>, Error> {
        let table = self.table(pollutant, averaging)?;
        let unit = table.unit;
        let Some(scale) = table.scale(self.rounding) else {
            return Ok(self.risk_interval(table, low, high));
        };
        let most = table.discard_above.map_or(GRID_MAX, u64::from);
        let Some((first, last)) = scale.steps_of(low, high, most) else { return Ok(None) };
        let [(low, low_included), (high, high_included)] =
            scale.rounding.origin(first, last.unwrap_or(first));
        let in_unit = |steps: Decimal| steps * decimal::fixed(1, scale.decimals.into());
        Ok(Some(Interval {
            low: in_unit(low),
            low_included,
            high: last.map(|_| in_unit(high)),
            high_included: high_included && last.is_some(),
            unit,
        }))
    }

    fn risk_interval(
        &'static self,
        table: &'static Table,
        low: Index,
        high: Index,
    ) -> Option<Interval> {
        let concentration = |steps: u64| Concentration::fixed(steps, 3, table.unit).ok();
        let index = |steps: u64| {
            let sample = Sample::new(table.pollutant, table.averaging, concentration(steps)?);
            self.sub_index(&sample).ok().map(|sub_index| sub_index.index())
        };
        // No risk reaches further: at a million units β·c is beyond where the risk stays.
        const MOST: u64 = 1_000_000_000;
        let first = first_where(0, MOST, |steps| index(steps).is_some_and(|i| i >= low))?;
        let last = match first_where(0, MOST, |steps| index(steps).is_some_and(|i| i > high)) {
            Some(beyond) if beyond <= first => return None,
            beyond => beyond.map(|beyond| beyond - 1),
        };
        Some(Interval {
            low: concentration(first)?.value(),
            low_included: true,
            high: last.and_then(concentration).map(Concentration::value),
            high_included: last.is_some(),
            unit: table.unit,
        })
    }

    /// Advice for an index, in this crate's own words, with the authority's page as of a date; none
    /// if the standard is not about short-term health effects.
    pub fn advice(&self, index: Index, on: Date) -> Option<Advice> {
        let (everyone, at_risk) = self.category(index).severity?.advice();
        let since = |(from, _): &&(Date, &str)| *from <= on;
        let page = self.advice_pages.iter().rev().find(since).or(self.advice_pages.first());
        Some(Advice { everyone, at_risk, page: page?.1, written: Severity::WRITTEN })
    }

    /// Whether the standard was in force on a day.
    pub fn in_force(&self, on: Date) -> bool {
        self.from <= on && self.until.is_none_or(|until| on < until)
    }
}

/// The index at a grid step of a table.
#[inline]
pub(crate) fn index_at(table: &Table, scale: &Scale, steps: u64) -> Result<Index, Error> {
    if table.discard_above.is_some_and(|most| steps > u64::from(most)) {
        return Err(Error::Implausible(table.pollutant));
    }
    scale.index_at(steps).ok_or(Error::BelowTable(table.pollutant, table.averaging))
}

impl fmt::Display for Standard {
    /// The short name, the version, the variant and the policy: `US EPA AQI 2024`,
    /// `CITEAIR CAQI 2012, roadside daily`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.short_name, self.version)?;
        let variant = [self.variant, self.policy].into_iter().filter(|word| !word.is_empty());
        variant.into_iter().try_for_each(|word| write!(f, ", {word}"))
    }
}
