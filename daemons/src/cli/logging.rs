use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::Failure;

/// What is written to standard error.
#[derive(Args)]
pub(super) struct Logging {
    /// The lines' format.
    #[arg(long, env = "AIRSHED_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
    /// What is logged: error, warn, info, debug (every record), or a filter such as
    /// airshed::collector=debug.
    #[arg(long = "log", env = "AIRSHED_LOG", default_value = "info", value_name = "LEVEL")]
    level: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Logging {
    pub(super) fn start(&self) -> Result<(), Failure> {
        // A bare level is ours; libraries speak up from warnings on.
        let plain = ["error", "warn", "info", "debug", "trace", "off"];
        let filter = match plain.contains(&self.level.as_str()) {
            true => format!("warn,airshed={0},store={0},queue={0}", self.level),
            false => self.level.clone(),
        };
        let filter = EnvFilter::try_new(filter)
            .map_err(|error| format!("--log `{}`: {error}", self.level))?;
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        match self.log_format {
            Format::Text => lines.init(),
            Format::Json => lines.json().init(),
        }
        Ok(())
    }
}
