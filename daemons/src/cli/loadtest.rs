//! `airshed loadtest`.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use airshed::loadtest::{
    self, Measured, Mix, Plan, Progress, REPORTS_STEPS, Results, Step, Target, Weighted,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::{Output, say, standard};
use super::signals::stop_on_signals;
use super::{Failure, bad_call};

#[derive(Args)]
pub(super) struct LoadTest {
    /// The server, such as http://127.0.0.1:8501. Test only servers that you operate.
    url: Target,
    /// The query: the fields of /api/query as JSON
    /// [default: the report's query, for the newest full hour of the country with the most readings]
    #[arg(long, value_name = "JSON", conflicts_with = "mix")]
    query: Option<String>,
    /// Several queries with weights: a JSON array of {"weight": 3, "query": {…}}.
    #[arg(long, value_name = "FILE")]
    mix: Option<PathBuf>,
    /// Steps REQUESTS/CONCURRENCY, separated by commas; `report` for the report's
    /// 10/10,100/50,500/100,1000/500,2500/500
    #[arg(long, default_value = "report")]
    steps: Steps,
    /// Open-loop rate in requests per second; latency is then measured from the scheduled start
    /// [default: closed loop, each client sends its next request after a response]
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Warm-up requests before each step, not counted.
    #[arg(long, default_value_t = 10, value_name = "N")]
    warm_up: u64,
    /// Pause before each step in seconds.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pause: f64,
    /// Timeout in seconds of a request, until its file is complete.
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS")]
    timeout: f64,
    /// Number of additional idle connections held open during the test.
    #[arg(long, default_value_t = 0, value_name = "N")]
    idle: usize,
    /// Print the results as JSON to standard output.
    #[arg(long)]
    json: bool,
    /// Write a report with charts to one HTML file.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// The --json output of an earlier run, to compare with in the report.
    #[arg(long, value_name = "FILE.json", requires = "report")]
    compare: Option<PathBuf>,
}

#[derive(Clone)]
struct Steps(Vec<Step>);

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "report" {
            return Ok(Self(REPORTS_STEPS.to_vec()));
        }
        let read = |step: &str| {
            let numbers = step.split_once('/').and_then(|(requests, concurrency)| {
                Some((requests.trim().parse().ok()?, concurrency.trim().parse().ok()?))
            });
            match numbers {
                Some((requests, concurrency)) if requests > 0 && concurrency > 0 => {
                    Ok(Step { requests, concurrency })
                }
                _ => Err(format!("`{step}`: expected REQUESTS/CONCURRENCY, such as 500/100")),
            }
        };
        text.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl LoadTest {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let plan = self.plan().await?;
        let before = self.compare.as_deref().map(read_results).transpose()?;
        let stop = stop_on_signals()?;
        let bar = Bar::new();
        let target = self.url;
        let results = loadtest::run(target, &plan, |progress| bar.show(progress), &stop).await?;
        bar.clear();
        if let Some(path) = &self.report {
            let html = loadtest::page(&results, before.as_ref());
            let mut report = Output::open("report", Some(path))?;
            report.write_all(html.as_bytes()).map_err(|error| report.failure(error))?;
            report.finish()?;
            say(format_args!("{}: the report", path.display()));
        }
        let mut out = standard();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &results).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            for step in &results.steps {
                write_summary(&mut out, step)?;
            }
            if results.idle > 0 {
                writeln!(out, "Idle connections during the last step: {}", results.idle)?;
            }
        }
        let whole = results.steps.len() == plan.steps.len()
            && results.steps.iter().all(|step| step.error_count() == 0);
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        let seconds = |name: &str, value: f64| {
            let duration = Duration::try_from_secs_f64(value);
            duration.map_err(|_| bad_call(format!("--{name} {value}: expected seconds, 0 or more")))
        };
        if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(bad_call("--rate: expected requests per second, more than 0"));
        }
        Ok(Plan {
            mix: self.mix().await?,
            steps: self.steps.0.clone(),
            rate: self.rate,
            warm_up: self.warm_up,
            pause: seconds("pause", self.pause)?,
            timeout: seconds("timeout", self.timeout)?,
            idle: self.idle,
        })
    }

    async fn mix(&self) -> Result<Mix, Failure> {
        if let Some(path) = &self.mix {
            let text = read("mix", path)?;
            let mix: Mix = serde_json::from_str(&text).map_err(|error| {
                format!("--mix {}: invalid mix of queries: {error}", path.display())
            })?;
            if mix.iter().all(|query| query.weight == 0) {
                return Err(format!("--mix {}: no query has a weight", path.display()).into());
            }
            return Ok(mix);
        }
        let query = match &self.query {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| bad_call(format!("--query: not a JSON object: {error}")))?,
            None => loadtest::default_question(&self.url).await?,
        };
        Ok(vec![Weighted { weight: 1, query }])
    }
}

