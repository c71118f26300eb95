mod access;
mod access_log;
#[cfg(feature = "backfill")]
mod backfill;
#[cfg(feature = "aws")]
mod cost;
mod daemons;
mod feed_flags;
mod files;
mod index;
mod keys;
mod left_out;
mod licences;
#[cfg(feature = "loadtest")]
mod loadtest;
mod logging;
mod metrics;
mod migrate;
mod neighbour_limits;
mod networks;
mod output;
#[cfg(feature = "aws")]
mod provision;
mod publish;
mod push;
mod quality_flags;
mod reserve;
mod retention;
mod settings;
mod signals;
mod store_flags;
mod target;
mod tasks;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "otlp")]
mod traces;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use airshed::{Clock, reason};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(not(all(feature = "aws", feature = "backfill", feature = "loadtest")))]
use left_out::LeftOut;
#[cfg(not(feature = "tls"))]
use left_out::tls;
#[cfg(not(feature = "otlp"))]
use left_out::traces;

/// Collects, indexes, stores and serves air-quality readings from Sensor.Community.
///
/// Data: Sensor.Community contributors, database ODbL 1.0, contents DbCL 1.0.
#[derive(Parser)]
#[command(name = "airshed", version, propagate_version = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all done; 1 it failed, or rows were refused; 2 the call was \
                          wrong, and nothing was done. A reader that ends early, such as head, is \
                          no failure.";

#[derive(Subcommand)]
enum Command {
    /// Run the collector, the server and workers in one process, with a durable store in a
    /// directory.
    ///
    /// Example: airshed serve --contact you@example.org
    Serve(daemons::Serve),
    /// Like serve, with a simulated sensor network: needs no internet access and leaves no data
    /// behind.
    Demo(daemons::Demo),
    /// Run only the collector: fetch the feed and store its readings.
    Collect(daemons::Collect),
    /// Run only the server.
    Server(daemons::Serving),
    /// Run only workers: compute the results of queued queries.
    Worker(daemons::Working),
    /// Import readings from files (all columns) into a store.
    Import(files::Import),
    /// Store past readings from Sensor.Community's archive, averaged from its samples.
    ///
    /// Interrupted, the same command continues where it stopped.
    ///
    /// Example: airshed backfill --from 2026-01-01 --to 2026-01-31 --contact you@example.org
    #[cfg(feature = "backfill")]
    Backfill(backfill::Backfill),
    #[cfg(not(feature = "backfill"))]
    #[command(hide = true)]
    Backfill(LeftOut),
    /// Export readings from a store to a file.
    Export(files::Export),
    /// Write the readings of days that have ended as Parquet files, one for each day, into a folder or
    /// a bucket.
    ///
    /// Example: airshed publish public/data --from 2026-01-01
    Publish(publish::Publish),
    /// Show and delete readings that are older than a retention period by this machine's clock.
    ///
    /// `serve` and `collect` with --keep-readings do so by themselves, as far as the feed confirms
    /// the clock. Use this for readings of a feed that no longer publishes.
    ///
    /// Example: airshed retention apply --keep-readings 365
    #[command(subcommand)]
    Retention(retention::Retention),
    /// Add, list and revoke API keys.
    ///
    /// Example: airshed keys add newsroom
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Convert a store's file to the format of this version at once, instead of gradually.
    Migrate(migrate::Migrate),
    /// Load-test a server; every response is followed to its file and verified.
    ///
    /// Example: airshed loadtest http://127.0.0.1:8501 --report out.html
    #[cfg(feature = "loadtest")]
    #[command(name = "loadtest")]
    LoadTest(loadtest::LoadTest),
    #[cfg(not(feature = "loadtest"))]
    #[command(name = "loadtest", hide = true)]
    LoadTest(LeftOut),
    /// Estimate the monthly cost on AWS, or compute it from the counters of a running system.
    ///
    /// Example: airshed cost --queries 5000 --budget 40
    #[cfg(feature = "aws")]
    Cost(cost::Cost),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Cost(LeftOut),
    /// Create and manage Airshed's resources on AWS, or on an emulator.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Provision(provision::Provision),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Provision(LeftOut),
    /// Print the limits of sensor types beside their neighbours, from daily means, as a file for
    /// --neighbour-limits: the 1st and the 99th percentile of each type.
    ///
    /// Example: airshed export --window day --columns all | airshed neighbour-limits - > limits.csv
    NeighbourLimits(neighbour_limits::NeighbourLimits),
    /// Compute the air-quality index of given concentrations.
    ///
    /// Example: airshed index uk_daqi PM2.5=11.5 PM10=20
    Index(index::Index),
    /// Print the terms of this program, and of what others wrote in it and its page.
    Licences(licences::Licences),
}

