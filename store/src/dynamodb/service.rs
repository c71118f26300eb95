//! Calls to the service: endpoint, consumed capacity, and errors.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::item::text;
use super::pace::Pacer;
use super::{DynamoDbOptions, keys};
use crate::retry::Pauses;
use crate::{Error, ErrorKind, Network};

/// The endpoint of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// As resolved by AWS tools: region, credentials and endpoint from the environment, the
    /// profile, or the machine's role.
    #[default]
    Environment,
    /// An emulator at a URL, which accepts any credentials.
    Emulator(String),
}

/// Capacity units, as counted by the service: a read unit is a consistent read of 4 KB or an
/// eventually consistent one of 8 KB, a write unit is a write of 1 KB.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Consumed {
    /// Read capacity units.
    pub read: f64,
    /// Write capacity units.
    pub write: f64,
}

/// The cached networks.
pub(super) type KnownNetworks = Mutex<Option<(Instant, BTreeSet<Network>)>>;

/// A table and its client.
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) options: DynamoDbOptions,
    pub(super) networks: KnownNetworks,
    /// Of the items of a batch.
    pub(super) pacer: Option<Pacer>,
    // The service counts half units.
    read_halves: AtomicU64,
    written_halves: AtomicU64,
}

impl Table {
    pub(super) async fn open(name: &str, options: DynamoDbOptions) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(3..=255).contains(&name.len()) || !name.bytes().all(allowed) {
            let message = format!(
                "invalid table name `{name}`: DynamoDB allows 3 to 255 letters, digits and _ . -"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let client = client(&options.endpoint).await;
        if client.config().region().is_none() {
            let message = format!("no AWS region for the table {name}: set AWS_REGION");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (networks, read_halves, written_halves) = Default::default();
        let name = name.to_owned();
        Ok(Self { client, name, options, networks, pacer: None, read_halves, written_halves })
    }

    pub(super) fn consumed(&self) -> Consumed {
        let units = |halves: &AtomicU64| halves.load(Ordering::Relaxed) as f64 / 2.0;
        Consumed { read: units(&self.read_halves), write: units(&self.written_halves) }
    }

    pub(super) fn count_read(&self, consumed: Option<&ConsumedCapacity>) {
        count(&self.read_halves, "read", consumed);
    }

    pub(super) fn count_written<'a>(
        &self,
        consumed: impl IntoIterator<Item = &'a ConsumedCapacity>,
    ) {
        for consumed in consumed {
            count(&self.written_halves, "write", Some(consumed));
        }
    }

    /// A query for a range of sort keys, both ends inclusive.
    pub(super) fn range(&self, partition: &str, low: &str, high: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .key_condition_expression("#partition = :partition AND #sort BETWEEN :low AND :high")
            .expression_attribute_names("#partition", keys::PARTITION)
            .expression_attribute_names("#sort", keys::SORT)
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":low", text(low))
            .expression_attribute_values(":high", text(high))
    }

    /// Repeats a call until the service responds, within the retry policy.
    pub(super) async fn call<T, E, R, F>(
        &self,
        operation: &str,
        send: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let attempt = || async { send().await.map_err(|error| self.failed(operation, error)) };
        self.options.retry.until_done(attempt).await
    }

    pub(super) fn failed<E, R>(&self, operation: &str, error: SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let name = &self.name;
        if error.code().is_some_and(|code| THROTTLED.contains(&code)) {
            count_throttle();
        }
        let message = error.message().map(|message| format!(": {message}")).unwrap_or_default();
        match error.code() {
            Some("ResourceNotFoundException") => self.missing(),
            Some(code) if FINAL.contains(&code) => Error::new(
                ErrorKind::Invalid,
                format!("DynamoDB refused {operation} on the table {name} ({code}{message})"),
            ),
            Some(code) => Error::new(
                ErrorKind::Io,
                format!("DynamoDB failed at {operation} on the table {name} ({code}{message})"),
            ),
            None => {
                let message =
                    format!("DynamoDB could not be reached for {operation} on the table {name}");
                Error::new(ErrorKind::Io, message).because(error)
            }
        }
    }

    pub(super) fn missing(&self) -> Error {
        let message = format!(
            "the DynamoDB table {} does not exist: `airshed provision tables` creates it",
            self.name
        );
        Error::new(ErrorKind::Invalid, message)
    }
}

/// Maximum number of concurrent calls of one put, deletion or count.
const AT_ONCE: usize = 16;

/// Runs many calls with limited concurrency; returns their results in any order.
pub(super) async fn at_once<T, F>(calls: Vec<F>) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    stream::iter(calls).buffer_unordered(AT_ONCE).try_collect().await
}

/// Permanent errors.
const FINAL: [&str; 9] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];

/// Throttling errors of the table or the account.
const THROTTLED: [&str; 3] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];

/// Counts a call that was throttled, completely or partly.
pub(super) fn count_throttle() {
    metrics::counter!("airshed_throttles_total", "service" => "dynamodb").increment(1);
}

/// Retries of the SDK are disabled: [`Table::call`] retries, and knows the deadline.
async fn client(endpoint: &Endpoint) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Endpoint::Emulator(url) = endpoint {
        loader = loader
            .endpoint_url(url)
            .region(Region::from_static("eu-west-2"))
            .credentials_provider(Credentials::new("emulator", "emulator", None, None, "emulator"));
    }
    Client::new(&loader.load().await)
}

fn count(halves: &AtomicU64, kind: &'static str, consumed: Option<&ConsumedCapacity>) {
    let units = consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or(0.0);
    halves.fetch_add((units * 2.0).round() as u64, Ordering::Relaxed);
    metrics::histogram!("airshed_dynamodb_capacity_units", "kind" => kind).record(units);
}

/// Deletes an item conditionally; an unmet condition is not an error.
pub(super) async fn delete_unless_changed(
    table: &Table,
    operation: &str,
    delete: &aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder,
) -> Result<(), Error> {
    let deleted = table.call(operation, || async {
        match delete.clone().send().await {
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
            done => done.map(Some),
        }
    });
    let deleted = deleted.await?;
    table.count_written(deleted.as_ref().and_then(|done| done.consumed_capacity()));
    Ok(())
}

/// Repeats a batch call with the unprocessed items until none is left; returns the results.
pub(super) async fn until_processed<W, T, E, R, F>(
    table: &Table,
    operation: &str,
    mut work: Vec<W>,
    call: impl Fn(Vec<W>) -> F,
) -> Result<Vec<T>, Error>
where
    W: Clone,
    F: Future<Output = Result<(Vec<W>, T), SdkError<E, R>>>,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let mut pauses = Pauses::new(&table.options.retry);
    let mut given = Vec::new();
    while !work.is_empty() {
        let failure = match call(work.clone()).await.map_err(|error| table.failed(operation, error))
        {
            Ok((rest, done)) => {
                if !rest.is_empty() {
                    count_throttle();
                }
                given.push(done);
                work = rest;
                None
            }
            Err(error) if error.is_transient() => Some(error),
            Err(error) => return Err(error),
        };
        if !work.is_empty() && !pauses.pause().await {
            return Err(failure.unwrap_or_else(|| {
                let (left, name) = (work.len(), &table.name);
                let message = format!(
                    "DynamoDB left {left} of a batch unprocessed at {operation} on the table \
                     {name} until the deadline: it has too little capacity"
                );
                Error::new(ErrorKind::Io, message)
            }));
        }
    }
    Ok(given)
}
