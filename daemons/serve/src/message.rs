//! What the queues carry: which job, and for which request; never readings.

use uuid::Uuid;

use crate::trace::Origin;

/// What a message on the request queue says: the job, and the request that it is for.
pub fn of(id: Uuid, origin: &Origin) -> String {
    let mut said = serde_json::json!({ "id": id });
    if let (Some(said), Ok(serde_json::Value::Object(origin))) =
        (said.as_object_mut(), serde_json::to_value(origin))
    {
        said.extend(origin);
    }
    said.to_string()
}

/// The request that a message is for; unnamed where the message does not say.
pub(crate) fn origin_in(message: &str) -> Origin {
    serde_json::from_str(message).unwrap_or_default()
}

/// The job that a message is about.
pub fn id_in(message: &str) -> Option<Uuid> {
    let value: serde_json::Value = serde_json::from_str(message).ok()?;
    value.get("id")?.as_str()?.parse().ok()
}
