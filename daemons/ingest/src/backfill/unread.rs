//! Files that could not be read, and what they were like, so that a day is done again when they have
//! changed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A file that could not be read, or not to its end.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) name: String,
    pub(super) why: String,
    /// The file, if it will fail again unless it changes.
    pub(super) file: Option<Known>,
}

/// A file as it was: what its server or its folder says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Its URL or path.
    pub(super) address: String,
    pub(super) state: String,
}

impl Known {
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        Some(Self { address: path.display().to_string(), state: state_of_path(path)? })
    }
}

/// Size and time of change; `None` if there is no such file.
pub(super) fn state_of_path(path: &Path) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let changed = about.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
    let changed = changed.map(|time| format!(", {time}")).unwrap_or_default();
    Some(format!("{} bytes{changed}", about.len()))
}

/// What tells a file from another version of it where nobody says anything about it.
pub(super) fn state_of_bytes(mut bytes: impl Read) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match bytes.read(&mut buffer)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(format!("sha256:{}", airshed_common::hexadecimal(&hash.finalize())))
}

/// What the readings of a day lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// The state of the files that could not be read, by address.
    pub(super) files: BTreeMap<String, String>,
    /// Whether something is lacking that may be there the next time, as after a failure of the
    /// network.
    pub(super) may_pass: bool,
}

impl Lacking {
    pub(super) fn of(unread: &[Unread]) -> Self {
        let mut lacking = Self::default();
        for Unread { file, .. } in unread {
            match file {
                Some(Known { address, state }) => {
                    lacking.files.insert(address.clone(), state.clone());
                }
                None => lacking.may_pass = true,
            }
        }
        lacking
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.files.extend(other.files.clone());
        self.may_pass |= other.may_pass;
    }
}