fn read(flag: &str, path: &Path) -> Result<String, Failure> {
    Ok(fs::read_to_string(path)
        .map_err(|error| format!("cannot read --{flag} {}: {error}", path.display()))?)
}

fn read_results(path: &Path) -> Result<Results, Failure> {
    let results = serde_json::from_str(&read("compare", path)?);
    Ok(results.map_err(|error| {
        format!("--compare {}: not the --json output of a run: {error}", path.display())
    })?)
}

/// The totals under the report's names first, then additional figures.
fn write_summary(out: &mut impl Write, step: &Measured) -> std::io::Result<()> {
    let milliseconds = |seconds: f64| format!("{:.3} s", seconds);
    let Measured { times, .. } = step;
    let rate = step.rate.map_or(String::new(), |rate| format!(", {rate} per second"));
    writeln!(out, "{} requests, {} concurrent{rate}:", step.step.requests, step.step.concurrency)?;
    writeln!(out, "  Success count: {}", step.success)?;
    writeln!(out, "  Error count: {}", step.error_count())?;
    for (kind, count) in &step.errors {
        writeln!(out, "    {kind}: {count}")?;
    }
    writeln!(out, "  Average response time: {}", milliseconds(times.average))?;
    writeln!(out, "  Maximum response time: {}", milliseconds(times.maximum))?;
    writeln!(out, "  Minimum response time: {}", milliseconds(times.minimum))?;
    let (p50, p90) = (milliseconds(times.p50), milliseconds(times.p90));
    let (p99, p999) = (milliseconds(times.p99), milliseconds(times.p999));
    writeln!(out, "  p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}")?;
    writeln!(
        out,
        "  {:.0} requests/s, {:.0} rows/s, {:.1} MB/s; {} answered directly, {} as jobs",
        step.a_second(step.success),
        step.a_second(step.rows),
        step.a_second(step.bytes) / 1e6,
        step.direct,
        step.by_job
    )?;
    if let Some(micros) = step.tester_micros {
        writeln!(out, "  The tester itself used {micros:.0} µs of CPU time per request")?;
    }
    writeln!(out)
}

/// A progress line for a step, shown only on a terminal.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
        let bar = style.ok().filter(|_| std::io::stderr().is_terminal());
        Self(bar.map(|style| ProgressBar::new(0).with_style(style)))
    }

    fn show(&self, progress: &Progress<'_>) {
        let Some(bar) = &self.0 else { return };
        let seconds = progress.elapsed.as_secs_f64().max(1e-3);
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| progress.quantile(share));
        bar.set_length(progress.step.requests);
        bar.set_position(progress.done);
        bar.set_message(format!(
            "at {}: {:.0}/s, {} errors, p50 {p50:.1?} p90 {p90:.1?} p99 {p99:.1?}",
            progress.step.concurrency,
            progress.done as f64 / seconds,
            progress.errors,
        ));
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
