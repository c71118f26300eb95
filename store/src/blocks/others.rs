use super::block::Block;
use super::build::Source;
use super::decimals::Decimals;
use super::frame::{self, Writer, encoding, newer};
use super::integers::{ABSENT, Integers};
use crate::Error;

/// A column of a later version, which this one does not know, and passes on.
#[derive(Debug)]
pub(super) struct Other {
    id: u8,
    flags: u16,
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
    /// What the rows that are kept have in columns that are not known.
    pub(super) fn of(rows: &[Source<'_>]) -> Vec<Self> {
        let mut columns: Vec<(u8, u16, bool)> = Vec::new();
        let mut last: Option<&Block> = None;
        for source in rows {
            let Source::Kept(block, _) = source else { continue };
            if last.is_some_and(|last| std::ptr::eq(last, *block)) {
                continue;
            }
            last = Some(block);
            for other in &block.others {
                let column = match other.values {
                    Values::Integers(_) => (other.id, other.flags, false),
                    Values::Decimals(_) => (other.id, other.flags, true),
                    Values::Opaque => continue, // see check_rewritable
                };
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        let values = |(id, flags, is_decimal): (u8, u16, bool)| {
            let integers = |source: &Source<'_>| match values_of(source, id) {
                Some((Values::Integers(column), row)) => column.get(row),
                _ => ABSENT,
            };
            let decimals = |source: &Source<'_>| match values_of(source, id) {
                Some((Values::Decimals(column), row)) => column.get(row),
                _ => None,
            };
            let values = match is_decimal {
                false => {
                    Values::Integers(Integers::of(&rows.iter().map(integers).collect::<Vec<_>>()))
                }
                true => {
                    Values::Decimals(Decimals::of(&rows.iter().map(decimals).collect::<Vec<_>>()))
                }
            };
            Self { id, flags, values }
        };
        columns.into_iter().map(values).collect()
    }

    pub(super) fn decode(column: frame::Column<'_>, rows: usize) -> Result<Self, Error> {
        let values = match column.encoding {
            encoding::INTEGERS => Values::Integers(column.integers(rows)?),
            encoding::DECIMALS => Values::Decimals(column.decimals(rows)?),
            _ => Values::Opaque,
        };
        Ok(Self { id: column.id, flags: column.flags, values })
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
}

/// The column that a row was kept of, and the row there.
fn values_of<'a>(source: &Source<'a>, id: u8) -> Option<(&'a Values, usize)> {
    let Source::Kept(block, row) = source else { return None };
    let other = block.others.iter().find(|other| other.id == id)?;
    Some((&other.values, *row))
}
