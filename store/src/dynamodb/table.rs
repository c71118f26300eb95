//! The table: creation, checks and updates.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType,
    PointInTimeRecoverySpecification, Projection, ProjectionType, ProvisionedThroughput,
    ScalarAttributeType, SseDescription, SseSpecification, SseType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use tokio::time::{Instant, sleep};

use super::item::EXPIRES;
use super::service::Table;
use super::{DynamoDbOptions, keys};
use crate::{Error, ErrorKind};

/// Options for creating a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableOptions {
    /// The capacity mode; default on demand.
    pub capacity: Capacity,
    /// The encryption key; tables are always encrypted. Default: DynamoDB's own.
    pub encryption: Encryption,
    /// Point-in-time recovery for the last 35 days; default yes.
    pub point_in_time_recovery: bool,
}

impl Default for TableOptions {
    fn default() -> Self {
        let (capacity, encryption) = (Capacity::OnDemand, Encryption::Owned);
        Self { capacity, encryption, point_in_time_recovery: true }
    }
}

/// The capacity mode of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// On demand, billed per request.
    OnDemand,
    /// Provisioned units per second, for the table and for its index each.
    Provisioned {
        /// Read capacity units.
        read: u32,
        /// Write capacity units.
        write: u32,
    },
}

/// The encryption key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// A key that DynamoDB owns.
    Owned,
    /// The account's key for DynamoDB, which AWS manages.
    Managed,
    /// A customer-managed key, by its id, alias or ARN.
    Key(String),
}

/// The result of [`provision`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Provisioned {
    /// Whether the table was created.
    pub created: bool,
    /// Settings that were missing in an existing table and were added.
    pub completed: Vec<String>,
    /// Settings that differ from the options and were not changed: the current value and how to
    /// change it.
    pub differs: Vec<String>,
}

impl fmt::Display for Provisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unchanged = !self.created && self.completed.is_empty();
        f.write_str(match (self.created, unchanged) {
            (true, _) => "created",
            (false, true) => "exists, unchanged",
            (false, false) => "exists, updated",
        })?;
        self.completed.iter().try_for_each(|done| write!(f, "\n  now has {done}"))?;
        self.differs.iter().try_for_each(|differs| write!(f, "\n  differs: {differs}"))
    }
}

/// Creates the table, or completes an existing one; returns when it is usable. Settings that affect
/// the cost or the encryption key are not changed, but reported.
///
/// [`Invalid`](ErrorKind::Invalid) for a table of that name that is not Airshed's: with other keys,
/// or with a different index of the same name.
pub async fn provision(
    name: &str,
    wanted: &TableOptions,
    options: DynamoDbOptions,
) -> Result<Provisioned, Error> {
    let table = Table::open(name, options).await?;
    let mut done = Provisioned::default();
    let there = match describe(&table).await? {
        Some(there) => there,
        None => {
            create(&table, wanted).await?;
            done.created = true;
            until_active(&table).await?
        }
    };
    if !same_keys(&there) {
        return Err(other_keys(&table));
    }
    match index_problem(&there) {
        None => {}
        Some(IndexProblem::Missing) => {
            add_index(&table, wanted).await?;
            done.completed.push(format!("the index {}", keys::INDEX));
        }
        Some(IndexProblem::Differs) => return Err(other_index(&table)),
    }
    let there = until_active(&table).await?;
    done.differs.extend(capacity_difference(&there, wanted.capacity));
    done.differs.extend(encryption_difference(&there, &wanted.encryption));
    match expire(&table).await? {
        Setting::Was => {}
        Setting::IsNow if done.created => {}
        Setting::IsNow => done.completed.push(format!("time to live by `{EXPIRES}`")),
        Setting::Not(why) => done.differs.push(format!("no time to live: {why}")),
    }
    match (wanted.point_in_time_recovery, recover(&table, wanted).await?) {
        (_, Setting::Was) => {}
        (_, Setting::IsNow) if done.created => {}
        (_, Setting::IsNow) => done.completed.push("point-in-time recovery".to_owned()),
        (_, Setting::Not(why)) => done.differs.push(why),
    }
    Ok(done)
}

/// Whether any table of this name exists.
pub async fn exists(name: &str, options: DynamoDbOptions) -> Result<bool, Error> {
    Ok(describe(&Table::open(name, options).await?).await?.is_some())
}

