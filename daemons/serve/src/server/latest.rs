//! `/api/latest`: the newest reading of every sensor as GeoJSON, precomputed.
//!
//! A response is computed and compressed once, and reused while the readings are unchanged. When the
//! store has changed, clients get the stale response while a new one is computed and compressed, at
//! most every five seconds (stale-while-revalidate), so no client waits after a collection. A response older
//! than ten minutes is always recomputed, since in a store without versions readings that replace
//! others change nothing that can be seen.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airshed_common::hexadecimal;
use aqi::Index;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use jiff::{SignedDuration, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use store::{AqiStandard, Flags, LeftOut, Network, Page, Quality, Reading, Reasons, Summary, View};
use tokio::time::Instant;

use super::answer::{Answer, full, sensor_id, set};
use super::client::Client;
use super::filters::Chosen;
use super::memory::ResponseMemory;
use super::problem::Problem;
use super::whole::{Effort, Whole, in_background};
use super::{Shared, filters};

/// Sensors that were silent for longer than this are not shown, unless requested.
const SPAN: SignedDuration = SignedDuration::from_hours(24);

const FRESH: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);

/// Maximum size of the precomputed responses in bytes, including compressed ones: about ten of the
/// whole network.
const ROOM: u64 = 64 << 20;

/// Estimated number of responses; see `kept`.
const ANSWERS: usize = 32;

/// Decimals of coordinates (11 m) and of concentrations: the resolution of a map.
const PLACE_DECIMALS: u32 = 4;
const VALUE_DECIMALS: u32 = 1;

/// The precomputed responses.
pub(super) struct Latest {
    made: Cache<String, Arc<Made>, Weight>,
    memory: ResponseMemory,
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<Made>> for Weight {
    fn weight(&self, key: &String, made: &Arc<Made>) -> u64 {
        (key.len() + made.whole.bytes()) as u64
    }
}

impl Default for Latest {
    fn default() -> Self {
        let made = Cache::with_weighter(ANSWERS, ROOM, Weight);
        Self { made, memory: ResponseMemory::new(ROOM) }
    }
}

struct Made {
    whole: Whole,
    /// The store's summary and state when it was computed.
    of: Of,
    moment: Timestamp,
    since: Instant,
    refreshing: AtomicBool,
}

/// What a response depends on: it is outdated when this changes.
#[derive(Clone, PartialEq)]
struct Of {
    summary: Summary,
    /// See [`QueryRequest::state_of`](crate::request::QueryRequest::state_of); `None` if the store has no versions.
    state: Option<String>,
}

pub(super) async fn answer(
    shared: &Arc<Shared>,
    query: Option<&str>,
    headers: &HeaderMap,
    client: &Client,
) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let chosen = filters::read(shared, &summary, query, SPAN).await?;
    let view = chosen.request.view_of(Arc::clone(&shared.server.store) as Arc<dyn View>);
    let of = Of { summary, state: chosen.request.state_of(view.as_ref()).await? };
    let key = serde_json::to_string(&chosen.request.to_object()).unwrap_or_default(); // plain JSON
    let made = match shared.latest.made.get(&key) {
        Some(made) if made.since.elapsed() < LONGEST => {
            let changed = made.of != of || made.moment != chosen.moment;
            let outdated = changed && made.since.elapsed() >= FRESH;
            if outdated && !made.refreshing.swap(true, Ordering::Relaxed) {
                let (shared, old) = (Arc::clone(shared), Arc::clone(&made));
                tokio::spawn(refresh(shared, key, chosen, of, old, client.clone()));
            }
            made
        }
        _ => make_in_turn(shared, key, chosen, of, client).await?,
    };
    made.whole.respond(headers).await
}

/// Clients get the stale response until the new one is compressed.
async fn refresh(
    shared: Arc<Shared>,
    key: String,
    chosen: Chosen,
    of: Of,
    old: Arc<Made>,
    client: Client,
) {
    let made = async {
        let made = make(&shared, &chosen, of, &client).await?;
        made.whole.gzip().await?;
        made.whole.zstd().await?;
        Ok::<_, Problem>(made)
    };
    match made.await {
        Ok(made) => shared.latest.made.insert(key, made),
        Err(problem) => {
            tracing::warn!(?problem, "cannot update the latest readings");
            old.refreshing.store(false, Ordering::Relaxed);
        }
    }
}

/// Single flight: of concurrent equal requests, one computes the response.
async fn make_in_turn(
    shared: &Arc<Shared>,
    key: String,
    chosen: Chosen,
    of: Of,
    client: &Client,
) -> Result<Arc<Made>, Problem> {
    let lock = shared.locks.of(format!("latest {key}"));
    let _guard = lock.lock().await;
    if let Some(made) = shared.latest.made.get(&key).filter(|made| made.since.elapsed() < FRESH) {
        return Ok(made);
    }
    let made = make(shared, &chosen, of, client).await?;
    shared.latest.made.insert(key, Arc::clone(&made));
    Ok(made)
}

