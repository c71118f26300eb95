//! The jobs of a key.

use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::{Job, Jobs, JobsError};

/// Records that are read for one page.
const MOST_READ: usize = 1000;

/// A page of the jobs of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The jobs, the newest first.
    pub jobs: Vec<Job>,
    /// The cursor of the next page, if there may be more.
    pub next: Option<String>,
}

impl Jobs {
    /// The jobs of a key that pass a filter, the newest first, after those up to a cursor. A page can
    /// have fewer than `limit` though more follow.
    pub async fn owned_by(
        &self,
        owner: &str,
        after: Option<&str>,
        limit: usize,
        filter: impl Fn(&Job) -> bool,
    ) -> Result<Listed, JobsError> {
        let folder = folder_of(owner);
        let listed = self.objects.list(Some(&folder)).map_ok(|object| object.location);
        let paths: Result<Vec<Path>, _> = listed.try_collect().await;
        let paths = paths.map_err(|source| JobsError { path: folder, source })?;
        let mut names: Vec<&str> = paths.iter().filter_map(Path::filename).collect();
        names.sort_unstable();
        let from = after.map_or(0, |after| names.partition_point(|name| *name <= after));
        let (mut jobs, mut last) = (Vec::new(), None);
        for name in names.iter().skip(from).take(MOST_READ) {
            if jobs.len() >= limit {
                break;
            }
            last = Some(*name);
            let id = name.rsplit_once('_').and_then(|(_, id)| id.parse().ok());
            let Some(id): Option<Uuid> = id else { continue };
            jobs.extend(self.get(id).await?.filter(&filter));
        }
        let is_end = last.is_none_or(|last| names.last() == Some(&last));
        Ok(Listed { jobs, next: last.filter(|_| !is_end).map(str::to_owned) })
    }

    pub(super) async fn list_for_owner(&self, job: &Job) -> Result<(), JobsError> {
        let Some(path) = path_of(job) else { return Ok(()) };
        let put = self.objects.put(&path, PutPayload::new()).await;
        put.map(drop).map_err(|source| JobsError { path, source })
    }

    pub(super) async fn unlist_for_owner(&self, job: &Job) -> Result<(), JobsError> {
        match path_of(job) {
            Some(path) => self.delete(path).await,
            None => Ok(()),
        }
    }
}

fn folder_of(owner: &str) -> Path {
    Path::from_iter(["owners", owner])
}

/// Names that sort by time, the newest first.
fn path_of(job: &Job) -> Option<Path> {
    let owner = job.owner.as_deref()?;
    let before_the_end = Timestamp::MAX.as_millisecond() - job.created.as_millisecond();
    Some(Path::from_iter(["owners", owner, &format!("{before_the_end:016}_{}", job.id)]))
}
