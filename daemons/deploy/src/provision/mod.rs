//! A complete deployment on AWS: one CloudFormation stack, and a bucket from which the machines
//! download the program.
//!
//! [`Deployment`] creates, updates, inspects and deletes it. [`TEMPLATE`] is the stack,
//! [`INSTALLER`] the script that its machines run at first boot, [`Binary`] the program that they
//! download.

mod binary;
mod health;
mod stack;

use std::collections::BTreeMap;

use airshed_common::{hexadecimal, reason};
use airshed_serve::objects::{Objects, s3};
use aws_config::{BehaviorVersion, SdkConfig};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use queue::sqs;
use sha2::{Digest, Sha256};
use store::dynamodb::{self, DynamoDbOptions};

pub use binary::{BadBinary, Binary};
pub use health::Check;
pub use stack::{Change, Event};

/// The CloudFormation template.
pub const TEMPLATE: &str = include_str!("../../provision/template.yaml");

/// The script that installs Airshed on a machine.
pub const INSTALLER: &str = include_str!("../../provision/install.sh");

/// A deployment by its name, in the account and region of the AWS configuration.
pub struct Deployment {
    name: String,
    account: String,
    region: String,
    config: SdkConfig,
    stacks: aws_sdk_cloudformation::Client,
}

/// The names of the retained resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceNames {
    /// The table.
    pub table: String,
    /// The queue of requests.
    pub requests: String,
    /// The queue of responses.
    pub responses: String,
    /// The bucket of results.
    pub bucket: String,
    /// The prefix of results in the bucket.
    pub prefix: String,
}

/// What failed, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProvisionError(pub(crate) String);

impl ProvisionError {
    fn at(doing: &str, error: &dyn std::error::Error) -> Self {
        Self(format!("{doing}: {}", reason(error)))
    }
}

impl Deployment {
    /// The deployment with a name, whether it exists or not.
    pub async fn open(name: &str) -> Result<Self, ProvisionError> {
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !first || name.len() > 20 || name.ends_with('-') || !name.bytes().all(plain) {
            let message = format!(
                "invalid deployment name `{name}`: expected 1 to 20 lower-case letters, digits \
                 and hyphens, starting with a letter"
            );
            return Err(ProvisionError(message));
        }
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(ProvisionError("no AWS region found: set AWS_REGION".to_owned()));
        };
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| {
            ProvisionError::at("cannot determine the AWS account of the credentials", &error)
        })?;
        let account = identity.account.unwrap_or_default();
        let stacks = aws_sdk_cloudformation::Client::new(&config);
        Ok(Self { name: name.to_owned(), account, region, config, stacks })
    }

    /// Its account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Its region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The default bucket for results.
    pub fn usual_bucket(&self) -> String {
        format!("{}-results-{}-{}", self.name, self.account, self.region)
    }

    fn artefacts(&self) -> String {
        format!("{}-artefacts-{}-{}", self.name, self.account, self.region)
    }

    /// Uploads the program, the installer and the template under their hashes, for the machines and
    /// CloudFormation; returns the parameters that refer to them.
    pub async fn upload(
        &self,
        binary: &Binary,
    ) -> Result<BTreeMap<&'static str, String>, ProvisionError> {
        let bucket = self.artefacts();
        let url = format!("s3://{bucket}");
        let failed = |error: &dyn std::error::Error| {
            ProvisionError::at(&format!("the bucket {bucket} for the program"), error)
        };
        s3::provision(&url).await.map_err(|error| failed(&error))?;
        let objects = Objects::open(&url).await.map_err(|error| failed(&error))?;
        let installer = hexadecimal(&Sha256::digest(INSTALLER));
        let files = [
            (format!("airshed-{}", binary.sha256), PutPayload::from(binary.bytes.clone())),
            (format!("install-{installer}.sh"), PutPayload::from_static(INSTALLER.as_bytes())),
            (self.template_name(), PutPayload::from_static(TEMPLATE.as_bytes())),
        ];
        for (name, payload) in files {
            let path = Path::from(name);
            if objects.head(&path).await.is_err() {
                objects.put(&path, payload).await.map_err(|error| failed(&error))?;
            }
        }
        Ok(BTreeMap::from([
            ("ArtefactBucket", bucket),
            ("Binary", binary.sha256.clone()),
            ("Installer", installer),
            ("Image", binary.image().to_owned()),
        ]))
    }

    fn template_name(&self) -> String {
        format!("template-{}.yaml", hexadecimal(&Sha256::digest(TEMPLATE)))
    }

    /// The parameters that name the retained resources, and say which of them exist already,
    /// created manually or left by an earlier deployment.
    pub async fn names(
        &self,
        names: &ResourceNames,
    ) -> Result<BTreeMap<&'static str, String>, ProvisionError> {
        let ours = self.resources().await?;
        let table = dynamodb::exists(&names.table, DynamoDbOptions::default()).await;
        let table = table.map_err(|error| ProvisionError::at("the table", &error))?;
        let queues = sqs::exists(&names.requests, &sqs::Endpoint::default()).await;
        let queues = queues.map_err(|error| ProvisionError::at("the queues", &error))?;
        let bucket = s3::exists(&format!("s3://{}", names.bucket)).await;
        let bucket = bucket.map_err(|error| ProvisionError::at("the results", &error))?;
        // The physical id of a queue is its URL.
        let make = |there: bool, resource: &str, name: &str| {
            let known = ours.get(resource).map(|id| id.rsplit('/').next().unwrap_or_default());
            if !there || known == Some(name) { "yes" } else { "no" }.to_owned()
        };
        Ok(BTreeMap::from([
            ("TableName", names.table.clone()),
            ("RequestQueue", names.requests.clone()),
            ("ResponseQueue", names.responses.clone()),
            ("ResultsBucket", names.bucket.clone()),
            ("ResultsPrefix", names.prefix.clone()),
            ("MakeTable", make(table, "Table", &names.table)),
            ("MakeQueues", make(queues, "Requests", &names.requests)),
            ("MakeBucket", make(bucket, "Results", &names.bucket)),
        ]))
    }

    /// Deletes the retained resources and the program. The stack must already be deleted.
    pub async fn delete_data(&self, names: &ResourceNames) -> Result<Vec<String>, ProvisionError> {
        let mut deleted = Vec::new();
        let gone = dynamodb::delete(&names.table, DynamoDbOptions::default()).await;
        if gone.map_err(|error| ProvisionError::at("the table", &error))? {
            deleted.push(format!("table {}", names.table));
        }
        for bucket in [&names.bucket, &self.artefacts()] {
            let gone = s3::delete(&format!("s3://{bucket}")).await;
            if gone.map_err(|error| ProvisionError::at("the bucket", &error))? {
                deleted.push(format!("bucket {bucket}"));
            }
        }
        Ok(deleted)
    }
}
