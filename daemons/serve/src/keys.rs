//! API keys: who may do what, and how much of it.
//!
//! The file has the hashes of the keys only: it is written by `airshed keys`, and read again when it has
//! changed. A key is random and long, so a plain hash cannot be guessed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File as Opened, OpenOptions};
use std::io::Write;
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use airshed_common::{hexadecimal, reason};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// By which a key is known as one, for example by scanners of published code.
const PREFIX: &str = "airshed_";

/// Bytes of randomness in a key.
const RANDOM: usize = 32;

/// The version of the file that this program writes and reads.
const VERSION: u32 = 1;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Something that the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Send queries and read whatever the server has.
    Read,
    /// Create jobs.
    Jobs,
    /// Cancel jobs and delete their results.
    Delete,
    /// See and cancel the jobs of everybody.
    Admin,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Jobs => "jobs",
            Self::Delete => "delete",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Read, Self::Jobs, Self::Delete, Self::Admin];
        let named = all.into_iter().find(|right| right.to_string() == text);
        named.ok_or_else(|| "expected read, jobs, delete or admin".to_owned())
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its name, unique also among revoked ones.
    pub name: String,
    /// The SHA-256 of the secret, hexadecimal.
    hash: String,
    /// What its holder may do.
    pub rights: BTreeSet<Right>,
    /// The most requests a second, of which ten seconds' can come at once; `None`: what clients without a
    /// key may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
    /// The most jobs that have not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_jobs: Option<usize>,
    /// The most bytes of results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    /// When it was added.
    pub created: Timestamp,
    /// From when on it is not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

impl Key {
    /// Whether it can be used at a time.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// The options of a new key.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// What its holder may do.
    pub rights: BTreeSet<Right>,
    /// See [`Key::rate`].
    pub rate: Option<NonZeroU32>,
    /// See [`Key::open_jobs`].
    pub open_jobs: Option<usize>,
    /// See [`Key::result_bytes`].
    pub result_bytes: Option<u64>,
    /// See [`Key::expires`].
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    version: u32,
    keys: Vec<Key>,
}

/// What is wrong with a file of keys, or with a change of it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = path.display())]
pub struct KeysError {
    path: PathBuf,
    reason: String,
}

/// The keys of a file.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    keys: Arc<[Arc<Key>]>,
    looked: Instant,
    /// Of the file whose keys they are.
    stamp: Option<Stamp>,
    /// Whether the log says that the file cannot be read.
    has_failed: bool,
}

/// By which a change of the file is noticed.
type Stamp = (SystemTime, u64, u64, i64);

