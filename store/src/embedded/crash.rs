//! Power cuts: a simulated disk that loses unsynced writes, in any order and partly.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use redb::{Database, StorageBackend};

use super::Embedded;
use crate::conformance::{self, Model, all, assert_same};
use crate::{ErrorKind, Query, Reading, Store};

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    /// The synced contents, which survive a power cut.
    synced: Vec<u8>,
    /// The contents that reads see.
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    /// Calls that change something.
    writes: u64,
    /// Number of writes and syncs until the power cut; `None`: no power cut.
    calls_left: Option<u32>,
    /// The error of each further write.
    failure: Option<io::ErrorKind>,
}

#[derive(Debug)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

/// Sector writes are atomic.
const SECTOR: usize = 512;

impl Disk {
    /// Restores power. `fate` decides for each unsynced sector whether it was written.
    fn restart(&self, mut fate: impl FnMut() -> bool) {
        let mut disk = self.0.lock().unwrap();
        let mut left = std::mem::take(&mut disk.synced);
        for change in std::mem::take(&mut disk.unsynced) {
            match change {
                Change::Length(length) if fate() => left.resize(length as usize, 0),
                Change::Length(_) => {}
                Change::Write(offset, bytes) => {
                    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                        if fate() {
                            write(&mut left, offset as usize + number * SECTOR, sector);
                        }
                    }
                }
            }
        }
        disk.seen = left.clone();
        disk.synced = left;
        disk.calls_left = None;
    }

    fn change(&self, change: Change) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.call()?;
        disk.writes += 1;
        match &change {
            Change::Length(length) => disk.seen.resize(*length as usize, 0),
            Change::Write(offset, bytes) => write(&mut disk.seen, *offset as usize, bytes),
        }
        disk.unsynced.push(change);
        Ok(())
    }
}

fn write(disk: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    disk.resize(disk.len().max(end), 0);
    disk[offset..end].copy_from_slice(bytes);
}

