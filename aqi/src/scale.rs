use crate::Index;
use crate::rounding::{GRID_MAX, Rounding, first_where};

/// Maps a number (a concentration, or a risk) to an index: rows over a grid of decimal steps.
///
/// Only the upper bounds of rows are given; a row starts where the previous one ends. So gaps and
/// overlaps are impossible, and bounds that are not in ascending order do not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scale {
    /// The grid: steps of `10^-decimals` of the unit.
    pub decimals: u8,
    /// How a number is rounded to the grid.
    pub rounding: Rounding,
    /// The shape of the index within a row.
    pub shape: Shape,
    /// The start of the first row: grid steps, and the index there.
    pub from: (u32, u32),
    /// For each row its last grid step, and the index of the row (banded) or at that step.
    pub rows: &'static [(u32, u32)],
    /// The treatment of values above the last row.
    pub end: End,
}

/// The shape of the index within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// One index for the whole row.
    Banded,
    /// Linear, rounded to the nearest integer, ties up. The next row starts one grid step and one
    /// index point above: 0–50, 51–100.
    Stepped,
    /// Linear, rounded to the nearest integer, ties up. The next row starts at the same point:
    /// 0–25, 25–50.
    Joined,
    /// As [`Joined`](Self::Joined), but rounded up.
    JoinedUp,
}

/// The treatment of values above the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// One more band, open above, with this index.
    Open(u32),
    /// The line of the last row continues.
    Continues,
    /// More than the scale's last index: [`Index::over`].
    Over,
    /// The last index applies.
    Stays,
}

/// A row as published in a standard, in grid steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) low: u32,
    pub(crate) high: Option<u32>,
    pub(crate) index_low: u32,
    pub(crate) index_high: Option<u32>,
}

impl Scale {
    /// Rows as published in a standard; `from` is the start of the first. Checked at compile time:
    /// rows in the wrong order, or a joined scale that does not fit the grid, do not compile.
    pub const fn new(
        decimals: u8,
        rounding: Rounding,
        shape: Shape,
        from: (u32, u32),
        rows: &'static [(u32, u32)],
        end: End,
    ) -> Self {
        assert!(decimals <= 4, "finer than any standard");
        assert!(!rows.is_empty(), "a scale has a row");
        let mut before = from;
        let mut at = 0;
        while at < rows.len() {
            let (top, index) = rows[at];
            let first_banded = at == 0 && matches!(shape, Shape::Banded);
            assert!(before.0 < top, "the rows must ascend");
            assert!(before.1 < index || first_banded, "the indices must ascend");
            // A number that is not rounded stands for all that lie between two grid steps,
            // so the index may change on a grid step alone.
            if rounding.keeps_digits() {
                let (steps, points) = (top - before.0, index - before.1);
                match shape {
                    Shape::Banded => {}
                    Shape::Stepped => {
                        assert!(points == 0, "its rows leave holes between grid steps")
                    }
                    Shape::Joined => assert!(
                        steps.is_multiple_of(2 * points)
                            && matches!(rounding, Rounding::UnroundedFromBelow)
                    ),
                    Shape::JoinedUp => assert!(
                        steps.is_multiple_of(points) && matches!(rounding, Rounding::Unrounded)
                    ),
                }
            }
            before = rows[at];
            at += 1;
        }
        match end {
            End::Open(index) => {
                assert!(matches!(shape, Shape::Banded), "an open band is for banded scales");
                assert!(before.1 < index, "the indices must ascend");
            }
            End::Continues => {
                assert!(!matches!(shape, Shape::Banded), "a band has no line to go on");
            }
            End::Over | End::Stays => {}
        }
        Self { decimals, rounding, shape, from, rows, end }
    }

    /// The same without its last row; values above are over the scale.
    pub(crate) const fn without_last_row(self) -> Self {
        let (rows, _) = self.rows.split_at(self.rows.len() - 1);
        Self::new(self.decimals, self.rounding, self.shape, self.from, rows, End::Over)
    }

