//! A lossless column of decimals: the digits as integers and the number of decimal places, which is
//! nearly always the same, each a column of [`Integers`]. Values that do not fit (more than 61 bits
//! of digits, a negative zero) are stored separately as outliers.

use aqi::Decimal;

use super::bytes::{Input, damaged};
use super::integers::{ABSENT, Integers, RUN};
use crate::Error;

/// A column of decimals, each of which can be absent.
#[derive(Debug)]
pub(crate) struct Decimals {
    /// Whether the lowest bit of the digits is the sign.
    signed: bool,
    digits: Integers,
    places: Integers,
    /// The outlier rows, in order; their digits are absent.
    apart: Box<[(u32, Decimal)]>,
}

/// A decimal in parts: digits below 2^62, and the number of decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    pub(crate) negative: bool,
    pub(crate) digits: u64,
    pub(crate) places: u32,
}

impl Short {
    #[inline]
    pub(crate) fn of(value: Decimal) -> Option<Self> {
        let parts = value.unpack();
        let digits = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        let is_short = parts.hi == 0 && digits < 1 << 62 && !(parts.negative && digits == 0);
        is_short.then_some(Self { negative: parts.negative, digits, places: parts.scale })
    }

    #[inline]
    pub(crate) fn decimal(self) -> Decimal {
        let (low, middle) = (self.digits as u32, (self.digits >> 32) as u32);
        Decimal::from_parts(low, middle, 0, self.negative, self.places)
    }
}

/// The value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell {
    Absent,
    Short(Short),
    Long(Decimal),
}

impl Cell {
    #[inline]
    pub(crate) fn of(value: Option<Decimal>) -> Self {
        match value {
            None => Self::Absent,
            Some(value) => Short::of(value).map_or(Self::Long(value), Self::Short),
        }
    }

    pub(crate) fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Absent => None,
            Self::Short(short) => Some(short.decimal()),
            Self::Long(value) => Some(value),
        }
    }
}

impl Decimals {
    pub(crate) fn of(values: &[Option<Decimal>]) -> Self {
        Self::of_cells(&values.iter().map(|value| Cell::of(*value)).collect::<Vec<_>>())
    }

    pub(crate) fn of_cells(cells: &[Cell]) -> Self {
        let signed = cells.iter().any(|cell| matches!(cell, Cell::Short(s) if s.negative));
        // A row without digits has the places of the previous row, which takes no space.
        let first = cells.iter().find_map(|cell| match cell {
            Cell::Short(short) => Some(short.places),
            _ => None,
        });
        let mut last = u64::from(first.unwrap_or(0));
        let mut digits = Vec::with_capacity(cells.len());
        let mut places = Vec::with_capacity(cells.len());
        let mut apart = Vec::new();
        for (row, cell) in cells.iter().enumerate() {
            let code = match cell {
                Cell::Short(short) => {
                    last = u64::from(short.places);
                    if signed {
                        short.digits << 1 | u64::from(short.negative)
                    } else {
                        short.digits
                    }
                }
                Cell::Long(value) => {
                    apart.push((row as u32, *value)); // rows are few
                    ABSENT
                }
                Cell::Absent => ABSENT,
            };
            digits.push(code);
            places.push(last);
        }
        let (digits, places) = (Integers::of(&digits), Integers::of(&places));
        Self { signed, digits, places, apart: apart.into() }
    }

    /// All rows, in order, with spare capacity.
    pub(crate) fn cells(&self, rows: usize, room: usize) -> Vec<Cell> {
        let mut all = Vec::with_capacity(rows + room);
        let mut run = Run::default();
        for number in 0..rows.div_ceil(RUN) {
            self.run(number, &mut run);
            let rows = number * RUN..rows.min(number * RUN + RUN);
            all.extend(rows.map(|row| self.in_run(&run, row)));
        }
        all
    }

    /// Whether every row is absent.
    pub(crate) fn is_absent(&self) -> bool {
        self.digits.is_absent() && self.apart.is_empty()
    }

    #[inline]
    pub(crate) fn cell(&self, row: usize) -> Cell {
        self.cell_of(row, self.digits.get(row), self.places.get(row))
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<Decimal> {
        self.cell(row).decimal()
    }

    #[inline]
    fn cell_of(&self, row: usize, code: u64, places: u64) -> Cell {
        if code == ABSENT {
            return self.apart(row);
        }
        let (negative, digits) = match self.signed {
            true => (code & 1 != 0, code >> 1),
            false => (false, code),
        };
        Cell::Short(Short { negative, digits, places: places as u32 })
    }

    fn apart(&self, row: usize) -> Cell {
        let found = self.apart.binary_search_by_key(&(row as u32), |(row, _)| *row);
        found.map_or(Cell::Absent, |found| Cell::Long(self.apart[found].1))
    }

    /// Calls a function for some rows of a run with their values, in order.
    #[inline]
    pub(crate) fn run(&self, number: usize, cells: &mut Run) {
        self.digits.run(number, &mut cells.digits);
        self.places.run(number, &mut cells.places);
        cells.first = number * RUN;
    }

    /// The value of a row in a decoded run.
    #[inline]
    pub(crate) fn in_run(&self, run: &Run, row: usize) -> Cell {
        let at = row - run.first;
        self.cell_of(row, run.digits[at], run.places[at])
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.digits.memory_bytes() + self.places.memory_bytes() + size_of_val(&*self.apart)
    }

    /// `signed u8 | digits | places | rows apart u32 | their rows u32 | their numbers, each
    /// 96 bits, places u8, sign u8`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.signed));
        self.digits.encode(out);
        self.places.encode(out);
        out.extend((self.apart.len() as u32).to_le_bytes());
        self.apart.iter().for_each(|(row, _)| out.extend(row.to_le_bytes()));
        for (_, value) in &self.apart {
            let parts = value.unpack();
            [parts.lo, parts.mid, parts.hi].iter().for_each(|w| out.extend(w.to_le_bytes()));
            out.extend([parts.scale as u8, u8::from(parts.negative)]); // at most 28
        }
    }

