//! Many indices at once: slices in, slices out.

use crate::answer::MOST_PARTS;
use crate::rounding::{Rounding, first_where};
use crate::standard::index_at;
use crate::{
    Averaging, Concentration, Error, Index, Pollutant, Rule, Sample, Scale, Shape, Standard, Table,
    Unit,
};

/// A missing value.
pub const MISSING: u32 = u32::MAX;

/// One pollutant at many locations or times, as fixed-point numbers.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// The averaging period of the values.
    pub averaging: Averaging,
    /// The unit.
    pub unit: Unit,
    /// The values count steps of `10^-decimals` of the unit; at most 9.
    pub decimals: u8,
    /// The values; [`MISSING`] for missing ones.
    pub values: &'a [u32],
}

/// Rows processed together: small enough for the L1 cache.
const CHUNK: usize = 128;

impl Standard {
    /// The index of each row of the columns, as by [`index`](Self::index); none if that is an
    /// error.
    ///
    /// [`Error::Lengths`] unless the columns and `out` have the same length; the errors of
    /// [`sub_index`](Self::sub_index) that concern the columns; [`Error::NotANumber`] for more than
    /// 9 decimals.
    ///
    /// ```
    /// use airshed_aqi::bulk::{Column, MISSING};
    /// use airshed_aqi::{Averaging::Day, Pollutant, Unit, daqi::DAQI};
    /// let (unit, decimals) = (Unit::Microgram, 2);
    /// let pm10 = Column { pollutant: Pollutant::Pm10, averaging: Day, unit, decimals,
    ///                     values: &[2_040, 1_650, MISSING] };
    /// let pm25 = Column { pollutant: Pollutant::Pm25, averaging: Day, unit, decimals,
    ///                     values: &[3_550, MISSING, MISSING] };
    /// let mut out = [None; 3];
    /// DAQI.bulk(&[pm10, pm25], &mut out)?;
    /// assert_eq!(out.map(|index| index.map(|index| index.number())), [Some(4), Some(2), None]);
    /// # Ok::<(), airshed_aqi::Error>(())
    /// ```
    pub fn bulk(
        &'static self,
        columns: &[Column<'_>],
        out: &mut [Option<Index>],
    ) -> Result<(), Error> {
        for (at, column) in columns.iter().enumerate() {
            if column.values.len() != out.len() {
                return Err(Error::Lengths);
            }
            let same = |other: &Column<'_>| {
                (other.pollutant, other.averaging) == (column.pollutant, column.averaging)
            };
            if columns[..at].iter().any(same) {
                return Err(Error::GivenTwice(column.pollutant));
            }
            if column.decimals > 9 {
                return Err(Error::NotANumber);
            }
            self.sub_index(&column.sample(0)?).map(drop).or_else(|error| match error {
                Error::BelowTable(..) => Ok(()),
                error => Err(error),
            })?;
        }
        if self.rule != Rule::Worst {
            return self.one_by_one(columns, out);
        }
        let mut comparisons = [const { None }; MOST_PARTS];
        for (comparison, column) in comparisons.iter_mut().zip(columns) {
            let table = self.table(column.pollutant, column.averaging)?;
            let Some(scale) = table.scale(self.rounding) else {
                return self.one_by_one(columns, out);
            };
            *comparison = Comparisons::of(&scale, table, column);
        }
        let all_compared = comparisons[..columns.len()].iter().all(Option::is_some);
        if !all_compared {
            out.fill(None);
            for (column, comparison) in columns.iter().zip(&comparisons) {
                if comparison.is_none() {
                    self.look_up(column, out)?;
                }
            }
        }
        let compared = comparisons.iter().zip(columns);
        let compared =
            compared.filter_map(|(comparison, column)| Some((comparison.as_ref()?, column)));
        for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
            let mut bits = [0; CHUNK];
            for (comparisons, column) in compared.clone() {
                comparisons.raise(&mut bits, &column.values[chunk * CHUNK..][..out.len()]);
            }
            let indices = bits.map(|bits| Index::from_bits(u32::from(bits.cast_unsigned())));
            match all_compared {
                true => out.copy_from_slice(&indices[..out.len()]),
                false => {
                    out.iter_mut().zip(indices).for_each(|(out, index)| *out = index.max(*out))
                }
            }
        }
        Ok(())
    }

    fn look_up(&self, column: &Column<'_>, out: &mut [Option<Index>]) -> Result<(), Error> {
        let table = self.table(column.pollutant, column.averaging)?;
        let Some(scale) = table.scale(self.rounding) else { return Ok(()) };
        let exponent = column.exponent(table, &scale);
        for (out, value) in out.iter_mut().zip(column.values) {
            if *value != MISSING {
                let steps = scale.rounding.on_grid((*value).into(), exponent);
                *out = (*out).max(index_at(table, &scale, steps).ok());
            }
        }
        Ok(())
    }

    /// For rules that need all values of a row at once.
    fn one_by_one(
        &'static self,
        columns: &[Column<'_>],
        out: &mut [Option<Index>],
    ) -> Result<(), Error> {
        out.fill(None);
        let Some(first) = columns.first() else { return Ok(()) };
        for (row, out) in out.iter_mut().enumerate() {
            let mut samples = [first.sample(0)?; MOST_PARTS];
            let mut count = 0;
            for column in columns.iter().filter(|column| column.values[row] != MISSING) {
                samples[count] = column.sample(column.values[row])?;
                count += 1;
            }
            *out = self.index(&samples[..count]).ok().map(|answer| answer.index());
        }
        Ok(())
    }
}

