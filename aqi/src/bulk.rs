//! Many indices at once: slices in, slices out.

use crate::rounding::Rounding;
use crate::standard::index_at;
use crate::{
    Averaging, Concentration, Error, Index, Pollutant, Rule, Sample, Scale, Shape, Standard, Table,
    Unit,
};

/// A value that is not there.
pub const MISSING: u32 = u32::MAX;

/// One pollutant of many places or times, as fixed-point numbers.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// The span of time that the values are means of.
    pub averaging: Averaging,
    /// The unit.
    pub unit: Unit,
    /// The values count steps of `10^-decimals` of the unit; at most 9.
    pub decimals: u8,
    /// The values; [`MISSING`] where there is none.
    pub values: &'a [u32],
}

/// Rows that are worked on together: small enough for the first cache.
const CHUNK: usize = 128;

impl Standard {
    /// The index of each row of the columns, as [`index`](Self::index) gives it; none where
    /// that refuses.
    ///
    /// [`Error::Lengths`] unless the columns and `out` are of one length; the refusals of
    /// [`sub_index`](Self::sub_index) that concern the columns; [`Error::NotANumber`] for
    /// more than 9 decimals.
    ///
    /// ```
    /// use aqi::bulk::{Column, MISSING};
    /// use aqi::{Averaging::Day, Pollutant, Unit, daqi::DAQI};
    /// let (unit, decimals) = (Unit::Microgram, 2);
    /// let pm10 = Column { pollutant: Pollutant::Pm10, averaging: Day, unit, decimals,
    ///                     values: &[2_040, 1_650, MISSING] };
    /// let pm25 = Column { pollutant: Pollutant::Pm25, averaging: Day, unit, decimals,
    ///                     values: &[3_550, MISSING, MISSING] };
    /// let mut out = [None; 3];
    /// DAQI.bulk(&[pm10, pm25], &mut out)?;
    /// assert_eq!(out.map(|index| index.map(|index| index.number())), [Some(4), Some(2), None]);
    /// # Ok::<(), aqi::Error>(())
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
        out.fill(None);
        if self.rule != Rule::Worst {
            return self.one_by_one(columns, out);
        }
        for column in columns {
            let table = self.table(column.pollutant, column.averaging)?;
            match table.scale(self.rounding) {
                Some(scale) if scale.shape == Shape::Banded && table.discard_above.is_none() => {
                    banded(&scale, table, column, out);
                }
                Some(scale) => looked_up(&scale, table, column, out),
                None => return self.one_by_one(columns, out),
            }
        }
        Ok(())
    }

    /// For rules that need all of a row at once.
    fn one_by_one(
        &'static self,
        columns: &[Column<'_>],
        out: &mut [Option<Index>],
    ) -> Result<(), Error> {
        for (row, out) in out.iter_mut().enumerate() {
            let Some(first) = columns.first() else { break };
            let mut samples = [first.sample(0)?; crate::answer::MOST_PARTS];
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

fn looked_up(scale: &Scale, table: &Table, column: &Column<'_>, out: &mut [Option<Index>]) {
    let exponent = column.exponent(table, scale);
    for (out, value) in out.iter_mut().zip(column.values) {
        if *value != MISSING {
            let steps = scale.rounding.on_grid((*value).into(), exponent);
            *out = (*out).max(index_at(table, scale, steps).ok());
        }
    }
}

/// Counts, for many values at once, how many rows lie below each: comparisons and
/// additions alone, so that the compiler works on many lanes.
fn banded(scale: &Scale, table: &Table, column: &Column<'_>, out: &mut [Option<Index>]) {
    let mut rows = [(u32::MAX, 0); MOST_ROWS];
    let Some(ends) = rows.get_mut(..scale.rows.len()) else {
        return looked_up(scale, table, column, out);
    };
    let exponent = column.exponent(table, scale);
    for (end, (top, _)) in ends.iter_mut().zip(scale.rows) {
        *end = (last_below(scale.rounding, u64::from(*top), exponent), 0);
    }
    // What each row passed adds to the bits of the index.
    let bits = |steps| scale.index_at(steps).map_or(0, |index| index.bits_of());
    let lowest = bits(0);
    let mut before = lowest;
    for ((_, added), (top, _)) in ends.iter_mut().zip(scale.rows) {
        let next = bits(u64::from(*top) + 1);
        *added = next - before;
        before = next;
    }
    // Sixteen bits hold every end when they have enough zeros at their lower side: then
    // `v > end` is `v >> shift > end >> shift`, since ends are one below a multiple.
    let shift = ends.iter().map(|(end, _)| end.wrapping_add(1).trailing_zeros()).min().unwrap_or(0);
    let narrow = ends.iter().all(|(end, _)| (end >> shift) < i16::MAX as u32 - 1);
    match narrow && before < i16::MAX as u32 {
        true => {
            let mut short = [(i16::MAX, 0); MOST_ROWS];
            for (short, (end, added)) in short.iter_mut().zip(&*ends) {
                *short = ((end >> shift) as i16, *added as i16);
            }
            lanes(&short[..ends.len()], lowest as i16, column.values, out, |value| {
                (value >> shift).min(i16::MAX as u32) as i16
            });
        }
        false => {
            let mut long = [(i32::MAX, 0); MOST_ROWS];
            for (long, (end, added)) in long.iter_mut().zip(&*ends) {
                *long = ((*end).min(i32::MAX as u32 - 1) as i32, *added as i32);
            }
            lanes(&long[..ends.len()], lowest as i32, column.values, out, |value| {
                value.min(i32::MAX as u32) as i32
            });
        }
    }
}

const MOST_ROWS: usize = 10;

/// The highest fixed-point value that is looked up as `top` or less.
fn last_below(rounding: Rounding, top: u64, exponent: i32) -> u32 {
    let (mut low, mut high) = (0u64, u64::from(u32::MAX));
    while low < high {
        let middle = (low + high).div_ceil(2);
        match rounding.on_grid(u128::from(middle), exponent) <= top {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    low as u32
}

fn lanes<T>(
    rows: &[(T, T)],
    lowest: T,
    values: &[u32],
    out: &mut [Option<Index>],
    narrowed: impl Fn(u32) -> T,
) where
    T: Copy + PartialOrd + Default + core::ops::AddAssign + TryInto<u32>,
{
    for (values, out) in values.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
        let mut lane = [T::default(); CHUNK];
        let mut bits = [lowest; CHUNK];
        for (lane, value) in lane.iter_mut().zip(values) {
            *lane = narrowed(*value);
        }
        for &(end, added) in rows {
            for (bits, lane) in bits.iter_mut().zip(&lane) {
                *bits += if *lane > end { added } else { T::default() };
            }
        }
        for ((out, bits), value) in out.iter_mut().zip(bits).zip(values) {
            let bits = if *value == MISSING { 0 } else { bits.try_into().unwrap_or(0) };
            *out = Index::from_bits(out.map_or(0, Index::bits_of).max(bits));
        }
    }
}
