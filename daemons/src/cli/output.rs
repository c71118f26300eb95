//! The output of a command: standard output, a pipe or device that is written directly, or a
//! regular file that is replaced atomically.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Maximum number of symbolic links to follow.
const MOST_LINKS: usize = 40;

/// The reader closed standard output, as `head` does when it has read enough: the command ends,
/// without failure.
#[derive(Debug)]
pub(super) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader closed the output")
    }
}

impl std::error::Error for ReaderGone {}

/// Whether a failure is that the reader closed the output.
pub(super) fn reader_is_gone(failure: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(failure);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<ReaderGone>() || io.is_some_and(|inner| inner.is::<ReaderGone>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// An output whose reader may exit before this process.
pub(super) struct Pipe<W>(W);

/// Standard output.
pub(super) fn standard() -> Pipe<io::Stdout> {
    Pipe(io::stdout())
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(reader_gone)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(reader_gone)
    }
}

fn reader_gone(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, ReaderGone),
        _ => error,
    }
}

/// Prints a line to standard error; a closed standard error is ignored.
pub(super) fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The kind of output.
pub(super) enum Output {
    /// Standard output.
    Standard(BufWriter<Pipe<io::Stdout>>),
    /// A pipe, a terminal or a device, written directly.
    Through { named: Named, writer: BufWriter<Pipe<File>> },
    /// Written to a temporary file in the same directory and renamed when complete.
    Whole { named: Named, place: PathBuf, writer: BufWriter<NamedTempFile> },
}

/// The given path, and its flag.
#[derive(Clone)]
pub(super) struct Named {
    flag: &'static str,
    path: PathBuf,
}

impl Output {
    /// `None` and `-` are standard output; `flag` is the flag that gave the path.
    pub(super) fn open(flag: &'static str, path: Option<&Path>) -> Result<Self, Failure> {
        let standard = || Self::Standard(BufWriter::new(standard()));
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(standard());
        };
        let named = Named { flag, path: path.to_owned() };
        let opened = match place(path) {
            Ok(Place::Descriptor(1)) => return Ok(standard()),
            // Opened for appending, since opening that name otherwise truncates.
            Ok(Place::Descriptor(_)) => through(&named, fs::OpenOptions::new().append(true)),
            Ok(Place::Other) => through(&named, fs::OpenOptions::new().write(true)),
            Ok(Place::File(place)) => whole(&named, place),
            Err(error) => Err(error),
        };
        opened.map_err(|error| cannot_write(&named, &error))
    }

    /// Whether it is a regular file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }

    /// Discards what was written, if nobody has seen it.
    pub(super) fn restart(&mut self) -> io::Result<bool> {
        let Self::Whole { writer, .. } = self else { return Ok(false) };
        writer.flush()?;
        let file = writer.get_mut().as_file_mut();
        file.set_len(0)?;
        file.rewind()?;
        Ok(true)
    }

    /// Flushes everything and moves the file into place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Standard(mut writer) => Ok(writer.flush()?),
            Self::Through { named, mut writer } => {
                writer.flush().map_err(|error| cannot_write(&named, &error))
            }
            Self::Whole { named, place, writer } => {
                let cannot = |error: io::Error| cannot_write(&named, &error);
                let file = writer.into_inner().map_err(|error| cannot(error.into_error()))?;
                file.as_file().sync_all().map_err(cannot)?;
                file.persist(&place).map_err(|error| cannot(error.error))?;
                File::open(folder_of(&place)).and_then(|folder| folder.sync_all()).map_err(cannot)
            }
        }
    }

    /// The failure, worded for the user.
    pub(super) fn failure(&self, error: io::Error) -> Failure {
        match self {
            Self::Standard(_) => match reader_is_gone(&error) {
                true => error.into(),
                false => format!("cannot write to standard output: {error}").into(),
            },
            Self::Through { named, .. } | Self::Whole { named, .. } => cannot_write(named, &error),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(writer) => writer.write(bytes),
            Self::Through { writer, .. } => writer.write(bytes),
            Self::Whole { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(writer) => writer.flush(),
            Self::Through { writer, .. } => writer.flush(),
            Self::Whole { writer, .. } => writer.flush(),
        }
    }
}

