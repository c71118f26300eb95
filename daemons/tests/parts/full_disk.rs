//! A disk with a reserve for readings: results and the files of days stop before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use airshed::Disk;
use airshed::objects::Objects;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::json as value;
use tokio::io::AsyncWriteExt;

use super::support::{Options, Rig, json, readings};

fn disk(reserve: u64, free: u64) -> (Disk, Arc<AtomicU64>) {
    let free = Arc::new(AtomicU64::new(free));
    let shown = Arc::clone(&free);
    (Disk::measured_by(reserve, move || Ok(shown.load(Relaxed))), free)
}

#[tokio::test]
async fn only_results_stop_before_the_reserve_whole_or_in_parts() {
    let (disk, free) = disk(1000, 1100);
    let objects = Objects::new(Arc::new(InMemory::new())).on(disk);
    let put = async |path: &str, length: usize| {
        objects.put(&Path::from(path), PutPayload::from(vec![7; length])).await
    };
    assert!(objects.has_room());
    put("results/fits", 100).await.unwrap();
    let error = put("results/does-not", 101).await.unwrap_err();
    assert!(airshed::reason(&error).contains("--reserve"), "{error}");
    put("jobs/record.json", 5000).await.unwrap();

    let path = Path::from("results/in-parts");
    let mut parts =
        object_store::buffered::BufWriter::with_capacity(objects.store(), path.clone(), 60);
    parts.write_all(&[7; 60]).await.unwrap();
    parts.write_all(&[7; 10]).await.unwrap();
    free.store(1009, Relaxed);
    let mut full = parts.write_all(&[7; 200]).await.err();
    if full.is_none() {
        full = parts.shutdown().await.err();
    }
    assert!(airshed::reason(&full.unwrap()).contains("--reserve"));
    assert!(objects.head(&path).await.is_err(), "nothing half-written appears");
    assert!(objects.has_room());
    free.store(999, Relaxed);
    assert!(!objects.has_room());
}

#[tokio::test]
async fn readiness_tells_of_a_full_disk_and_answers_go_on() {
    const MIB: u64 = 1 << 20;
    let (disk, free) = disk(100 * MIB, 200 * MIB);
    let rig = Rig::start(Options { disk, ..Options::default() }).await;
    rig.store.put(&readings(10)).await.unwrap();
    let all = "/api/query?startDate=2026-01-01&endDate=2026-01-31";
    assert_eq!(rig.get("/readyz").await.status(), 200);
    free.store(99 * MIB, Relaxed);
    assert_eq!(rig.get("/readyz").await.status(), 200, "the reserve is for readings");
    free.store(MIB, Relaxed);
    let full = rig.get("/readyz").await;
    assert_eq!(full.status(), 503);
    assert_eq!(json(full).await["reason"], value!("the disk is full; see the server log"));
    assert_eq!(rig.get(all).await.status(), 200);
    let refused = rig.get_as_job(all).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"60".parse().unwrap())
    );
    assert_eq!(json(refused).await["type"], value!("urn:airshed:problem:no-room"));
    free.store(200 * MIB, Relaxed);
    assert_eq!(rig.get("/readyz").await.status(), 200);
    assert_eq!(rig.get_as_job(all).await.status(), 202);
}
