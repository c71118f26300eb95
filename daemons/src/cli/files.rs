//! `import` and `export`: readings between files and a store.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use airshed::Destination;
use airshed::control::{self, ClientError};
use airshed::transfer::{self, ExportError, Imported, Rules};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use store::{AqiStandard, Format, Network, Reading, RunningMean};
use tokio::signal::unix::{SignalKind, signal};

use super::logging::Logging;
use super::networks::NetworkFlags;
use super::output::{Output, say};
use super::store_flags::{Access, Reached, StoreFlags};
use super::target::Target;
use super::{Failure, bad_call, wall_clock};

/// How often an export begins anew when the process that has the store open has exited.
const RESTARTS: u32 = 3;

/// Maximum number of refused rows that are printed individually.
const SHOWN: u64 = 20;

#[derive(Args)]
pub(super) struct Import {
    /// CSV, NDJSON, JSON, GeoJSON, Parquet or Arrow files, optionally compressed with gzip, zstd or
    /// zip; the format is detected from the content; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Refuse rows whose AQI, Range or flags differ from the recomputed ones, instead of storing
    /// the recomputed ones.
    #[arg(long)]
    strict: bool,
    /// Network of the sensors in rows without a network column.
    #[arg(long, default_value_t, value_name = "NAME")]
    network: Network,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Import {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("import")?;
        // Files are opened before any reading is stored, so that a wrong name has no side effects.
        let mut inputs = Vec::new();
        for path in &self.files {
            inputs.push((path.display().to_string(), open(path)?));
        }
        let target = Target::of_import(&self.store).await?;
        let rules = Rules { strict: self.strict, network: self.network };
        tokio::select! {
            done = import_all(inputs, rules, &target) => {
                target.close().await;
                done
            }
            code = interrupted() => {
                say("airshed: interrupted; the batches before that are stored; import the same \
                     files again to continue");
                Ok(code?)
            }
        }
    }
}

pub(super) type Input = (Box<dyn io::Read + Send>, u64);

/// A file, and its length if known.
pub(super) fn open(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), 0));
    }
    let name = path.display();
    let file = File::open(path).map_err(|e| format!("cannot read {name}: {e}"))?;
    let metadata = file.metadata().map_err(|e| format!("cannot read {name}: {e}"))?;
    if metadata.is_dir() {
        return Err(format!("cannot read {name}: it is a directory").into());
    }
    Ok((Box::new(file), metadata.len()))
}

/// Ctrl-C, SIGTERM or SIGHUP, and its exit code.
pub(super) async fn interrupted() -> io::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let number = tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hang_up.recv() => SignalKind::hangup(),
    };
    Ok(ExitCode::from(128 + u8::try_from(number.as_raw_value()).unwrap_or_default()))
}

