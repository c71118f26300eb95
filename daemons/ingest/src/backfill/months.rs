//! The files of several days, split by day, and counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use airshed_common::Disk;
use airshed_history::archive::Report;
use jiff::civil::Date;

use super::spool::Spool;
use super::unread::{Known, Lacking, Unread};

/// The files of a month, or of all days, split by day.
pub(super) struct Spooled {
    /// The folder is removed when this is dropped.
    _spool: Spool,
    pub(super) files: BTreeMap<i64, Vec<(u64, PathBuf)>>,
    /// The month, or all.
    pub(super) of: Option<Date>,
    pub(super) lacking: Lacking,
}

/// What was found while files were split.
#[derive(Default)]
pub(super) struct Counts {
    /// Files that were read.
    pub(super) files: u64,
    /// Of the rows that are not passed on: those that are, are counted by day.
    pub(super) report: Report,
    /// Rows of days that are not wanted.
    pub(super) other_days: u64,
    pub(super) failed: Vec<Unread>,
}

/// Splits files.
pub(super) struct Splitter {
    spool: Spool,
    report: Report,
    failed: Vec<Unread>,
    files: u64,
}

impl Splitter {
    /// For the rows of some days, not all of which have to be wanted.
    pub(super) fn new(
        days: &RangeInclusive<Date>,
        wanted: &RangeInclusive<Date>,
        disk: &Disk,
    ) -> io::Result<Self> {
        let spool = Spool::new(days, wanted, disk)?;
        Ok(Self { spool, report: Report::default(), failed: Vec::new(), files: 0 })
    }

    pub(super) fn add_path(&mut self, path: &Path) -> io::Result<()> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => self.add(file, name, || Known::of_path(path)),
            Err(error) => {
                self.files += 1;
                self.failed.push(Unread { name, why: error.to_string(), file: None });
                Ok(())
            }
        }
    }

    /// `known`: what the file was like, if it cannot be read.
    pub(super) fn add(
        &mut self,
        file: impl Read,
        name: String,
        known: impl FnOnce() -> Option<Known>,
    ) -> io::Result<()> {
        self.files += 1;
        if let Err(error) = self.spool.add(file, &name, &mut self.report)? {
            let file = if error.is_transient() { None } else { known() };
            self.failed.push(Unread { name, why: airshed_common::reason(&error), file });
        }
        Ok(())
    }

    /// Files so far.
    pub(super) fn files(&self) -> u64 {
        self.files
    }

    /// Notes a file that could not be fetched.
    pub(super) fn lacks(&mut self, unread: Unread) {
        self.failed.push(unread);
    }

    pub(super) fn finish(mut self, of: Option<Date>) -> io::Result<(Spooled, Counts)> {
        let files = self.spool.finish()?;
        let other_days = self.spool.others;
        self.report.rows -= self.report.kept - other_days;
        self.report.kept = other_days;
        let lacking = Lacking::of(&self.failed);
        let counts =
            Counts { files: self.files, report: self.report, other_days, failed: self.failed };
        Ok((Spooled { _spool: self.spool, files, of, lacking }, counts))
    }
}
