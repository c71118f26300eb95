//! Health and metrics for operators: liveness, readiness, number of readings, data age.

use airshed_common::reason;
use http::StatusCode;
use serde_json::json;

use super::Shared;
use super::answer::{Answer, json as respond_json, respond};
use crate::watch::TEXT_FORMAT;

/// Readiness and data age. The server is ready once the first collection has ended (if the store
/// was empty), and while the store accepts writes. A failing feed does not make the server unready:
/// stored readings are served.
pub(super) async fn ready(shared: &Shared) -> Answer {
    let looked = async {
        let summary = shared.server.store.summary().await?;
        let newest = shared.freshness.newest(&summary).await?;
        Ok::<_, store::Error>((summary, newest))
    };
    let (summary, newest) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            tracing::error!(reason = reason(&error), "not ready: the store failed");
            let body = json!({ "ready": false, "reason": "store unavailable; see the server log" });
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
    let feed = shared.server.feed.as_ref().map(|feed| feed.get());
    if let Some(state) = &feed {
        body["feed"] = json!(state);
    }
    let collects_first = feed.is_some_and(|state| !state.first_ended);
    let reason = if shared.stop.is_cancelled() {
        Some("shutting down")
    } else if !shared.server.limits.disk.takes_readings() {
        Some("the disk is full; see the server log")
    } else if !shared.store_takes_readings().await {
        Some("the store rejects writes; see the server log")
    } else if collects_first {
        Some("the first collection has not finished")
    } else {
        None
    };
    if let Some(reason) = reason {
        body["ready"] = false.into();
        body["reason"] = reason.into();
        return respond_json(StatusCode::SERVICE_UNAVAILABLE, &body);
    }
    respond_json(StatusCode::OK, &body)
}

/// Prometheus' text format.
pub(super) async fn metrics(shared: &Shared) -> Answer {
    respond(StatusCode::OK, TEXT_FORMAT, shared.server.watch.text().await)
}
