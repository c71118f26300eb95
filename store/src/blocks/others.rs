//! Columns beside those that a block works with: stored ones that the schema gives an id
//! in blocks, and those of a later version, which are not known and passed on.

use super::block::Block;
use super::build::Source;
use super::bytes::damaged;
use super::decimals::Decimals;
use super::frame::{self, Writer, encoding, newer};
use super::integers::{ABSENT, Integers};
use super::stations::some;
use crate::{Column, Error, Kind, Value};

#[derive(Debug)]
pub(super) struct Other {
    id: u8,
    flags: u16,
    /// What the schema calls it; `None` for a column of a later version.
    column: Option<Column>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Integers(Integers),
    Decimals(Decimals),
    /// Of an encoding that is not known either.
    Opaque,
}

impl Other {
    /// What rows have in such columns.
    pub(super) fn of(rows: &[Source<'_>]) -> Vec<Self> {
        let mut columns: Vec<(u8, u16, bool)> = Vec::new();
        let mut add = |id: u8, flags: u16, is_decimal: bool| {
            let same = |known: &&mut (u8, u16, bool)| (known.0, known.2) == (id, is_decimal);
            match columns.iter_mut().find(same) {
                Some(known) => known.1 |= flags,
                None => columns.push((id, flags, is_decimal)),
            }
        };
        let mut last: Option<&Block> = None;
        for source in rows {
            match source {
                Source::Kept(block, _) if last.is_some_and(|last| std::ptr::eq(last, *block)) => {}
                Source::Kept(block, _) => {
                    last = Some(block);
                    for other in &block.others {
                        match other.values {
                            Values::Integers(_) => add(other.id, other.flags, false),
                            Values::Decimals(_) => add(other.id, other.flags, true),
                            Values::Opaque => {} // see check_rewritable
                        }
                    }
                }
                Source::New(reading, _) => {
                    for (id, column) in Column::in_blocks() {
                        if reading.value(column) != Value::Nothing {
                            add(id, 0, column.kind() == Kind::Decimal);
                        }
                    }
                }
            }
        }
        let values = |(id, flags, is_decimal): (u8, u16, bool)| {
            let column = Column::of_block_id(id);
            let integers = |source: &Source<'_>| number_of(value_of(source, id, column));
            let decimals = |source: &Source<'_>| value_of(source, id, column).decimal();
            let values = match is_decimal {
                false => {
                    Values::Integers(Integers::of(&rows.iter().map(integers).collect::<Vec<_>>()))
                }
                true => {
                    Values::Decimals(Decimals::of(&rows.iter().map(decimals).collect::<Vec<_>>()))
                }
            };
            Self { id, flags, column, values }
        };
        columns.sort_unstable();
        columns.into_iter().map(values).collect()
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

    /// The column of the schema that it is, if it is one.
    pub(super) fn column(&self) -> Option<Column> {
        self.column
    }

    pub(super) fn value(&self, row: usize) -> Value {
        match &self.values {
            Values::Integers(column) => {
                match (some(column.get(row)), self.column.map(Column::kind)) {
                    (Some(number), Some(Kind::Truth)) => Value::Truth(number != 0),
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

fn value_of(source: &Source<'_>, id: u8, column: Option<Column>) -> Value {
    match (source, column) {
        (Source::Kept(block, row), _) => {
            let other = block.others.iter().find(|other| other.id == id);
            other.map_or(Value::Nothing, |other| other.value(*row))
        }
        (Source::New(reading, _), Some(column)) => reading.value(column),
        (Source::New(..), None) => Value::Nothing,
    }
}

fn number_of(value: Value) -> u64 {
    value.whole().or_else(|| value.truth().map(u64::from)).unwrap_or(ABSENT)
}
