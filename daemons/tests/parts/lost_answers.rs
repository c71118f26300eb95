//! Answers of the object store that are lost one after the other.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use airshed::jobs::{Jobs, State};
use airshed::message;
use airshed::objects::Objects;
use airshed::trace::RequestContext;
use airshed::worker::{self, Worker};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::SignedDuration;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde_json::json;
use store::{Memory, Store};
use tokio_util::sync::CancellationToken;

use super::support::{clock, readings};

/// The answer to the put of the finished record is lost, and so is that to the question what the record
/// is now.
#[derive(Debug, Default)]
struct Silent {
    inner: InMemory,
    lost: AtomicU8,
}

impl Silent {
    fn loses(&self, number: u8) -> bool {
        self.lost.compare_exchange(number, number + 1, SeqCst, SeqCst).is_ok()
    }
}

fn unanswered() -> Error {
    Error::Generic { store: "silent", source: "no answer".into() }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("silent")
    }
}

#[async_trait]
impl ObjectStore for Silent {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let bytes: Vec<u8> = payload.iter().flat_map(|part| part.to_vec()).collect();
        let is_done = String::from_utf8_lossy(&bytes).contains(r#""status":"done""#);
        let put = self.inner.put_opts(path, payload, options).await?;
        if is_done && self.loses(0) { Err(unanswered()) } else { Ok(put) }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if self.loses(1) {
            return Err(unanswered());
        }
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_recorded_as_done_has_its_file() {
    let objects = Arc::new(Silent::default());
    let jobs = Jobs::new(Objects::new(objects.clone()), clock(), SignedDuration::from_hours(24));
    let store = Arc::new(Memory::new());
    store.put(&readings(10)).await.unwrap();
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    let worker = Worker {
        store,
        queues: queues.clone(),
        jobs: jobs.clone(),
        concurrency: 1,
        heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
        networks: Arc::default(),
    };
    let query = json!({ "startDate": "2026-01-01", "endDate": "2026-01-31" });
    let query = query.as_object().unwrap().clone();
    let job = jobs.create(query, RequestContext::default()).await.unwrap();
    queues.requests.send(&message::of(job.id, &job.origin)).await.unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(worker::run(worker, stop.clone()));
    while objects.lost.load(SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Long enough for another attempt, if there were one.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let job = jobs.get(job.id).await.unwrap().unwrap();
    assert!(matches!(job.state, State::Done { rows: 10, .. }), "{job:?}");
    assert!(jobs.result(&job).await.unwrap().is_some(), "the file is gone");
    stop.cancel();
}
