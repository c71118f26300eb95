//! A packed column of integers: runs of 128 rows, each with the minimum of its rows as a base and
//! the offsets from it in as few bits as needed (frame of reference). A few numbers that would
//! widen a run are stored separately (patches).

use super::bytes::{Input, damaged};
use super::unpack::{AT_ONCE, unpack};
use crate::Error;

/// The rows of a run.
pub(crate) const RUN: usize = 128;

/// Represents a row without a number. No valid number is as large.
pub(crate) const ABSENT: u64 = u64::MAX;

/// A column of integers below [`ABSENT`], each of which can be absent.
#[derive(Debug)]
pub(crate) enum Integers {
    /// The same in every row.
    Constant(u64),
    Packed(Packed),
}

#[derive(Debug)]
pub(crate) struct Packed {
    rows: usize,
    /// Whether the code with all bits set means that the row is absent or an outlier.
    escapes: bool,
    runs: Box<[Run]>,
    /// The codes of all runs, each starting at a new word; two more words at the end.
    words: Box<[u64]>,
    /// The outlier rows, in order.
    apart: Box<[(u32, u64)]>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    base: u64,
    /// The number of its first word.
    start: u32,
    /// The bits of a code, at most 64.
    width: u8,
}

impl Run {
    fn mask(self) -> u64 {
        mask(self.width)
    }
}

fn mask(width: u8) -> u64 {
    u64::MAX.checked_shr(64 - u32::from(width)).unwrap_or(0)
}

/// The number of words for a number of codes.
fn words_of(codes: usize, width: u8) -> usize {
    (codes * usize::from(width)).div_ceil(64)
}

fn bits_of(number: u64) -> u8 {
    (u64::BITS - number.leading_zeros()) as u8 // at most 64
}

impl Integers {
    pub(crate) fn of(values: &[u64]) -> Self {
        let first = values.first().copied().unwrap_or(ABSENT);
        if values.iter().all(|value| *value == first) {
            return Self::Constant(first);
        }
        Self::Packed(Packed::of(values))
    }

