use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use airshed::objects::s3;
use clap::Args;
use queue::sqs;
use store::dynamodb::{self, Capacity, DynamoDbOptions, Encryption, TableOptions};

use super::super::output::standard;
use super::super::{Failure, bad_call};

#[derive(Args)]
pub(in super::super) struct Tables {
    /// The table: dynamodb:TABLE.
    #[arg(
        long,
        env = "AIRSHED_STORE",
        default_value = "dynamodb:QualityAirTable",
        value_name = "URL"
    )]
    store: String,
    /// The queues: sqs:REQUEST,RESPONSE; channel: for none.
    #[arg(
        long,
        env = "AIRSHED_QUEUE",
        default_value = "sqs:RequestSend,RequestReceive",
        value_name = "URL"
    )]
    queue: String,
    /// The bucket for results: s3://BUCKET/PREFIX [default: none]
    #[arg(long, env = "AIRSHED_RESULTS", value_name = "URL")]
    results: Option<String>,
    /// Capacity of the table: on-demand, or provisioned READ,WRITE units per second.
    #[arg(long, default_value = "on-demand")]
    capacity: WantedCapacity,
    /// Encryption key of the table: owned (DynamoDB's), managed (the account's), or a key's id,
    /// alias or ARN.
    #[arg(long, default_value = "owned", value_name = "KEY")]
    encryption: String,
    /// Disable continuous backups of the table (point-in-time recovery).
    #[arg(long)]
    no_recovery: bool,
}

/// Receives after which a message becomes a dead letter, as with the in-process queue.
const MAX_RECEIVES: u32 = 5;

impl Tables {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let table = table_in(&self.store)?;
        let queues: Vec<_> = match self.queue.strip_prefix("sqs:") {
            Some(names) if names.contains(',') => names.split(',').collect(),
            None if self.queue == "channel:" => Vec::new(),
            _ => {
                let message = format!("--queue `{}`: expected sqs:REQUEST,RESPONSE", self.queue);
                return Err(bad_call(message));
            }
        };

        let mut wanted = TableOptions::default();
        wanted.capacity = self.capacity.0;
        wanted.encryption = match self.encryption.as_str() {
            "owned" => Encryption::Owned,
            "managed" => Encryption::Managed,
            key => Encryption::Key(key.to_owned()),
        };
        wanted.point_in_time_recovery = !self.no_recovery;
        let mut out = standard();
        let done = dynamodb::provision(table, &wanted, DynamoDbOptions::default()).await?;
        writeln!(out, "table {table}: {done}")?;
        for name in queues {
            let created = sqs::provision(name, MAX_RECEIVES, &sqs::Endpoint::default()).await?;
            let message = if created { "created" } else { "exists" };
            writeln!(out, "queue {name}: {message}")?;
        }
        if let Some(url) = self.results {
            writeln!(out, "bucket of {url}: {}", s3::provision(&url).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The table named by `--store`.
pub(super) fn table_in(store: &str) -> Result<&str, String> {
    let table = store.strip_prefix("dynamodb:");
    table.ok_or_else(|| format!("--store `{store}`: expected dynamodb:TABLE"))
}

#[derive(Clone)]
pub(in super::super) struct WantedCapacity(pub(in super::super) Capacity);

impl FromStr for WantedCapacity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "on-demand" {
            return Ok(Self(Capacity::OnDemand));
        }
        let units = |text: &str| text.trim().parse().ok().filter(|units: &u32| *units > 0);
        let both =
            text.split_once(',').and_then(|(read, write)| Some((units(read)?, units(write)?)));
        let (read, write) =
            both.ok_or("expected on-demand, or READ,WRITE units such as 150,150")?;
        Ok(Self(Capacity::Provisioned { read, write }))
    }
}
