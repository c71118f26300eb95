//! Creating, updating and deleting the stack, with each event of CloudFormation reported.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use airshed_common::reason;
use airshed_serve::objects::s3;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack, StackEvent, Tag};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Deployment, ProvisionError};

/// The result of creating or updating a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Created,
    /// It existed and was updated.
    Updated,
    /// It existed and is unchanged.
    Unchanged,
}

/// One event of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name in the template.
    pub resource: String,
    /// Its type, such as `AWS::DynamoDB::Table`.
    pub kind: String,
    /// Its status, such as `CREATE_COMPLETE`.
    pub status: String,
    /// The reason, if any.
    pub reason: Option<String>,
}

/// The polling interval grows from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

impl Deployment {
    /// Creates or updates the stack with these parameters; reports each event.
    ///
    /// A stack whose earlier creation failed and was rolled back is deleted first.
    pub async fn up(
        &self,
        parameters: BTreeMap<&'static str, String>,
        mut report: impl FnMut(&Event),
    ) -> Result<Change, ProvisionError> {
        let there = self.stack().await?;
        let status = there.as_ref().map(status_of).unwrap_or_default();
        let broken = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"];
        if status.ends_with("_IN_PROGRESS") {
            let name = &self.name;
            let message = format!(
                "another operation on the stack {name} is in progress ({status}): wait until it \
                 has finished; check with `airshed provision status --name {name}`"
            );
            return Err(ProvisionError(message));
        }
        let exists = there.is_some() && !broken.contains(&status.as_str());
        if there.is_some() && !exists {
            self.down(&mut report).await?;
        }
        let template = self.template_url().await?;
        let parameters = parameters.into_iter().map(|(name, value)| {
            Parameter::builder().parameter_key(name).parameter_value(value).build()
        });
        let parameters: Vec<_> = parameters.collect();
        let token = format!("airshed-{}", Uuid::new_v4());
        let tag = Tag::builder().key("airshed").value(&self.name).build();
        let (id, change) = if exists {
            let update = self
                .stacks
                .update_stack()
                .stack_name(&self.name)
                .template_url(template)
                .set_parameters(Some(parameters))
                .capabilities(Capability::CapabilityIam)
                .tags(tag)
                .client_request_token(&token);
            match update.send().await {
                Ok(updating) => (updating.stack_id.unwrap_or_default(), Change::Updated),
                Err(error)
                    if error.message().is_some_and(|message| message.contains("No updates")) =>
                {
                    return Ok(Change::Unchanged);
                }
                Err(error) => return Err(self.refused("update", error)),
            }
        } else {
            let create = self
                .stacks
                .create_stack()
                .stack_name(&self.name)
                .template_url(template)
                .set_parameters(Some(parameters))
                .capabilities(Capability::CapabilityIam)
                .retain_except_on_create(true)
                .tags(tag)
                .client_request_token(&token);
            let created = create.send().await.map_err(|error| {
                let ProvisionError(refused) = self.refused("create", error);
                let bucket = self.artefacts();
                ProvisionError(format!(
                    "{refused}; only the bucket {bucket}, which contains the program, was created"
                ))
            })?;
            (created.stack_id.unwrap_or_default(), Change::Created)
        };
        let (ended, failed) = self.until_done(&id, &token, &mut report).await?;
        if failed.is_empty() && !ended.contains("ROLLBACK") && ended.ends_with("_COMPLETE") {
            return Ok(change);
        }
        Err(self.failure(&ended, &failed).await)
    }

    /// Deletes the stack, but not the retained resources; reports each event. Returns whether it
    /// existed.
    pub async fn down(&self, report: &mut impl FnMut(&Event)) -> Result<bool, ProvisionError> {
        let Some(stack) = self.stack().await? else { return Ok(false) };
        let id = stack.stack_id.unwrap_or_default();
        let token = format!("airshed-{}", Uuid::new_v4());
        let delete = self.stacks.delete_stack().stack_name(&id).client_request_token(&token);
        delete.send().await.map_err(|error| self.refused("delete", error))?;
        let (ended, failed) = self.until_done(&id, &token, report).await?;
        match ended.as_str() {
            "DELETE_COMPLETE" => Ok(true),
            _ => Err(self.failure(&ended, &failed).await),
        }
    }

    /// The outputs of the stack, such as its address, by name; `None`: the stack does not exist.
    pub async fn outputs(&self) -> Result<Option<BTreeMap<String, String>>, ProvisionError> {
        let Some(stack) = self.stack().await? else { return Ok(None) };
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Ok(Some(outputs.filter_map(|one| Some((one.output_key?, one.output_value?))).collect()))
    }

