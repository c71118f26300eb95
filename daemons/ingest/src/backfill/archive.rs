//! Where files of the archive are found: on a server, or in folders.

use std::collections::BTreeMap;
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
    /// A server with a folder for each day, like [`PUBLIC`].
    Url(Url),
    /// Files, and folders whose files are found at any depth.
    Paths(Vec<PathBuf>),
}

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
    /// Types as in the names of files, in lower case; empty: those that measure or count particles.
    pub types: Vec<String>,
    /// Sensors; empty: all.
    pub sensors: Vec<u64>,
}

impl Files {
    pub(super) fn wants(&self, named: &Named) -> bool {
        let has_type = |name: &str| match self.types.is_empty() {
            false => self.types.iter().any(|wanted| wanted == name),
            true => name.parse().is_ok_and(|kind: SensorType| {
                kind.measures_particulates() || kind.counts_particles()
            }),
        };
        // A file whose name says nothing is read; its rows say it.
        named.sensor_type.as_deref().is_none_or(has_type)
            && named.sensor.is_none_or(|id| self.sensors.is_empty() || self.sensors.contains(&id))
    }
}

impl Named {
    /// `2021-02-14_sds011_sensor_41201_indoor.csv.gz`, `2021-02_sds011.zip`, or any other name.
    pub(super) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let stem = ["gz", "zst", "zip", "csv", "txt"].iter().fold(lower.as_str(), |stem, end| {
            stem.strip_suffix(end).and_then(|stem| stem.strip_suffix('.')).unwrap_or(stem)
        });
        let stem = stem.strip_suffix(".csv").unwrap_or(stem);
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
}

/// The files in folders: those of one day by day, and the others.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) by_day: BTreeMap<Date, Vec<(Named, PathBuf)>>,
    /// Of months, or without a date in their name; those in order of time first.
    pub(super) others: Vec<(Named, PathBuf)>,
}

/// Lists files and folders at any depth. Hidden files and folders are left out.
pub(super) fn list(paths: &[PathBuf], files: &Files) -> io::Result<Found> {
    let mut found = Found::default();
    for path in paths {
        add(path, files, &mut found).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot list {}: {error}", path.display()))
        })?;
    }
    // Whichever order the file system has.
    found.by_day.values_mut().for_each(|of_day| {
        of_day.sort_by(|a, b| (a.0.sensor, &a.1).cmp(&(b.0.sensor, &b.1)));
    });
    found.others.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

fn add(path: &Path, files: &Files, found: &mut Found) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        let mut within = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        within.sort_by_key(std::fs::DirEntry::file_name);
        for entry in within {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            // A link to a folder could lead in a circle.
            let is_linked_folder = entry.file_type()?.is_symlink() && entry.path().is_dir();
            if !is_hidden && !is_linked_folder {
                add(&entry.path(), files, found)?;
            }
        }
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = Named::of(&name);
    if files.wants(&named) {
        match named.span {
            Span::Day(date) => found.by_day.entry(date).or_default().push((named, path.to_owned())),
            Span::Month(_) | Span::Unknown => found.others.push((named, path.to_owned())),
        }
    }
    Ok(())
}

/// The files of a day that a server's listing links to: their names, in the order of sensors. Only
/// the last part of a link counts.
pub(super) fn names_in(listing: &str, date: Date, files: &Files) -> Vec<Named> {
    let links = listing.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        rest.get(1..)?.split(quote).next()
    });
    let names = links.filter_map(|link| link.split(['?', '#']).next()?.rsplit('/').next());
    let named = names.map(Named::of).filter(|named| named.span == Span::Day(date));
    let mut named: Vec<_> = named.filter(|named| files.wants(named)).collect();
    named.sort_by(|a, b| (a.sensor, &a.name).cmp(&(b.sensor, &b.name)));
    named.dedup();
    named
}