    pub(crate) fn decode(input: &mut Input<'_>, rows: usize) -> Result<Self, Error> {
        let signed = match input.byte()? {
            0 => false,
            1 => true,
            _ => return Err(damaged("a column of decimals has an unknown form")),
        };
        let digits = Integers::decode(input, rows)?;
        let places = Integers::decode(input, rows)?;
        let limit = u64::from(Decimal::MAX_SCALE) + 1;
        if !places.are_below(limit) || places.has_absent(rows) || !digits.are_below(1 << 63) {
            return Err(damaged("a number has too many digits"));
        }
        let count = input.u32()? as usize;
        let places_apart = input.take(count.saturating_mul(4))?.as_chunks::<4>().0;
        let mut apart = Vec::with_capacity(count.min(rows));
        for row in places_apart {
            let words = [input.u32()?, input.u32()?, input.u32()?];
            let (scale, sign) = (u32::from(input.byte()?), input.byte()?);
            if scale > Decimal::MAX_SCALE || sign > 1 {
                return Err(damaged("a number has too many digits"));
            }
            let mut value = Decimal::from_parts(words[0], words[1], words[2], false, scale);
            value.set_sign_negative(sign == 1); // from_parts would lose that of -0.0
            apart.push((u32::from_le_bytes(*row), value));
        }
        Ok(Self { signed, digits, places, apart: apart.into() })
    }
}

/// A decoded run of a column of decimals.
pub(crate) struct Run {
    first: usize,
    digits: [u64; RUN],
    places: [u64; RUN],
}

impl Default for Run {
    fn default() -> Self {
        Self { first: 0, digits: [0; RUN], places: [0; RUN] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal() -> impl Strategy<Value = Option<Decimal>> {
        let parts = (any::<[u32; 3]>(), any::<bool>(), 0..=28u32);
        let every = parts.prop_map(|([low, middle, high], negative, places)| {
            let mut value = Decimal::from_parts(low, middle, high, false, places);
            value.set_sign_negative(negative);
            value
        });
        let usual = (0i64..200_000).prop_map(|digits| Decimal::new(digits, 2));
        let mixed = (-9_000i64..200_000, 0..4u32).prop_map(|(d, places)| Decimal::new(d, places));
        let zero = any::<bool>().prop_map(|negative| {
            let mut zero = Decimal::new(0, 1);
            zero.set_sign_negative(negative);
            zero
        });
        prop_oneof![
            8 => usual.prop_map(Some),
            2 => mixed.prop_map(Some),
            1 => every.prop_map(Some),
            1 => zero.prop_map(Some),
            1 => Just(None),
        ]
    }

    fn exactly(value: Option<Decimal>) -> Option<(i128, u32, bool)> {
        value.map(|v| (v.mantissa(), v.scale(), v.is_sign_negative()))
    }

    proptest! {
        #[test]
        fn a_column_comes_back_to_the_last_digit(
            values in proptest::collection::vec(decimal(), 1..300),
        ) {
            let column = Decimals::of(&values);
            let mut bytes = Vec::new();
            column.encode(&mut bytes);
            let mut input = Input(&bytes);
            let decoded = Decimals::decode(&mut input, values.len()).unwrap();
            prop_assert!(input.0.is_empty());
            let mut run = Run::default();
            for column in [&column, &decoded] {
                for (row, value) in values.iter().enumerate() {
                    prop_assert_eq!(exactly(column.get(row)), exactly(*value));
                    column.run(row / RUN, &mut run);
                    let in_run = column.in_run(&run, row).decimal();
                    prop_assert_eq!(exactly(in_run), exactly(*value));
                }
            }
        }

        #[test]
        fn damaged_bytes_are_an_error_or_decimals(
            values in proptest::collection::vec(decimal(), 1..300),
            place in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            Decimals::of(&values).encode(&mut bytes);
            let at = place.index(bytes.len());
            bytes[at] ^= byte | 1;
            if let Ok(column) = Decimals::decode(&mut Input(&bytes), values.len()) {
                for row in 0..values.len() {
                    let _ = column.get(row);
                }
            }
        }
    }
}