impl Platters {
    fn call(&mut self) -> Result<(), io::Error> {
        if let Some(kind) = self.failure {
            return Err(kind.into());
        }
        if let Some(left) = &mut self.calls_left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let disk = self.0.lock().unwrap();
        let start = offset as usize;
        let found = disk.seen.get(start..start + out.len());
        let beyond = || io::Error::from(io::ErrorKind::UnexpectedEof);
        out.copy_from_slice(found.ok_or_else(beyond)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.change(Change::Length(length))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.call()?;
        disk.synced = disk.seen.clone();
        disk.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}

fn open(disk: &Disk) -> Result<Embedded, crate::Error> {
    let disk = disk.clone();
    let open =
        move || Database::builder().create_with_backend(disk.clone()).map(super::Opened::to_write);
    Embedded::open_with(PathBuf::from("disk"), Box::new(open), 1 << 20)
}

#[tokio::test]
async fn an_error_names_what_the_system_said() {
    let batch = [Reading {
        pm10: Some(5.into()),
        ..Reading::new(7, crate::Window::Hour, jiff::Timestamp::UNIX_EPOCH)
    }];
    for (message, kind, words) in [
        (io::ErrorKind::PermissionDenied, ErrorKind::Denied, "permission denied"),
        (io::ErrorKind::ReadOnlyFilesystem, ErrorKind::Denied, "mounted read-only"),
        (io::ErrorKind::StorageFull, ErrorKind::Io, "no space left"),
        (io::ErrorKind::QuotaExceeded, ErrorKind::Io, "no space left"),
        (io::ErrorKind::TimedOut, ErrorKind::Io, "the disk failed"),
    ] {
        let disk = Disk::default();
        let store = open(&disk).unwrap();
        disk.0.lock().unwrap().failure = Some(message);
        let error = store.put(&batch).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{message}: {error}");
        assert!(error.to_string().contains(words), "{message}: {error}");
        let whole_disk = words == "the disk failed";
        assert_eq!(error.to_string().contains("the disk failed"), whole_disk, "{error}");
        disk.0.lock().unwrap().failure = None;
        store.put(&batch).await.unwrap();
    }
}

/// After a failure an empty batch is a write, which says whether the store takes readings again; while
/// the disk has no room, nothing is tried, and snapshots last.
#[tokio::test]
async fn an_empty_batch_tells_when_a_full_disk_has_room_again() {
    static HAS_ROOM: AtomicBool = AtomicBool::new(true);
    let batch = |second| {
        let moment = jiff::Timestamp::from_second(second).unwrap();
        [Reading { pm10: Some(5.into()), ..Reading::new(7, crate::Window::Hour, moment) }]
    };
    let disk = Disk::default();
    let mut store = open(&disk).unwrap();
    Arc::get_mut(&mut store.0).unwrap().has_room = Some(|_| HAS_ROOM.load(Relaxed));
    let fails = |failure| disk.0.lock().unwrap().failure = failure;
    let writes = || disk.0.lock().unwrap().writes;
    store.put(&batch(0)).await.unwrap();
    let before = writes();
    store.put(&[]).await.unwrap();
    assert_eq!(writes(), before, "nothing has failed: an empty batch writes nothing");

    fails(Some(io::ErrorKind::StorageFull));
    HAS_ROOM.store(false, Relaxed);
    store.put(&batch(1)).await.unwrap_err();
    fails(None); // only the room is missing from here on
    let snapshot = store.snapshot().await.unwrap();
    let before = writes();
    for batch in [&batch(1)[..], &[]] {
        let error = store.put(batch).await.unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
    }
    assert_eq!(writes(), before, "nothing is tried");
    assert_eq!(all(snapshot.as_ref(), &Query::everything()).await.len(), 1);

    HAS_ROOM.store(true, Relaxed);
    fails(Some(io::ErrorKind::TimedOut));
    store.put(&[]).await.unwrap_err();
    fails(None);
    store.put(&[]).await.unwrap();
    assert!(writes() > before);
    store.put(&batch(1)).await.unwrap();
    assert_eq!(all(&store, &Query::everything()).await.len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<Reading>),
    DeleteBefore(jiff::Timestamp),
    Delete(Box<Query>),
}

impl Step {
    async fn on_store(&self, store: &Embedded) -> Result<(), crate::Error> {
        match self {
            Self::Put(batch) => store.put(batch).await,
            Self::DeleteBefore(moment) => store.delete_before(*moment).await.map(drop),
            Self::Delete(query) => store.delete(query).await.map(drop),
        }
    }

    fn on_model(&self, model: &Model) {
        match self {
            Self::Put(batch) => model.put(batch),
            Self::DeleteBefore(moment) => drop(model.delete_before(*moment)),
            Self::Delete(query) => drop(model.delete(query)),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => conformance::readings().prop_map(Step::Put),
        1 => conformance::query().prop_map(|query| Step::DeleteBefore(query.from)),
        1 => conformance::query().prop_map(|query| Step::Delete(Box::new(query))),
    ];
    proptest::collection::vec(step, 1..12)
}

/// Xorshift (Marsaglia 2003): whether a sector made it, fairly and repeatably.
fn coin(mut seed: u64) -> impl FnMut() -> bool {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed & 1 == 1
    }
}

proptest! {
    #[test]
    fn a_power_cut_loses_nothing_acknowledged_and_shows_nothing_half(
        steps in steps(),
        calls in 0u32..200,
        seed in 1u64..,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let disk = Disk::default();
            drop(open(&disk).unwrap());
            disk.0.lock().unwrap().calls_left = Some(calls);
            let (acknowledged, with_the_last) = (Model::default(), Model::default());
            if let Ok(store) = open(&disk) {
                for step in &steps {
                    step.on_model(&with_the_last);
                    if step.on_store(&store).await.is_err() {
                        break;
                    }
                    step.on_model(&acknowledged);
                }
            }
            disk.restart(coin(seed));

            let store = open(&disk).unwrap();
            let kept = all(&store, &Query::everything()).await;
            let whole = with_the_last.query(&Query::everything());
            let model = match format!("{kept:?}") == format!("{whole:?}") {
                true => with_the_last,
                false => acknowledged,
            };
            assert_same(&kept, &model.query(&Query::everything()));
            for step in &steps {
                step.on_store(&store).await.unwrap();
                step.on_model(&model);
            }
            let high = Query { indices: Some((7, 10)), ..Query::everything() };
            for query in [Query::everything(), high] {
                assert_same(&all(&store, &query).await, &model.query(&query));
            }
        });
    }
}
