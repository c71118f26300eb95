//! Queues on AWS: SQS, with long polling, in batches of ten.
//!
//! A queue is identified by its name; [`provision`] creates it, with its dead-letter queue
//! `NAME-dead`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Credentials, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::{Delivery, Depth, Error, ErrorKind, Queue, Queues, Receipt, Sender};

/// Maximum number of messages per batch.
const BATCH: usize = 10;

/// Maximum wait of a receive.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Maximum size of a message in every SQS queue.
const MOST_BYTES: usize = 256 * 1024;

/// Maximum visibility timeout.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// How long a queue depth is cached.
const DEPTH_HOLDS: Duration = Duration::from_secs(1);

/// Maximum number of retries of the rest of a batch.
const TRIES: u32 = 8;

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

/// An SQS queue. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Sqs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    name: String,
    url: String,
    /// Maximum number of waiting messages; `None`: unlimited.
    capacity: Option<usize>,
    depth: Mutex<Option<(Instant, usize)>>,
}

impl Sqs {
    /// Opens an existing queue. It refuses messages while about `capacity` messages wait in it: SQS
    /// counts approximately, and is polled once a second.
    ///
    /// [`Invalid`](ErrorKind::Invalid) if it does not exist.
    pub async fn open(
        name: &str,
        capacity: Option<usize>,
        endpoint: &Endpoint,
    ) -> Result<Self, Error> {
        let client = client(name, endpoint).await?;
        let url = url_of(&client, name).await?.ok_or_else(|| missing(name))?;
        let (name, depth) = (name.to_owned(), Mutex::default());
        Ok(Self(Arc::new(Shared { client, name, url, capacity, depth })))
    }

    async fn refuse_when_full(&self, more: usize) -> Result<(), Error> {
        let Some(capacity) = self.0.capacity else { return Ok(()) };
        let known = *self.0.depth.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, depth) = match known {
            Some((since, depth)) if since.elapsed() < DEPTH_HOLDS => (since, depth),
            _ => (Instant::now(), self.depth().await?.waiting),
        };
        if depth + more > capacity {
            let message = format!(
                "the queue {} is full (about {depth} of {capacity} messages); retry later",
                self.0.name
            );
            return Err(Error::new(ErrorKind::Full, message));
        }
        let counted = Some((since, depth + more));
        *self.0.depth.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(())
    }
}

#[async_trait]
impl Queue for Sqs {
    async fn send(&self, body: &str) -> Result<(), Error> {
        self.check(body)?;
        self.refuse_when_full(1).await?;
        let send = self.0.client.send_message().queue_url(&self.0.url).message_body(body);
        send.send().await.map(drop).map_err(|error| failed(&self.0.name, "sending", error))
    }

    /// A queue of SQS is fair among message groups (since July 2025, also a standard queue).
    async fn send_from(&self, body: &str, sender: Sender<'_>) -> Result<(), Error> {
        if sender.name.is_empty() {
            return self.send(body).await;
        }
        self.check(body)?;
        self.refuse_when_full(1).await?;
        let send = self.0.client.send_message().queue_url(&self.0.url).message_body(body);
        let sent = send.message_group_id(sender.name).send().await;
        sent.map(drop).map_err(|error| failed(&self.0.name, "sending", error))
    }