fn cannot_write(Named { flag, path }: &Named, error: &io::Error) -> Failure {
    match reader_is_gone(error) {
        true => Box::new(ReaderGone),
        false => format!("cannot write --{flag} {}: {error}", path.display()).into(),
    }
}

fn through(named: &Named, options: &fs::OpenOptions) -> io::Result<Output> {
    let file = options.open(&named.path)?;
    Ok(Output::Through { named: named.clone(), writer: BufWriter::new(Pipe(file)) })
}

/// Prefix of incomplete files; the process id and a few random letters follow.
const UNFINISHED: &str = ".airshed-export-";

fn whole(named: &Named, place: PathBuf) -> io::Result<Output> {
    let before = match fs::metadata(&place) {
        Ok(found) => Some(found),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    let file = tempfile::Builder::new()
        .prefix(&format!("{UNFINISHED}{}-", std::process::id()))
        .permissions(Permissions::from_mode(0o666)) // less the umask
        .tempfile_in(folder_of(&place))?;
    // The lock is released when the process exits, for whatever reason: a file without a lock is
    // abandoned.
    let _ = file.as_file().try_lock(); // the file is new; some file systems have no locks
    remove_left_over(folder_of(&place), file.as_file().metadata()?.uid());
    if let Some(before) = before {
        // Only root can keep the owner of another user's file.
        let _ = fchown(file.as_file(), Some(before.uid()), Some(before.gid()));
        file.as_file().set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
    }
    remove_when_interrupted(file.path().to_owned())?;
    Ok(Output::Whole { named: named.clone(), place, writer: BufWriter::new(file) })
}

/// Removes incomplete files left by killed processes of this user: regular files with that prefix
/// whose process does not exist and whose lock is not held, not in another container either.
/// Failures to remove are ignored.
fn remove_left_over(folder: &Path, user: u32) {
    let is_gone = |process: &str| {
        let processes = Path::new("/proc");
        processes.join("self").exists() && !processes.join(process).exists()
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED)?.split_once('-'));
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        if !process.is_some_and(|(process, _)| is_number(process) && is_gone(process)) {
            continue;
        }
        let path = entry.path();
        let is_ours = |found: fs::Metadata| found.is_file() && found.uid() == user;
        if fs::symlink_metadata(&path).is_ok_and(is_ours)
            && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// A process ended by a signal runs no destructors.
fn remove_when_interrupted(unfinished: PathBuf) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let number = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
            _ = hang_up.recv() => SignalKind::hangup(),
        };
        let _ = fs::remove_file(&unfinished);
        std::process::exit(128 + number.as_raw_value());
    });
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The target of a path.
enum Place {
    /// An inherited file descriptor.
    Descriptor(u32),
    /// A regular file, or a path where one can be created.
    File(PathBuf),
    /// Anything else.
    Other,
}

/// Follows symbolic links one by one: the target of a descriptor may be a regular file, which must
/// not be replaced.
fn place(path: &Path) -> io::Result<Place> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Some(descriptor) = descriptor_of(&path) {
            return Ok(Place::Descriptor(descriptor));
        }
        match fs::symlink_metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path)),
            Err(e) => return Err(e),
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = folder_of(&path).join(target);
            }
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if found.is_file() => return Ok(Place::File(path)),
            Ok(_) => return Ok(Place::Other),
        }
    }
    Err(io::Error::other("too many links"))
}

/// The number in `/dev/fd/N` and the like.
fn descriptor_of(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(folder_of(path)).ok()?;
    let is_process = |folder: &Path| folder.starts_with("/proc") && folder.ends_with("fd");
    (folder == Path::new("/dev/fd") || is_process(&folder)).then_some(number)
}