/// Permanently deletes the table with all its readings; returns, when it is gone, whether it
/// existed. [`Invalid`](ErrorKind::Invalid) for a table of that name that is not Airshed's.
pub async fn delete(name: &str, options: DynamoDbOptions) -> Result<bool, Error> {
    let table = Table::open(name, options).await?;
    let Some(there) = describe(&table).await? else { return Ok(false) };
    if !same_keys(&there) {
        return Err(other_keys(&table));
    }
    let deleted = table.call("deleting it", || async {
        match table.client.delete_table().table_name(&table.name).send().await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            done => done.map(drop),
        }
    });
    deleted.await?;
    let begun = Instant::now();
    while describe(&table).await?.is_some() {
        if begun.elapsed() > PATIENCE {
            let message = format!("the table {} is still being deleted", table.name);
            return Err(Error::new(ErrorKind::Io, message));
        }
        sleep(Duration::from_millis(500)).await;
    }
    Ok(true)
}

/// Checks that the table exists and is usable; returns its write capacity, if that is provisioned.
pub(super) async fn check(table: &Table) -> Result<Option<NonZeroU32>, Error> {
    let there = describe(table).await?.ok_or_else(|| table.missing())?;
    if !same_keys(&there) {
        return Err(other_keys(table));
    }
    match index_problem(&there) {
        None => {
            let provisioned = there.provisioned_throughput();
            let write = provisioned.and_then(|units| units.write_capacity_units());
            Ok(write.and_then(|units| NonZeroU32::new(u32::try_from(units).ok()?)))
        }
        Some(IndexProblem::Missing) => {
            let message = format!(
                "the table {} has no index {}: `airshed provision tables` adds it",
                table.name,
                keys::INDEX
            );
            Err(Error::new(ErrorKind::Invalid, message))
        }
        Some(IndexProblem::Differs) => Err(other_index(table)),
    }
}

async fn describe(table: &Table) -> Result<Option<TableDescription>, Error> {
    let described = table.call("describing it", || async {
        match table.client.describe_table().table_name(&table.name).send().await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            done => done.map(|done| done.table),
        }
    });
    described.await
}

/// Timeout for creating a table or filling an index.
const PATIENCE: Duration = Duration::from_secs(1800);

async fn until_active(table: &Table) -> Result<TableDescription, Error> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let there = describe(table).await?;
        let index_active = |there: &TableDescription| {
            there
                .global_secondary_indexes()
                .iter()
                .all(|index| index.index_status().is_none_or(|s| *s == IndexStatus::Active))
        };
        match there {
            Some(there)
                if there.table_status() == Some(&TableStatus::Active) && index_active(&there) =>
            {
                return Ok(there);
            }
            _ if begun.elapsed() > PATIENCE => {
                let message = format!("the table {} is still not active", table.name);
                return Err(Error::new(ErrorKind::Io, message));
            }
            _ => sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

async fn create(table: &Table, wanted: &TableOptions) -> Result<(), Error> {
    let create = table
        .client
        .create_table()
        .table_name(&table.name)
        .set_attribute_definitions(Some(attributes().map_err(|e| incomplete(table, e))?))
        .set_key_schema(Some(
            key_schema(keys::PARTITION, keys::SORT).map_err(|e| incomplete(table, e))?,
        ))
        .global_secondary_indexes(index(wanted).map_err(|e| incomplete(table, e))?)
        .billing_mode(match wanted.capacity {
            Capacity::OnDemand => BillingMode::PayPerRequest,
            Capacity::Provisioned { .. } => BillingMode::Provisioned,
        })
        .set_provisioned_throughput(throughput(wanted.capacity).map_err(|e| incomplete(table, e))?)
        .set_sse_specification(match &wanted.encryption {
            Encryption::Owned => None,
            Encryption::Managed => {
                Some(SseSpecification::builder().enabled(true).sse_type(SseType::Kms).build())
            }
            Encryption::Key(key) => Some(
                SseSpecification::builder()
                    .enabled(true)
                    .sse_type(SseType::Kms)
                    .kms_master_key_id(key)
                    .build(),
            ),
        });
    let created = table.call("creating it", || async {
        match create.clone().send().await {
            // The response to an earlier attempt was lost, or another process created it.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            done => done.map(drop),
        }
    });
    created.await
}

async fn add_index(table: &Table, wanted: &TableOptions) -> Result<(), Error> {
    let index = index(wanted).map_err(|error| incomplete(table, error))?;
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(index.index_name())
        .set_key_schema(Some(index.key_schema().to_vec()))
        .set_projection(index.projection().cloned())
        .set_provisioned_throughput(index.provisioned_throughput().cloned())
        .build()
        .map_err(|error| incomplete(table, error))?;
    let update = table
        .client
        .update_table()
        .table_name(&table.name)
        .set_attribute_definitions(Some(attributes().map_err(|e| incomplete(table, e))?))
        .global_secondary_index_updates(
            GlobalSecondaryIndexUpdate::builder().create(create).build(),
        );
    table.call("adding its index", || update.clone().send()).await.map(drop)
}

type Build<T> = Result<T, aws_sdk_dynamodb::error::BuildError>;

fn attributes() -> Build<Vec<AttributeDefinition>> {
    let names = [keys::PARTITION, keys::SORT, keys::INDEX_PARTITION, keys::INDEX_SORT];
    let attribute = |name| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build()
    };
    names.into_iter().map(attribute).collect()
}

