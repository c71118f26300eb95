//! Decompresses a file, by its content.
//!
//! A flipped bit in a compressed file can turn into rows that nobody measured, and is only noticed at the
//! checksum at the end. So each is decompressed twice: nothing is passed on before it is known to be whole.

use std::io::{self, Cursor, Read, Seek};
use std::ops::ControlFlow;
use std::sync::Arc;

use tempfile::SpooledTempFile;
use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::{Note, Reason, Report, Row, indoor, line};
use crate::{Error, ErrorKind};

/// Maximum nesting of compressed files.
const DEEPEST: usize = 4;

/// Maximum length of a compressed file that is kept in memory.
const LONGEST_IN_MEMORY: usize = 4 << 20;

/// Number of bytes examined to detect the format.
const HEAD_BYTES: u64 = 16 << 10;

/// What is known of a file before it is read.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Its name within a zip archive.
    pub(super) member: Option<Arc<str>>,
    pub(super) indoor: Option<bool>,
}

type Each<'a> = &'a mut dyn FnMut(Row<'_>) -> ControlFlow<()>;

pub(super) fn read(
    mut input: &mut dyn Read,
    file: &File,
    depth: usize,
    report: &mut Report,
    each: Each<'_>,
) -> Result<ControlFlow<()>, Error> {
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head).map_err(Error::of_io)?;
    let starts = |magic: &[u8]| head.starts_with(magic);
    let other = |what: &str| Err(Error::new(ErrorKind::Invalid, what));
    let is_packed = [&b"\x1f\x8b"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd"].into_iter().any(starts);
    if is_packed && depth >= DEEPEST {
        return other("a file that is compressed too many times");
    }
    let packed = |head: Vec<u8>, input| Packed::of(&mut Cursor::new(head).chain(input));
    match () {
        () if starts(b"\x1f\x8b") => {
            let mut packed = packed(head, input)?;
            check(&mut flate2::read::MultiGzDecoder::new(packed.rewound()?))?;
            let mut decoder = flate2::read::MultiGzDecoder::new(packed.rewound()?);
            read(&mut decoder, file, depth + 1, report, each)
        }
        () if starts(b"\x28\xb5\x2f\xfd") => {
            use zstd::stream::read::Decoder;
            let mut packed = packed(head, input)?;
            check(&mut Decoder::new(packed.rewound()?).map_err(Error::of_io)?)?;
            let decoder = Decoder::new(packed.rewound()?);
            read(&mut decoder.map_err(Error::of_io)?, file, depth + 1, report, each)
        }
        () if starts(b"PK\x03\x04") => {
            // Bit 3 of the flags: the length of a member stands after it.
            let is_unknown_length = head.get(6).is_some_and(|flags| flags & 8 != 0);
            let mut packed = packed(head, input)?;
            let mut members =
                Members { outer: file, depth, read: 0, refused: None, cut: None, report, each };
            match is_unknown_length {
                true => members.read_seekable(packed.rewound()?),
                false => members.read_stream(&mut packed),
            }
        }
        () if starts(b"PK\x05\x06") => other("an empty zip archive"),
        #[cfg(feature = "parquet")]
        () if starts(b"PAR1") => {
            super::columnar::read(&mut Cursor::new(head).chain(input), file, report, each)
        }
        #[cfg(not(feature = "parquet"))]
        () if starts(b"PAR1") => {
            other("a Parquet file, and this airshed was built without them (feature `columnar`)")
        }
        () if starts(b"\xff\xfe") || starts(b"\xfe\xff") => other("text in UTF-16, not UTF-8"),
        () => {
            let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
            if let Some(what) = not_csv(text) {
                return other(what);
            }
            line::read(Cursor::new(text).chain(input), file, report, each)
        }
    }
}

/// What a text is, if it is not CSV.
fn not_csv(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii_start();
    let first_line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    match text.first() {
        None => Some("an empty file"),
        Some(b'<') => {
            let start = text[..text.len().min(1024)].to_ascii_lowercase();
            let has = |tag: &[u8]| start.windows(tag.len()).any(|found| found == tag);
            let is_page = has(b"<html") || has(b"<!doctype html") || has(b"<body");
            Some(if is_page { "a page of HTML, not CSV" } else { "XML, not CSV" })
        }
        Some(b'[' | b'{') => Some("JSON, not CSV"),
        Some(_) => {
            let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
            first_line.iter().any(is_control).then_some("binary data, not CSV")
        }
    }
}

/// Reads the members of a zip archive.
struct Members<'a, 'e> {
    outer: &'a File,
    depth: usize,
    /// Members that are files of the archive.
    read: usize,
    /// Why the first of the others is not.
    refused: Option<Error>,
    /// The first that ends within a row.
    cut: Option<Error>,
    report: &'a mut Report,
    each: &'a mut (dyn FnMut(Row<'_>) -> ControlFlow<()> + 'e),
}