impl Column<'_> {
    fn sample(&self, value: u32) -> Result<Sample, Error> {
        let value = Concentration::fixed(value.into(), self.decimals, self.unit)?;
        Ok(Sample::new(self.pollutant, self.averaging, value))
    }

    /// The power of ten from the column's steps to the table's.
    fn exponent(&self, table: &Table, scale: &Scale) -> i32 {
        i32::from(scale.decimals) - i32::from(self.decimals) + self.unit.exponent()
            - table.unit.exponent()
    }
}

/// A banded table for one column as comparisons of sixteen bits, which the compiler vectorises.
struct Comparisons {
    /// Values are shifted right by this before they are compared.
    shift: u32,
    /// The last value of each row.
    ends: [i16; MOST_ENDS],
    /// The bits of an index are `lowest`, and `step` more for each end that lies below.
    step: i16,
    lowest: i16,
}

const MOST_ENDS: usize = 9;

impl Comparisons {
    /// None if the table is not banded in steps of one, or does not fit into sixteen bits.
    fn of(scale: &Scale, table: &Table, column: &Column<'_>) -> Option<Self> {
        if scale.shape != Shape::Banded
            || table.discard_above.is_some()
            || scale.rows.len() > MOST_ENDS
        {
            return None;
        }
        let exponent = column.exponent(table, scale);
        let last = |top: u32| last_below(scale.rounding, u64::from(top), exponent);
        // `v > end` is `v >> shift > end >> shift` as long as each end is one below a
        // multiple of 2^shift. At least one bit goes, so that the rest has no sign.
        let tops = || scale.rows.iter().map(|(top, _)| last(*top));
        let shift = tops().map(u32::trailing_ones).min()?.min(16);
        if shift == 0 {
            return None;
        }
        let bits = |steps| scale.index_at(steps).map_or(0, Index::bits_of);
        let step = bits(u64::from(scale.rows[0].0) + 1).checked_sub(bits(0))?;
        let mut ends = [i16::MAX; MOST_ENDS];
        let mut before = bits(0);
        for (end, (top, _)) in ends.iter_mut().zip(scale.rows) {
            let above = bits(u64::from(*top) + 1);
            // Saturated values have to lie above every end.
            let last = i16::try_from(last(*top) >> shift).ok().filter(|last| *last < i16::MAX)?;
            if above.checked_sub(before)? != step {
                return None;
            }
            (*end, before) = (last, above);
        }
        let [step, lowest] = [i16::try_from(step).ok()?, i16::try_from(bits(0)).ok()?];
        Some(Self { shift, ends, step, lowest })
    }

    /// Raises the bits of each index to those of the values.
    fn raise(&self, bits: &mut [i16; CHUNK], values: &[u32]) {
        let (bits, _) = bits.as_chunks_mut::<LANES>();
        let (whole, rest) = values.as_chunks::<LANES>();
        let (now, after) = bits.split_at_mut(whole.len());
        now.iter_mut().zip(whole).for_each(|(bits, values)| self.raise_lanes(bits, values));
        if let Some(bits) = after.first_mut() {
            let mut padded = [MISSING; LANES];
            padded[..rest.len()].copy_from_slice(rest);
            self.raise_lanes(bits, &padded);
        }
    }

    #[inline]
    fn raise_lanes(&self, bits: &mut [i16; LANES], values: &[u32; LANES]) {
        let short = values.map(|value| {
            let shifted = (value >> self.shift).cast_signed();
            let there = if value == MISSING { -1 } else { shifted };
            there.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        });
        let mut below = [0i16; LANES];
        for end in self.ends {
            for (below, short) in below.iter_mut().zip(short) {
                *below += i16::from(short > end);
            }
        }
        for ((bits, below), short) in bits.iter_mut().zip(below).zip(short) {
            let own = below * self.step + self.lowest;
            *bits = (*bits).max(if short < 0 { 0 } else { own });
        }
    }
}

/// Number of values that fit into registers.
const LANES: usize = 32;

/// The highest fixed-point value that is looked up as `top` or less.
fn last_below(rounding: Rounding, top: u64, exponent: i32) -> u32 {
    let above = |value| rounding.on_grid(u128::from(value), exponent) > top;
    // A step of the grid around the value that lies on it at `top` is enough to search.
    let power = 10u128.pow(exponent.unsigned_abs());
    let near = |top: u64| match exponent < 0 {
        true => u128::from(top) * power,
        false => u128::from(top) / power,
    };
    let [low, high] = [near(top.saturating_sub(1)), near(top + 2) + 1];
    let [low, high] = [low, high].map(|value| value.min(u32::MAX.into()) as u64);
    // Zero is looked up as zero, which no row ends below.
    first_where(low, high, above).map_or(u32::MAX, |first| (first - 1) as u32)
}
