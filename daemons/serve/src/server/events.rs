//! `/api/events`: server-sent events (HTML Living Standard, 9.2) about stored readings.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use serde_json::json;
use tokio::time::{Instant, interval_at, timeout};

use super::Shared;
use super::answer::{Answer, CutOff, set};
use super::client::Client;
use super::connection::Holding;
use super::problem::Problem;
use crate::events::{Heard, Listener};

/// Interval of keep-alive comments on an idle connection, for proxies that would close it.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn answer(shared: &Arc<Shared>, client: &Client) -> Result<Answer, Problem> {
    let Some(events) = &shared.server.events else { return Err(Problem::NoEvents) };
    let permit = shared.admission.listener(client)?;
    let (mut sender, body) = Channel::<Bytes, CutOff>::new(1);
    let (listener, shared) = (events.listen(), Arc::clone(shared));
    tokio::spawn(async move {
        tokio::select! {
            () = send_events(&shared, listener, &mut sender) => {}
            () = shared.stop.cancelled() => {}
        }
    });
    let mut answer = Response::new(Holding::new(body, permit).boxed_unsync());
    set(&mut answer, CONTENT_TYPE, "text/event-stream");
    set(&mut answer, CACHE_CONTROL, "no-store");
    Ok(answer)
}

/// Sends events until the client disconnects, or stops reading.
async fn send_events(shared: &Shared, mut listener: Listener, sender: &mut Sender<Bytes, CutOff>) {
    let write_timeout = shared.server.limits.write_timeout;
    let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
    let mut text = ": what is stored from now on\n\n".to_owned();
    loop {
        let sent = timeout(write_timeout, sender.send_data(text.into())).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        text = loop {
            tokio::select! {
                heard = listener.next() => match heard {
                    Some(Heard::Stored(stored)) if !shared.server.networks.contains(stored.network) => {}
                    Some(heard) => break written(&heard),
                    None => return,
                },
                _ = alive.tick() => break ":\n\n".to_owned(),
            }
        };
    }
}

fn written(heard: &Heard) -> String {
    let (name, data) = match heard {
        Heard::Stored(stored) => ("stored", json!(stored)),
        Heard::Lost(events) => ("lost", json!({ "events": events })),
    };
    format!("event: {name}\ndata: {data}\n\n")
}
