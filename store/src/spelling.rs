/// The spelling of timestamps and bands in the text formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Spelling {
    /// `2026-11-26T20:19:33Z`, and the bands as the index names them.
    #[default]
    Default,
    /// `2026-11-26 20:19:33` in UTC, which spreadsheets recognise as a date and a time.
    Spreadsheet,
    /// The same, with the band `Medium` instead of `Moderate`, as the report's clients expect.
    Report,
}

impl Spelling {
    /// The separator between date and time, and what follows the time.
    pub(crate) const fn of_time(self) -> (u8, &'static [u8]) {
        match self {
            Self::Default => (b'T', b"Z"),
            Self::Spreadsheet | Self::Report => (b' ', b""),
        }
    }

    /// A word of a column, such as the name of a band.
    pub(crate) fn of_word(self, word: &'static str) -> &'static str {
        match self {
            Self::Report if word == "Moderate" => "Medium",
            _ => word,
        }
    }
}
