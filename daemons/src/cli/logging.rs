use clap::{Args, ValueEnum};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Failure;
use super::left_out::check_otlp;
use super::traces::Exporting;

/// Logging to standard error, and trace export.
#[derive(Args)]
pub(super) struct Logging {
    /// Log format.
    #[arg(long, env = "AIRSHED_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
    /// Log level: error, warn, info, debug (every record and request), or a filter such as
    /// airshed_ingest=debug.
    #[arg(long = "log", env = "AIRSHED_LOG", default_value = "info", value_name = "LEVEL", value_parser = level)]
    level: String,
    /// Export traces by OTLP over HTTP to a collector such as http://localhost:4318.
    #[arg(long, env = "AIRSHED_OTLP", value_name = "URL", value_parser = http_url)]
    otlp: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// A level, or a filter in which each part ends with a level.
fn level(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    if LEVELS.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let leveled = |part: &str| {
        let level = part.rsplit_once('=').map(|(_, level)| level.trim().to_ascii_lowercase());
        let level = level.unwrap_or_else(|| part.trim().to_ascii_lowercase());
        LEVELS.contains(&level.as_str())
    };
    // Within brackets a comma separates the fields of a span.
    let plain = text.contains(['[', '{']) || text.split(',').all(leveled);
    match EnvFilter::try_new(text) {
        Ok(_) if plain && !text.is_empty() => Ok(text.to_owned()),
        _ => {
            Err(format!("expected {}, or a filter such as airshed_ingest=debug", LEVELS.join(", ")))
        }
    }
}

fn http_url(text: &str) -> Result<String, &'static str> {
    check_otlp()?;
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    is_url.then(|| text.to_owned()).ok_or("expected a URL such as http://localhost:4318")
}

/// Colours only on a terminal, unless the environment variables of no-color.org and
/// bixense.com/clicolors say otherwise, as for the help.
fn colours() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is = |name, value: &str| set(name).is_some_and(|given| given == value);
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
        return true;
    }
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
}

impl Logging {
    pub(super) fn start(&self, daemon: &'static str) -> Result<Exporting, Failure> {
        // A bare level applies to Airshed's crates; other libraries log warnings and errors.
        let filter = match LEVELS.contains(&self.level.as_str()) {
            true => format!("warn,airshed={0},store={0},queue={0}", self.level),
            false => self.level.clone(),
        };
        let filter = EnvFilter::try_new(filter)
            .map_err(|error| format!("--log `{}`: {error}", self.level))?;
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .log_internal_errors(false) // a closed standard error is not an error
            .with_ansi(colours());
        let lines = match self.log_format {
            Format::Text => lines.boxed(),
            Format::Json => lines.json().boxed(),
        };
        let exporting = Exporting::new(self.otlp.as_deref(), daemon)?;
        let spans = exporting.layer();
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
        Ok(exporting)
    }
}