    /// The stack, if it exists.
    pub(super) async fn stack(&self) -> Result<Option<Stack>, ProvisionError> {
        let described = self.stacks.describe_stacks().stack_name(&self.name).send().await;
        match described {
            Ok(described) => {
                let found = described.stacks.unwrap_or_default().into_iter().next();
                Ok(found.filter(|stack| status_of(stack) != "DELETE_COMPLETE"))
            }
            Err(error)
                if error.message().is_some_and(|message| message.contains("does not exist")) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.refused("describe", error)),
        }
    }

    /// The physical ids of the stack's resources by their names in the template.
    pub(super) async fn resources(&self) -> Result<BTreeMap<String, String>, ProvisionError> {
        if self.stack().await?.is_none() {
            return Ok(BTreeMap::new());
        }
        let mut pages =
            self.stacks.list_stack_resources().stack_name(&self.name).into_paginator().send();
        let mut names = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused("list", error))?;
            let there = page.stack_resource_summaries().iter().filter(|resource| {
                let status = resource.resource_status().map(|status| status.as_str());
                status != Some("DELETE_COMPLETE")
            });
            names.extend(there.filter_map(|one| {
                let id = one.physical_resource_id().unwrap_or_default();
                Some((one.logical_resource_id()?.to_owned(), id.to_owned()))
            }));
        }
        Ok(names)
    }

    async fn template_url(&self) -> Result<String, ProvisionError> {
        let url = s3::address(&format!("s3://{}", self.artefacts()), &self.template_name()).await;
        url.map_err(|error| ProvisionError::at("the template", &error))
    }

    /// Reports events until the operation ends; returns the stack's final status, and the failures.
    async fn until_done(
        &self,
        id: &str,
        token: &str,
        report: &mut impl FnMut(&Event),
    ) -> Result<(String, Vec<Event>), ProvisionError> {
        let mut known = HashSet::new();
        let mut failed = Vec::new();
        let mut pause = FIRST_PAUSE;
        loop {
            // Requested before the events, so that no event is missed after the final status.
            let described = self.stacks.describe_stacks().stack_name(id).send().await;
            let described = described.map_err(|error| self.refused("describe", error))?;
            let status = described.stacks().first().map(status_of).unwrap_or_default();
            for event in self.events(id, token).await? {
                let new = event.event_id().is_some_and(|id| known.insert(id.to_owned()));
                let of_stack = event.physical_resource_id() == event.stack_id();
                if !new || of_stack {
                    continue;
                }
                let event = Event::of(&event);
                report(&event);
                if event.status.ends_with("_FAILED") {
                    failed.push(event);
                }
            }
            if !status.ends_with("_IN_PROGRESS") {
                return Ok((status, failed));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The events of one request, oldest first.
    async fn events(&self, id: &str, token: &str) -> Result<Vec<StackEvent>, ProvisionError> {
        let mut pages = self.stacks.describe_stack_events().stack_name(id).into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused("describe", error))?;
            for event in page.stack_events.unwrap_or_default() {
                // Events are sorted newest first: the rest belongs to earlier requests.
                if event.client_request_token().is_some_and(|other| other != token) {
                    events.reverse();
                    return Ok(events);
                }
                events.push(event);
            }
        }
        events.reverse();
        Ok(events)
    }

    /// The message: which resource failed, why, and what was left.
    async fn failure(&self, ended: &str, failed: &[Event]) -> ProvisionError {
        let name = &self.name;
        let mut message = format!("the stack {name} ended as {ended}");
        // Resources cancelled because of other failures are not reported.
        let first = failed.iter().filter(|event| {
            let reason = event.reason.as_deref().unwrap_or_default().to_lowercase();
            !reason.contains("cancelled")
        });
        for event in first {
            let reason = event.reason.as_deref().unwrap_or("no reason given");
            message += &format!("\n  {} ({}): {reason}", event.resource, event.kind);
        }
        let left = self.resources().await.unwrap_or_default();
        message += &match left.into_keys().collect::<Vec<_>>().as_slice() {
            [] => "\nrollback complete, no resources remain".to_owned(),
            left => format!("\nleft: {}", left.join(", ")),
        };
        message += "\nfix the cause and rerun the command";
        ProvisionError(message)
    }

    fn refused<E, R>(&self, doing: &str, error: SdkError<E, R>) -> ProvisionError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let why = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => reason(&error),
        };
        ProvisionError(format!("CloudFormation cannot {doing} the stack {}: {why}", self.name))
    }
}

pub(super) fn status_of(stack: &Stack) -> String {
    stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default()
}

impl Event {
    fn of(event: &StackEvent) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let status = event.resource_status().map(|status| status.as_str().to_owned());
        Self {
            resource: text(event.logical_resource_id()),
            kind: text(event.resource_type()),
            status: status.unwrap_or_default(),
            reason: event.resource_status_reason().filter(|why| !why.is_empty()).map(str::to_owned),
        }
    }
}