    #[inline]
    /// The number of all rows, if it is the same.
    pub(crate) fn constant(&self) -> Option<u64> {
        match self {
            Self::Constant(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn get(&self, row: usize) -> u64 {
        match self {
            Self::Constant(value) => *value,
            Self::Packed(packed) => packed.get(row),
        }
    }

    /// The numbers of a run, in `out` from its begin; what lies behind them is left.
    #[inline]
    pub(crate) fn run(&self, number: usize, out: &mut [u64; RUN]) {
        match self {
            Self::Constant(value) => out.fill(*value),
            Self::Packed(packed) => packed.run(number, out),
        }
    }

    /// All rows, in order, with spare capacity.
    pub(crate) fn numbers(&self, rows: usize, room: usize) -> Vec<u64> {
        let mut all = Vec::with_capacity(rows + room);
        if let Self::Constant(value) = self {
            all.resize(rows, *value);
            return all;
        }
        let mut numbers = [0; RUN];
        for run in 0..rows.div_ceil(RUN) {
            self.run(run, &mut numbers);
            all.extend_from_slice(&numbers[..RUN.min(rows - run * RUN)]);
        }
        all
    }

    /// Whether all present numbers are below a limit.
    pub(crate) fn are_below(&self, limit: u64) -> bool {
        let is_below = |value: &u64| *value < limit || *value == ABSENT;
        match self {
            Self::Constant(value) => is_below(value),
            Self::Packed(packed) => {
                let mut values = [0; RUN];
                packed.apart.iter().all(|(_, value)| is_below(value))
                    && (0..packed.runs.len()).all(|number| {
                        let run = packed.runs[number];
                        let most = run.base.checked_add(run.mask());
                        most.is_some_and(|most| most < limit) || {
                            packed.run(number, &mut values);
                            values[..packed.rows_of(number)].iter().all(is_below)
                        }
                    })
            }
        }
    }

    /// Whether every row is absent.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Constant(ABSENT))
    }

    /// Whether any row is absent.
    pub(crate) fn has_absent(&self, rows: usize) -> bool {
        match self {
            Self::Constant(value) => *value == ABSENT,
            Self::Packed(packed) => {
                packed.escapes && (0..rows).any(|row| packed.get(row) == ABSENT)
            }
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Constant(_) => 0,
            Self::Packed(packed) => {
                size_of_val(&*packed.runs)
                    + size_of_val(&*packed.words)
                    + size_of_val(&*packed.apart)
            }
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Constant(value) => {
                out.push(CONSTANT);
                out.extend(value.to_le_bytes());
            }
            Self::Packed(packed) => packed.encode(out),
        }
    }

    /// As many rows as `rows` says, which is at least one.
    pub(crate) fn decode(input: &mut Input<'_>, rows: usize) -> Result<Self, Error> {
        match input.byte()? {
            CONSTANT => Ok(Self::Constant(input.u64()?)),
            PACKED => Packed::decode(input, rows).map(Self::Packed),
            _ => Err(damaged("a column of whole numbers has an unknown form")),
        }
    }
}

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;

/// Extra words after the last code, so that two words can be read at any code.
const SPARE: usize = 2;

/// The cost of an outlier in bits.
const APART_BITS: usize = 96;

/// The least and the greatest number of a run, whether one is absent, and the bits that its
/// codes take if the greatest few stand apart.
struct Measured {
    least: u64,
    greatest: u64,
    any_absent: bool,
    patched_width: u8,
}

impl Measured {
    fn of(values: &[u64]) -> Self {
        let (mut least, mut greatest, mut any_absent) = (ABSENT, 0, false);
        for value in values {
            least = least.min(*value);
            any_absent |= *value == ABSENT;
            greatest = greatest.max(if *value == ABSENT { 0 } else { *value });
        }
        if least == ABSENT {
            return Self { least: 0, greatest: 0, any_absent, patched_width: 0 };
        }
        let width = bits_of(greatest - least + 1);
        let mut patched_width = width;
        let distance = |value: &u64| if *value == ABSENT { 0 } else { *value - least };
        let sum = values.iter().map(distance).fold(0, u64::saturating_add);
        // If the mean offset is not far below the maximum, there are no outliers.
        if width > 4 && bits_of(sum / values.len() as u64) + 2 < width {
            let mut counts = [0u16; 65];
            for value in values.iter().filter(|value| **value != ABSENT) {
                counts[usize::from(bits_of(value - least + 1))] += 1;
            }
            let (mut best, mut apart) = (values.len() * usize::from(width), 0);
            for narrower in (0..width).rev() {
                apart += usize::from(counts[usize::from(narrower) + 1]);
                let cost = values.len() * usize::from(narrower) + apart * APART_BITS;
                if cost < best {
                    (best, patched_width) = (cost, narrower);
                }
            }
        }
        Self { least, greatest, any_absent, patched_width }
    }

    fn width(&self, escapes: bool) -> u8 {
        match escapes {
            true => self.patched_width,
            false => bits_of(self.greatest - self.least),
        }
    }
}

impl Packed {
    fn of(values: &[u64]) -> Self {
        let measured: Vec<_> = values.chunks(RUN).map(Measured::of).collect();
        let escapes = measured
            .iter()
            .any(|run| run.any_absent || run.patched_width < bits_of(run.greatest - run.least + 1));
        let total = |(run, values): (&Measured, &[u64])| words_of(values.len(), run.width(escapes));
        let total: usize = measured.iter().zip(values.chunks(RUN)).map(total).sum();
        let mut words = Vec::with_capacity(total + SPARE);
        let mut runs = Vec::with_capacity(measured.len());
        let mut apart = Vec::new();
        let mut codes = [0; RUN];
        for (number, (measured, values)) in measured.iter().zip(values.chunks(RUN)).enumerate() {
            let width = measured.width(escapes);
            let run = Run { base: measured.least, start: words.len() as u32, width };
            runs.push(run);
            for (row, value) in values.iter().enumerate() {
                codes[row] = match value.wrapping_sub(run.base) {
                    code if !escapes || *value != ABSENT && code < run.mask() => code,
                    _ => {
                        if *value != ABSENT {
                            apart.push(((number * RUN + row) as u32, *value));
                        }
                        run.mask()
                    }
                };
            }
            pack(&codes[..values.len()], width, &mut words);
        }
        words.extend([0; SPARE]);
        let (runs, words, apart) = (runs.into(), words.into(), apart.into());
        Self { rows: values.len(), escapes, runs, words, apart }
    }

    fn rows_of(&self, run: usize) -> usize {
        RUN.min(self.rows - run * RUN)
    }

    #[inline]
    fn get(&self, row: usize) -> u64 {
        let run = self.runs[row / RUN];
        let code = self.code(run, row % RUN);
        if self.escapes && code == run.mask() {
            return self.escaped(row);
        }
        run.base.wrapping_add(code)
    }

    #[cold]
    fn escaped(&self, row: usize) -> u64 {
        let found = self.apart.binary_search_by_key(&(row as u32), |(row, _)| *row);
        found.map_or(ABSENT, |found| self.apart[found].1)
    }

    fn run(&self, number: usize, out: &mut [u64; RUN]) {
        let run = self.runs[number];
        let rows = self.rows_of(number);
        let (width, start) = (usize::from(run.width), run.start as usize);
        if rows == RUN {
            let (words, rest) = self.words[start..].split_at(width);
            let (first, second) = out.split_at_mut(AT_ONCE);
            if let (Some(first), Some(second)) = (first.first_chunk_mut(), second.first_chunk_mut())
            {
                unpack(run.width, words, first);
                unpack(run.width, rest, second);
            }
        } else {
            for (row, code) in out[..rows].iter_mut().enumerate() {
                *code = self.code(run, row);
            }
        }
        let mask = run.mask();
        let out = &mut out[..rows];
        if !self.escapes || !out.iter().fold(false, |any, code| any | (*code == mask)) {
            out.iter_mut().for_each(|value| *value = run.base.wrapping_add(*value));
            return;
        }
        let first = (number * RUN) as u32; // rows are few
        let mut apart = &self.apart[self.apart.partition_point(|(row, _)| *row < first)..];
        for (row, value) in (first..).zip(&mut *out) {
            *value = match (*value == mask, apart.split_first()) {
                (false, _) => run.base.wrapping_add(*value),
                (true, Some(((known, number), rest))) if *known == row => {
                    apart = rest;
                    *number
                }
                (true, _) => ABSENT,
            };
        }
    }

    /// The code of a row of a run.
    #[inline]
    fn code(&self, run: Run, row: usize) -> u64 {
        let bit = row * usize::from(run.width);
        let (word, shift) = (run.start as usize + bit / 64, bit % 64);
        let (low, high) = (self.words[word], self.words[word + 1]);
        (low >> shift | high << 1 << (63 - shift)) & run.mask()
    }

    /// `form u8 | flags u8 (1: escapes; 2: every run has the same width) | bytes of a base u8
    /// | least base u64 | widths u8 | bases less the least | words u64 | rows apart u32 |
    /// their rows u32 | their numbers u64`, all little-endian.
    fn encode(&self, out: &mut Vec<u8>) {
        let least = self.runs.iter().map(|run| run.base).min().unwrap_or(0);
        let greatest = self.runs.iter().map(|run| run.base).max().unwrap_or(0);
        let base_bytes = usize::from(bits_of(greatest - least).div_ceil(8));
        let is_uniform = self.runs.windows(2).all(|runs| runs[0].width == runs[1].width);
        out.push(PACKED);
        out.push(u8::from(self.escapes) | u8::from(is_uniform) << 1);
        out.push(base_bytes as u8);
        out.extend(least.to_le_bytes());
        let widths = if is_uniform { &self.runs[..1] } else { &self.runs };
        out.extend(widths.iter().map(|run| run.width));
        for run in &self.runs {
            out.extend_from_slice(&(run.base - least).to_le_bytes()[..base_bytes]);
        }
        let words = &self.words[..self.words.len() - SPARE];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.extend((self.apart.len() as u32).to_le_bytes());
        self.apart.iter().for_each(|(row, _)| out.extend(row.to_le_bytes()));
        self.apart.iter().for_each(|(_, value)| out.extend(value.to_le_bytes()));
    }

    fn decode(input: &mut Input<'_>, rows: usize) -> Result<Self, Error> {
        let (flags, base_bytes) = (input.byte()?, usize::from(input.byte()?));
        let least = input.u64()?;
        let (escapes, is_uniform) = (flags & 1 != 0, flags & 2 != 0);
        if flags > 3 || base_bytes > 8 {
            return Err(damaged("a column of whole numbers has an unknown form"));
        }
        let count = rows.div_ceil(RUN);
        let widths = input.take(if is_uniform { 1 } else { count })?;
        if widths.iter().any(|width| *width > 64) {
            return Err(damaged("a whole number is too wide"));
        }
        let bases = input.take(count * base_bytes)?;
        let mut runs = Vec::with_capacity(count);
        let mut start = 0;
        for number in 0..count {
            let width = if is_uniform { widths[0] } else { widths[number] };
            let mut base = [0; 8];
            base[..base_bytes].copy_from_slice(&bases[number * base_bytes..][..base_bytes]);
            let base = least.wrapping_add(u64::from_le_bytes(base));
            runs.push(Run { base, start: start as u32, width }); // at most two words a row
            start += words_of(RUN.min(rows - number * RUN), width);
        }
        let packed = input.take(start * 8)?.as_chunks::<8>().0;
        let words = packed.iter().map(|word| u64::from_le_bytes(*word)).chain([0; SPARE]).collect();
        let others = input.u32()? as usize;
        let places = input.take(others.saturating_mul(4))?.as_chunks::<4>().0;
        let values = input.take(others.saturating_mul(8))?.as_chunks::<8>().0;
        let pairs = places.iter().map(|row| u32::from_le_bytes(*row));
        let pairs = pairs.zip(values.iter().map(|value| u64::from_le_bytes(*value)));
        Ok(Self { rows, escapes, runs: runs.into(), words, apart: pairs.collect() })
    }
}

/// Appends codes of a width, starting at a new word.
fn pack(codes: &[u64], width: u8, words: &mut Vec<u64>) {
    if width == 0 {
        return;
    }
    let (mut word, mut filled) = (0u64, 0u32);
    for code in codes {
        word |= code << filled;
        filled += u32::from(width);
        if filled >= 64 {
            words.push(word);
            filled -= 64;
            // The part that did not fit: the code's highest `filled` bits.
            word = code.checked_shr(u32::from(width) - filled).unwrap_or(0);
        }
    }
    if filled > 0 {
        words.push(word);
    }
}

/// A buffer for the numbers of a run.
pub(crate) struct Numbers(pub(crate) [u64; RUN]);

impl Default for Numbers {
    fn default() -> Self {
        Self([0; RUN])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column() -> impl Strategy<Value = Vec<u64>> {
        let small = (0u64..40, 1u64..5000);
        let value = prop_oneof![
            8 => small.prop_map(|(base, spread)| 20_000_000_000 + base * spread),
            1 => any::<u64>(),
            1 => Just(ABSENT),
        ];
        let mixed = proptest::collection::vec(value, 1..400);
        let wide = proptest::collection::vec(any::<u64>(), 1..300);
        let narrow = proptest::collection::vec(0u64..11, 1..300);
        let bits = (0u32..64).prop_flat_map(|bits| {
            proptest::collection::vec((0..=u64::MAX >> bits).prop_map(|v| v), 1..300)
        });
        prop_oneof![mixed, wide, narrow, bits]
    }

    proptest! {
        #[test]
        fn a_column_comes_back_number_by_number_and_run_by_run(values in column()) {
            let packed = Integers::of(&values);
            let mut bytes = Vec::new();
            packed.encode(&mut bytes);
            let mut input = Input(&bytes);
            let decoded = Integers::decode(&mut input, values.len()).unwrap();
            prop_assert!(input.0.is_empty());
            for column in [&packed, &decoded] {
                let got: Vec<_> = (0..values.len()).map(|row| column.get(row)).collect();
                prop_assert_eq!(&got, &values);
                let mut out = [0; RUN];
                for (number, run) in values.chunks(RUN).enumerate() {
                    column.run(number, &mut out);
                    prop_assert_eq!(&out[..run.len()], run);
                }
                let most = values.iter().filter(|v| **v != ABSENT).max().copied().unwrap_or(0);
                prop_assert!(!column.are_below(most) || most == 0);
                prop_assert!(column.are_below(most.saturating_add(1)));
                prop_assert_eq!(column.has_absent(values.len()), values.contains(&ABSENT));
            }
            let mut again = Vec::new();
            decoded.encode(&mut again);
            prop_assert_eq!(again, bytes);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_numbers(
            values in column(),
            place in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            Integers::of(&values).encode(&mut bytes);
            let at = place.index(bytes.len());
            bytes[at] ^= byte | 1;
            if let Ok(column) = Integers::decode(&mut Input(&bytes), values.len()) {
                let mut out = [0; RUN];
                for row in 0..values.len() {
                    let _ = column.get(row);
                }
                (0..values.len().div_ceil(RUN)).for_each(|run| column.run(run, &mut out));
            }
        }
    }

    #[test]
    fn outliers_stand_apart_and_cost_little() {
        let mut values: Vec<u64> = (0..16_384).map(|row| 500 + row * 37 % 900).collect();
        (0..16_384).step_by(500).for_each(|row| values[row] = 199_990);
        let mut bytes = Vec::new();
        Integers::of(&values).encode(&mut bytes);
        assert!(bytes.len() < 16_384 * 11 / 8, "{}", bytes.len());
    }
}
