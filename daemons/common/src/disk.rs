//! The disk of the readings: how much of it is free, and how much of that only readings may use.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{error, info, warn};

/// The reserve, unless another one is chosen: this, or a twentieth of the disk if that is less.
const USUAL_RESERVE: u64 = 1 << 30;

/// With less free room than this, a put is expected to fail: a batch of a collector with the blocks
/// that it rewrites, and what the database adds.
const LEAST_FOR_PUT: u64 = 16 << 20;

/// The file system that the readings are on, of which a part is reserved for them: results and
/// temporary files stop before it, so that the collector can go on storing. The default is a disk
/// without an end.
#[derive(Clone, Default)]
pub struct Disk(Option<Arc<Measured>>);

type Free = dyn Fn() -> io::Result<u64> + Send + Sync;

struct Measured {
    reserve: u64,
    free: Box<Free>,
    /// Of the file system; `None` if it is only simulated.
    device: Option<u64>,
    /// Bytes that are being written: they may be missing in what is free.
    taken: Mutex<u64>,
    /// Shared, so that a change is logged once.
    is_short: AtomicBool,
    is_full: AtomicBool,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("reserve", &self.reserve()).finish_non_exhaustive()
    }
}

impl Disk {
    /// The disk that a folder is on. `reserve`: bytes for readings alone; `None`: 1 GiB, or a twentieth
    /// of the disk if that is less.
    pub fn of(folder: &Path, reserve: Option<u64>) -> io::Result<Self> {
        let device = std::fs::metadata(folder)?.dev();
        let found = rustix::fs::statvfs(folder)?;
        let usual = || USUAL_RESERVE.min(found.f_blocks.saturating_mul(found.f_frsize) / 20);
        let folder = folder.to_owned();
        let free = move || free_at(&folder);
        Ok(Self::new(reserve.unwrap_or_else(usual), Box::new(free), Some(device)))
    }

    /// A disk whose free bytes are what `free` says.
    pub fn measured_by(
        reserve: u64,
        free: impl Fn() -> io::Result<u64> + Send + Sync + 'static,
    ) -> Self {
        Self::new(reserve, Box::new(free), None)
    }

    fn new(reserve: u64, free: Box<Free>, device: Option<u64>) -> Self {
        let (taken, is_short, is_full) = Default::default();
        Self(Some(Arc::new(Measured { reserve, free, device, taken, is_short, is_full })))
    }

    /// This disk, if the folder is on it; otherwise one without an end, since what is written to the
    /// folder takes no room from readings.
    pub fn holding(&self, folder: &Path) -> Self {
        let device = std::fs::metadata(folder).ok().map(|found| found.dev());
        let holds = |disk: &&Arc<Measured>| disk.device.is_none() || disk.device == device;
        Self(self.0.as_ref().filter(holds).cloned())
    }

    /// The reserve in bytes.
    pub fn reserve(&self) -> u64 {
        self.0.as_ref().map_or(0, |disk| disk.reserve)
    }

    /// The free bytes; `None` if unknown.
    pub fn free(&self) -> Option<u64> {
        (self.0.as_ref()?.free)().ok()
    }

    /// Whether there is room to put readings.
    pub fn takes_readings(&self) -> bool {
        let Some(disk) = &self.0 else { return true };
        let free = (disk.free)().unwrap_or(u64::MAX);
        let is_full = free < LEAST_FOR_PUT;
        match (disk.is_full.swap(is_full, Ordering::Relaxed), is_full) {
            (false, true) => {
                error!(free, least = LEAST_FOR_PUT, "the disk is too full for readings")
            }
            (true, false) => info!(free, "the disk has room for readings again"),
            _ => {}
        }
        !is_full
    }

    /// Room for bytes that are not readings, until they are written. An error of the kind
    /// [`StorageFull`](io::ErrorKind::StorageFull) if only the reserve would be left.
    pub fn take(&self, bytes: u64) -> io::Result<Taken> {
        let Some(disk) = &self.0 else { return Ok(Taken { disk: None, bytes: 0 }) };
        let mut taken = disk.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (disk.free)().unwrap_or(u64::MAX);
        let wanted = bytes.saturating_add(*taken).saturating_add(disk.reserve);
        let is_short = free < wanted;
        match (disk.is_short.swap(is_short, Ordering::Relaxed), is_short) {
            (false, true) => warn!(
                free,
                reserve = disk.reserve,
                "the disk is full but for the reserve for readings: results and temporary files \
                 are refused"
            ),
            (true, false) => info!(free, "the disk has room for results again"),
            _ => {}
        }
        if is_short {
            return Err(io::Error::new(io::ErrorKind::StorageFull, ReserveReached));
        }
        *taken += bytes;
        Ok(Taken { disk: Some(Arc::clone(disk)), bytes })
    }

