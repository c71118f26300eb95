//! Hashes of a file's rows, by part of its time range: they tell later which parts have changed.

use airshed_common::hexadecimal;
use sha2::{Digest, Sha256};
use store::csv::Dialect;
use store::{Encoder, Format, Metadata, Page};

use super::{Part, TimeRange};
use crate::request::QueryRequest;

/// The rows of a file that is being made. They are hashed as CSV with the columns of the file, whatever
/// its format: lines do not depend on how rows are grouped into pages.
pub(crate) struct Fingerprints {
    parts: Vec<Fingerprint>,
    text: Vec<u8>,
}

struct Fingerprint {
    range: TimeRange,
    encoder: Encoder,
    hash: Sha256,
}

impl Fingerprints {
    pub(crate) fn new(request: &QueryRequest, parts: &[Part]) -> Result<Self, store::Error> {
        let of_part = |part: &Part| {
            let (metadata, format) =
                (Metadata::new(&request.query, ""), Format::Csv(Dialect::DEFAULT));
            let encoder = Encoder::about(metadata, format, &request.columns)?;
            Ok(Fingerprint { range: part.range, encoder, hash: Sha256::new() })
        };
        let parts = parts.iter().map(of_part).collect::<Result<_, store::Error>>()?;
        Ok(Self { parts, text: Vec::new() })
    }

    /// Adds the rows of a page. Parts begin at midnight (UTC), and the rows of a block are of one day.
    pub(crate) fn add(&mut self, page: &Page) -> Result<(), store::Error> {
        for run in &page.runs {
            let moment = run.block.row(run.rows.start).timestamp();
            let of_run = self.parts.iter_mut();
            let of_run = of_run.rev().find(|part| part.range.from <= moment);
            let Some(part) = of_run else { continue };
            let page = Page { runs: vec![run.clone()], next: None };
            part.encoder.page(&mut self.text, &page)?;
            part.hash.update(&self.text);
            self.text.clear();
        }
        Ok(())
    }

    /// Completes the parts that these fingerprints are of.
    pub(crate) fn complete(self, parts: &mut [Part]) {
        for (part, Fingerprint { hash, .. }) in parts.iter_mut().zip(self.parts) {
            part.rows = Some(hexadecimal(&hash.finalize()));
        }
    }
}