impl Members<'_, '_> {
    /// One after the other, so that a truncated archive is read up to its last whole member.
    fn read_stream(&mut self, packed: &mut Packed) -> Result<ControlFlow<()>, Error> {
        let (mut whole, mut damage) = (0, None);
        let mut input = packed.rewound()?;
        loop {
            let checked = match read_zipfile_from_stream(&mut input).map_err(broken) {
                Ok(Some(mut member)) => check(&mut member),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = checked {
                damage = Some(error);
                break;
            }
            whole += 1;
        }
        let mut input = packed.rewound()?;
        for _ in 0..whole {
            let Some(mut member) = read_zipfile_from_stream(&mut input).map_err(broken)? else {
                break;
            };
            if self.read_member(&mut member)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // What the reader of its text did not want; the next member begins after it.
            check(&mut member)?;
        }
        damage.map_or_else(|| self.finish(), Err)
    }

    /// By the directory at the end.
    fn read_seekable(&mut self, packed: &mut SpooledTempFile) -> Result<ControlFlow<()>, Error> {
        let mut archive = ZipArchive::new(packed).map_err(broken)?;
        for number in 0..archive.len() {
            check(&mut archive.by_index(number).map_err(broken)?)?;
            let mut member = archive.by_index(number).map_err(broken)?;
            if self.read_member(&mut member)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.finish()
    }

    fn read_member<R: Read + ?Sized>(
        &mut self,
        member: &mut ZipFile<'_, R>,
    ) -> Result<ControlFlow<()>, Error> {
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        // Metadata that macOS adds to archives.
        if !member.is_file() || name.starts_with("__MACOSX/") {
            return Ok(ControlFlow::Continue(()));
        }
        let file =
            File { indoor: indoor(&name).or(self.outer.indoor), member: Some(Arc::from(name)) };
        match read(member, &file, self.depth + 1, self.report, self.each) {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                let reason = Reason::BadMember;
                let text = error.to_string();
                self.report.note(reason, || Note { reason, member: file.member, line: None, text });
                self.refused.get_or_insert(error);
                Ok(ControlFlow::Continue(()))
            }
            Err(error) if error.kind() == ErrorKind::Cut => {
                self.read += 1;
                let name = file.member.unwrap_or_default();
                self.cut
                    .get_or_insert_with(|| Error::new(ErrorKind::Cut, format!("{name}: {error}")));
                Ok(ControlFlow::Continue(()))
            }
            read => {
                self.read += usize::from(read.is_ok());
                read
            }
        }
    }

    fn finish(&mut self) -> Result<ControlFlow<()>, Error> {
        match self.refused.take() {
            Some(error) if self.read == 0 => Err(error),
            None if self.read == 0 => {
                Err(Error::new(ErrorKind::Invalid, "a zip archive without a file"))
            }
            _ => self.cut.take().map_or(Ok(ControlFlow::Continue(())), Err),
        }
    }
}

/// A compressed file, to be read twice: in memory, or in a temporary file if it is longer than a day's.
struct Packed(SpooledTempFile);

impl Packed {
    fn of(input: &mut dyn Read) -> Result<Self, Error> {
        let mut file = tempfile::spooled_tempfile(LONGEST_IN_MEMORY);
        io::copy(input, &mut file).map_err(Error::of_io)?;
        Ok(Self(file))
    }

    fn rewound(&mut self) -> Result<&mut SpooledTempFile, Error> {
        self.0.rewind().map_err(Error::of_io)?;
        Ok(&mut self.0)
    }
}

/// Reads to the end, where the checksum is.
fn check(input: &mut dyn Read) -> Result<(), Error> {
    io::copy(input, &mut io::sink()).map(drop).map_err(Error::of_io)
}

/// On disk, for what is read from its end.
#[cfg(feature = "parquet")]
pub(super) fn spooled(input: &mut dyn Read, what: &str) -> Result<std::fs::File, Error> {
    let mut spooled = tempfile::tempfile().map_err(|error| {
        let message = format!("cannot create a temporary file for {what}");
        Error::new(ErrorKind::Io, message).because(error)
    })?;
    io::copy(input, &mut spooled).and_then(|_| spooled.rewind()).map_err(Error::of_io)?;
    Ok(spooled)
}

fn broken(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => Error::of_io(error),
        error => {
            let message = "a damaged, truncated or unsupported zip archive";
            Error::new(ErrorKind::Damaged, message).because(error)
        }
    }
}
