//! Where files of the archive are found: on a server, or in folders.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use reqwest::Url;
use store::SensorType;

/// The public archive.
pub const PUBLIC: &str = "https://archive.sensor.community/";

/// The archive, or a copy of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archive {
    /// A server with a folder for each day, like [`PUBLIC`], or for each month, as below its
    /// `csv_per_month/` and `parquet/`.
    Url(Url),
    /// Files, and folders whose files are found at any depth.
    Paths(Vec<PathBuf>),
}

/// The extensions of files.
const ENDINGS: [&str; 5] = ["parquet", "gz", "zst", "zip", "csv"];

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The last part of its path.
    pub(super) name: String,
    pub(super) span: Span,
    sensor_type: Option<String>,
    pub(super) sensor: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Day(Date),
    /// By its first day.
    Month(Date),
    Unknown,
}

/// Which files are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// Types as in the names of files, in lower case; empty: those that measure or count particles,
    /// or measure temperature and humidity.
    pub types: Vec<String>,
    /// Sensors; empty: all.
    pub sensors: Vec<u64>,
}

/// The families of sensors that measure temperature and humidity, in lower case.
const CLIMATE: [&str; 4] = ["bme280", "dht22", "htu21d", "sht"];

fn measures_climate(name: &str) -> bool {
    CLIMATE.iter().any(|family| name.starts_with(family))
}

impl Files {
    pub(super) fn wants(&self, named: &Named) -> bool {
        // A file without a type or a sensor in its name is read: its rows have them.
        named.sensor_type.as_deref().is_none_or(|name| self.has_type(name))
            && named.sensor.is_none_or(|id| self.wants_sensor(id, named))
    }

    /// Also sensors of temperature and humidity whose number is beside that of a chosen one: those of
    /// one board mostly have such. Others cannot be found by the names of files; the location in the
    /// file decides whose values they are.
    fn wants_sensor(&self, id: u64, named: &Named) -> bool {
        let is_chosen = |id: u64| self.sensors.contains(&id);
        let is_beside = || {
            let measures_climate = named.sensor_type.as_deref().is_some_and(measures_climate);
            let (before, after) = (id.checked_sub(1), id.checked_add(1));
            measures_climate && [before, after].into_iter().flatten().any(is_chosen)
        };
        self.sensors.is_empty() || is_chosen(id) || is_beside()
    }

    /// By a type's name, in lower case.
    pub(super) fn has_type(&self, name: &str) -> bool {
        if !self.types.is_empty() {
            return self.types.iter().any(|wanted| wanted == name);
        }
        name.parse().is_ok_and(|kind: SensorType| {
            kind.measures_particulates() || kind.counts_particles() || measures_climate(name)
        })
    }
}

impl Named {
    /// `2021-02-14_sds011_sensor_41201_indoor.csv.gz`, `2021-02_sds011.zip`, or any other name.
    pub(super) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let stem = ENDINGS.iter().fold(lower.as_str(), |stem, end| {
            stem.strip_suffix(end).and_then(|stem| stem.strip_suffix('.')).unwrap_or(stem)
        });
        let unknown =
            Self { name: name.to_owned(), span: Span::Unknown, sensor_type: None, sensor: None };
        let Some((date, rest)) = stem.split_once('_') else { return unknown };
        let span = match date.len() {
            10 => date.parse().ok().map(Span::Day),
            7 => format!("{date}-01").parse().ok().map(Span::Month),
            _ => None,
        };
        let Some(span) = span else { return unknown };
        let (sensor_type, sensor) = match rest.split_once("_sensor_") {
            Some((kind, id)) => (kind, id.split('_').next().and_then(|id| id.parse().ok())),
            None => (rest, None),
        };
        Self { span, sensor_type: Some(sensor_type.to_owned()), sensor, ..unknown }
    }

    /// By its name or, of a part of a month in Parquet, `2021-02/sds011/part-….snappy.parquet`, by
    /// those of its folders.
    fn of_path(path: &Path) -> Self {
        let text = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let named = Self::of(&text(path.file_name()));
        let mut folders = path.ancestors().skip(1).map(|folder| text(folder.file_name()));
        let (kind, month) =
            (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
        let is_part =
            is_part_of_month(&named.name) && named.span == Span::Unknown && month.len() == 7;
        match format!("{month}-01").parse() {
            Ok(first) if is_part => Self::of_part(&named.name, first, &kind),
            _ => named,
        }
    }

    /// A part of a month in Parquet.
    pub(super) fn of_part(name: &str, month: Date, kind: &str) -> Self {
        let (span, sensor_type) = (Span::Month(month), Some(kind.to_ascii_lowercase()));
        Self { name: name.to_owned(), span, sensor_type, sensor: None }
    }
}

