//! How a server's archive is laid out: a folder for each day, or for each month.

use jiff::civil::Date;
use reqwest::Url;

use super::archive::{Files, Named, Span, is_part_of_month, links_of};

/// Folders of months: of zip files, and of those in Parquet.
const CSV: &str = "csv_per_month";
const PARQUET: &str = "parquet";

/// Where a server has its files.
#[derive(Debug)]
pub(super) struct Layout {
    /// What is below it has its place in the folder of copies.
    pub(super) root: Url,
    /// Only what is at addresses that begin so.
    only: String,
    /// Folders of months, below `root`; the last is the one of files in Parquet.
    csv: Option<String>,
    parquet: Option<String>,
    pub(super) days: Days,
}

/// Whether there are folders of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Nobody has looked yet.
    Unknown,
    There,
    NotThere,
    /// The server does not list its folders.
    Unlisted,
}

impl Layout {
    /// Of the address of an archive or, within one, of months, a month or a file of one.
    pub(super) fn of(base: &Url) -> Self {
        let mut root = base.clone();
        let parts: Vec<_> = base.path().split('/').collect();
        let of_months = parts.iter().rposition(|part| [CSV, PARQUET].contains(part));
        let path = of_months.map_or(base.path().to_owned(), |at| parts[..=at].join("/"));
        root.set_path(&format!("{}/", path.trim_end_matches('/')));
        let kind = of_months.map(|at| parts[at]);
        let folder = |of: &str| match kind {
            None => Some(format!("{of}/")),
            Some(kind) => (kind == of).then(String::new),
        };
        let only = if of_months.is_some() { base } else { &root }.to_string();
        let days = if kind.is_some() { Days::NotThere } else { Days::Unknown };
        let (csv, parquet) = (folder(CSV), folder(PARQUET));
        Self { root, only, csv, parquet, days }
    }

    /// The folders where files of a day may be: its own or, of earlier years, one below that of the
    /// year.
    pub(super) fn of_day(&self, date: Date) -> Vec<String> {
        match self.days {
            Days::NotThere => Vec::new(),
            _ => vec![format!("{date}/"), format!("{}/{date}/", date.year())],
        }
    }

    /// The folder of a month's zip files.
    pub(super) fn csv_of(&self, month: Date) -> Option<String> {
        Some(format!("{}{}/", self.csv.as_deref()?, month.strftime("%Y-%m")))
    }

    /// The folder that has one for each type.
    pub(super) fn parquet_of(&self, month: Date) -> Option<String> {
        Some(format!("{}{}/", self.parquet.as_deref()?, month.strftime("%Y-%m")))
    }

    /// Whether an address is within what the archive is said to be.
    pub(super) fn has(&self, url: &Url) -> bool {
        url.as_str().starts_with(&self.only)
    }
}

/// Whether a listing has folders of days, or of years.
pub(super) fn days_in(listing: &str) -> Days {
    let folders = links_of(listing).into_iter().filter_map(|link| link.strip_suffix('/'));
    let is_of_days = |name: &str| {
        let is_year = name.len() == 4 && name.parse::<u16>().is_ok();
        is_year || name.len() == 10 && name.parse::<Date>().is_ok()
    };
    if folders.into_iter().any(is_of_days) { Days::There } else { Days::NotThere }
}

/// The files of a month that a listing links to.
pub(super) fn months_in(listing: &str, month: Date, files: &Files) -> Vec<Named> {
    let named = links_of(listing).into_iter().map(Named::of);
    sorted(named.filter(|named| named.span == Span::Month(month)), files)
}

/// The folders of sensor types that a listing links to.
pub(super) fn types_in(listing: &str, files: &Files) -> Vec<String> {
    let folders = links_of(listing).into_iter().filter_map(|link| link.strip_suffix('/'));
    let mut types: Vec<_> = folders
        .filter(|kind| files.has_type(&kind.to_ascii_lowercase()))
        .map(str::to_owned)
        .collect();
    types.sort();
    types.dedup();
    types
}

/// The parts of a month in Parquet, in the folder of a type.
pub(super) fn parts_in(listing: &str, month: Date, kind: &str, files: &Files) -> Vec<Named> {
    let names = links_of(listing).into_iter().filter(|name| is_part_of_month(name));
    sorted(names.map(|name| Named::of_part(name, month, kind)), files)
}

fn sorted(named: impl Iterator<Item = Named>, files: &Files) -> Vec<Named> {
    let mut named: Vec<_> = named.filter(|named| files.wants(named)).collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    named.dedup();
    named
}
