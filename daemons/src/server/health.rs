//! What operators and their tools ask: alive, ready, how much, how old.

use http::StatusCode;
use serde_json::json;

use super::Shared;
use super::answer::{Answer, json as respond_json, respond};
use crate::collector::reason;
use crate::watch::TEXT_FORMAT;

/// Whether queries can be answered, and how old the newest reading is. A feed that
/// fails does not make the server unready: what is stored is served.
pub(super) async fn ready(shared: &Shared) -> Answer {
    let looked = async {
        let summary = shared.server.store.summary().await?;
        let newest = shared.freshness.newest(&summary).await?;
        Ok::<_, store::Error>((summary, newest))
    };
    let (summary, newest) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            tracing::error!(reason = reason(&error), "not ready: the store fails");
            let body = json!({ "ready": false, "reason": "the store fails; the log tells why" });
            return respond_json(StatusCode::SERVICE_UNAVAILABLE, &body);
        }
    };
    let now = (shared.server.clock)();
    let mut body = json!({
        "ready": true,
        "readings": summary.readings(),
        "newestReading": newest,
        "dataAgeSeconds": newest.map(|newest| (now - newest).as_secs().max(0)),
    });
    if let Some(feed) = &shared.server.feed {
        let state = feed.get();
        body["feed"] = json!({
            "lastSuccess": state.last_success,
            "failure": state.failure.map(|(at, reason)| json!({ "at": at, "reason": reason })),
        });
    }
    if shared.stop.is_cancelled() {
        body["ready"] = false.into();
        body["reason"] = "stopping".into();
        return respond_json(StatusCode::SERVICE_UNAVAILABLE, &body);
    }
    respond_json(StatusCode::OK, &body)
}

/// Prometheus' text format.
pub(super) async fn metrics(shared: &Shared) -> Answer {
    respond(StatusCode::OK, TEXT_FORMAT, shared.server.watch.text().await)
}