    async fn send_all(&self, bodies: &[String]) -> Result<(), Error> {
        bodies.iter().try_for_each(|body| self.check(body))?;
        self.refuse_when_full(bodies.len()).await?;
        for batch in bodies.chunks(BATCH) {
            self.all_of(batch, "sending", |batch: Vec<(usize, &String)>| async move {
                let entries = batch.into_iter().map(|(at, body)| {
                    let entry = SendMessageBatchRequestEntry::builder();
                    entry.id(at.to_string()).message_body(body).build()
                });
                let entries = entries.collect::<Result<_, _>>();
                let send = self.0.client.send_message_batch().queue_url(&self.0.url);
                let entries = entries.map_err(SdkError::construction_failure)?;
                Ok(send.set_entries(Some(entries)).send().await?.failed)
            })
            .await?;
        }
        Ok(())
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        let deadline = Instant::now() + wait;
        if max == 0 {
            return Ok(Vec::new());
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(LONG_POLL);
            let receive = self
                .0
                .client
                .receive_message()
                .queue_url(&self.0.url)
                .max_number_of_messages(max.min(BATCH) as i32)
                .visibility_timeout(seconds(visibility))
                .wait_time_seconds(seconds(left))
                .message_system_attribute_names(
                    MessageSystemAttributeName::ApproximateReceiveCount,
                );
            let messages = self.received(receive).await?;
            if !messages.is_empty() || Instant::now() >= deadline {
                return Ok(messages.into_iter().filter_map(delivery).collect());
            }
        }
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), Error> {
        let delete = self.0.client.delete_message().queue_url(&self.0.url);
        match delete.receipt_handle(receipt.as_str()).send().await {
            Err(error) if !is_expired(&error) => Err(failed(&self.0.name, "acknowledging", error)),
            _ => Ok(()),
        }
    }

    async fn ack_all(&self, receipts: &[Receipt]) -> Result<(), Error> {
        for batch in receipts.chunks(BATCH) {
            self.all_of(batch, "acknowledging", |batch: Vec<(usize, &Receipt)>| async move {
                let entries = batch.into_iter().map(|(at, receipt)| {
                    let entry = DeleteMessageBatchRequestEntry::builder();
                    entry.id(at.to_string()).receipt_handle(receipt.as_str()).build()
                });
                let entries = entries.collect::<Result<_, _>>();
                let delete = self.0.client.delete_message_batch().queue_url(&self.0.url);
                let entries = entries.map_err(SdkError::construction_failure)?;
                let mut failed = delete.set_entries(Some(entries)).send().await?.failed;
                // Deleted before, or received by another receiver: no error.
                failed.retain(|failed| !EXPIRED.contains(&failed.code()));
                Ok(failed)
            })
            .await?;
        }
        Ok(())
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error> {
        let change = self.0.client.change_message_visibility().queue_url(&self.0.url);
        let change =
            change.receipt_handle(receipt.as_str()).visibility_timeout(seconds(visibility));
        match change.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_expired(&error) => {
                let message =
                    "the visibility timeout has passed; another receiver may have the message";
                Err(Error::new(ErrorKind::Expired, message))
            }
            Err(error) => Err(failed(&self.0.name, "extending", error)),
        }
    }

    async fn depth(&self) -> Result<Depth, Error> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let asked = self.0.client.get_queue_attributes().queue_url(&self.0.url);
        let known = asked.attribute_names(Waiting).attribute_names(Hidden).send().await;
        let known = known.map_err(|error| failed(&self.0.name, "counting", error))?;
        let count = |name| known.attributes().and_then(|known| known.get(&name)?.parse().ok());
        let (waiting, hidden) = (count(Waiting), count(Hidden));
        let (waiting, hidden) = (waiting.unwrap_or_default(), hidden.unwrap_or_default());
        Ok(Depth { waiting, hidden, oldest: None })
    }
}

