//! Copies of what was fetched, in the archive's own layout: their folder is itself an archive.
//!
//! Each folder has an index with what the server said about its copies. A copy counts only if it is in
//! the index and has the length that it has there, so one that is half-written never does.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};
use reqwest::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Hidden, so that it is no file of the archive.
const INDEX: &str = ".copies.json";

/// The copy of a listing.
const LISTING: &str = "index.html";

/// New copies after which the index is written: so many are fetched again after a kill.
const UNWRITTEN: usize = 100;

/// What a server says about a version of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    etag: Option<String>,
    modified: Option<String>,
}

impl Version {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self { etag: text(ETAG), modified: text(LAST_MODIFIED) }
    }

    /// In one text; `None` if nothing is known.
    pub(super) fn text(&self) -> Option<String> {
        let parts: Vec<_> = [&self.etag, &self.modified].into_iter().flatten().cloned().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The headers that ask for another version only.
    pub(super) fn conditions(&self) -> HeaderMap {
        let pairs = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.modified)];
        let known = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value.as_ref()?).ok()?)));
        known.collect()
    }
}

/// A copy.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) version: Version,
    pub(super) path: PathBuf,
}

/// A folder of copies.
#[derive(Debug)]
pub(super) struct Copies {
    folder: PathBuf,
    base: Url,
    index: Index,
}

/// The copies in one folder, by name.
#[derive(Debug, Default)]
struct Index {
    folder: PathBuf,
    known: BTreeMap<String, Known>,
    /// Changes that are not yet written.
    unwritten: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    #[serde(flatten)]
    version: Version,
}

impl Copies {
    /// `base`: the address of what is in the folder, ending with `/`.
    pub(super) fn new(folder: &Path, base: &Url) -> Self {
        Self { folder: folder.to_owned(), base: base.clone(), index: Index::default() }
    }

    /// The copy of what is at an address.
    pub(super) fn get(&mut self, url: &Url) -> io::Result<Option<Copy>> {
        let Some((folder, name)) = self.place_of(url) else { return Ok(None) };
        self.turn_to(&folder)?;
        let Some(Known { bytes, version }) = self.index.known.get(&name) else { return Ok(None) };
        let path = folder.join(&name);
        let is_whole = fs::metadata(&path).is_ok_and(|about| about.len() == *bytes);
        let version = version.clone();
        Ok(is_whole.then_some(Copy { version, path }))
    }

    /// A temporary file that [`put_file`](Self::put_file) can keep.
    pub(super) fn file_for(&self, url: &Url) -> io::Result<Option<NamedTempFile>> {
        let Some((folder, _)) = self.place_of(url) else { return Ok(None) };
        fs::create_dir_all(&folder)?;
        NamedTempFile::new_in(folder).map(Some)
    }

    /// Keeps a file as a copy.
    pub(super) fn put_file(
        &mut self,
        url: &Url,
        file: NamedTempFile,
        version: Version,
    ) -> io::Result<File> {
        let Some((folder, name)) = self.place_of(url) else { return file.reopen() };
        self.turn_to(&folder)?;
        file.as_file().sync_all()?;
        let bytes = file.as_file().metadata()?.len();
        let file = file.persist(folder.join(&name)).map_err(|error| error.error)?;
        self.index.known.insert(name, Known { bytes, version });
        self.index.unwritten += 1;
        self.flush()?;
        Ok(file)
    }

    /// Keeps a copy. Addresses of another server, where it leads there, are not kept.
    pub(super) fn put(&mut self, url: &Url, body: &Bytes, version: Version) -> io::Result<()> {
        let Some((folder, name)) = self.place_of(url) else { return Ok(()) };
        self.turn_to(&folder)?;
        fs::create_dir_all(&folder)?;
        write(&folder, &name, body)?;
        self.index.known.insert(name, Known { bytes: body.len() as u64, version });
        self.index.unwritten += 1;
        match self.index.unwritten >= UNWRITTEN {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes the index of the last folder.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.index.unwritten > 0 {
            write(&self.index.folder, INDEX, &serde_json::to_vec(&self.index.known)?)?;
            self.index.unwritten = 0;
        }
        Ok(())
    }

    fn turn_to(&mut self, folder: &Path) -> io::Result<()> {
        if self.index.folder == folder {
            return Ok(());
        }
        self.flush()?;
        // Without a readable index there are no copies.
        let known = fs::read(folder.join(INDEX)).ok();
        let known = known.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        self.index = Index { folder: folder.to_owned(), known, unwritten: 0 };
        Ok(())
    }

    /// Folder and name.
    fn place_of(&self, url: &Url) -> Option<(PathBuf, String)> {
        let rest = url.path().strip_prefix(self.base.path())?;
        let (folders, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        let name = if name.is_empty() { LISTING } else { name };
        let mut parts = folders.split('/').filter(|part| !part.is_empty()).chain([name]);
        // A URL has no `..` left; what is encoded or hidden is not of the archive.
        let is_plain = parts.all(|part| !part.starts_with('.') && !part.contains(['%', '\\', ':']));
        let is_here = url.host_str() == self.base.host_str() && url.query().is_none();
        (is_plain && is_here).then(|| (self.folder.join(folders), name.to_owned()))
    }
}

/// Under its name only when it is complete, and durable.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    Ok(())
}
