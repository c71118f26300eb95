use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use airshed::objects::s3::Place;
use airshed::provision::{Binary, Change, Deployment, Event, ResourceNames};
use airshed::schedule::Schedule;
use airshed::source::Source;
use clap::{Args, ValueEnum};

use super::super::output::standard;
use super::super::{Failure, bad_call};
use super::tables::table_in;

/// The deployment's name.
#[derive(Args)]
pub(in super::super) struct Name {
    /// The deployment's name: that of its CloudFormation stack.
    #[arg(long, default_value = "airshed")]
    name: String,
}

#[derive(Args)]
pub(in super::super) struct Up {
    #[command(flatten)]
    name: Name,
    /// The binary that the machines run [default: this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// The table: dynamodb:TABLE.
    #[arg(
        long,
        default_value = "dynamodb:QualityAirTable",
        value_name = "URL",
        help_heading = "What is kept"
    )]
    store: String,
    /// The queues: sqs:REQUEST,RESPONSE.
    #[arg(
        long,
        default_value = "sqs:RequestSend,RequestReceive",
        value_name = "URL",
        help_heading = "What is kept"
    )]
    queue: String,
    /// The bucket: s3://BUCKET/PREFIX [default: s3://NAME-results-ACCOUNT-REGION/results]
    #[arg(long, value_name = "URL", help_heading = "What is kept")]
    results: Option<String>,
    /// Capacity of the table: on-demand, or LEAST,MOST units per second between which it scales
    /// automatically, such as the report's 150,1000.
    #[arg(long, default_value = "on-demand", help_heading = "What is kept")]
    capacity: Scaled,
    /// Retention period of readings in days; 0: for ever.
    #[arg(long, default_value_t = 0, value_name = "DAYS", help_heading = "What is kept")]
    keep_readings: u32,
    /// Retention period of results in hours.
    #[arg(long, default_value_t = 24, value_name = "HOURS", help_heading = "What is kept", value_parser = clap::value_parser!(u32).range(1..=1000))]
    keep_results: u32,
    /// Retention period of logs in days.
    #[arg(long, default_value = "30", value_name = "DAYS", help_heading = "What is kept")]
    keep_logs: LogDays,

    /// The feed: http(s)://…
    #[arg(
        long,
        default_value = "https://data.sensor.community/static/v2/data.24h.json",
        value_name = "URL",
        help_heading = "The feed"
    )]
    feed: Source,
    /// When to fetch: a cron expression in UTC.
    #[arg(long, default_value = "0 0 * * *", value_name = "CRON", help_heading = "The feed")]
    schedule: Schedule,
    /// Contact e-mail or URL for the User-Agent header; Sensor.Community requires one.
    #[arg(long, env = "AIRSHED_CONTACT", help_heading = "The feed")]
    contact: Option<String>,
    /// Data age in hours above which the page shows a warning and the alarm fires.
    #[arg(long, default_value_t = 26, value_name = "HOURS", help_heading = "The feed", value_parser = clap::value_parser!(u32).range(1..))]
    stale_after: u32,

    /// Instance type [default: t3.micro, or t4g.micro for an aarch64 binary]
    #[arg(long, value_name = "TYPE", help_heading = "The machines")]
    instance: Option<String>,
    /// Number of server machines; more than one requires --balancer.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "The machines")]
    servers: u32,
    /// Maximum number of worker machines; none runs while the queue is empty.
    #[arg(long, default_value_t = 4, value_name = "N", help_heading = "The machines")]
    most_workers: u32,
    /// Target backlog of jobs per worker machine; the number of workers scales accordingly, rounded
    /// up to a power of two.
    #[arg(long, default_value_t = 20, value_name = "N", help_heading = "The machines", value_parser = clap::value_parser!(u32).range(1..))]
    backlog_per_worker: u32,
    /// Add a machine to run `airshed loadtest` on.
    #[arg(long, help_heading = "The machines")]
    tester: bool,

    /// Put a load balancer in front of the servers, instead of a public address of the server.
    #[arg(long, help_heading = "The entrance")]
    balancer: bool,
    /// ARN of a certificate, for HTTPS at the balancer.
    #[arg(long, value_name = "ARN", requires = "balancer", help_heading = "The entrance")]
    certificate: Option<String>,
    /// Client addresses to allow, such as 192.0.2.0/24.
    #[arg(long, default_value = "0.0.0.0/0", value_name = "CIDR", help_heading = "The entrance")]
    allow_from: Network,

    /// E-mail address for alarms.
    #[arg(long, value_name = "ADDRESS", help_heading = "Alarms", value_parser = email)]
    email: Option<String>,
    /// Monthly budget of the whole account in USD, above which an alarm fires.
    #[arg(long, value_name = "USD", requires = "email", help_heading = "Alarms")]
    budget: Option<u32>,
}

