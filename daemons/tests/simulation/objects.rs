//! The object store of records and results: shared by all processes, and kept when they are killed.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

use uuid::Uuid;

use super::world::{Disk, Fate, Life, World};

/// What is there, whoever asks.
#[derive(Clone, Default)]
pub(super) struct Kept {
    objects: Arc<InMemory>,
    /// In the order of their first put, since ids are random.
    order: Arc<Mutex<Vec<Path>>>,
}

impl Kept {
    /// With the salt of pseudonyms, which would be random.
    pub(super) async fn new() -> Self {
        let kept = Self::default();
        kept.objects.put(&Path::from("salt"), PutPayload::from_static(b"salt")).await.unwrap();
        kept
    }

    /// All objects of a folder, as they are.
    pub(super) async fn of(&self, folder: &str) -> Vec<Vec<u8>> {
        let folder = Path::from(folder);
        let listed: Vec<_> = self.objects.list(Some(&folder)).try_collect().await.unwrap();
        let mut found = Vec::new();
        for object in self.sorted(listed) {
            let object = self.objects.get(&object.location).await.unwrap();
            found.push(object.bytes().await.unwrap().to_vec());
        }
        found
    }

    /// The state that a job's record has.
    pub(super) async fn state_of(&self, id: Uuid) -> Option<String> {
        let record = self.objects.get(&Path::from(format!("jobs/{id}.json"))).await.ok()?;
        let record = record.bytes().await.unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        record["status"].as_str().map(str::to_owned)
    }

    fn sorted(&self, mut listed: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
        let order = self.order.lock().unwrap();
        listed.sort_by_key(|object| order.iter().position(|path| *path == object.location));
        listed
    }
}

/// The object store as a process sees it.
pub(super) struct Objects {
    pub(super) kept: Kept,
    pub(super) world: World,
    pub(super) life: Life,
    /// Directories have no conditional puts.
    pub(super) is_directory: bool,
}

impl Objects {
    async fn fate(&self, what: &str, path: &Path) -> Fate {
        self.life.check().await;
        let fate = self.world.fate().await;
        self.life.check().await;
        let shown =
            if path.as_ref().starts_with("queries/") { "queries/…" } else { path.as_ref() };
        self.world.note(&format!("{what} {shown}: {fate:?}"));
        fate
    }

    /// The answer to a call that was made.
    async fn answered<T>(&self, fate: Fate, answer: Result<T>) -> Result<T> {
        self.world.delay().await;
        self.life.check().await;
        if fate == Fate::Lost { Err(unanswered()) } else { answer }
    }
}

fn unanswered() -> Error {
    Error::Generic { store: "simulated", source: "no answer".into() }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects")
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated objects")
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if self.is_directory && matches!(options.mode, PutMode::Update(_)) {
            let operation = "conditional put".to_owned();
            return Err(Error::NotImplemented { operation, implementer: "simulated".to_owned() });
        }
        let fate = self.fate("put", path).await;
        if fate == Fate::Refused {
            return Err(unanswered());
        }
        if self.world.disk() == Disk::Full {
            let full = io::Error::from(io::ErrorKind::StorageFull);
            return Err(Error::Generic { store: "simulated", source: full.into() });
        }
        let put = self.kept.objects.put_opts(path, payload, options).await;
        if put.is_ok() {
            let mut order = self.kept.order.lock().unwrap();
            if !order.contains(path) {
                order.push(path.clone());
            }
        }
        self.answered(fate, put).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.kept.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.fate("get", path).await;
        if fate != Fate::Done {
            return Err(unanswered());
        }
        let found = self.kept.objects.get_opts(path, options).await;
        self.answered(fate, found).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = Self {
            kept: self.kept.clone(),
            world: self.world.clone(),
            life: self.life.clone(),
            is_directory: self.is_directory,
        };
        let this = Arc::new(this);
        paths
            .and_then(move |path| {
                let this = Arc::clone(&this);
                async move {
                    let fate = this.fate("delete", &path).await;
                    if fate == Fate::Refused {
                        return Err(unanswered());
                    }
                    let deleted = this.kept.objects.delete(&path).await.map(|()| path);
                    this.answered(fate, deleted).await
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (listed, kept) = (self.kept.objects.list(prefix), self.kept.clone());
        let (world, life) = (self.world.clone(), self.life.clone());
        let listing = async move {
            life.check().await;
            if world.fate().await != Fate::Done {
                return futures::stream::iter(vec![Err(unanswered())]);
            }
            life.check().await;
            let listed = kept.sorted(listed.try_collect().await.unwrap());
            futures::stream::iter(listed.into_iter().map(Ok).collect::<Vec<_>>())
        };
        futures::stream::once(listing).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.kept.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.kept.objects.copy_opts(from, to, options).await
    }
}
