use core::fmt;

/// An effective date, with the known precision: a day, a month or a year.
///
/// Ordered by the first day that it can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8, // 0: not known
    day: u8,   // 0: not known
}

impl Date {
    /// A day of the Gregorian calendar. It is not validated, since it is only compared.
    pub const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// A month; the day is unknown.
    pub const fn month(year: u16, month: u8) -> Self {
        Self::new(year, month, 0)
    }

    /// A year; the month is unknown.
    pub const fn year(year: u16) -> Self {
        Self::new(year, 0, 0)
    }
}

impl fmt::Display for Date {
    /// `2024-05-06`, `2019-11` or `2025`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if self.month > 0 {
            write!(f, "-{:02}", self.month)?;
        }
        if self.day > 0 {
            write!(f, "-{:02}", self.day)?;
        }
        Ok(())
    }
}