fn key_schema(partition: &str, sort: &str) -> Build<Vec<KeySchemaElement>> {
    let key =
        |(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    [(partition, KeyType::Hash), (sort, KeyType::Range)].into_iter().map(key).collect()
}

fn index(wanted: &TableOptions) -> Build<GlobalSecondaryIndex> {
    GlobalSecondaryIndex::builder()
        .index_name(keys::INDEX)
        .set_key_schema(Some(key_schema(keys::INDEX_PARTITION, keys::INDEX_SORT)?))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .set_provisioned_throughput(throughput(wanted.capacity)?)
        .build()
}

fn throughput(capacity: Capacity) -> Build<Option<ProvisionedThroughput>> {
    let Capacity::Provisioned { read, write } = capacity else { return Ok(None) };
    let units = ProvisionedThroughput::builder();
    units.read_capacity_units(read.into()).write_capacity_units(write.into()).build().map(Some)
}

fn same_keys(there: &TableDescription) -> bool {
    let text = |name: &str| {
        there.attribute_definitions().iter().any(|attribute| {
            attribute.attribute_name() == name
                && *attribute.attribute_type() == ScalarAttributeType::S
        })
    };
    key_schema(keys::PARTITION, keys::SORT).is_ok_and(|wanted| there.key_schema() == wanted)
        && text(keys::PARTITION)
        && text(keys::SORT)
}

enum IndexProblem {
    Missing,
    Differs,
}

fn index_problem(there: &TableDescription) -> Option<IndexProblem> {
    let mut indexes = there.global_secondary_indexes().iter();
    let Some(index) = indexes.find(|index| index.index_name() == Some(keys::INDEX)) else {
        return Some(IndexProblem::Missing);
    };
    let wanted = key_schema(keys::INDEX_PARTITION, keys::INDEX_SORT);
    let all = index.projection().and_then(Projection::projection_type);
    let same = wanted.is_ok_and(|wanted| index.key_schema() == wanted)
        && all == Some(&ProjectionType::All);
    (!same).then_some(IndexProblem::Differs)
}

fn other_keys(table: &Table) -> Error {
    let message = format!(
        "the table {} is not Airshed's: its keys are not {} and {}; choose another name, or \
         delete it and run `airshed provision tables`",
        table.name,
        keys::PARTITION,
        keys::SORT
    );
    Error::new(ErrorKind::Invalid, message)
}

fn other_index(table: &Table) -> Error {
    let message = format!(
        "the index {} of the table {} has other keys or omits attributes; delete the index and \
         run `airshed provision tables`",
        keys::INDEX,
        table.name
    );
    Error::new(ErrorKind::Invalid, message)
}

fn incomplete(table: &Table, error: aws_sdk_dynamodb::error::BuildError) -> Error {
    let message = format!("a request for the table {} could not be built", table.name);
    Error::new(ErrorKind::Invalid, message).because(error)
}

fn capacity_difference(there: &TableDescription, wanted: Capacity) -> Option<String> {
    let on_demand = there
        .billing_mode_summary()
        .is_some_and(|summary| summary.billing_mode() == Some(&BillingMode::PayPerRequest));
    let units = there.provisioned_throughput();
    let units =
        |kind: fn(&aws_sdk_dynamodb::types::ProvisionedThroughputDescription) -> Option<i64>| {
            units.and_then(kind).unwrap_or_default()
        };
    let (reads, writes) = (units(|u| u.read_capacity_units()), units(|u| u.write_capacity_units()));
    let change = "`aws dynamodb update-table` changes it, and what it costs";
    match wanted {
        Capacity::OnDemand if on_demand => None,
        Capacity::OnDemand => Some(format!(
            "its capacity is provisioned ({reads} read, {writes} write units), not on demand; {change}"
        )),
        Capacity::Provisioned { read, write } if on_demand => Some(format!(
            "its capacity is on demand, not provisioned ({read} read, {write} write units); {change}"
        )),
        Capacity::Provisioned { read, write } => {
            let same = (i64::from(read), i64::from(write)) == (reads, writes);
            (!same).then(|| {
                format!(
                    "its capacity is {reads} read and {writes} write units, not {read} and \
                     {write}; {change}"
                )
            })
        }
    }
}

fn encryption_difference(there: &TableDescription, wanted: &Encryption) -> Option<String> {
    let key = there.sse_description().and_then(SseDescription::kms_master_key_arn);
    let is =
        key.map_or_else(|| "a key of DynamoDB's own".to_owned(), |key| format!("the key {key}"));
    let same = match (wanted, key) {
        (Encryption::Owned, None) => true,
        (Encryption::Managed, Some(_)) => true,
        (Encryption::Key(wanted), Some(key)) => key.ends_with(wanted.as_str()),
        _ => false,
    };
    (!same).then(|| format!("it is encrypted with {is}; `aws dynamodb update-table` changes it"))
}

enum Setting {
    Was,
    IsNow,
    Not(String),
}

/// The error of emulators for unsupported operations.
fn is_unknown<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("UnknownOperationException")
}