    /// The lowest and the highest position; no highest if it is open-ended.
    pub(crate) const fn places(&self) -> (u32, Option<u32>) {
        let low = match self.shape {
            Shape::Banded => self.rows[0].1,
            _ => self.from.1,
        };
        let last = self.rows[self.rows.len() - 1].1;
        let high = match self.end {
            End::Open(index) => Some(index),
            End::Over => Some(last + 1),
            End::Stays => Some(last),
            End::Continues => None,
        };
        (low, high)
    }

    /// The index at a grid step; none below the first row. Never falls as `steps` grows.
    #[inline]
    pub(crate) fn index_at(&self, steps: u64) -> Option<Index> {
        if steps < u64::from(self.from.0) {
            return None;
        }
        let above = self.rows.iter().take_while(|(top, _)| steps > u64::from(*top)).count();
        let last = self.rows.len() - 1;
        let (top, index) = self.rows[above.min(last)];
        if above > last {
            match self.end {
                End::Open(index) => return Some(Index::new(index)),
                End::Over => return Some(Index::over(index)),
                End::Stays => return Some(Index::new(index)),
                End::Continues => {}
            }
        }
        if self.shape == Shape::Banded {
            return Some(Index::new(index));
        }
        let (low, index_low) = self.start_of(above.min(last));
        let rise = u64::from(index - index_low) * (steps - u64::from(low));
        let run = u64::from(top - low);
        let points = match self.shape {
            Shape::JoinedUp => rise.div_ceil(run),
            _ => (2 * rise + run) / (2 * run),
        };
        let number = u64::from(index_low) + points;
        Some(Index::new(number.min(u64::from(Index::MAX_NUMBER)) as u32))
    }

    /// Where the row begins: grid steps, and the index there.
    #[inline]
    fn start_of(&self, row: usize) -> (u32, u32) {
        match (row, self.shape) {
            (0, _) => self.from,
            (_, Shape::Joined | Shape::JoinedUp) => self.rows[row - 1],
            (_, Shape::Stepped | Shape::Banded) => {
                let (top, index) = self.rows[row - 1];
                (top + 1, index + 1)
            }
        }
    }

    /// The row of a grid step.
    pub(crate) fn row_at(&self, steps: u64) -> Row {
        let above = self.rows.iter().take_while(|(top, _)| steps > u64::from(*top)).count();
        let (mut low, index_low) = self.start_of(above);
        if self.shape == Shape::Banded && above > 0 && self.rounding.keeps_digits() {
            low -= u32::from(self.rounding == Rounding::Unrounded);
        }
        // A band that its upper end does not belong to is printed with the next one's start.
        let printed = |top| match (self.shape, self.rounding) {
            (Shape::Banded, Rounding::UnroundedFromBelow) => top + 1,
            _ => top,
        };
        match (self.rows.get(above), self.end) {
            (Some(&(top, index)), _) => {
                let index_low = if self.shape == Shape::Banded { index } else { index_low };
                Row { low, high: Some(printed(top)), index_low, index_high: Some(index) }
            }
            (None, End::Open(index)) => {
                Row { low, high: None, index_low: index, index_high: Some(index) }
            }
            (None, End::Stays) => {
                let last = self.rows[above - 1].1;
                Row { low, high: None, index_low: last, index_high: Some(last) }
            }
            (None, End::Over | End::Continues) => {
                Row { low, high: None, index_low, index_high: None }
            }
        }
    }

    /// The grid steps, up to `most`, whose index lies between two others; the second is none if
    /// there is no upper bound.
    pub(crate) fn steps_of(
        &self,
        low: Index,
        high: Index,
        most: u64,
    ) -> Option<(u64, Option<u64>)> {
        let first_step = |holds: &dyn Fn(Index) -> bool| {
            let holds = |steps| self.index_at(steps).is_some_and(holds);
            first_where(u64::from(self.from.0), most, holds)
        };
        let first = first_step(&|index| index >= low)?;
        let beyond = first_step(&|index| index > high);
        match beyond {
            Some(beyond) if beyond <= first => None,
            Some(beyond) => Some((first, Some(beyond - 1))),
            None if most < GRID_MAX => Some((first, Some(most))),
            None => Some((first, None)),
        }
    }
}