fn email(text: &str) -> Result<String, &'static str> {
    let (user, host) = text.split_once('@').ok_or("expected an e-mail address")?;
    match user.is_empty() || !host.contains('.') || text.contains(char::is_whitespace) {
        true => Err("expected an e-mail address"),
        false => Ok(text.to_owned()),
    }
}

/// An address range.
#[derive(Debug, Clone)]
struct Network(String);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let parts =
            parts.and_then(|(a, bits)| Some((Ipv4Addr::from_str(a).ok()?, bits.parse().ok()?)));
        match parts {
            Some((_, 0..=32u8)) => Ok(Self(text.to_owned())),
            _ => Err("expected an IPv4 range such as 192.0.2.0/24"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Scaled {
    OnDemand,
    Between { least: u32, most: u32 },
}

impl FromStr for Scaled {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "on-demand" {
            return Ok(Self::OnDemand);
        }
        let units = |text: &str| text.trim().parse().ok().filter(|units: &u32| *units > 0);
        let both = text.split_once(',').and_then(|(a, b)| Some((units(a)?, units(b)?)));
        match both {
            Some((least, most)) if least <= most => Ok(Self::Between { least, most }),
            _ => Err("expected on-demand, or LEAST,MOST units such as 150,1000"),
        }
    }
}

/// Retention periods that CloudWatch Logs supports.
#[derive(Clone, Copy, ValueEnum)]
enum LogDays {
    #[value(name = "1")]
    Day,
    #[value(name = "7")]
    Week,
    #[value(name = "30")]
    Month,
    #[value(name = "90")]
    Quarter,
    #[value(name = "365")]
    Year,
}

impl LogDays {
    fn days(self) -> u32 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        }
    }
}

impl Up {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let contact = self.contact.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if self.feed.needs_contact() && contact.is_none() {
            return Err(bad_call(
                "the feed's operator requires a contact: set --contact to your e-mail address or \
                 URL",
            ));
        }
        if self.servers > 1 && !self.balancer {
            return Err(bad_call("--servers above 1 requires --balancer"));
        }
        let path = self.binary.clone().map_or_else(std::env::current_exe, Ok)?;
        let program = std::fs::read(&path)
            .map_err(|error| format!("--binary {}: {error}", path.display()))?;
        let binary =
            Binary::read(program).map_err(|error| format!("{}: {error}", path.display()))?;

        let deployment = Deployment::open(&self.name.name).await?;
        let names = self.names(&deployment)?;
        let mut out = standard();
        writeln!(
            out,
            "deployment {} in account {}, region {}",
            self.name.name,
            deployment.account(),
            deployment.region()
        )?;
        let mut parameters = deployment.upload(&binary).await?;
        writeln!(out, "program {} uploaded (SHA-256 {})", path.display(), binary.sha256())?;
        let kept = deployment.names(&names).await?;
        for (make, what) in
            [("MakeTable", "table"), ("MakeQueues", "queues"), ("MakeBucket", "bucket")]
        {
            if kept.get(make).is_some_and(|make| make == "no") {
                writeln!(out, "{what}: exists outside the stack; used as it is")?;
            }
        }
        parameters.extend(kept);
        parameters.extend(self.parameters(contact.unwrap_or_default(), &binary));
        match deployment.up(parameters, say).await? {
            Change::Created => writeln!(out, "created")?,
            Change::Updated => writeln!(out, "updated")?,
            Change::Unchanged => writeln!(out, "up to date, no changes")?,
        }
        let outputs = deployment.outputs().await?.unwrap_or_default();
        let name = &self.name.name;
        writeln!(
            out,
            "its machines take about two minutes to start; check with `airshed provision status \
             --name {name}`"
        )?;
        writeln!(out, "{}", outputs.get("Address").map_or("(no address)", String::as_str))?;
        Ok(ExitCode::SUCCESS)
    }

    fn names(&self, deployment: &Deployment) -> Result<ResourceNames, Failure> {
        let table = table_in(&self.store)?;
        let queues = self.queue.strip_prefix("sqs:").and_then(|names| names.split_once(','));
        let (requests, responses) = queues
            .ok_or_else(|| format!("--queue `{}`: expected sqs:REQUEST,RESPONSE", self.queue))?;
        let (bucket, prefix) = match &self.results {
            None => (deployment.usual_bucket(), String::new()),
            Some(url) => Place::parse(url)?.into_parts(),
        };
        let prefix = if prefix.is_empty() { "results".to_owned() } else { prefix };
        Ok(ResourceNames {
            table: table.to_owned(),
            requests: requests.to_owned(),
            responses: responses.to_owned(),
            bucket,
            prefix,
        })
    }

    fn parameters(&self, contact: &str, binary: &Binary) -> BTreeMap<&'static str, String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (capacity, least, most) = match self.capacity {
            Scaled::OnDemand => ("on-demand", 150, 1000),
            Scaled::Between { least, most } => ("provisioned", least, most),
        };
        let instance = self.instance.clone();
        BTreeMap::from([
            ("Capacity", capacity.to_owned()),
            ("LeastUnits", least.to_string()),
            ("MostUnits", most.to_string()),
            ("InstanceType", instance.unwrap_or_else(|| binary.instance_type().to_owned())),
            ("Feed", self.feed.to_string()),
            ("Contact", contact.to_owned()),
            ("Schedule", self.schedule.to_string()),
            ("KeepReadings", self.keep_readings.to_string()),
            ("KeepResults", self.keep_results.to_string()),
            ("KeepLogs", self.keep_logs.days().to_string()),
            ("StaleAfter", self.stale_after.to_string()),
            ("StaleAfterSeconds", (u64::from(self.stale_after) * 3600).to_string()),
            ("Servers", self.servers.to_string()),
            ("MostWorkers", self.most_workers.to_string()),
            ("BacklogPerWorker", self.backlog_per_worker.to_string()),
            ("BacklogOf2", (u64::from(self.backlog_per_worker) * 2).to_string()),
            ("BacklogOf4", (u64::from(self.backlog_per_worker) * 4).to_string()),
            ("BacklogOf8", (u64::from(self.backlog_per_worker) * 8).to_string()),
            ("Testers", u8::from(self.tester).to_string()),
            ("Entrance", if self.balancer { "balancer" } else { "address" }.to_owned()),
            ("Certificate", text(&self.certificate)),
            ("AllowFrom", self.allow_from.0.clone()),
            ("Email", text(&self.email)),
            ("Budget", self.budget.unwrap_or_default().to_string()),
        ])
    }
}

