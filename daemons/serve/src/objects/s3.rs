//! Objects in S3.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::reason;
use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, TryStreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{
    ClientOptions, CredentialProvider, HttpClient, HttpConnector, HttpError, HttpRequest,
    HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{ObjectStore, RetryConfig};
use sha2::{Digest, Sha256};

use super::{Objects, OpenError, Presigner};

/// How long one call is retried.
const RETRY_FOR: Duration = Duration::from_secs(60);

/// Timeout of one call, including the body: no body is longer than a part.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Validity of a presigned URL: long enough to start a download.
const LINK_HOLDS: Duration = Duration::from_secs(15 * 60);

/// A bucket and a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    prefix: Path,
}

impl Place {
    /// Parses `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let named =
            url.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        match named {
            Some((bucket, prefix))
                if (3..=63).contains(&bucket.len()) && bucket.bytes().all(allowed) =>
            {
                let prefix = Path::parse(prefix.trim_end_matches('/'))
                    .map_err(|error| OpenError(format!("`{url}`: {error}")))?;
                Ok(Self { bucket: bucket.to_owned(), prefix })
            }
            _ => Err(OpenError(format!(
                "invalid S3 URL `{url}`: expected s3://BUCKET/PREFIX; a bucket name has 3 to 63 \
                 lower-case letters, digits, dots and hyphens"
            ))),
        }
    }
}

impl Place {
    /// The bucket and the prefix.
    pub fn into_parts(self) -> (String, String) {
        (self.bucket, self.prefix.to_string())
    }
}

pub(super) async fn open(url: &str) -> Result<Objects, OpenError> {
    let place = Place::parse(url)?;
    let s3 = Arc::new(Account::from_environment().await?.bucket(&place)?);
    if !is_there(&s3, &place).await? {
        return Err(OpenError(format!(
            "the bucket {} does not exist: `airshed provision tables --results {url}` creates it",
            place.bucket
        )));
    }
    let presigner = Signed { bucket: Arc::clone(&s3), prefix: place.prefix.clone() };
    let store = Arc::new(PrefixStore::new(s3, place.prefix));
    Ok(Objects { presigner: Some(Arc::new(presigner)), ..Objects::new(store) })
}

/// Presigned URLs for the objects of a bucket.
#[derive(Debug)]
struct Signed {
    bucket: Arc<AmazonS3>,
    prefix: Path,
}

#[async_trait]
impl Presigner for Signed {
    async fn presign(
        &self,
        path: &Path,
        media_type: &str,
        disposition: &str,
    ) -> object_store::Result<HeaderValue> {
        let path = self.prefix.parts().chain(path.parts()).collect();
        let headers =
            [("response-content-type", media_type), ("response-content-disposition", disposition)];
        let options = SignedUrlOptions::default().with_query(headers);
        let url = self.bucket.signed_url_opts(Method::GET, &path, LINK_HOLDS, &options).await?;
        HeaderValue::from_str(url.as_str())
            .map_err(|error| object_store::Error::Generic { store: "link", source: error.into() })
    }
}

/// The result of [`provision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisioned {
    /// Whether the bucket was created.
    pub created: bool,
    /// Whether it has its own lifecycle rules, which were not changed.
    pub own_rules: bool,
}

impl fmt::Display for Provisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.created { "created" } else { "exists" })?;
        if self.own_rules {
            f.write_str(
                "; it has its own lifecycle rules: make sure that they abort incomplete \
                         uploads",
            )?;
        }
        Ok(())
    }
}

