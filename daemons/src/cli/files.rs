//! `import` and `export`: files into a store, and out of it.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use airshed::request::Ask;
use airshed::transfer::{self, Imported};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use store::{ATTRIBUTION, Format};

use super::Failure;
use super::logging::Logging;
use super::settings::StoreFlags;

/// Refused rows that are shown one by one.
const SHOWN: u64 = 20;

#[derive(Args)]
pub(super) struct Import {
    /// CSV, NDJSON, JSON, GeoJSON, Parquet or Arrow files, also packed with gzip, zstd or
    /// zip, recognised by what is in them; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Refuse rows whose AQI, Range or flags differ from what follows from their values,
    /// instead of storing what follows.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Import {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("import")?;
        let store = self.store.open().await?;
        let mut refused = 0;
        for path in &self.files {
            let name = path.display();
            let (input, length): (Box<dyn io::Read + Send>, u64) = if path == Path::new("-") {
                (Box::new(io::stdin()), 0)
            } else {
                let file = File::open(path).map_err(|e| format!("cannot read {name}: {e}"))?;
                let length = file.metadata().map_or(0, |file| file.len());
                (Box::new(file), length)
            };
            let bar = bar(length, "{bar:30} {bytes}/{total_bytes} {msg}", &name.to_string());
            let mut shown = 0;
            let show = |error| {
                shown += 1;
                if shown <= SHOWN {
                    bar.suspend(|| eprintln!("{name}: {error}"));
                }
            };
            let progress = |bytes| bar.set_position(bytes);
            let imported =
                transfer::import(store.as_ref(), input, self.strict, show, progress).await;
            bar.finish_and_clear();
            let imported = imported.map_err(|failure| {
                let before = failure.imported.stored;
                let stored = match before {
                    0 => "nothing of it was stored".to_owned(),
                    _ => format!("{before} readings before that were stored"),
                };
                format!("{name}: {}; {stored}", super::reason(&failure.error))
            })?;
            if imported.refused > SHOWN {
                eprintln!("{name}: and {} more rows refused", imported.refused - SHOWN);
            }
            eprintln!("{name}: {}", counts(&imported));
            refused += imported.refused;
        }
        Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What became of a file's rows.
fn counts(imported: &Imported) -> String {
    let Imported { stored, collided, refused, fields_left_out, differing } = *imported;
    let mut text = format!("{} rows read: {stored} stored", imported.rows());
    if collided > 0 {
        text += &format!(
            ", {collided} collided (the sensor, window and timestamp of another row; the later \
             is stored)"
        );
    }
    text += &format!(", {refused} refused");
    if fields_left_out > 0 {
        text += &format!("; {fields_left_out} values left out (--log debug names them)");
    }
    if differing > 0 {
        text += &format!("; in {differing} rows AQI, Range or flags differed and were recomputed");
    }
    text
}

#[derive(Args)]
pub(super) struct Export {
    /// First moment, included: YYYY-MM-DD[ HH:MM:SS] or RFC 3339, UTC [default: the
    /// oldest]
    #[arg(long, value_name = "MOMENT")]
    start: Option<String>,
    /// Last moment, included; a date alone is the whole day [default: the newest]
    #[arg(long, value_name = "MOMENT")]
    end: Option<String>,
    /// Countries, such as DE,FR.
    #[arg(long)]
    country: Option<String>,
    /// Bands: Low, Moderate, High, Very High.
    #[arg(long)]
    range: Option<String>,
    /// Lowest index, 1 to 10.
    #[arg(long)]
    min_aqi: Option<String>,
    /// Highest index, 1 to 10.
    #[arg(long)]
    max_aqi: Option<String>,
    /// Sensor ids.
    #[arg(long)]
    sensor: Option<String>,
    /// Only within west,south,east,north, in degrees.
    #[arg(long, allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only within latitude,longitude,kilometres.
    #[arg(long, allow_hyphen_values = true)]
    near: Option<String>,
    /// Leave out readings with one of these flags, such as counts,zero.
    #[arg(long, value_name = "FLAGS")]
    without: Option<String>,
    /// Columns by name and in order; `all` can be imported again.
    #[arg(long, default_value = "all")]
    columns: String,
    /// csv, json, ndjson, geojson, parquet or arrow [default: by the file's extension,
    /// else csv]
    #[arg(long)]
    format: Option<String>,
    /// How it is written: spreadsheet (CSV that spreadsheets open with dates and numbers) or
    /// report (JSON, CSV or NDJSON as the report's clients expect it).
    #[arg(long)]
    dialect: Option<String>,
    /// Between the cells of CSV: comma, semicolon or tab.
    #[arg(long)]
    delimiter: Option<String>,
    /// In the numbers of CSV: point or comma.
    #[arg(long)]
    decimal: Option<String>,
    /// Begin CSV with a byte order mark, for spreadsheets that need one.
    #[arg(long)]
    bom: bool,
    /// The file; it appears when it is whole [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
}

impl Export {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let ask = self.ask()?;
        let store = self.store.open_existing().await?;
        let bar = bar(0, "{spinner} {human_pos} rows {elapsed}", "");
        let progress = |rows| bar.set_position(rows);
        let rows = match &self.output {
            None => {
                let mut output = BufWriter::new(io::stdout().lock());
                let encoder = ask.encoder(ATTRIBUTION)?;
                let written =
                    transfer::export(store, &ask.query, encoder, &mut output, progress).await;
                match written {
                    // Whoever reads has seen enough, such as `head`.
                    Err(transfer::ExportError::Write(e))
                        if e.kind() == io::ErrorKind::BrokenPipe =>
                    {
                        return Ok(ExitCode::SUCCESS);
                    }
                    written => written?,
                }
            }
            Some(path) => {
                // Written beside its place and moved there whole.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let cannot = |e: io::Error| format!("cannot write {}: {e}", path.display());
                let mut output = tempfile::Builder::new()
                    .prefix(".airshed-export-")
                    .permissions(Permissions::from_mode(0o666)) // less the umask
                    .tempfile_in(folder.unwrap_or(Path::new(".")))
                    .map_err(cannot)?;
                let mut buffer = BufWriter::new(output.as_file_mut());
                let encoder = ask.encoder(ATTRIBUTION)?;
                let rows =
                    transfer::export(store, &ask.query, encoder, &mut buffer, progress).await?;
                buffer.flush().map_err(cannot)?;
                drop(buffer);
                output.as_file().sync_all().map_err(cannot)?;
                output.persist(path).map_err(|e| cannot(e.error))?;
                rows
            }
        };
        bar.finish_and_clear();
        eprintln!("{rows} readings");
        Ok(ExitCode::SUCCESS)
    }