async fn import_all(
    inputs: Vec<(String, Input)>,
    rules: Rules,
    target: &Target,
) -> Result<ExitCode, Failure> {
    let mut refused = 0;
    for (name, (input, length)) in inputs {
        let bar = bar(length, "{bar:30} {bytes}/{total_bytes} {msg}", &name);
        let mut shown = 0;
        let show = |error| {
            shown += 1;
            if shown <= SHOWN {
                bar.suspend(|| say(format_args!("{name}: {error}")));
            }
        };
        let progress = |bytes| bar.set_position(bytes);
        let put = async |batch: &[Reading]| target.put(batch).await;
        let imported = transfer::import(put, input, rules, wall_clock()(), show, progress).await;
        bar.finish_and_clear();
        let imported = imported.map_err(|failure| {
            let before = failure.imported.stored;
            let stored = match before {
                0 if failure.of_store => "no reading of it is known to be stored".to_owned(),
                0 => "no reading of it was stored".to_owned(),
                _ => format!("{before} readings before that were stored"),
            };
            format!("{name}: {}; {stored}", super::reason(failure.error.as_ref()))
        })?;
        if imported.refused > SHOWN {
            say(format_args!("{name}: and {} more rows refused", imported.refused - SHOWN));
        }
        say(format_args!("{name}: {}", counts(&imported)));
        if let [first, ..] = imported.others.names() {
            say(format_args!("{name}: {}", passed_over(first, imported.others.names())));
        }
        refused += imported.refused;
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The summary of a file's rows.
fn counts(imported: &Imported) -> String {
    let Imported { stored, collided, refused, fields_left_out, differing, .. } = *imported;
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

/// Unknown columns, for example misspelt ones.
fn passed_over(first: &str, names: &[String]) -> String {
    if names.len() == 1 {
        return format!("the column {first} is unknown and was ignored");
    }
    let shown = names.iter().take(SHOWN as usize).map(String::as_str).collect::<Vec<_>>();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    format!("the columns {}{more} are unknown and were ignored", shown.join(", "))
}

#[derive(Args)]
pub(super) struct Export {
    /// First timestamp, inclusive: YYYY-MM-DD[ HH:MM:SS] or RFC 3339, UTC [default: the oldest]
    #[arg(long, value_name = "MOMENT")]
    start: Option<String>,
    /// Last timestamp, inclusive; a date without a time is the whole day [default: the newest]
    #[arg(long, value_name = "MOMENT")]
    end: Option<String>,
    /// Countries, such as DE,FR.
    #[arg(long)]
    country: Option<String>,
    /// How timestamps are written: utc, or local, in the zone of --tz (with their offset from UTC;
    /// with --dialect spreadsheet without, and the zone is in the name of the column) [default: utc]
    #[arg(long)]
    times: Option<String>,
    /// The air-quality index: ID[:VERSION[:VARIANT]], as listed by `airshed index --list`
    /// [default: uk_daqi]
    #[arg(long, env = "AIRSHED_INDEX", value_name = "STANDARD")]
    index: Option<AqiStandard>,
    /// Only readings whose averaging period the index is defined for.
    #[arg(long)]
    strict: bool,
    /// Averaging periods, such as 1h,day [default: all]
    #[arg(long, value_name = "WINDOWS")]
    window: Option<String>,
    /// Replace each 1-hour mean by a mean over the sensor's hours up to it: nowcast or 24h.
    #[arg(long)]
    mean: Option<RunningMean>,
    /// Time zone, such as Europe/Berlin: of dates and times without an offset in --start and --end,
    /// and of days (--window day), which are then computed from hours [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Bands of the index, such as Low,Moderate.
    #[arg(long)]
    range: Option<String>,
    /// Lowest index.
    #[arg(long)]
    min_aqi: Option<String>,
    /// Highest index.
    #[arg(long)]
    max_aqi: Option<String>,
    /// confirmed: only readings whose range reaches --min-aqi even at its low end.
    #[arg(long, value_name = "ALARM")]
    alarm: Option<String>,
    /// Networks, such as sensor.community.
    #[arg(long)]
    network: Option<String>,
    /// Sensor ids, prefixed by the network unless it is sensor.community, as in my-school:12.
    #[arg(long)]
    sensor: Option<String>,
    /// Sensor models, such as SDS011.
    #[arg(long, value_name = "MODELS")]
    sensor_type: Option<String>,
    /// Only sensors indoors (true) or outdoors (false).
    #[arg(long, value_name = "BOOL")]
    indoor: Option<bool>,
    /// Only within west,south,east,north, in degrees.
    #[arg(long, allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only within latitude,longitude,kilometres.
    #[arg(long, allow_hyphen_values = true)]
    near: Option<String>,
    /// Exclude readings with one of these flags, such as counts,zero.
    #[arg(long, value_name = "FLAGS")]
    without: Option<String>,
    /// plausible: exclude readings with a flag that makes them implausible; all [default: all]
    #[arg(long)]
    quality: Option<String>,
    /// Maximum number of rows.
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,
    /// Columns, in order; a file with `all` can be imported again.
    #[arg(long, default_value = "all")]
    columns: String,
    /// csv, json, ndjson, geojson, parquet or arrow
    /// [default: from the extension of --output, else csv]
    #[arg(long)]
    format: Option<String>,
    /// Dialect: spreadsheet (CSV that spreadsheets open with dates and numbers) or report (JSON,
    /// CSV or NDJSON as the report's clients expect it).
    #[arg(long)]
    dialect: Option<String>,
    /// CSV delimiter: comma, semicolon or tab.
    #[arg(long)]
    delimiter: Option<String>,
    /// CSV decimal separator: point or comma.
    #[arg(long)]
    decimal: Option<String>,
    /// Start CSV with a byte order mark, for spreadsheets that need one.
    #[arg(long)]
    bom: bool,
    /// Begin CSV with its metadata (licence, index, flags, query) as comment lines, end it with the
    /// numbers of rows, doubtful rows and readings left out, and write JSON as
    /// an object with its metadata and the readings. GeoJSON, Parquet and Arrow always contain it.
    #[arg(long)]
    metadata: bool,
    /// Do not write FILE-metadata.json beside a regular file: for CSV its description as a table (W3C
    /// CSV on the Web), for JSON and NDJSON its metadata.
    #[arg(long)]
    no_sidecar: bool,
    /// The output file, - for standard output. A regular file is created or replaced only when it
    /// is complete; a pipe or a device is written directly [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
}

impl Export {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let mut fields = self.fields(self.window.as_deref())?;
        let mut ask = control::export_request(&fields);
        // Only one averaging period can be combined with a zone.
        if self.window.is_none() && ask.as_ref().is_err_and(|bad| bad.field == "tz") {
            let of_days = self.fields(Some(DAYS))?;
            ask = control::export_request(&of_days).or(ask);
            if ask.is_ok() {
                fields = of_days;
                say("airshed: --tz without --window: days of that zone; for another averaging \
                     period set --window, such as --window 1h");
            }
        }
        let ask = ask.map_err(|bad| {
            bad_call(format!("--{}: {}", flag_of(&bad.field), in_flags(bad.reason)))
        })?;
        let mut store = self.store.reach(Access::Read).await?;
        let own_settings = self.networks.are_given() || self.store.names_models();
        if own_settings && matches!(store, Reached::Held(_)) {
            say("airshed: another process has the store open; its own --network-terms and \
                 --particulate-types apply to this export");
        }
        let mut output = Output::open("output", self.output.as_deref())?;
        let bar = bar(0, "{spinner} {human_pos} rows {elapsed}", "");
        let mut again = RESTARTS;
        let sidecar = self.sidecar_of(&output);
        let (rows, description) = loop {
            match store {
                Reached::Opened(store) => {
                    let networks = self.networks.networks();
                    let present = store.networks().await?;
                    let ask = ask.at_home_in(&present);
                    let view = ask.view_of(store.snapshot().await?);
                    let stored = ask.stored_at(view.as_ref()).await?;
                    let metadata = networks.metadata_of_copy(&ask, &present).with_stored(stored);
                    let progress = |rows| bar.set_position(rows);
                    let pages = ask.pages_in(view);
                    let encoder = ask.encoder(metadata.clone())?;
                    let done = match transfer::export(pages, encoder, &mut output, progress).await {
                        Err(ExportError::Write(error)) => return Err(output.failure(error)),
                        done => done?,
                    };
                    let metadata = done.describe(metadata);
                    let name = sidecar.as_ref().map(|sidecar| sidecar.file.as_str());
                    break (done.rows, Ok(name.and_then(|name| ask.beside(&metadata, name))));
                }
                Reached::Held(mut client) => match client.export(&fields, &mut output).await {
                    // The process that had the store open has exited.
                    Err(failure) if failure.has_ended() && again > 0 && output.restart()? => {
                        again -= 1;
                        store = self.store.reach(Access::Read).await?;
                    }
                    Err(ClientError::Write(error)) => return Err(output.failure(error)),
                    done => {
                        let done = done?;
                        let description = match &sidecar {
                            Some(Sidecar { file, .. }) => client.sidecar(&fields, file, done).await,
                            None => Ok(None),
                        };
                        break (done.rows, description);
                    }
                },
            }
        };
        output.finish()?;
        if let Some(Sidecar { path, .. }) = &sidecar {
            match description {
                Ok(Some(description)) => write_whole(path, &description)?,
                Ok(None) => {}
                Err(error) => say(format_args!(
                    "airshed: {} was not written: {}; export again for it",
                    path.display(),
                    super::reason(&error)
                )),
            }
        }
        bar.finish_and_clear();
        say(format_args!("{rows} readings"));
        Ok(ExitCode::SUCCESS)
    }

    /// The description beside the output, if it is to have one.
    fn sidecar_of(&self, output: &Output) -> Option<Sidecar> {
        const PLAIN: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        let path = self.output.as_ref().filter(|_| output.is_file() && !self.no_sidecar)?;
        let file = percent_encode(path.file_name()?.as_bytes(), PLAIN).to_string();
        let mut sidecar = path.clone().into_os_string();
        sidecar.push("-metadata.json");
        Some(Sidecar { file, path: sidecar.into() })
    }

    /// The flags as the fields of a query string, parsed by the rules of the HTTP API.
    fn fields(&self, window: Option<&str>) -> Result<String, Failure> {
        let format = self.format()?;
        let index = self.index.map(|index| index.to_string());
        let mean = self.mean.map(|mean| mean.to_string());
        let indoor = self.indoor.map(|indoor| indoor.to_string());
        let limit = self.limit.map(|limit| limit.to_string());
        let given = [
            ("startDate", self.start.as_deref()),
            ("endDate", self.end.as_deref()),
            ("country", self.country.as_deref()),
            ("index", index.as_deref()),
            ("strict", self.strict.then_some("true")),
            ("window", window),
            ("mean", mean.as_deref()),
            ("tz", self.tz.as_deref()),
            ("times", self.times.as_deref()),
            ("range", self.range.as_deref()),
            ("minAqi", self.min_aqi.as_deref()),
            ("maxAqi", self.max_aqi.as_deref()),
            ("alarm", self.alarm.as_deref()),
            ("network", self.network.as_deref()),
            ("sensor", self.sensor.as_deref()),
            ("sensorType", self.sensor_type.as_deref()),
            ("indoor", indoor.as_deref()),
            ("bbox", self.bbox.as_deref()),
            ("near", self.near.as_deref()),
            ("without", self.without.as_deref()),
            ("quality", self.quality.as_deref()),
            ("limit", limit.as_deref()),
            ("columns", Some(self.columns.as_str())),
            ("format", format.as_deref()),
            ("dialect", self.dialect.as_deref()),
            ("delimiter", self.delimiter.as_deref()),
            ("decimal", self.decimal.as_deref()),
            ("bom", self.bom.then_some("true")),
            ("metadata", self.metadata.then_some("true")),
        ];
        let mut fields = form_urlencoded::Serializer::new(String::new());
        for (name, value) in given {
            match value {
                // An unchanged HTML form sends empty values; on the command line they are errors.
                Some(value) if value.trim().is_empty() => {
                    return Err(bad_call(format!("--{}: an empty value", flag_of(name))));
                }
                Some(value) => drop(fields.append_pair(name, value)),
                None => {}
            }
        }
        Ok(fields.finish())
    }

    /// The format, from --format and from the file name, which must not contradict each other.
    fn format(&self) -> Result<Option<String>, Failure> {
        let path = self.output.as_ref().filter(|path| *path != Path::new("-"));
        let extension = path.and_then(|path| Some(path.extension()?.to_string_lossy()));
        let Some(extension) = extension else { return Ok(self.format.clone()) };
        let meant = Format::ALL.iter().find(|known| known.name() == extension.to_lowercase());
        match (&self.format, meant) {
            (None, Some(meant)) => Ok(Some(meant.name().to_owned())),
            (None, None) => {
                let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
                Err(bad_call(format!(
                    "--output: `.{extension}` is not a known format; set --format, or use a name \
                     that ends with one of {}",
                    names.join(", ")
                )))
            }
            (Some(format), Some(meant)) if *format != meant.name() => Err(bad_call(format!(
                "--format {format} contradicts the extension of --output, which is {}",
                meant.name()
            ))),
            (Some(format), _) => Ok(Some(format.clone())),
        }
    }
}

/// The averaging period of an export in a time zone.
const DAYS: &str = "day";

/// A description beside a file.
struct Sidecar {
    /// The name of the file, percent-encoded.
    file: String,
    path: PathBuf,
}

fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let mut output = Output::open("output", Some(path))?;
    if let Err(error) = writeln!(output, "{text}") {
        return Err(output.failure(error));
    }
    output.finish()
}

/// Request fields whose flag has a different name.
const RENAMED: [(&str, &str); 5] = [
    ("startDate", "start"),
    ("endDate", "end"),
    ("minAqi", "min-aqi"),
    ("maxAqi", "max-aqi"),
    ("sensorType", "sensor-type"),
];

/// The flag of a request field.
fn flag_of(field: &str) -> &str {
    RENAMED.into_iter().find(|(known, _)| *known == field).map_or(field, |(_, flag)| flag)
}

/// Replaces field names by flag names in a message.
fn in_flags(reason: String) -> String {
    RENAMED
        .into_iter()
        .fold(reason, |reason, (field, flag)| reason.replace(field, &format!("--{flag}")))
}

/// A progress bar, shown only on a terminal.
pub(super) fn bar(length: u64, template: &str, message: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = if length > 0 { ProgressBar::new(length) } else { ProgressBar::new_spinner() };
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(message.to_owned());
    bar
}