impl Keys {
    /// Reads the keys of a file; one that is not there yet has none.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let path = path.into();
        let stamp = stamp_of(&path);
        let keys = shared(read(&path)?);
        Ok(Self {
            path,
            read: Mutex::new(Read { keys, looked: Instant::now(), stamp, has_failed: false }),
        })
    }

    /// Whether there is no key, not even one that is not valid any more.
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// All keys, in the order in which they were added; read again if the file has changed, which is
    /// checked once a second.
    pub fn list(&self) -> Arc<[Arc<Key>]> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() >= LOOK {
            self.look(&mut known);
        }
        Arc::clone(&known.keys)
    }

    /// Reads the file now, if it has changed. After a failure the keys remain as they were, and it is
    /// tried again.
    pub fn reload(&self) {
        self.look(&mut self.read.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn look(&self, known: &mut Read) {
        known.looked = Instant::now();
        let stamp = stamp_of(&self.path);
        if stamp == known.stamp {
            return;
        }
        let is_gone = stamp.is_none() && !known.keys.is_empty();
        let read = match is_gone {
            true => Err(KeysError { path: self.path.clone(), reason: "it is gone".to_owned() }),
            false => read(&self.path),
        };
        match read {
            Ok(keys) => {
                (known.keys, known.stamp, known.has_failed) = (shared(keys), stamp, false);
                tracing::info!(keys = known.keys.len(), "the keys were read again");
            }
            Err(error) if !known.has_failed => {
                known.has_failed = true;
                tracing::error!(reason = reason(&error), "the keys remain as they were");
            }
            Err(_) => {} // logged once
        }
    }

    /// The key with this secret, if it is valid. Hashes are compared, so the time that it takes says
    /// nothing about a secret.
    pub fn find(&self, secret: &str, now: Timestamp) -> Option<Arc<Key>> {
        let hash = hash_of(secret);
        let keys = self.list();
        let found = keys.iter().find(|key| key.hash == hash);
        found.filter(|key| key.is_valid(now)).cloned()
    }

    /// Adds a key to a file, which is made if it is not there; returns its secret, which is in no file.
    pub fn add(path: &Path, new: NewKey, now: Timestamp) -> Result<String, KeysError> {
        change(path, |keys| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
            if !(1..=64).contains(&new.name.len()) || !new.name.bytes().all(is_plain) {
                return Err("a name has 1 to 64 letters, digits, `-`, `_`, `.` or `@`".to_owned());
            }
            if keys.iter().any(|key| key.name == new.name) {
                return Err(format!("there is a key {} already; choose another name", new.name));
            }
            let random: [u8; RANDOM] = rand::random();
            let secret = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
            keys.push(Key {
                name: new.name,
                hash: hash_of(&secret),
                rights: new.rights,
                rate: new.rate,
                open_jobs: new.open_jobs,
                result_bytes: new.result_bytes,
                created: now,
                expires: new.expires,
                revoked: None,
            });
            Ok(secret)
        })
    }

    /// Revokes a key of a file for good.
    pub fn revoke(path: &Path, name: &str, now: Timestamp) -> Result<(), KeysError> {
        change(path, |keys| {
            let key = keys.iter_mut().find(|key| key.name == name);
            let key = key.ok_or_else(|| format!("there is no key {name}"))?;
            if key.revoked.is_some() {
                return Err(format!("the key {name} is revoked already"));
            }
            key.revoked = Some(now);
            Ok(())
        })
    }
}

/// Changes the keys of a file, of which one process at a time reads and writes them.
fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Key>) -> Result<T, String>,
) -> Result<T, KeysError> {
    let failed = |reason: String| KeysError { path: path.to_owned(), reason };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = Opened::create(&name).and_then(|lock| lock.lock().map(|()| lock));
    let _lock = lock.map_err(|error| failed(format!("cannot lock it: {error}")))?;
    let mut keys = read(path)?;
    let changed = change(&mut keys).map_err(failed)?;
    write(path, keys)?;
    Ok(changed)
}

fn shared(keys: Vec<Key>) -> Arc<[Arc<Key>]> {
    keys.into_iter().map(Arc::new).collect()
}

fn hash_of(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret))
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    let (inode, changed) = (file.ino(), file.ctime());
    Some((file.modified().ok()?, file.len(), inode, changed))
}

fn read(path: &Path) -> Result<Vec<Key>, KeysError> {
    let failed = |reason: String| KeysError { path: path.to_owned(), reason };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error.to_string())),
    };
    let file: File = serde_json::from_slice(&text)
        .map_err(|error| failed(format!("not a file of keys: {error}")))?;
    match file.version {
        VERSION => Ok(file.keys),
        other => Err(failed(format!(
            "it has version {other}, and this program reads version {VERSION}: use the one that wrote it"
        ))),
    }
}

/// Replaces the file at once, for the eyes of its owner. Only the holder of the lock writes it.
fn write(path: &Path, keys: Vec<Key>) -> Result<(), KeysError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = serde_json::to_vec_pretty(&File { version: VERSION, keys })
        .map_err(Into::into)
        .and_then(|text| {
            // One that a killed process left has the rights of its own time.
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
            if let Ok(old) = std::fs::metadata(path) {
                // A server under another user goes on reading it.
                file.set_permissions(old.permissions())?;
                if (old.uid(), old.gid()) != (file.metadata()?.uid(), file.metadata()?.gid()) {
                    fchown(&file, Some(old.uid()), Some(old.gid()))?;
                }
            }
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        });
    written.map_err(|error| KeysError { path: path.to_owned(), reason: error.to_string() })
}
