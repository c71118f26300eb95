//! The socket: its path, its creation, and the replacement of the socket of a killed process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Maximum length in bytes of a socket path on every system.
const LONGEST: usize = 100;

/// The socket of the process that has a store file open, beside that file: `airshed.sock` for
/// `readings.redb`, `NAME.sock` for any other `NAME`.
pub fn socket_of(store: &Path) -> PathBuf {
    let store = fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
    let name = match store.file_name() {
        Some(name) if name != OsStr::new("readings.redb") => {
            let mut name = OsString::from(name);
            name.push(".sock");
            name
        }
        _ => "airshed.sock".into(),
    };
    store.with_file_name(name)
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path exists and is not a socket.
    #[error("{0} exists and is not a socket; move it away")]
    Foreign(PathBuf),
    /// Another process listens on it.
    #[error("another process listens on {0}")]
    Taken(PathBuf),
    /// The system returned an error.
    #[error("cannot create the socket {path}")]
    Io {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

/// A socket that this process listens on, accessible to its own user and root. Its file is removed
/// when it is dropped.
pub struct Socket {
    /// Listens on it.
    pub listener: UnixListener,
    /// Removes it.
    pub file: SocketFile,
    /// The user that owns it.
    pub(super) user: u32,
}

/// The file of a socket, which is removed when this is dropped, unless it was replaced.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Socket {
    /// Listens at a path. The caller holds the store's lock, so a socket without a listener belongs
    /// to a killed process, and is replaced; nothing else is.
    pub fn listen(path: &Path) -> Result<Self, SocketError> {
        Self::listen_for(path, 0o600)
    }

    /// The same, for other users, too: everybody who can reach its folder.
    pub fn listen_for_all(path: &Path) -> Result<Self, SocketError> {
        Self::listen_for(path, 0o666)
    }

    fn listen_for(path: &Path, mode: u32) -> Result<Self, SocketError> {
        let failed = |cause| SocketError::Io { path: path.to_owned(), cause };
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::Foreign(path.to_owned()));
            }
            Ok(_) => {
                let reached =
                    within_limit(path, |path| std::os::unix::net::UnixStream::connect(path));
                match reached {
                    Ok(_) => return Err(SocketError::Taken(path.to_owned())),
                    Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                        fs::remove_file(path).map_err(failed)?;
                    }
                    Err(e) => return Err(failed(e)),
                }
            }
        }
        // Fails if the path was created meanwhile, even as a link.
        let listener = within_limit(path, |path| UnixListener::bind(path)).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        let made = fs::symlink_metadata(path).map_err(failed)?;
        let (device, inode, user) = (made.dev(), made.ino(), made.uid());
        let file = SocketFile { path: path.to_owned(), device, inode };
        Ok(Self { listener, file, user })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |found: fs::Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects to a socket; anything else, such as a link, is an error.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("it is not a socket"));
    }
    let stream = within_limit(path, |path| {
        let stream = std::os::unix::net::UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    });
    UnixStream::from_std(stream?)
}

/// Calls a function with a path that is short enough for a socket: a longer one is replaced by a
/// path through its opened directory, where the system supports it.
fn within_limit<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().as_bytes().len() <= LONGEST {
        return act(path);
    }
    let too_long = || {
        let message = format!("its path has more than {LONGEST} bytes; choose a shorter --data");
        io::Error::new(io::ErrorKind::InvalidFilename, message)
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(too_long());
    };
    let folder = File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    let short = short.join(name);
    match short.as_os_str().as_bytes().len() <= LONGEST && Path::new("/proc/self/fd").is_dir() {
        true => act(&short),
        false => Err(too_long()),
    }
}