async fn make(
    shared: &Shared,
    Chosen { request, moment, silence_at }: &Chosen,
    of: Of,
    client: &Client,
) -> Result<Arc<Made>, Problem> {
    let _permit = shared.admission.interactive(client).await?;
    let (since, moment) = (Instant::now(), *moment);
    let collection = Collection {
        moment,
        silence_at: *silence_at,
        quality: request.quality.unwrap_or(Quality::All),
        standard: request.query.standard,
        home: request.home,
        attribution: shared.server.networks.attribution(&request.query),
    };
    let view = request.view_of(Arc::clone(&shared.server.store) as Arc<dyn View>);
    let page = view.latest(&request.query).await?;
    let text = in_background(move || collection.write(&page)).await?;
    let text = shared.latest.memory.hold(text.into_bytes()).await?;
    let mut head = Response::new(full(Bytes::new()));
    set(&mut head, CONTENT_TYPE, "application/geo+json");
    shared.server.set_licences(&mut head, &request.query);
    let headers = std::mem::take(head.headers_mut());
    let tag = format!("W/\"{}\"", &hexadecimal(&Sha256::digest(&text))[..32]);
    Ok(Arc::new(Made {
        whole: Whole::new(text, tag, headers, Effort::Most),
        of,
        moment,
        since,
        refreshing: AtomicBool::new(false),
    }))
}

/// The properties of a feature collection.
struct Collection {
    moment: Timestamp,
    silence_at: Timestamp,
    quality: Quality,
    standard: AqiStandard,
    home: Network,
    /// The attribution.
    attribution: String,
}

impl Collection {
    /// Features are sorted by location, which compresses well.
    ///
    /// An implausible newest reading is left out or marked; an older reading never replaces it.
    fn write(&self, page: &Page) -> String {
        let Self { moment, silence_at, quality, standard, home, ref attribution } = *self;
        let mut reasons = Reasons::default();
        let mut features: Vec<_> = page
            .rows()
            .map(|row| (row.reading(), row.index_by(standard), row.flags()))
            .map(|(reading, index, flags)| {
                let left_out = LeftOut::of(&reading, reading.timestamp, silence_at);
                Feature { reading, index, flags, left_out }
            })
            .inspect(|feature| reasons.add(feature.left_out))
            .filter(|feature| !feature.flags.intersects(quality.without()))
            .collect();
        features.sort_by_cached_key(Feature::place);
        let mut text = String::with_capacity(features.len() * 160 + 256);
        text.push_str("{\"type\":\"FeatureCollection\",");
        // The time of the bulk of the sensors, but not after the newest reading here.
        let last = features.iter().map(|feature| feature.reading.timestamp).max();
        if let Some(newest) = last.map(|last| last.min(moment)) {
            let _ = write!(text, "\"newest\":\"{newest}\",");
        }
        let readings = reasons.readings();
        let by_name = serde_json::to_string(&reasons.by_name()).unwrap_or_default(); // names and numbers
        let attribution = serde_json::Value::from(standard.credit(attribution));
        let _ = write!(
            text,
            "\"index\":\"{standard}\",\"quality\":\"{quality}\",\"leftOutReadings\":{readings},\"leftOut\":{by_name},\
             \"attribution\":{attribution},\"features\":["
        );
        for (number, feature) in features.into_iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            feature.write(&mut text, moment, home);
        }
        text.push_str("]}");
        text
    }
}

/// The newest reading of a sensor.
struct Feature {
    reading: Reading,
    index: Option<Index>,
    flags: Flags,
    left_out: LeftOut,
}

impl Feature {
    fn place(&self) -> impl Ord + use<> {
        let Reading { longitude, country, latitude, .. } = self.reading;
        (longitude.map(|degrees| degrees.round()), country, latitude)
    }

    fn write(&self, text: &mut String, moment: Timestamp, home: Network) {
        let Self { reading, index, flags, left_out } = self;
        let _ = write!(
            text,
            "{{\"type\":\"Feature\",\"id\":{},\"geometry\":",
            sensor_id(reading.sensor, home)
        );
        match (reading.longitude, reading.latitude) {
            (Some(longitude), Some(latitude)) => {
                let [longitude, latitude] = [longitude, latitude]
                    .map(|degrees| degrees.round_dp(PLACE_DECIMALS).normalize());
                let _ = write!(
                    text,
                    "{{\"type\":\"Point\",\"coordinates\":[{longitude},{latitude}]}},\
                     \"properties\":{{"
                );
            }
            _ => text.push_str("null,\"properties\":{"),
        }
        if let Some(country) = reading.country {
            let _ = write!(text, "\"loc_country\":\"{country}\",");
        }
        for (name, value) in [("P1", reading.pm10), ("P2", reading.pm25)] {
            if let Some(value) = value {
                let _ = write!(text, "\"{name}\":{},", value.round_dp(VALUE_DECIMALS).normalize());
            }
        }
        match index {
            Some(index) => drop(write!(text, "\"AQI\":{}", index.place())),
            None => text.push_str("\"AQI\":null"),
        }
        let age = (moment - reading.timestamp).as_hours();
        if age > 0 {
            let _ = write!(text, ",\"ageHours\":{age}");
        }
        if reading.indoor == Some(true) {
            text.push_str(",\"indoor\":true");
        }
        write_names(text, "flags", flags.names());
        write_names(text, "leftOut", left_out.names());
        text.push_str("}}");
    }
}

/// A member with a list of names, if any.
fn write_names(text: &mut String, member: &str, names: impl Iterator<Item = &'static str>) {
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        let _ = write!(text, ",\"{member}\":[\"{}\"]", names.join("\",\""));
    }
}
