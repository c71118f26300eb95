//! Readings from CSV files into a store, and into files of any format.

use std::io::{Read, Write};
use std::sync::Arc;

use store::csv::{RowError, Rows};
use store::{Encoder, Pages, Query, Store};

/// Readings put in one go.
const BATCH: usize = 25_000;

/// What an import brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Rows kept.
    pub kept: u64,
    /// Rows refused.
    pub refused: u64,
}

/// Puts every readable row of a CSV file into the store. `refused` is told of the
/// others, `progress` of the bytes read so far.
pub async fn import(
    store: &dyn Store,
    input: impl Read,
    mut refused: impl FnMut(RowError),
    mut progress: impl FnMut(u64),
) -> Result<Imported, store::Error> {
    let mut rows = Rows::new(input)?;
    let mut imported = Imported::default();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let row = rows.next();
        let ended = row.is_none();
        match row {
            Some(Ok(reading)) => batch.push(reading),
            Some(Err(error)) => {
                imported.refused += 1;
                refused(error);
            }
            None => {}
        }
        if batch.len() == BATCH || ended {
            store.put(&batch).await?;
            imported.kept += batch.len() as u64;
            batch.clear();
            progress(rows.bytes_read());
        }
        if ended {
            return Ok(imported);
        }
    }
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The output failed.
    #[error("cannot write")]
    Write(#[from] std::io::Error),
}

/// Writes what matches into a file; the number of rows. `progress` is told of the rows so
/// far.
pub async fn export(
    store: Arc<dyn Store>,
    query: &Query,
    mut encoder: Encoder,
    output: &mut (impl Write + ?Sized),
    mut progress: impl FnMut(u64),
) -> Result<u64, ExportError> {
    let mut file = Vec::new();
    let mut pages = Pages::new(store, query.clone());
    let mut rows = 0;
    while let Some(page) = pages.next().await {
        let page = page?;
        encoder.page(&mut file, &page)?;
        output.write_all(&file)?;
        file.clear();
        rows += page.len() as u64;
        progress(rows);
    }
    encoder.finish(&mut file)?;
    output.write_all(&file)?;
    output.flush()?;
    Ok(rows)
}
