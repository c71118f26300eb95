//! The files of a queue. If a file to rename or remove does not exist, another process was faster,
//! and it is skipped.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use queue::{Delivery, Depth, Error, ErrorKind, Receipt};

use crate::Options;
use crate::name::Name;

/// Age from which a file in `new/` is a leftover of a process that ended while sending.
const ABANDONED: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    /// The dead-letter queue; without one, messages stay.
    dead: Option<Arc<Self>>,
    options: Options,
}

impl Files {
    /// Sets the dead-letter queue.
    pub(crate) fn open(
        directory: PathBuf,
        options: Options,
    ) -> Result<(Arc<Self>, Arc<Self>), Error> {
        let dead = directory.join("dead");
        let dead = Arc::new(Self { directory: dead, dead: None, options: options.clone() });
        let files = Arc::new(Self { directory, dead: Some(Arc::clone(&dead)), options });
        for files in [&files, &dead] {
            files.prepare().map_err(|error| files.failed("opening", error))?;
        }
        Ok((files, dead))
    }

    fn prepare(&self) -> io::Result<()> {
        for part in ["new", "ready", "hidden"] {
            fs::create_dir_all(self.directory.join(part))?;
        }
        for entry in fs::read_dir(self.directory.join("new"))? {
            let entry = entry?;
            let written = passed_over(entry.metadata().and_then(|file| file.modified()))?;
            let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
            if age.is_some_and(|age| age > ABANDONED) {
                passed_over(fs::remove_file(entry.path()))?;
            }
        }
        sync(&self.directory)?;
        sync(&self.directory.join(".."))
    }

    pub(crate) fn send_all(&self, bodies: &[String]) -> Result<(), Error> {
        let send = || {
            for body in bodies {
                let name = Name::new(self.now()).ready();
                let new = self.directory.join("new").join(&name);
                let mut file = File::create_new(&new)?;
                file.write_all(body.as_bytes())?;
                file.sync_all()?;
                fs::rename(new, self.ready(&name))?;
            }
            sync(&self.directory.join("ready"))
        };
        send().map_err(|error| self.failed("sending", error))
    }

    /// Takes up to the given number of ready messages and hides each.
    pub(crate) fn take(&self, max: usize, visibility: Duration) -> Result<Vec<Delivery>, Error> {
        let take = || {
            self.requeue_expired()?;
            let mut ready = self.ready_names()?;
            ready.sort_unstable();
            let mut taken = Vec::new();
            for name in ready {
                if taken.len() == max {
                    break;
                }
                let received = name.received();
                let hidden = self.hidden(&received.hidden(self.after(visibility)));
                if passed_over(fs::rename(self.ready(&name.ready()), &hidden))?.is_none() {
                    continue;
                }
                // Gone again already where it is hidden for no time.
                if let Some(body) = passed_over(fs::read_to_string(hidden))? {
                    taken.push(Delivery::new(body, received.receives, received.receipt()));
                }
            }
            if !taken.is_empty() {
                sync(&self.directory.join("hidden"))?;
            }
            Ok(taken)
        };
        take().map_err(|error| self.failed("receiving", error))
    }

    pub(crate) fn remove_all(&self, receipts: &[Receipt]) -> Result<(), Error> {
        let remove = || {
            let handled: HashSet<_> = receipts.iter().map(Receipt::as_str).collect();
            // Until none is found: its name changes while it is extended.
            loop {
                let mut found = self.hidden_names()?;
                found.retain(|(name, _)| handled.contains(name.receipt().as_str()));
                if found.is_empty() {
                    break;
                }
                for (name, until) in found {
                    passed_over(fs::remove_file(self.hidden(&name.hidden(until))))?;
                }
            }
            // Messages whose visibility timeout has passed and that were not received again.
            for name in receipts.iter().filter_map(Name::of_receipt) {
                passed_over(fs::remove_file(self.ready(&name.ready())))?;
            }
            ["hidden", "ready"].iter().try_for_each(|part| sync(&self.directory.join(part)))
        };
        remove().map_err(|error| self.failed("acknowledging", error))
    }

    pub(crate) fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error> {
        let extend = || {
            let wanted = Name::of_receipt(receipt);
            for (name, until) in self.hidden_names()? {
                if Some(&name) == wanted.as_ref() && until > self.now() {
                    let later = self.hidden(&name.hidden(self.after(visibility)));
                    let renamed = fs::rename(self.hidden(&name.hidden(until)), later);
                    return Ok(passed_over(renamed)?.is_some());
                }
            }
            Ok(false)
        };
        match extend().map_err(|error| self.failed("extending", error))? {
            true => Ok(()),
            false => {
                let message =
                    "the visibility timeout has passed; the message is another receiver's";
                Err(Error::new(ErrorKind::Expired, message))
            }
        }
    }

    pub(crate) fn depth(&self) -> Result<Depth, Error> {
        let count = || {
            self.requeue_expired()?;
            let (ready, hidden) = (self.ready_names()?, self.hidden_names()?.len());
            let now = self.now();
            let oldest = ready.iter().map(|name| now.saturating_sub(name.sent)).max();
            Ok(Depth::new(ready.len(), hidden, oldest.map(Duration::from_nanos)))
        };
        count().map_err(|error| self.failed("counting", error))
    }

    /// Messages whose visibility timeout has passed become ready again, or dead letters.
    fn requeue_expired(&self) -> io::Result<()> {
        let now = self.now();
        for (name, until) in self.hidden_names()? {
            if until > now {
                continue;
            }
            let given_up = name.receives >= self.options.max_receives;
            let place = match self.dead.as_ref().filter(|_| given_up) {
                Some(dead) => dead.ready(&name.never_received().ready()),
                None => self.ready(&name.ready()),
            };
            passed_over(fs::rename(self.hidden(&name.hidden(until)), place))?;
        }
        Ok(())
    }

    fn ready_names(&self) -> io::Result<Vec<Name>> {
        let files = names_in(&self.directory.join("ready"))?;
        Ok(files.iter().filter_map(|file| file.parse().ok()).collect())
    }

    fn hidden_names(&self) -> io::Result<Vec<(Name, u64)>> {
        let files = names_in(&self.directory.join("hidden"))?;
        Ok(files.iter().filter_map(|file| Name::of_hidden(file)).collect())
    }

    fn ready(&self, file: &str) -> PathBuf {
        self.directory.join("ready").join(file)
    }

    fn hidden(&self, file: &str) -> PathBuf {
        self.directory.join("hidden").join(file)
    }

    fn now(&self) -> u64 {
        let since_1970 = (self.options.clock)().duration_since(SystemTime::UNIX_EPOCH);
        nanoseconds(since_1970.unwrap_or_default())
    }

    fn after(&self, visibility: Duration) -> u64 {
        self.now().saturating_add(nanoseconds(visibility))
    }

    fn failed(&self, operation: &str, error: io::Error) -> Error {
        let directory = self.directory.display();
        let kind = match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ErrorKind::Invalid,
            _ => ErrorKind::Io,
        };
        Error::new(kind, format!("{operation} failed on the queue in {directory}")).because(error)
    }
}

/// Until the year 2554.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?;
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
    names.collect()
}

/// `None` if another process was faster.
fn passed_over<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Syncs renames and removals in the directory to disk.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
