//! Queue messages: the id of a job and its request; never readings.

use queue::{Error, Queue, Sender};
use uuid::Uuid;

use crate::jobs::Job;
use crate::trace::RequestContext;

/// The body of a message on the request queue: the job, and the request that created it.
pub fn of(id: Uuid, origin: &RequestContext) -> String {
    let mut message = serde_json::json!({ "id": id });
    if let (Some(message), Ok(serde_json::Value::Object(origin))) =
        (message.as_object_mut(), serde_json::to_value(origin))
    {
        message.extend(origin);
    }
    message.to_string()
}

/// Queues a job: fairly among the clients, and with a word about its size.
pub(crate) async fn send(queue: &dyn Queue, job: &Job) -> Result<(), Error> {
    let client = job.client.as_deref().unwrap_or_default();
    queue.send_from(&of(job.id, &job.origin), Sender::new(client, job.large)).await
}

/// The request of a message; without an id if the message has none.
pub(crate) fn origin_in(message: &str) -> RequestContext {
    serde_json::from_str(message).unwrap_or_default()
}

/// The job of a message.
pub fn id_in(message: &str) -> Option<Uuid> {
    let value: serde_json::Value = serde_json::from_str(message).ok()?;
    value.get("id")?.as_str()?.parse().ok()
}
