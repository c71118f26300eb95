//! `cost`: the monthly cost on AWS.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use airshed::cost::{
    Bill, Capacity, Counters, FreeTier, PRICES, Prices, Saving, Work, savings_for, usage,
};
use airshed::schedule::Schedule;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::output::standard;
use super::provision::WantedCapacity;
use super::{Failure, bad_call};

#[derive(Args)]
pub(super) struct Cost {
    /// Number of sensors in the feed.
    #[arg(long, default_value_t = 23_500, value_name = "N", help_heading = "The work")]
    sensors: u32,
    /// When the feed is fetched: a cron expression.
    #[arg(long, default_value = "0 0 * * *", value_name = "CRON", help_heading = "The work")]
    schedule: Schedule,
    /// Queries a day.
    #[arg(long, default_value_t = 1000, value_name = "N", help_heading = "The work")]
    queries: u64,
    /// Average number of rows in a response.
    #[arg(long, default_value_t = 1000, value_name = "N", help_heading = "The work")]
    rows: u64,
    /// Percentage of queries that become jobs.
    #[arg(long, default_value_t = 10.0, value_name = "PERCENT", help_heading = "The work", value_parser = percent)]
    jobs: f64,
    /// Retention period of readings in days.
    #[arg(long, default_value_t = 365, value_name = "DAYS", help_heading = "The work")]
    keep_readings: u32,
    /// Days of past readings that `airshed backfill` puts within the month: hours and days of every
    /// sensor.
    #[arg(long, default_value_t = 0, value_name = "DAYS", help_heading = "The work")]
    backfilled_days: u32,
    /// Retention period of results in hours.
    #[arg(long, default_value_t = 24, value_name = "HOURS", help_heading = "The work")]
    keep_results: u32,
    /// Number of countries with sensors.
    #[arg(long, default_value_t = 70, value_name = "N", help_heading = "The work")]
    countries: u32,

    /// Number of server machines.
    #[arg(long, default_value_t = 1.0, value_name = "N", help_heading = "The system", value_parser = count)]
    servers: f64,
    /// Average number of worker machines: 0.1 if one runs a tenth of the time.
    #[arg(long, default_value_t = 1.0, value_name = "N", help_heading = "The system", value_parser = count)]
    workers: f64,
    /// Instance type of the machines.
    #[arg(long, default_value = "t3.micro", value_name = "TYPE", help_heading = "The system")]
    instance: String,
    /// Capacity of the table: on-demand, or provisioned READ,WRITE units per second.
    #[arg(long, default_value = "on-demand", help_heading = "The system")]
    capacity: WantedCapacity,
    /// Put a load balancer in front of the servers.
    #[arg(long, help_heading = "The system")]
    balancer: bool,
    /// Exclude CloudWatch metrics, logs and alarms (no --metrics emf).
    #[arg(long, help_heading = "The system")]
    no_cloudwatch: bool,

    /// The AWS region.
    #[arg(long, env = "AWS_REGION", default_value = "eu-west-2", help_heading = "The prices")]
    region: String,
    /// Price table to use instead of the built-in one (see --show-prices).
    #[arg(long, value_name = "FILE", help_heading = "The prices")]
    prices: Option<PathBuf>,
    /// Free tier to apply: none; the always-free amounts; or also those of the first year of
    /// accounts opened before 15 July 2025 (750 hours of a machine).
    #[arg(long, value_enum, default_value = "always", help_heading = "The prices")]
    free_tier: Free,
    /// Print the price table and exit.
    #[arg(long, help_heading = "The prices")]
    show_prices: bool,

