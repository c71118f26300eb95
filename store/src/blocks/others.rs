//! Additional columns of a block: stored ones with an id in the schema, and unknown ones of a later
//! version, which are preserved.

use aqi::Decimal;

use super::bytes::damaged;
use super::decimals::Decimals;
use super::frame::{self, Writer, encoding, newer};
use super::integers::Integers;
use super::stations::some;
use crate::{Column, Error, Flags, Kind, Value};

#[derive(Debug)]
pub(super) struct Other {
    id: u8,
    flags: u16,
    /// The column of the schema; `None` for a column of a later version.
    column: Option<Column>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Integers(Integers),
    Decimals(Decimals),
    /// Of an unknown encoding.
    Opaque,
}

impl Other {
    pub(super) fn integers(id: u8, flags: u16, values: &[u64]) -> Self {
        let values = Values::Integers(Integers::of(values));
        Self { id, flags, column: Column::of_block_id(id), values }
    }

    pub(super) fn decimals(id: u8, flags: u16, values: &[Option<Decimal>]) -> Self {
        let values = Values::Decimals(Decimals::of(values));
        Self { id, flags, column: Column::of_block_id(id), values }
    }

    pub(super) fn id(&self) -> u8 {
        self.id
    }

    pub(super) fn flags(&self) -> u16 {
        self.flags
    }

    /// Whether its values are decimals, or integers; `None` if unknown.
    pub(super) fn is_decimal(&self) -> Option<bool> {
        match self.values {
            Values::Integers(_) => Some(false),
            Values::Decimals(_) => Some(true),
            Values::Opaque => None,
        }
    }

    pub(super) fn decode(column: frame::Column<'_>, rows: usize) -> Result<Self, Error> {
        let known = Column::of_block_id(column.id);
        let values = match (known.map(Column::kind), column.encoding) {
            (Some(Kind::Decimal), _) | (None, encoding::DECIMALS) => {
                Values::Decimals(column.decimals(rows)?)
            }
            (Some(kind), _) => {
                let numbers = column.integers(rows)?;
                if !numbers.are_below(if kind == Kind::Truth { 2 } else { 1 << 32 }) {
                    return Err(damaged("a number is beyond its column"));
                }
                Values::Integers(numbers)
            }
            (None, encoding::INTEGERS) => Values::Integers(column.integers(rows)?),
            (None, _) => Values::Opaque,
        };
        Ok(Self { id: column.id, flags: column.flags, column: known, values })
    }

    pub(super) fn encode(&self, frame: &mut Writer) {
        match &self.values {
            Values::Integers(column) => frame.integers(self.id, self.flags, column),
            Values::Decimals(column) => frame.decimals(self.id, self.flags, column),
            Values::Opaque => {} // see check_rewritable
        }
    }

    pub(super) fn check_rewritable(&self) -> Result<(), Error> {
        match self.values {
            Values::Opaque => Err(newer("it has a column whose encoding is not known")),
            _ => Ok(()),
        }
    }

    /// The column of the schema, if it is one.
    pub(super) fn column(&self) -> Option<Column> {
        self.column
    }

    pub(super) fn value(&self, row: usize) -> Value {
        match &self.values {
            Values::Integers(column) => {
                match (some(column.get(row)), self.column.map(Column::kind)) {
                    (Some(number), Some(Kind::Truth)) => Value::Truth(number != 0),
                    // Checked to be below 2^32.
                    (Some(number), Some(Kind::Flags)) => {
                        Value::Flags(Flags::from_bits(number as u32))
                    }
                    (None, Some(Kind::Flags)) => Value::Flags(Flags::NONE),
                    (number, _) => number.into(),
                }
            }
            Values::Decimals(column) => column.get(row).into(),
            Values::Opaque => Value::Nothing,
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.values {
                Values::Integers(column) => column.memory_bytes(),
                Values::Decimals(column) => column.memory_bytes(),
                Values::Opaque => 0,
            }
    }
}