const NOT_HERE: &str = "not supported by this service";
const NO_RECOVERY: &str = "no point-in-time recovery: not supported by this service";

async fn expire(table: &Table) -> Result<Setting, Error> {
    let known = table.call("reading its time to live", || async {
        match table.client.describe_time_to_live().table_name(&table.name).send().await {
            Err(error) if is_unknown(&error) => Ok(None),
            done => done.map(Some),
        }
    });
    let Some(known) = known.await? else { return Ok(Setting::Not(NOT_HERE.to_owned())) };
    if let Some(known) = known.time_to_live_description() {
        match (known.time_to_live_status(), known.attribute_name()) {
            (Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling), Some(EXPIRES)) => {
                return Ok(Setting::Was);
            }
            (Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling), Some(other)) => {
                return Ok(Setting::Not(format!("it uses `{other}`, not `{EXPIRES}`")));
            }
            _ => {}
        }
    }
    let expire = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build();
    let expire = expire.map_err(|error| incomplete(table, error))?;
    let update = table
        .client
        .update_time_to_live()
        .table_name(&table.name)
        .time_to_live_specification(expire);
    let updated = table.call("setting its time to live", || async {
        match update.clone().send().await {
            Err(error) if is_unknown(&error) => Ok(Setting::Not(NOT_HERE.to_owned())),
            done => done.map(|_| Setting::IsNow),
        }
    });
    updated.await
}

async fn recover(table: &Table, wanted: &TableOptions) -> Result<Setting, Error> {
    let known = table.call("reading its backups", || async {
        match table.client.describe_continuous_backups().table_name(&table.name).send().await {
            Err(error) if is_unknown(&error) => Ok(None),
            done => done.map(Some),
        }
    });
    let Some(known) = known.await? else {
        let not = Setting::Not(NO_RECOVERY.to_owned());
        return Ok(if wanted.point_in_time_recovery { not } else { Setting::Was });
    };
    let enabled = known
        .continuous_backups_description()
        .and_then(|known| known.point_in_time_recovery_description())
        .and_then(|known| known.point_in_time_recovery_status())
        .is_some_and(|status| status.as_str() == "ENABLED");
    match (wanted.point_in_time_recovery, enabled) {
        (true, true) | (false, false) => Ok(Setting::Was),
        (false, true) => Ok(Setting::Not(
            "it has point-in-time recovery, which was not requested and is billed".to_owned(),
        )),
        (true, false) => {
            let on = PointInTimeRecoverySpecification::builder();
            let on = on.point_in_time_recovery_enabled(true).build();
            let on = on.map_err(|error| incomplete(table, error))?;
            let update = table.client.update_continuous_backups();
            let update = update.table_name(&table.name).point_in_time_recovery_specification(on);
            let updated = table.call("turning its backups on", || async {
                match update.clone().send().await {
                    Err(error) if is_unknown(&error) => Ok(Setting::Not(NO_RECOVERY.to_owned())),
                    done => done.map(|_| Setting::IsNow),
                }
            });
            updated.await
        }
    }
}