impl Sqs {
    fn check(&self, body: &str) -> Result<(), Error> {
        if !body.is_empty() && body.len() <= MOST_BYTES {
            return Ok(());
        }
        let (name, bytes) = (&self.0.name, body.len());
        let message = format!(
            "a message of {bytes} bytes cannot be sent to {name}: SQS accepts 1 to {MOST_BYTES}"
        );
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// Receives in a separate task, which continues if the caller is dropped, and then makes the
    /// messages available again; otherwise they would stay hidden until their timeout.
    async fn received(&self, receive: ReceiveMessageFluentBuilder) -> Result<Vec<Message>, Error> {
        let (sender, receiver) = oneshot::channel();
        let queue = self.clone();
        tokio::spawn(async move {
            let received = receive.send().await;
            let received = received.map(|received| received.messages.unwrap_or_default());
            let received = received.map_err(|error| failed(&queue.0.name, "receiving", error));
            if let Err(Ok(messages)) = sender.send(received) {
                for delivery in messages.into_iter().filter_map(delivery) {
                    // On failure it becomes available after its timeout.
                    let _ = queue.extend(&delivery.receipt, Duration::ZERO).await;
                }
            }
        });
        let interrupted = || Error::new(ErrorKind::Io, "receiving was interrupted");
        receiver.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// Sends a batch, and repeats the failed entries until none is left.
    async fn all_of<'a, W, E, R, F>(
        &self,
        batch: &'a [W],
        operation: &str,
        call: impl Fn(Vec<(usize, &'a W)>) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<Vec<BatchResultErrorEntry>, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let mut left: Vec<_> = batch.iter().enumerate().collect();
        let mut pause = Duration::from_millis(100);
        for _ in 0..TRIES {
            let failures = call(left.clone()).await;
            let failures = failures.map_err(|error| failed(&self.0.name, operation, error))?;
            if let Some(refused) = failures.iter().find(|failure| failure.sender_fault()) {
                let message = refused.message().unwrap_or_else(|| refused.code());
                let message = format!("SQS refused {operation} on {}: {message}", self.0.name);
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            left.retain(|(at, _)| failures.iter().any(|failure| failure.id() == at.to_string()));
            if left.is_empty() {
                return Ok(());
            }
            sleep(pause).await;
            pause *= 2;
        }
        let message =
            format!("SQS left {} of a batch at {operation} on {}", left.len(), self.0.name);
        Err(Error::new(ErrorKind::Io, message))
    }
}

/// The queues `REQUEST,RESPONSE`, and the dead-letter queue of the first.
pub(crate) async fn open(names: &str, capacity: usize) -> Result<Queues, Error> {
    let Some((request, response)) = names.split_once(',') else {
        let message = format!("invalid queue URL `sqs:{names}`; expected sqs:REQUEST,RESPONSE");
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let here = Endpoint::Environment;
    Ok(Queues {
        requests: Arc::new(Sqs::open(request, Some(capacity), &here).await?),
        dead_requests: Arc::new(Sqs::open(&dead_letters(request), None, &here).await?),
        responses: Arc::new(Sqs::open(response, None, &here).await?),
        shared: true,
    })
}

/// The name of a queue's dead-letter queue.
pub fn dead_letters(name: &str) -> String {
    format!("{name}-dead")
}

/// Creates a queue with its dead-letter queue, both encrypted; returns whether it was created. A
/// message received `max_receives` times without acknowledgement moves to the dead-letter queue. An
/// existing queue gets these settings.
pub async fn provision(name: &str, max_receives: u32, endpoint: &Endpoint) -> Result<bool, Error> {
    let client = client(name, endpoint).await?;
    let dead = dead_letters(name);
    let (dead_url, _) = make(&client, &dead).await?;
    // Dead letters are kept as long as SQS keeps any: 14 days.
    let kept = (QueueAttributeName::MessageRetentionPeriod, "1209600".to_owned());
    set(&client, &dead, &dead_url, kept).await?;
    let arn = QueueAttributeName::QueueArn;
    let known = client.get_queue_attributes().queue_url(&dead_url).attribute_names(arn.clone());
    let known = known.send().await.map_err(|error| failed(&dead, "reading its name", error))?;
    let arn = known.attributes().and_then(|known| known.get(&arn)).cloned();
    let arn = arn.ok_or_else(|| Error::new(ErrorKind::Io, format!("{dead} has no ARN")))?;
    let (url, created) = make(&client, name).await?;
    let redrive =
        format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":\"{max_receives}\"}}");
    set(&client, name, &url, (QueueAttributeName::RedrivePolicy, redrive)).await?;
    Ok(created)
}

/// Whether a queue of this name exists.
pub async fn exists(name: &str, endpoint: &Endpoint) -> Result<bool, Error> {
    Ok(url_of(&client(name, endpoint).await?, name).await?.is_some())
}

async fn make(client: &Client, name: &str) -> Result<(String, bool), Error> {
    if let Some(url) = url_of(client, name).await? {
        return Ok((url, false));
    }
    let create = client.create_queue().queue_name(name);
    let create = create.attributes(QueueAttributeName::SqsManagedSseEnabled, "true");
    let created = create.send().await.map_err(|error| failed(name, "making it", error))?;
    let url = created.queue_url.ok_or_else(|| missing(name))?;
    Ok((url, true))
}

async fn set(
    client: &Client,
    name: &str,
    url: &str,
    (attribute, value): (QueueAttributeName, String),
) -> Result<(), Error> {
    let set = client.set_queue_attributes().queue_url(url).attributes(attribute, value);
    set.send().await.map(drop).map_err(|error| failed(name, "setting it up", error))
}

async fn url_of(client: &Client, name: &str) -> Result<Option<String>, Error> {
    match client.get_queue_url().queue_name(name).send().await {
        Ok(found) => Ok(found.queue_url),
        Err(error) if error.code().is_some_and(|code| MISSING.contains(&code)) => Ok(None),
        Err(error) => Err(failed(name, "looking for it", error)),
    }
}

const MISSING: [&str; 2] = ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// The receiver no longer has the message.
const EXPIRED: [&str; 4] = [
    "AWS.SimpleQueueService.MessageNotInflight",
    "InvalidReceiptHandle",
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
];

/// SQS returns `InvalidParameterValue` for an expired receipt, and for other errors, for example
/// for a message that has been hidden for twelve hours in total.
fn is_expired<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    match error.code() {
        Some("InvalidParameterValue") => {
            let message = error.message().unwrap_or_default().to_ascii_lowercase();
            message.contains("receipt handle has expired")
        }
        code => code.is_some_and(|code| EXPIRED.contains(&code)),
    }
}

fn missing(name: &str) -> Error {
    let message = format!(
        "the SQS queue {name} does not exist: `airshed provision tables` \
                           creates it"
    );
    Error::new(ErrorKind::Invalid, message)
}

fn failed<E, R>(name: &str, operation: &str, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if error.code().is_some_and(|code| MISSING.contains(&code)) {
        return missing(name);
    }
    let message = error.message().map(|message| format!(": {message}")).unwrap_or_default();
    match error.code() {
        Some(code) => {
            let message =
                format!("SQS failed at {operation} on the queue {name} ({code}{message})");
            Error::new(ErrorKind::Io, message)
        }
        None => {
            let message = format!("SQS could not be reached for {operation} on the queue {name}");
            Error::new(ErrorKind::Io, message).because(error)
        }
    }
}

fn delivery(message: Message) -> Option<Delivery> {
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    let receives = message.attributes().and_then(|known| known.get(&count)?.parse().ok());
    Some(Delivery {
        receives: receives.unwrap_or(1),
        body: message.body?,
        receipt: Receipt::new(message.receipt_handle?),
    })
}

/// Whole seconds, rounded up, as in SQS.
fn seconds(duration: Duration) -> i32 {
    duration.min(LONGEST_VISIBILITY).as_millis().div_ceil(1000) as i32 // at most 43,200
}

/// Counts every billed request, including retries.
#[derive(Debug)]
struct Count(String);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "Count"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        metrics::counter!("airshed_sqs_requests_total", "queue" => self.0.clone()).increment(1);
        Ok(())
    }
}

async fn client(name: &str, endpoint: &Endpoint) -> Result<Client, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(LONG_POLL + Duration::from_secs(10))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts);
    if let Endpoint::Emulator(url) = endpoint {
        loader = loader
            .endpoint_url(url)
            .region(Region::from_static("eu-west-2"))
            .credentials_provider(Credentials::new("emulator", "emulator", None, None, "emulator"));
    }
    let config = aws_sdk_sqs::config::Builder::from(&loader.load().await);
    let client = Client::from_conf(config.interceptor(Count(name.to_owned())).build());
    if client.config().region().is_none() {
        let message = format!("no AWS region for the queue {name}: set AWS_REGION");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(client)
}