    /// Use the counters of these daemons instead of an estimate: the URL of each one's /metrics (or
    /// of the server; /metrics is appended).
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    measured: Vec<String>,
    /// Number of days that the counters cover [default: since the first daemon started]
    #[arg(long, value_name = "DAYS", requires = "measured", value_parser = count)]
    over: Option<f64>,
    /// Monthly budget in USD: lists settings that reduce the cost below it, and exits with code 1
    /// if the cost exceeds it.
    #[arg(long, value_name = "USD", value_parser = count)]
    budget: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Free {
    None,
    Always,
    FirstYear,
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or("a number from 0 to 100")
}

fn count(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or("a number, 0 or more")
}

impl Cost {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let mut out = standard();
        if self.show_prices {
            out.write_all(PRICES.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let prices = match &self.prices {
            None => Prices::built_in()?,
            Some(path) => {
                let named =
                    |error: &dyn std::fmt::Display| format!("--prices {}: {error}", path.display());
                let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
                Prices::parse(&text).map_err(|error| named(&error))?
            }
        };
        let known: Vec<_> = prices.regions().collect();
        if !known.contains(&self.region.as_str()) {
            let known = known.join(", ");
            return Err(bad_call(format!(
                "--region {}: no prices for this region; known regions: {known}",
                self.region
            )));
        }
        let given = self.work()?;
        let (work, counters) = match self.measured.as_slice() {
            [] => (given, None),
            urls => {
                let now = Timestamp::now().as_second() as f64;
                let counters = Counters::read(&fetch_all(urls).await?, now, self.over)?;
                (counters.work(&given), Some(counters))
            }
        };
        let lines = match &counters {
            None => usage::ours(&work),
            Some(counters) => counters.usage(&work),
        };
        let bill = |lines, free| Bill::of(lines, &prices, &self.region, free);
        let free = match self.free_tier {
            Free::None => FreeTier::None,
            Free::Always => FreeTier::Always,
            Free::FirstYear => FreeTier::FirstYear,
        };
        let answer = Answer {
            ours: bill(lines.clone(), free)?,
            first_year: bill(lines, FreeTier::FirstYear)?.total,
            report: bill(usage::of_report(&work), free)?,
            savings: match self.budget {
                None => Vec::new(),
                Some(budget) => {
                    savings_for(budget, &work, |work| Ok(bill(usage::ours(work), free)?.total))?
                }
            },
        };
        let text = match self.json {
            true => self.as_json(&prices, &work, &answer),
            false => self.as_text(&prices, &work, counters.as_ref(), &answer)?,
        };
        out.write_all(text.as_bytes())?;
        let over = self.budget.is_some_and(|budget| answer.ours.total > budget);
        Ok(if over { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn work(&self) -> Result<Work, Failure> {
        let capacity = match self.capacity.0 {
            store::dynamodb::Capacity::OnDemand => Capacity::OnDemand,
            store::dynamodb::Capacity::Provisioned { read, write } => {
                Capacity::Provisioned { read: read.into(), write: write.into() }
            }
        };
        Ok(Work {
            sensors: self.sensors.into(),
            fetches: fetches_a_day(&self.schedule)?,
            countries: self.countries.into(),
            queries: self.queries as f64,
            rows: self.rows as f64,
            jobs: self.jobs / 100.0,
            kept_days: self.keep_readings.into(),
            backfilled_days: self.backfilled_days.into(),
            kept_result_hours: self.keep_results.into(),
            capacity,
            servers: self.servers,
            workers: self.workers,
            instance: self.instance.clone(),
            balancer: self.balancer,
            cloudwatch: !self.no_cloudwatch,
        })
    }

    fn as_json(&self, prices: &Prices, work: &Work, answer: &Answer) -> String {
        let body = json!({
            "region": self.region,
            "prices": { "asOf": prices.as_of, "currency": prices.currency, "note": prices.note },
            "work": {
                "readingsADay": work.readings(), "queriesADay": work.queries, "rows": work.rows,
                "jobs": work.jobs, "keptDays": work.kept_days,
            },
            "ours": answer.ours,
            "firstYearTotal": answer.first_year,
            "report": answer.report,
            "budget": self.budget,
            "savings": answer.savings,
        });
        format!("{body:#}\n")
    }

    fn as_text(
        &self,
        prices: &Prices,
        work: &Work,
        counters: Option<&Counters>,
        answer: &Answer,
    ) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let region = &self.region;
        match counters {
            None => writeln!(text, "Monthly cost of Airshed in {region}, estimated")?,
            Some(counters) => writeln!(
                text,
                "Monthly cost of Airshed in {region}, extrapolated from {} of counters",
                counters.time()
            )?,
        }
        for caveat in counters.map(Counters::caveats).unwrap_or_default() {
            writeln!(text, "{caveat}")?;
        }
        writeln!(
            text,
            "{:.0} readings and {:.0} queries a day of {:.0} rows, kept for {:.0} days",
            work.readings(),
            work.queries,
            work.rows,
            work.kept_days
        )?;
        writeln!(
            text,
            "Rows are the rows that are read. A query by an index other than uk_daqi (`index=`) \
             reads all rows of its countries and times, since the table's secondary index covers \
             only uk_daqi"
        )?;
        writeln!(text, "Prices as of {}, {}\n", prices.as_of, prices.currency)?;
        charges(&mut text, &answer.ours)?;
        if answer.first_year < answer.ours.total {
            writeln!(
                text,
                "In the first year of an account opened before 15 July 2025: {:.2} USD",
                answer.first_year
            )?;
        }
        writeln!(text, "\nThe report's design, for the same work\n")?;
        charges(&mut text, &answer.report)?;
        let (ours, report) = (answer.ours.total, answer.report.total);
        if ours > 0.0 && report > ours {
            writeln!(
                text,
                "Saved: {:.2} USD per month; the report's design costs {:.1} times as much",
                report - ours,
                report / ours
            )?;
        } else {
            writeln!(text, "No savings: the report's design costs {:.2} USD less", ours - report)?;
        }
        if let Some(budget) = self.budget {
            writeln!(text)?;
            match ours <= budget {
                true => writeln!(text, "Within the budget of {budget:.2} USD.")?,
                false => {
                    let over = "Settings that reduce the cost:";
                    writeln!(text, "Over the budget of {budget:.2} USD. {over}")?
                }
            }
            for Saving { setting, total, enough } in answer.savings.iter().filter(|_| ours > budget)
            {
                let verdict = if *enough { "enough" } else { "not enough" };
                writeln!(text, "  {total:>10.2} USD  {verdict:<10}  {setting}")?;
            }
            if answer.savings.last().is_some_and(|all| !all.enough) {
                writeln!(
                    text,
                    "Most of the remaining cost is machines: `airshed serve` runs everything on \
                     one, with the embedded store."
                )?;
            }
        }
        writeln!(text, "\n{}", prices.note)?;
        Ok(text)
    }
}

struct Answer {
    ours: Bill,
    first_year: f64,
    report: Bill,
    savings: Vec<Saving>,
}

fn charges(text: &mut String, bill: &Bill) -> std::fmt::Result {
    for charge in &bill.charges {
        let line = &charge.line;
        let quantity = number(line.quantity);
        let free = match charge.free {
            0.0 => String::new(),
            free => format!(", {} of it free", number(free)),
        };
        writeln!(text, "{:>10.2} USD  {}", charge.usd, line.what)?;
        writeln!(text, "                {quantity} {}{free}", line.price)?;
        writeln!(text, "                = {}", line.formula)?;
    }
    writeln!(text, "{:>10.2} USD  total", bill.total)
}

fn number(number: f64) -> String {
    match number {
        million if million >= 1e6 => format!("{:.2} million", million / 1e6),
        small if small < 100.0 => format!("{small:.2}"),
        number => format!("{number:.0}"),
    }
}

/// The average number of fetches per day of a schedule, over four weeks.
fn fetches_a_day(schedule: &Schedule) -> Result<f64, Failure> {
    const DAYS: i64 = 28;
    let begun = Timestamp::now();
    let end = begun + SignedDuration::from_hours(24 * DAYS);
    let mut moment = begun;
    let mut fetches = 0u32;
    while let Some(next) = schedule.next_after(moment).filter(|next| *next <= end) {
        (moment, fetches) = (next, fetches + 1);
        if fetches > 100_000 {
            return Err(bad_call(format!(
                "--schedule `{schedule}` fetches more than once a minute"
            )));
        }
    }
    match fetches {
        0 => Err(bad_call(format!("--schedule `{schedule}` has no fetch within four weeks"))),
        fetches => Ok(f64::from(fetches) / DAYS as f64),
    }
}

async fn fetch_all(urls: &[String]) -> Result<Vec<String>, Failure> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
    let mut texts = Vec::new();
    for url in urls {
        let url = match url.trim_end_matches('/') {
            url if url.ends_with("/metrics") => url.to_owned(),
            url => format!("{url}/metrics"),
        };
        let named = |error: reqwest::Error| format!("{url}: {}", airshed::reason(&error));
        let answer = http.get(&url).send().await.map_err(named)?;
        let answer = answer.error_for_status().map_err(named)?;
        texts.push(answer.text().await.map_err(named)?);
    }
    Ok(texts)
}
