//! `provision`: a deployment on AWS, or the table, queues and bucket alone.

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
    /// Make a whole deployment, or change it to what the flags say. Can be repeated.
    ///
    /// Example: airshed provision up --contact you@example.org --email you@example.org
    Up(Box<deployment::Up>),
    /// What of a deployment is healthy and what is not. Ends with code 1 when something is not.
    Status(deployment::Status),
    /// Delete a deployment: its machines, queues, alarms and logs; what is kept only when told.
    Down(deployment::Down),
    /// Print the CloudFormation template.
    Render,
    /// Make the table, the queues and the bucket alone. Can be repeated: what is missing is added,
    /// what differs is said.
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
