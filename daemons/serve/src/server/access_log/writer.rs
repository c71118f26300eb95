//! The thread that writes the lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use airshed_common::reason;
use tracing::warn;

/// Bytes that are written at once.
const BATCH: usize = 64 << 10;

/// How often the log tells of lines that could not be written.
const REMARK: Duration = Duration::from_secs(60);

pub(super) enum Message {
    Line(String),
    Reopen,
}

/// Where lines go.
pub(super) struct Output {
    /// `None`: standard output.
    path: Option<PathBuf>,
    file: Box<dyn Write + Send>,
    /// The last line has no end: it was being written when the disk was full, or the process ended.
    is_torn: bool,
}

impl Output {
    pub(super) fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let (file, is_torn): (Box<dyn Write + Send>, _) = match &path {
            Some(path) => {
                let (file, is_torn) = append_to(path)?;
                (Box::new(file), is_torn)
            }
            None => (Box::new(io::stdout()), false),
        };
        Ok(Self { path, file, is_torn })
    }

    fn reopen(&mut self) -> io::Result<()> {
        if self.path.is_some() {
            *self = Self::open(self.path.clone())?;
        }
        Ok(())
    }

    /// Writes whole lines; returns how many could not be.
    fn write(&mut self, lines: &str) -> Result<(), (u64, io::Error)> {
        let text = if self.is_torn { format!("\n{lines}") } else { lines.to_owned() };
        let mut left = text.as_bytes();
        while !left.is_empty() {
            match self.file.write(left).and_then(|bytes| self.file.flush().map(|()| bytes)) {
                Ok(0) => return Err((lines_in(left), io::ErrorKind::WriteZero.into())),
                Ok(bytes) => {
                    let (written, rest) = left.split_at(bytes);
                    self.is_torn = written.last() != Some(&b'\n');
                    left = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((lines_in(left), error)),
            }
        }
        Ok(())
    }
}

fn lines_in(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The file, and whether its last line has no end.
fn append_to(path: &Path) -> io::Result<(File, bool)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let is_regular = file.metadata()?.is_file();
    let mut last = [b'\n'];
    if is_regular
        && let Ok(mut read) = File::open(path)
        && read.seek(SeekFrom::End(-1)).is_ok()
    {
        read.read_exact(&mut last)?;
    }
    Ok((file, last != [b'\n']))
}

pub(super) fn count_lost(lines: u64) {
    metrics::counter!("airshed_access_log_dropped_total").increment(lines);
}

/// Writes until there is nobody left who could send a line.
pub(super) fn write_all(mut output: Output, messages: &Receiver<Message>, dropped: &AtomicU64) {
    let (mut failed, mut late) = (Lost::default(), Lost::default());
    while let Ok(first) = messages.recv() {
        let (mut lines, mut reopens) = (String::new(), false);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => lines.push_str(&line),
                Message::Reopen => reopens = true,
            }
            next = if reopens || lines.len() >= BATCH { None } else { messages.try_recv().ok() };
        }
        if let Err((lost, error)) = output.write(&lines) {
            count_lost(lost);
            failed.note(lost, |lines| {
                warn!(
                    reason = reason(&error),
                    lines, "cannot write to the access log; lines are lost"
                );
            });
        }
        match dropped.swap(0, Relaxed) {
            0 => {}
            lost => late.note(lost, |lines| {
                warn!(lines, "the access log cannot be written fast enough; lines are lost");
            }),
        }
        if reopens && let Err(error) = output.reopen() {
            let error = reason(&error);
            warn!(reason = error, "cannot open the access log again; writing to the old file");
        }
    }
}

/// Lines that are lost, of which the log has one remark a minute.
#[derive(Default)]
struct Lost {
    logged: Option<Instant>,
    lines: u64,
}

impl Lost {
    fn note(&mut self, lines: u64, log: impl FnOnce(u64)) {
        self.lines += lines;
        if self.logged.is_none_or(|logged| logged.elapsed() > REMARK) {
            log(std::mem::take(&mut self.lines));
            self.logged = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;

    /// A disk that takes so many bytes of each write, or is full.
    struct Disk {
        written: Arc<Mutex<Vec<u8>>>,
        room: std::vec::IntoIter<Option<usize>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = match self.room.next() {
                Some(Some(room)) => bytes.len().min(room),
                Some(None) => return Err(io::ErrorKind::StorageFull.into()),
                None => bytes.len(),
            };
            self.written.lock().unwrap().extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        /// Whenever the disk is full, each line is there whole or lost, and what was begun of a lost one is
        /// on a line of its own. Those that are written while there is space are all there.
        #[test]
        fn a_line_is_never_joined_with_another(
            room in prop::collection::vec(prop::option::of(1_usize..20), 0..20),
            batches in prop::collection::vec(1_usize..4, 1..12),
        ) {
            let written = Arc::default();
            let file = Disk { written: Arc::clone(&written), room: room.into_iter() };
            let mut output = Output { path: None, file: Box::new(file), is_torn: false };
            let (mut number, mut expected, mut lost) = (0, Vec::new(), 0);
            for lines in batches {
                let batch: Vec<_> = (number..number + lines).map(|n| format!("line {n}.")).collect();
                number += lines;
                match output.write(&format!("{}\n", batch.join("\n"))) {
                    Ok(()) => expected.extend(batch),
                    Err((failed, _)) => {
                        let failed = usize::try_from(failed).unwrap();
                        lost += failed;
                        expected.extend(batch[..lines.saturating_sub(failed)].iter().cloned());
                    }
                }
            }
            let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
            let whole: Vec<_> = text.lines().filter(|line| line.ends_with('.')).collect();
            prop_assert!(expected.iter().all(|line| whole.contains(&line.as_str())), "{expected:?}: {text}");
            let is_begun = |line: &str| "line ".starts_with(line) || line.starts_with("line ");
            prop_assert!(text.lines().all(|line| is_begun(line) && line.matches("line").count() < 2));
            prop_assert!(whole.len() + lost >= number, "{whole:?}, {lost} lost");
        }
    }
}