/// Creates the bucket of `s3://BUCKET/PREFIX`: without public access, with S3's default encryption,
/// and with incomplete uploads deleted after a day. An existing bucket keeps its lifecycle rules.
pub async fn provision(url: &str) -> Result<Provisioned, OpenError> {
    let place = Place::parse(url)?;
    let account = Account::from_environment().await?;
    let created = !is_there(&account.bucket(&place)?, &place).await?;
    if created {
        let body = match account.region.as_str() {
            "us-east-1" => String::new(), // the only region that must not be given
            region => format!(
                "<CreateBucketConfiguration xmlns=\"{NAMESPACE}\"><LocationConstraint>{region}\
                 </LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        account.must(Method::PUT, &place.bucket, "", body).await?;
    }
    account.must(Method::PUT, &place.bucket, "publicAccessBlock", closed()).await?;
    let (rules, message) =
        account.call(Method::GET, &place.bucket, "lifecycle", String::new()).await?;
    let ours = message.matches("<Rule>").count() == 1 && message.contains(RULE);
    let own_rules = rules.is_success() && !created && !ours;
    if !own_rules {
        account.must(Method::PUT, &place.bucket, "lifecycle", uploads_end()).await?;
    }
    Ok(Provisioned { created, own_rules })
}

/// Whether the bucket of `s3://BUCKET` exists.
pub async fn exists(url: &str) -> Result<bool, OpenError> {
    let place = Place::parse(url)?;
    is_there(&Account::from_environment().await?.bucket(&place)?, &place).await
}

/// Deletes a bucket with its contents; returns whether it existed.
pub async fn delete(url: &str) -> Result<bool, OpenError> {
    let place = Place::parse(url)?;
    let account = Account::from_environment().await?;
    let bucket = account.bucket(&place)?;
    if !is_there(&bucket, &place).await? {
        return Ok(false);
    }
    let objects = bucket.list(None).map_ok(|object| object.location).boxed();
    let deleted: Result<Vec<_>, _> = bucket.delete_stream(objects).try_collect().await;
    deleted.map_err(|error| {
        OpenError(format!("cannot empty the bucket {}: {}", place.bucket, reason(&error)))
    })?;
    account.must(Method::DELETE, &place.bucket, "", String::new()).await?;
    Ok(true)
}

/// The URL of an object of the bucket, for AWS services.
pub async fn address(url: &str, name: &str) -> Result<String, OpenError> {
    let place = Place::parse(url)?;
    let Account { endpoint, region, .. } = Account::from_environment().await?;
    let bucket = place.bucket;
    Ok(match endpoint {
        Some(endpoint) => format!("{}/{bucket}/{name}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com/{name}"),
    })
}

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

fn closed() -> String {
    let all = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let all: String = all.iter().map(|what| format!("<{what}>true</{what}>")).collect();
    format!(
        "<PublicAccessBlockConfiguration xmlns=\"{NAMESPACE}\">{all}</PublicAccessBlockConfiguration>"
    )
}

/// The name of the lifecycle rule.
const RULE: &str = "airshed-broken-uploads";

fn uploads_end() -> String {
    format!(
        "<LifecycleConfiguration xmlns=\"{NAMESPACE}\"><Rule><ID>{RULE}</ID>\
         <Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
         <AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
         </AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
    )
}

async fn is_there(s3: &AmazonS3, place: &Place) -> Result<bool, OpenError> {
    match s3.list(Some(&place.prefix)).next().await {
        None | Some(Ok(_)) => Ok(true),
        Some(Err(error)) => {
            let message = reason(&error);
            if message.contains("NoSuchBucket")
                || matches!(error, object_store::Error::NotFound { .. })
            {
                return Ok(false);
            }
            Err(OpenError(format!("cannot access the bucket {}: {message}", place.bucket)))
        }
    }
}

/// Region, endpoint and credentials, resolved as by AWS tools: from the environment, the profile,
/// or the machine's role.
struct Account {
    region: String,
    endpoint: Option<String>,
    credentials: Arc<Credentials>,
}

impl Account {
    async fn from_environment() -> Result<Self, OpenError> {
        let config: SdkConfig = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let missing = |what: &str| {
            OpenError(format!(
                "no AWS {what} found: set {}",
                match what {
                    "region" => "AWS_REGION",
                    _ => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
                }
            ))
        };
        let region = config.region().ok_or_else(|| missing("region"))?.to_string();
        let provider = config.credentials_provider().ok_or_else(|| missing("credentials"))?;
        let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").ok();
        let endpoint = endpoint.or_else(|| config.endpoint_url().map(str::to_owned));
        Ok(Self { region, endpoint, credentials: Arc::new(Credentials(provider)) })
    }

    fn bucket(&self, place: &Place) -> Result<AmazonS3, OpenError> {
        let retry = RetryConfig { retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(Counting(ReqwestConnector::default()))
            .with_bucket_name(&place.bucket)
            .with_region(&self.region)
            .with_credentials(Arc::clone(&self.credentials) as _)
            .with_client_options(ClientOptions::new().with_timeout(CALL_TIMEOUT))
            .with_retry(retry);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(true);
        }
        builder.build().map_err(|error| OpenError(reason(&error)))
    }

    /// Calls that `object_store` does not support; returns the status and the body of the response.
    async fn call(
        &self,
        method: Method,
        bucket: &str,
        what: &str,
        body: String,
    ) -> Result<(StatusCode, String), OpenError> {
        let failed = |error: &dyn std::error::Error| {
            OpenError(format!("S3 failed at the bucket {bucket}: {}", reason(error)))
        };
        let origin = match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        };
        let query = if what.is_empty() { String::new() } else { format!("?{what}=") };
        let hash = BASE64_STANDARD.encode(Sha256::digest(&body));
        let mut request: HttpRequest = http::Request::builder()
            .method(method)
            .uri(format!("{origin}/{bucket}{query}"))
            .header(CONTENT_TYPE, "application/xml")
            .header("x-amz-checksum-sha256", hash)
            .body(body.into())
            .map_err(|error| failed(&error))?;
        let credential = self.credentials.get_credential().await.map_err(|error| failed(&error))?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| failed(&error))?;
        let options = ClientOptions::new().with_timeout(CALL_TIMEOUT).with_allow_http(true);
        let client =
            ReqwestConnector::default().connect(&options).map_err(|error| failed(&error))?;
        let answer = client.execute(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| failed(&error))?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }

    async fn must(
        &self,
        method: Method,
        bucket: &str,
        what: &str,
        body: String,
    ) -> Result<(), OpenError> {
        let (status, message) = self.call(method, bucket, what, body).await?;
        if status.is_success() {
            return Ok(());
        }
        let doing = if what.is_empty() { "creating it" } else { what };
        Err(OpenError(format!("S3 refused the bucket {bucket} ({doing}): {status}: {message}")))
    }
}

/// Counts every billed request, including retries, by `kind`, as S3 bills them (write: PUT, POST
/// and lists; read: GET and HEAD; delete is free).
#[derive(Debug)]
struct Counting<T>(T);

impl HttpConnector for Counting<ReqwestConnector> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Counting(self.0.connect(options)?)))
    }
}

#[async_trait]
impl HttpService for Counting<HttpClient> {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lists = request.uri().query().is_some_and(|query| query.contains("list-type="));
        let kind = match *request.method() {
            Method::DELETE => "delete",
            Method::GET | Method::HEAD if !lists => "read",
            _ => "write",
        };
        metrics::counter!("airshed_s3_requests_total", "kind" => kind).increment(1);
        self.0.execute(request).await
    }
}

/// The credentials of the AWS SDK, for `object_store`.
#[derive(Debug)]
struct Credentials(SharedCredentialsProvider);

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = self.0.provide_credentials().await;
        let found = found.map_err(|error| object_store::Error::Generic {
            store: "AWS credentials",
            source: error.into(),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}
