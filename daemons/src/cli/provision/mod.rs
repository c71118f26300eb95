//! `provision`: a deployment on AWS, or only the table, queues and bucket.

mod deployment;
mod tables;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;
use super::output::standard;
pub(super) use tables::WantedCapacity;

#[derive(Subcommand)]
pub(super) enum Provision {
    /// Create or update a deployment. Idempotent: rerun it to apply changes.
    ///
    /// Example: airshed provision up --contact you@example.org --email you@example.org
    Up(Box<deployment::Up>),
    /// Check the health of a deployment. Exits with code 1 if something is unhealthy.
    Status(deployment::Status),
    /// Delete a deployment: its machines, queues, alarms and logs, but not its data unless
    /// --delete-data is given.
    Down(deployment::Down),
    /// Print the CloudFormation template.
    Render,
    /// Create only the table, the queues and the bucket. Idempotent: adds what is missing and
    /// reports differences.
    Tables(tables::Tables),
}

impl Provision {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Up(up) => up.run().await,
            Self::Status(status) => status.run().await,
            Self::Down(down) => down.run().await,
            Self::Render => {
                standard().write_all(airshed::provision::TEMPLATE.as_bytes())?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Tables(tables) => tables.run().await,
        }
    }
}
