//! What of a backfill is done, so that it continues where it stopped.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A file beside the store.
#[derive(Debug)]
pub(super) struct Record {
    /// `None`: nothing is remembered.
    path: Option<PathBuf>,
    done: Done,
}

/// The days whose readings are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    /// What is backfilled, for people.
    what: String,
    /// Their dates.
    days: BTreeSet<Date>,
}

impl Record {
    /// The record at a path; an empty one if there is none, or if it cannot be read: then
    /// everything is done again, which changes nothing.
    pub(super) fn open(path: Option<PathBuf>, what: String) -> Self {
        let read = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let read = read.and_then(|text| serde_json::from_slice::<Done>(&text).ok());
        let done = read.filter(|done| done.what == what);
        Self { path, done: done.unwrap_or_else(|| Done { what, ..Done::default() }) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.done.days.is_empty()
    }

    /// Nothing is done: the store is empty.
    pub(super) fn forget(&mut self) {
        self.done.days.clear();
    }

    pub(super) fn has(&self, date: Date) -> bool {
        self.done.days.contains(&date)
    }

    /// Records a day, durably.
    pub(super) fn add(&mut self, date: Date) -> io::Result<()> {
        self.done.days.insert(date);
        let Some(path) = &self.path else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(&self.done)?)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}