    /// A writer that stops before the reserve.
    pub fn bound<W: Write>(&self, writer: W) -> Bounded<W> {
        Bounded { writer, disk: self.clone() }
    }
}

/// Whether there is room to put readings on the disk of a file; it is assumed if that is unknown.
pub fn has_room_for_readings(file: &Path) -> bool {
    free_at(file).map_or(true, |free| free >= LEAST_FOR_PUT)
}

fn free_at(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Room that was [taken](Disk::take), until it is dropped.
#[must_use]
pub struct Taken {
    disk: Option<Arc<Measured>>,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            *disk.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        }
    }
}

/// A writer that stops before the reserve of a disk.
#[derive(Debug)]
pub struct Bounded<W> {
    writer: W,
    disk: Disk,
}

impl<W> Bounded<W> {
    /// What it writes to.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _taken = self.disk.take(bytes.len() as u64)?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Only the room that is reserved for readings is left.
#[derive(Debug)]
struct ReserveReached;

impl fmt::Display for ReserveReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "only the room reserved for readings is left on the disk; make room, or choose another \
             --reserve",
        )
    }
}

impl Error for ReserveReached {}

/// Whether something failed because a disk is full.
pub fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let mut next = Some(error);
    while let Some(error) = next {
        next = match error.downcast_ref::<io::Error>() {
            Some(io) if [StorageFull, QuotaExceeded, FileTooLarge].contains(&io.kind()) => {
                return true;
            }
            // Its `source()` passes over the error that it wraps.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn what_is_written_at_once_stops_before_the_reserve_together() {
        let free = Arc::new(AtomicU64::new(100));
        let shown = Arc::clone(&free);
        let disk = Disk::measured_by(40, move || Ok(shown.load(Ordering::Relaxed)));
        let first = disk.take(30).unwrap();
        let second = disk.take(30).unwrap();
        let full = disk.take(1).err().unwrap();
        assert!(is_disk_full(&full) && full.to_string().contains("--reserve"), "{full}");
        drop((first, second));
        free.store(69, Ordering::Relaxed);
        assert!(disk.take(30).is_err());
        let kept = disk.take(29).unwrap();
        assert!(disk.clone().take(1).is_err());
        drop(kept);
        assert_eq!((disk.reserve(), disk.free()), (40, Some(69)));

        let mut file = disk.bound(Vec::new());
        file.write_all(&[7; 29]).unwrap();
        let full = file.write_all(&[7; 30]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.into_inner(), [7; 29]);
    }

    #[test]
    fn readings_need_a_little_room_and_an_unknown_disk_has_it() {
        let free = Arc::new(AtomicU64::new(LEAST_FOR_PUT));
        let shown = Arc::clone(&free);
        let disk = Disk::measured_by(0, move || Ok(shown.load(Ordering::Relaxed)));
        assert!(disk.takes_readings());
        free.store(LEAST_FOR_PUT - 1, Ordering::Relaxed);
        assert!(!disk.takes_readings());
        let unknown = Disk::measured_by(1 << 40, || Err(io::ErrorKind::TimedOut.into()));
        assert!(unknown.takes_readings() && unknown.take(1).is_ok());
        assert!(Disk::default().takes_readings() && Disk::default().take(u64::MAX).is_ok());
    }

    #[test]
    fn the_disk_of_a_folder_is_known_with_the_usual_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path(), None).unwrap();
        assert!((1..=USUAL_RESERVE).contains(&disk.reserve()));
        assert!(disk.free().unwrap() > 0);
        assert_eq!(disk.holding(folder.path()).reserve(), disk.reserve());
        assert_eq!(disk.holding(Path::new("/proc")).reserve(), 0);
        assert_eq!(Disk::of(folder.path(), Some(7)).unwrap().reserve(), 7);
        assert!(Disk::of(&folder.path().join("missing"), None).is_err());
    }

    #[test]
    fn a_full_disk_is_found_inside_of_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_disk_full(&full()));
        assert!(is_disk_full(&io::Error::other(full())));
        assert!(is_disk_full(&io::Error::other(io::Error::other(full()))));
        assert!(!is_disk_full(&io::Error::other(ReserveReached)));
        assert!(!is_disk_full(&io::Error::from(io::ErrorKind::TimedOut)));
    }
}
