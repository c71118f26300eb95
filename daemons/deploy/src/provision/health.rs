//! Health of a deployment, as reported by the services themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use airshed_common::reason;
use airshed_serve::objects::s3;
use queue::sqs;
use serde_json::Value;
use store::dynamodb::{DynamoDb, DynamoDbOptions};

use super::stack::status_of;
use super::{Deployment, ProvisionError, ResourceNames};

/// One health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The checked resource.
    pub what: String,
    /// Its state.
    pub state: String,
    /// Whether it is healthy.
    pub healthy: bool,
}

/// Timeout of a request to the application.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Deployment {
    /// Checks everything, or everything except machines on an emulator, which starts none. `None`:
    /// the deployment does not exist.
    pub async fn status(&self, machines: bool) -> Result<Option<Vec<Check>>, ProvisionError> {
        let Some(stack) = self.stack().await? else { return Ok(None) };
        let outputs = self.outputs().await?.unwrap_or_default();
        let status = status_of(&stack);
        let healthy = status.ends_with("_COMPLETE") && !status.contains("ROLLBACK");
        let mut checks = vec![check(format!("stack {}", self.name), status, healthy)];
        if let Some(names) = ResourceNames::of_outputs(&outputs) {
            checks.push(table(&names).await);
            checks.extend(queues(&names).await);
            checks.push(bucket(&names).await);
        }
        checks.extend(self.alarms().await);
        if machines {
            checks.extend(self.machines(&outputs).await);
            checks.push(application(outputs.get("Address").map(String::as_str)).await);
        }
        Ok(Some(checks))
    }

    async fn machines(&self, outputs: &BTreeMap<String, String>) -> Vec<Check> {
        let names = outputs.get("Groups").map(String::as_str).unwrap_or_default().split(',');
        let names: Vec<_> = names.map(str::to_owned).collect();
        let groups = aws_sdk_autoscaling::Client::new(&self.config);
        let asked = groups.describe_auto_scaling_groups();
        let described = asked.set_auto_scaling_group_names(Some(names.clone())).send().await;
        let described = match described {
            Ok(described) => described.auto_scaling_groups.unwrap_or_default(),
            Err(error) => return vec![check("machines", reason(&error), false)],
        };
        let daemons = ["collector", "servers", "workers", "testers"];
        let named = daemons.iter().zip(&names).map(|(daemon, name)| {
            let found = described.iter().find(|one| one.auto_scaling_group_name() == Some(name));
            let Some(group) = found else {
                return check(format!("machines: {daemon}"), "missing".to_owned(), false);
            };
            let wanted = group.desired_capacity().unwrap_or_default();
            let serving = group.instances().iter().filter(|machine| {
                let state = machine.lifecycle_state().map(|state| state.as_str());
                state == Some("InService") && machine.health_status() == Some("Healthy")
            });
            let serving = serving.count() as i32; // a group has at most a few hundred
            let state = format!("{serving} of {wanted} in service");
            check(format!("machines: {daemon}"), state, serving >= wanted)
        });
        named.collect()
    }

    async fn alarms(&self) -> Vec<Check> {
        let prefix = format!("{}-", self.name);
        let watch = aws_sdk_cloudwatch::Client::new(&self.config);
        let mut pages = watch.describe_alarms().alarm_name_prefix(&prefix).into_paginator().send();
        let mut checks = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => return vec![check("alarms", reason(&error), false)],
            };
            for alarm in page.metric_alarms() {
                let name = alarm.alarm_name().unwrap_or_default();
                // Alarms named by CloudFormation or scaling do not indicate a fault.
                let Some(short) = name.strip_prefix(&prefix).filter(|name| !name.contains('-'))
                else {
                    continue;
                };
                let state = alarm.state_value().map(|state| state.as_str()).unwrap_or("unknown");
                let why = alarm.state_reason().filter(|_| state == "ALARM").unwrap_or_default();
                let message = format!("{state} {why}").trim_end().to_owned();
                checks.push(check(format!("alarm {short}"), message, state != "ALARM"));
            }
        }
        checks
    }
}

impl ResourceNames {
    /// The names in a stack's outputs.
    pub fn of_outputs(outputs: &BTreeMap<String, String>) -> Option<Self> {
        let (requests, responses) = outputs.get("Queue")?.strip_prefix("sqs:")?.split_once(',')?;
        let results = outputs.get("ResultsPlace")?.strip_prefix("s3://")?;
        let (bucket, prefix) = results.split_once('/').unwrap_or((results, ""));
        Some(Self {
            table: outputs.get("Store")?.strip_prefix("dynamodb:")?.to_owned(),
            requests: requests.to_owned(),
            responses: responses.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

fn check(what: impl Into<String>, state: String, healthy: bool) -> Check {
    Check { what: what.into(), state, healthy }
}

async fn table(names: &ResourceNames) -> Check {
    let opened = DynamoDb::open(&names.table, DynamoDbOptions::default()).await;
    let what = format!("table {}", names.table);
    match opened {
        Ok(_) => check(what, "active, with its index".to_owned(), true),
        Err(error) => check(what, reason(&error), false),
    }
}

async fn queues(names: &ResourceNames) -> Vec<Check> {
    let dead = sqs::dead_letters(&names.requests);
    let mut checks = Vec::new();
    for (name, may_wait) in [(&names.requests, true), (&names.responses, true), (&dead, false)] {
        let depth = async {
            let queue = sqs::Sqs::open(name, None, &sqs::Endpoint::default()).await?;
            queue::Queue::depth(&queue).await
        };
        let what = format!("queue {name}");
        checks.push(match depth.await {
            Ok(depth) => {
                let state = format!("{} waiting, {} in flight", depth.waiting, depth.hidden);
                check(what, state, may_wait || depth.waiting == 0)
            }
            Err(error) => check(what, reason(&error), false),
        });
    }
    checks
}

async fn bucket(names: &ResourceNames) -> Check {
    let what = format!("bucket {}", names.bucket);
    match s3::exists(&format!("s3://{}", names.bucket)).await {
        Ok(true) => check(what, "exists".to_owned(), true),
        Ok(false) => check(what, "missing".to_owned(), false),
        Err(error) => check(what, reason(&error), false),
    }
}

async fn application(address: Option<&str>) -> Check {
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return check("application", "has no address".to_owned(), false);
    };
    let what = format!("application {address}");
    let asked = async {
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        http.get(format!("{address}/readyz")).send().await?.text().await
    };
    match asked.await {
        Err(error) => check(what, reason(&error), false),
        Ok(text) => {
            let status: Value = serde_json::from_str(&text).unwrap_or_default();
            let (readings, age) = (&status["readings"], status["dataAgeSeconds"].as_i64());
            let age = age.map_or("none yet".to_owned(), |age| format!("{} hours ago", age / 3600));
            let state = match status["ready"].as_bool() {
                Some(true) => format!("ready; {readings} readings, the newest {age}"),
                _ => format!(
                    "not ready: {}",
                    status["reason"].as_str().unwrap_or("unexpected response")
                ),
            };
            check(what, state, status["ready"] == true)
        }
    }
}
