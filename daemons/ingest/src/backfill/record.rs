//! What of a backfill is done, so that it continues where it stopped.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Of the file's form: 1, without the days that lack something, had no number.
    #[serde(default)]
    version: u32,
    /// What is backfilled, for people.
    what: String,
    /// Their dates.
    days: BTreeSet<Date>,
    /// Of the days that lack something, the state of the files that could not be read, by address.
    #[serde(default)]
    lacking: BTreeMap<Date, BTreeMap<String, String>>,
}

const VERSION: u32 = 2;

impl Record {
    /// The record at a path; an empty one if there is none, or if it cannot be read: then
    /// everything is done again, which changes nothing.
    pub(super) fn open(path: Option<PathBuf>, what: String) -> Self {
        let read = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let read = read.and_then(|text| serde_json::from_slice::<Done>(&text).ok());
        let done = read.filter(|done| done.what == what && done.version <= VERSION);
        let done = done.unwrap_or_else(|| Done { what, ..Done::default() });
        Self { path, done: Done { version: VERSION, ..done } }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.done.days.is_empty() && self.done.lacking.is_empty()
    }

    /// Nothing is done: the store is empty.
    pub(super) fn forget(&mut self) {
        self.done.days.clear();
        self.done.lacking.clear();
    }

    /// Whether a day is done and lacks nothing.
    pub(super) fn has(&self, date: Date) -> bool {
        self.done.days.contains(&date)
    }

    /// The files that a day lacks which is done but for them.
    pub(super) fn lacking(&self, date: Date) -> Option<&BTreeMap<String, String>> {
        self.done.lacking.get(&date)
    }

    /// Records a day and the files that it lacks, durably.
    pub(super) fn add(&mut self, date: Date, lacking: &BTreeMap<String, String>) -> io::Result<()> {
        match lacking.is_empty() {
            true => {
                self.done.lacking.remove(&date);
                self.done.days.insert(date);
            }
            false => {
                self.done.days.remove(&date);
                self.done.lacking.insert(date, lacking.clone());
            }
        }
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
