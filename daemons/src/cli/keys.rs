//! `keys`: API keys, added, listed and revoked.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use airshed::keys::{Key, Keys as KeyFile, NewKey, Right};
use bytesize::ByteSize;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::access::in_data;
use super::output::standard;
use super::reserve::size;
use super::{Failure, wall_clock};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Add a key and print it: it is shown only this once.
    Add(Add),
    /// List the keys, without their secrets.
    List(List),
    /// Revoke a key for good; a running server refuses it within about a second.
    Revoke(Revoke),
}

#[derive(Args)]
struct FileFlags {
    /// File of API keys, which a server with the same --keys reads [default: DATA/keys.json]
    #[arg(long, env = "AIRSHED_KEYS", value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Data directory.
    #[arg(long, env = "AIRSHED_DATA", default_value = "./data", value_name = "DIR")]
    data: PathBuf,
}

#[derive(Args)]
pub(super) struct Add {
    /// A name for the key, for logs and lists. It cannot be given again, even after it was revoked.
    name: String,
    /// What its holder may do: read (send queries; needed for everything), jobs (create jobs), delete
    /// (cancel own jobs and delete their results), admin (see everybody's jobs; with delete, cancel them).
    #[arg(long, value_name = "RIGHTS", value_delimiter = ',', default_value = "read,jobs,delete")]
    rights: Vec<Right>,
    /// Requests per second, and ten times as many at once, also while nobody else waits [default: as
    /// without a key]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Maximum number of jobs that have not ended [default: as without a key]
    #[arg(long, value_name = "N")]
    open_jobs: Option<usize>,
    /// Maximum size of all its results, such as 2GiB [default: as without a key]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    result_bytes: Option<u64>,
    /// The last day on which it is valid, in UTC [default: for good]
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    #[command(flatten)]
    file: FileFlags,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    file: FileFlags,
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The name of the key.
    name: String,
    #[command(flatten)]
    file: FileFlags,
}

impl FileFlags {
    fn path(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| in_data(&self.data))
    }
}

impl Keys {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let now = wall_clock()();
        let mut out = standard();
        match self {
            Self::Add(add) => {
                let path = add.file.path();
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)
                        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
                }
                let secret = KeyFile::add(&path, add.described()?, now)?;
                writeln!(out, "{secret}")?;
            }
            Self::List(list) => {
                let keys = KeyFile::open(list.file.path())?.list();
                writeln!(out, "name\tstate\trights\trate\topen jobs\tresults\tcreated")?;
                for key in &*keys {
                    writeln!(out, "{}", line(key, now))?;
                }
            }
            Self::Revoke(revoke) => KeyFile::revoke(&revoke.file.path(), &revoke.name, now)?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    fn described(&self) -> Result<NewKey, Failure> {
        let end = |day: Date| TimeZone::UTC.to_timestamp(day.tomorrow()?.at(0, 0, 0, 0));
        let expires = self.until.map(end).transpose();
        Ok(NewKey {
            name: self.name.clone(),
            rights: self.rights.iter().copied().collect::<BTreeSet<_>>(),
            rate: self.rate,
            open_jobs: self.open_jobs,
            result_bytes: self.result_bytes,
            expires: expires.map_err(|error| format!("--until: {error}"))?,
        })
    }
}

/// A key in columns that tabs separate.
fn line(key: &Key, now: Timestamp) -> String {
    let state = match (key.revoked, key.expires) {
        (Some(at), _) => format!("revoked {at:.0}"),
        (None, Some(at)) if !key.is_valid(now) => format!("expired {at:.0}"),
        (None, Some(at)) => format!("valid until {at:.0}"),
        (None, None) => "valid".to_owned(),
    };
    let rights: Vec<_> = key.rights.iter().map(ToString::to_string).collect();
    let or_shared = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let columns = [
        key.name.clone(),
        state,
        rights.join(","),
        or_shared(key.rate.map(|rate| format!("{rate}/s"))),
        or_shared(key.open_jobs.map(|jobs| jobs.to_string())),
        or_shared(key.result_bytes.map(|bytes| ByteSize::b(bytes).to_string())),
        format!("{:.0}", key.created),
    ];
    columns.join("\t")
}