    /// The flags, read by the rules of the HTTP contract.
    fn ask(&self) -> Result<Ask, Failure> {
        let everything = store::Query::everything();
        let given = [
            ("startDate", self.start.clone().or(Some("0000-01-01".to_owned()))),
            ("endDate", self.end.clone().or(Some("9999-12-29".to_owned()))),
            ("country", self.country.clone()),
            ("range", self.range.clone()),
            ("minAqi", self.min_aqi.clone()),
            ("maxAqi", self.max_aqi.clone()),
            ("sensor", self.sensor.clone()),
            ("bbox", self.bbox.clone()),
            ("near", self.near.clone()),
            ("without", self.without.clone()),
            ("columns", Some(self.columns.clone())),
            ("format", self.format.clone().or_else(|| self.format_of_file())),
            ("dialect", self.dialect.clone()),
            ("delimiter", self.delimiter.clone()),
            ("decimal", self.decimal.clone()),
            ("bom", self.bom.then(|| "true".to_owned())),
        ];
        let fields: Map<String, Value> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect();
        let mut ask = Ask::from_object(fields).map_err(|bad| bad.to_string())?;
        if self.start.is_none() {
            ask.query.from = everything.from;
        }
        if self.end.is_none() {
            ask.query.until = everything.until;
        }
        Ok(ask)
    }
}

impl Export {
    fn format_of_file(&self) -> Option<String> {
        let extension = self.output.as_ref()?.extension()?.to_str()?.to_ascii_lowercase();
        let known = Format::ALL.iter().find(|format| format.name() == extension)?;
        Some(known.name().to_owned())
    }
}

/// A progress bar on a terminal, nothing elsewhere.
fn bar(length: u64, template: &str, message: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = if length > 0 { ProgressBar::new(length) } else { ProgressBar::new_spinner() };
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(message.to_owned());
    bar
}
