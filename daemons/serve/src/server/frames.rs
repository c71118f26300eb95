//! Pages of rows as the frames of a body, small enough that a slow client holds little memory.

use store::{Encoder, Error, Format, Page, RowRange};

/// The size of a frame that is aimed at, in bytes.
pub(super) const FRAME: usize = 256 << 10;

/// Renders pages in frames.
pub(super) struct Frames {
    encoder: Encoder,
    /// `None`: a page is a frame, for formats in which it is a unit of the file.
    rows_per_frame: Option<usize>,
    /// The rows of the current page that are not rendered yet.
    rest: Vec<RowRange>,
}

impl Frames {
    pub(super) fn new(encoder: Encoder, format: Format) -> Self {
        // The first guess is a row with the default columns.
        let rows_per_frame = match format {
            Format::Csv(_) => Some(FRAME / 96),
            Format::Json(_) | Format::NdJson(_) | Format::GeoJson => Some(FRAME / 320),
            _ => None,
        };
        Self { encoder, rows_per_frame, rest: Vec::new() }
    }

    /// Adds the next page, when the frames of the last one are taken.
    pub(super) fn add(&mut self, page: &Page) {
        self.rest = page.runs.clone();
        self.rest.reverse();
    }

    /// The number of rows that are not rendered yet.
    pub(super) fn rows_left(&self) -> usize {
        self.rest.iter().map(|run| run.rows.len()).sum()
    }

    /// Appends the next rows; returns whether there were any.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let most = self.rows_per_frame.unwrap_or(usize::MAX);
        let piece = Page { runs: self.take(most), next: None };
        if piece.is_empty() {
            return Ok(false);
        }
        let before = out.len();
        self.encoder.page(out, &piece)?;
        let (rows, bytes) = (piece.len(), out.len() - before);
        if let Some(most) = &mut self.rows_per_frame {
            *most = (rows.saturating_mul(FRAME) / bytes.max(1)).clamp(1, 16_384);
        }
        Ok(true)
    }

    /// See [`Encoder::set_left_out`].
    pub(super) fn set_left_out(&mut self, rows: Option<u64>) {
        self.encoder.set_left_out(rows);
    }

    /// Appends the end of the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.encoder.finish(out)
    }

    fn take(&mut self, most: usize) -> Vec<RowRange> {
        let (mut taken, mut left) = (Vec::new(), most);
        while left > 0
            && let Some(mut run) = self.rest.pop()
        {
            let rows = run.rows.clone();
            run.rows.end = rows.end.min(rows.start.saturating_add(left));
            left -= run.rows.len();
            if run.rows.end < rows.end {
                self.rest.push(RowRange { block: run.block.clone(), rows: run.rows.end..rows.end });
            }
            taken.push(run);
        }
        taken
    }
}