/// Whether a file may be a part of a month in Parquet, by its ending.
pub(super) fn is_part_of_month(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".parquet")
}

/// The files in folders: those of one day by day, and the others.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) by_day: BTreeMap<Date, Vec<(Named, PathBuf)>>,
    /// Of months, of several sensors, or without a date in their name.
    pub(super) others: Vec<(Named, PathBuf)>,
    /// What could not be listed, and why.
    pub(super) failed: Vec<(String, String)>,
}

/// Lists files and folders at any depth. Hidden files and folders are left out, and in folders files
/// that are not named like CSV, Parquet or compressed files.
pub(super) fn list(paths: &[PathBuf], files: &Files) -> io::Result<Found> {
    let mut found = Found::default();
    for path in paths {
        let about = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot list {}: {error}", path.display()))
        };
        match std::fs::metadata(path).map_err(about)?.is_dir() {
            true => add_folder(path, files, &mut found).map_err(about)?,
            false => add_file(path, files, &mut found),
        }
    }
    // Whichever order the file system has.
    found.by_day.values_mut().for_each(|of_day| {
        of_day.sort_by(|a, b| (a.0.sensor, &a.1).cmp(&(b.0.sensor, &b.1)));
    });
    found.others.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

fn add_folder(path: &Path, files: &Files, found: &mut Found) -> io::Result<()> {
    let mut within = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    within.sort_by_key(std::fs::DirEntry::file_name);
    for entry in within {
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link to a folder could lead in a circle.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let listed = match std::fs::metadata(&path) {
            Ok(about) if about.is_dir() && is_link => Ok(()),
            Ok(about) if about.is_dir() => add_folder(&path, files, found),
            Ok(_) if !is_named_like_one(&path) => Ok(()),
            // Reading a pipe could take for ever.
            Ok(about) if !about.is_file() => Err(io::Error::other("it is not a regular file")),
            Ok(_) => {
                add_file(&path, files, found);
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = listed {
            found.failed.push((path.display().to_string(), error.to_string()));
        }
    }
    Ok(())
}

fn is_named_like_one(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ENDINGS.contains(&extension.as_str())
}

fn add_file(path: &Path, files: &Files, found: &mut Found) {
    let named = Named::of_path(path);
    if files.wants(&named) {
        match named.span {
            Span::Day(date) if named.sensor.is_some() => {
                found.by_day.entry(date).or_default().push((named, path.to_owned()));
            }
            _ => found.others.push((named, path.to_owned())),
        }
    }
}

/// The files of a day that a server's listing links to: their names, in the order of sensors.
pub(super) fn names_in(listing: &str, date: Date, files: &Files) -> Vec<Named> {
    let named = links_of(listing).into_iter().map(Named::of);
    let named = named.filter(|named| named.span == Span::Day(date) && named.sensor.is_some());
    let mut named: Vec<_> = named.filter(|named| files.wants(named)).collect();
    named.sort_by(|a, b| (a.sensor, &a.name).cmp(&(b.sensor, &b.name)));
    named.dedup();
    named
}

/// The last parts of the links of a listing; those of folders end with `/`.
pub(super) fn links_of(listing: &str) -> Vec<&str> {
    // ASCII: the same places in both.
    let lower = listing.to_ascii_lowercase();
    let places = lower.match_indices("href=").map(|(at, found)| at + found.len());
    let links = places.filter_map(|at| {
        let rest = listing.get(at..)?;
        match rest.chars().next()? {
            quote @ ('"' | '\'') => rest.get(1..)?.split(quote).next(),
            _ => rest.split([' ', '>']).next(),
        }
    });
    let last = links.filter_map(|link| {
        let path = link.split(['?', '#']).next()?;
        let parent = path.strip_suffix('/').unwrap_or(path).rfind('/');
        path.get(parent.map_or(0, |at| at + 1)..)
    });
    last.collect()
}