fn say(event: &Event) {
    let reason = event.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let Event { status, resource, kind, .. } = event;
    // A closed pipe is reported by a later write.
    let _ = writeln!(standard(), "{status:<18}  {resource} ({kind}){reason}");
}

#[derive(Args)]
pub(in super::super) struct Status {
    #[command(flatten)]
    name: Name,
    /// Do not check machines and the application on them, for emulators, which start none.
    #[arg(long)]
    without_machines: bool,
}

impl Status {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let Name { name } = self.name;
        let deployment = Deployment::open(&name).await?;
        let Some(checks) = deployment.status(!self.without_machines).await? else {
            return Err(nothing(&name, &deployment).into());
        };
        let mut out = standard();
        for check in &checks {
            let verdict = if check.healthy { "ok" } else { "FAILING" };
            writeln!(out, "{verdict:<8}{}: {}", check.what, check.state)?;
        }
        let failing = checks.iter().filter(|check| !check.healthy).count();
        Ok(if failing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn nothing(name: &str, deployment: &Deployment) -> String {
    let (account, region) = (deployment.account(), deployment.region());
    format!("the deployment {name} does not exist in account {account}, region {region}")
}

#[derive(Args)]
pub(in super::super) struct Down {
    #[command(flatten)]
    name: Name,
    /// Also delete the table with all its readings, the results, and the bucket of the program.
    #[arg(long)]
    delete_data: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

impl Down {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let name = &self.name.name;
        let deployment = Deployment::open(name).await?;
        let Some(outputs) = deployment.outputs().await? else {
            return Err(nothing(name, &deployment).into());
        };
        let names = ResourceNames::of_outputs(&outputs);
        if self.delete_data && names.is_none() {
            return Err(
                "the stack has no outputs (its creation never finished), so its table and \
                        buckets are unknown: delete it without --delete-data, and delete the \
                        table and the buckets manually"
                    .into(),
            );
        }
        let mut out = standard();
        writeln!(
            out,
            "This deletes the deployment {name} in account {}, region {}: machines, queues, \
             alarms, logs.",
            deployment.account(),
            deployment.region()
        )?;
        if let Some(names) = &names {
            match self.delete_data {
                true => writeln!(
                    out,
                    "It also permanently deletes the table {} with all its readings and the \
                     bucket {}.",
                    names.table, names.bucket
                )?,
                false => writeln!(
                    out,
                    "The table {} and the bucket {} are retained; --delete-data deletes them too.",
                    names.table, names.bucket
                )?,
            }
        }
        if !self.yes && !confirmed(name)? {
            return Err("nothing was deleted".into());
        }
        deployment.down(&mut |event: &Event| say(event)).await?;
        writeln!(out, "deleted")?;
        if let Some(names) = names.filter(|_| self.delete_data) {
            for gone in deployment.delete_data(&names).await? {
                writeln!(out, "deleted: {gone}")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn confirmed(name: &str) -> Result<bool, Failure> {
    let mut out = standard();
    if !std::io::stdin().is_terminal() {
        return Err(bad_call("confirmation required, but stdin is not a terminal; pass --yes"));
    }
    write!(out, "Type {name} to continue: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == name)
}
