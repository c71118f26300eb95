//! What has to hold at the end of a run.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use store::conformance::all as all_of;
use store::{Query, Window};

use super::process::{KEPT, Lasting, Process, direct};
use super::scenario::Told;

/// A job that a client was told of.
pub(super) struct Accepted {
    pub(super) location: String,
    /// The question.
    pub(super) path: String,
}

/// The kinds of ends that jobs came to.
pub(super) type Ends = BTreeSet<String>;

pub(super) async fn all(lasting: &Lasting, process: &Process, told: Told) -> Result<Ends, String> {
    if let Some(wrong) = lasting.world.first_wrong() {
        return Err(wrong);
    }
    readings_are_there(lasting, &told).await?;
    let mut ends = Ends::new();
    let records = records(lasting).await;
    for record in &records {
        has_ended_truly(lasting, &told, record, &records)?;
        let end = record["reason"].as_str().or(record["status"].as_str());
        ends.insert(end.unwrap_or_default().to_owned());
    }
    for accepted in &told.accepted {
        is_answered(lasting, process, accepted).await?;
    }
    for record in &records {
        has_its_file(lasting, process, &told, record).await?;
    }
    works(lasting, process).await?;
    Ok(ends)
}

async fn readings_are_there(lasting: &Lasting, told: &Told) -> Result<(), String> {
    let present = lasting.stored.at(lasting.stored.state());
    let identity = |reading: &store::Reading| (reading.sensor, reading.timestamp);
    let there: HashSet<_> =
        all_of(present.as_ref(), &Query::everything()).await.iter().map(identity).collect();
    match told.acknowledged.iter().find(|reading| !there.contains(&identity(reading))) {
        Some(lost) => Err(format!("acknowledged and lost: {lost:?}")),
        None => Ok(()),
    }
}

async fn records(lasting: &Lasting) -> Vec<Value> {
    let mut records = lasting.kept.of("jobs").await;
    records.extend(lasting.kept.of("records").await);
    records.iter().map(|record| serde_json::from_slice(record).unwrap()).collect()
}

/// A job has ended, and its record gives a reason that can be true.
fn has_ended_truly(
    lasting: &Lasting,
    told: &Told,
    record: &Value,
    records: &[Value],
) -> Result<(), String> {
    if record["status"] == "queued" && !record["shares"].is_null() {
        // Its end is that of the work; which is forgotten, it is long ago.
        return match records.iter().find(|work| work["id"] == record["shares"]) {
            Some(work) => has_ended_truly(lasting, told, work, records),
            None => Ok(()),
        };
    }
    let location = format!("/api/results/{}", record["id"].as_str().unwrap());
    let time = |field: &str| record[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    // The clock may have leapt back before the file was made.
    let begun = record["made"]["at"]
        .as_str()
        .map_or(time("created"), |made| time("created").min(made.parse().unwrap()));
    let is_old = lasting.world.latest().duration_since(begun) >= KEPT;
    let is_true = match record["status"].as_str().unwrap() {
        "done" => true,
        "cancelled" => told.cancelled.contains(&location),
        "expired" => is_old || told.cancelled.contains(&location),
        "failed" => match record["reason"].as_str().unwrap() {
            reason if reason.contains("no room") => lasting.world.was_short(),
            reason if reason.contains("retention period") => is_old,
            reason if reason.contains("restart") => lasting.queues.is_none(),
            reason if reason.contains("unavailable") || reason.contains("5 attempts") => {
                record["attempts"].as_u64() >= Some(5)
            }
            _ => false,
        },
        _ => false,
    };
    is_true
        .then_some(())
        .ok_or_else(|| format!("an untrue end of {location}: {}", record["status"]))
}

/// What is done can be fetched until it expires.
async fn has_its_file(
    lasting: &Lasting,
    process: &Process,
    told: &Told,
    record: &Value,
) -> Result<(), String> {
    let expires = record["expires"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let is_kept = expires.is_some_and(|expires| expires > lasting.world.latest());
    if record["status"] != "done" || record["rows"] == 0 || !is_kept {
        return Ok(());
    }
    let location = format!("/api/results/{}", record["id"].as_str().unwrap());
    if told.cancelled.contains(&location) {
        return Ok(()); // its owner gave it up; others may still share it
    }
    let (status, _, body) = process.get(&location).await.ok_or("no answer")?;
    let length = body.map(|body| body.len() as u64);
    let is_whole = status == 200 && length == record["bytes"].as_u64();
    is_whole.then_some(()).ok_or_else(|| format!("{status} instead of the file of {location}"))
}

/// A client gets the file, which is the direct answer of a moment (an equal question may have been asked
/// before), or is told why there is none.
async fn is_answered(
    lasting: &Lasting,
    process: &Process,
    accepted: &Accepted,
) -> Result<(), String> {
    let Accepted { location, path } = accepted;
    let (status, _, body) = process.get(location).await.ok_or("no answer")?;
    let shown = || format!("{location} is {status}: {body:?}");
    match (status, &body) {
        (200, Some(body)) => {
            let states = 0..=lasting.stored.state();
            match is_answer_of(lasting, states, path, body).await {
                true => Ok(()),
                false => Err(format!("not the answer of any moment: {}", shown())),
            }
        }
        // Without readings, there is no file; or the reason, which was checked.
        (404 | 410 | 500, Some(body)) => {
            let text = String::from_utf8_lossy(body);
            // The clock may have passed what was asked before, which an equal question joined.
            let is_forgotten = lasting.world.may_have_passed(KEPT);
            match text.contains("unknown-job") && !is_forgotten {
                true => Err(format!("forgotten: {}", shown())),
                false => Ok(()),
            }
        }
        _ => Err(shown()),
    }
}

/// Whether bytes are the direct answer in one of some states of the readings.
pub(super) async fn is_answer_of(
    lasting: &Lasting,
    states: RangeInclusive<usize>,
    path: &str,
    body: &Bytes,
) -> bool {
    for state in states.rev() {
        let (status, _, answer) = direct(&lasting.world, &lasting.stored, state, path).await;
        if status == 200 && answer.as_ref() == Some(body) {
            return true;
        }
    }
    false
}

/// When everything is calm, everything works.
async fn works(lasting: &Lasting, process: &Process) -> Result<(), String> {
    let status = |answer: Option<(u16, _, _)>| answer.map(|(status, _, _)| status);
    let ready = status(process.get("/readyz").await);
    if ready != Some(200) {
        return Err(format!("in the end /readyz is {ready:?}"));
    }
    let moment = lasting.world.now();
    let moment = Timestamp::from_second(moment.as_second()).unwrap();
    let last =
        store::Reading { pm10: Some(1.into()), ..store::Reading::new(99, Window::Day24, moment) };
    if !process.put(&[last]).await {
        return Err("in the end nothing can be put".to_owned());
    }
    let day = moment.strftime("%F");
    let path = format!("/api/query?window=24h&startDate={day}&endDate={day}");
    let Some((202, Some(location), _)) = process.ask(http::Method::GET, &path, true).await else {
        return Err("in the end there are no jobs".to_owned());
    };
    let made = status(process.get(&format!("{location}?wait=60")).await);
    if made != Some(200) {
        return Err(format!("in the end a job is {made:?}"));
    }
    Ok(())
}