/// A top-level error, worded for the user at the terminal.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A usage error; its message names the flag.
#[derive(Debug)]
struct BadCall(String);

impl std::fmt::Display for BadCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadCall {}

fn bad_call(message: impl Into<String>) -> Failure {
    Box::new(BadCall(message.into()))
}

pub(crate) fn main() -> ExitCode {
    quiet_handled_panics();
    // A connection is a file descriptor: raise the limit as far as the system allows. A lower limit
    // is no error.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let arguments = parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(serve) => serve.run().await,
            Command::Demo(demo) => demo.run().await,
            Command::Collect(collect) => collect.run().await,
            Command::Server(server) => server.run().await,
            Command::Worker(worker) => worker.run().await,
            Command::Import(import) => import.run().await,
            #[cfg(feature = "backfill")]
            Command::Backfill(backfill) => backfill.run().await,
            #[cfg(not(feature = "backfill"))]
            Command::Backfill(_) => Err(bad_call(left_out::BACKFILL)),
            Command::Export(export) => export.run().await,
            Command::Publish(publish) => publish.run().await,
            Command::Retention(retention) => retention.run().await,
            Command::Keys(keys) => keys.run(),
            Command::Migrate(migrate) => migrate.run().await,
            #[cfg(feature = "loadtest")]
            Command::LoadTest(loadtest) => loadtest.run().await,
            #[cfg(not(feature = "loadtest"))]
            Command::LoadTest(_) => Err(bad_call(left_out::LOADTEST)),
            #[cfg(feature = "aws")]
            Command::Cost(cost) => cost.run().await,
            #[cfg(feature = "aws")]
            Command::Provision(provision) => provision.run().await,
            #[cfg(not(feature = "aws"))]
            Command::Cost(_) | Command::Provision(_) => Err(bad_call(left_out::AWS)),
            Command::NeighbourLimits(limits) => limits.run(),
            Command::Index(index) => index.run(),
            Command::Licences(licences) => licences.run(),
        }
    });
    // A put in progress on a blocking thread either completes or has no effect, so there is no need
    // to wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(failure) => fail(&failure),
    }
}

/// A negative number is an invalid value of the preceding flag, not a flag.
fn parse() -> Arguments {
    fn with_numbers(command: clap::Command) -> clap::Command {
        command.allow_negative_numbers(true).mut_subcommands(with_numbers)
    }
    let mut command = with_numbers(Arguments::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let matches = matches.unwrap_or_else(|error| blaming_variable(error, &command).exit());
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// If the value came from an environment variable, the error names the variable, not the flag.
fn blaming_variable(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let Some((scheme, _)) =
            value.split_once("://").filter(|(_, rest)| rest.contains(['@', '?']))
    {
        // The value may contain a password.
        let hidden = ContextValue::String(format!("{scheme}://…"));
        error.insert(ContextKind::InvalidValue, hidden);
    }
    let shown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => shown.clone(),
        _ => return error,
    };
    let typed: Vec<_> = std::env::args().skip(1).collect();
    let is_typed = |flag: &str| {
        let follows =
            |text: &String| text.strip_prefix("--")?.strip_prefix(flag).map(str::to_owned);
        typed.iter().filter_map(follows).any(|rest| rest.is_empty() || rest.starts_with('='))
    };
    let words = typed.iter().filter(|word| !word.starts_with('-'));
    let called =
        words.fold(command, |command, word| command.find_subcommand(word).unwrap_or(command));
    let flag = shown.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
    let meant = called.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let Some(variable) = meant.and_then(clap::Arg::get_env) else { return error };
    let names = meant.and_then(clap::Arg::get_all_aliases).unwrap_or_default();
    if !names.into_iter().chain([flag]).any(is_typed) {
        let variable = ContextValue::String(variable.to_string_lossy().into_owned());
        error.insert(ContextKind::InvalidArg, variable);
    }
    error
}

/// redb panics on a damaged file; the store turns the panic into an error, whose message is more
/// informative.
fn quiet_handled_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(std::panic::Location::file).unwrap_or_default();
        match place.contains("/redb-") {
            true => tracing::debug!(%panic, "the store's file is damaged"),
            false => usual(panic),
        }
    }));
}

fn fail(failure: &Failure) -> ExitCode {
    if output::reader_is_gone(failure.as_ref()) {
        return ExitCode::SUCCESS;
    }
    output::say(format_args!("airshed: {}", reason(failure.as_ref())));
    if failure.is::<BadCall>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn wall_clock() -> Clock {
    Arc::new(jiff::Timestamp::now)
}
