//! `/api/sensors/<id>` and its page, `/sensor/<id>`: where a sensor is, what it is, how complete its
//! readings are, and how plausible.

mod completeness;
mod html;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use airshed_common::last_moment;
use airshed_history::neighbours::KILOMETRES;
use airshed_history::plausibility::{DAYS, Plausibility, RULE_VERSION};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value, json};
use store::{Area, Pages, Query, Reading, Sensor, View, Window};
use tokio::time::Instant;

use self::completeness::{Month, months_before};
use super::Shared;
use super::answer::{Answer, json as respond_json, location, sensor_id};
use super::client::Client;
use super::html::html_page;
use super::problem::Problem;
use super::whole::in_background;
use crate::freshness;
use crate::request::{BadRequest, QueryRequest};

/// Time limit for reading a sensor's past, and the number of months that are listed: its earlier
/// readings are left out then.
const LONGEST: Duration = Duration::from_secs(5);
const MOST_MONTHS: usize = 240;

pub(super) async fn resource(
    shared: &Shared,
    id: &str,
    client: &Client,
) -> Result<Answer, Problem> {
    let profile = Profile::read(shared, id, client).await?;
    let mut answer = respond_json(StatusCode::OK, &profile.json());
    shared.server.set_licences(&mut answer, &profile.request.query);
    Ok(answer)
}

pub(super) async fn page(shared: &Shared, id: &str, client: &Client) -> Result<Answer, Problem> {
    let profile = Profile::read(shared, id, client).await?;
    let licences = shared.server.networks.licences(&profile.request.query);
    let mut answer = html_page(
        StatusCode::OK,
        html::written(&profile, &licences, &shared.server.site.base_path),
    );
    shared.server.set_licences(&mut answer, &profile.request.query);
    Ok(answer)
}

/// What is known of a sensor.
struct Profile {
    request: QueryRequest,
    sensor: Sensor,
    past: Past,
    /// Its newest reading.
    last: Reading,
    plausibility: Plausibility,
    attribution: String,
}

/// The readings of a sensor, newest first.
#[derive(Default)]
struct Past {
    first: Option<Timestamp>,
    last: Option<Reading>,
    windows: BTreeSet<Window>,
    /// The newest first.
    months: Vec<Month>,
    /// Whether all were read.
    complete: bool,
    /// All daily means that were read.
    days: Vec<Reading>,
}

impl Profile {
    async fn read(shared: &Shared, id: &str, client: &Client) -> Result<Self, Problem> {
        let mut request = shared.server.restrict(asked(shared, id)?).await?;
        request.query.until = last_moment((shared.server.clock)());
        let &[sensor] = request.query.sensors.as_slice() else {
            return Err(BadRequest::new("sensor", "expected the id of one sensor").into());
        };
        let _permit = shared.admission.heavy(client).await?;
        let summary = shared.server.store.summary().await?;
        let nothing = || Problem::NoData { others: Vec::new() };
        let extent = freshness::until(&summary, request.query.until).ok_or_else(nothing)?;
        let view = shared.server.store.snapshot().await?;
        let mut past = Past::read(&view, &request.query, extent).await?;
        let last = past.last.take().ok_or_else(nothing)?;
        let until = last_midnight(extent.1);
        let days = past.days_before(until);
        let around = around(&view, &request.query, &days).await?;
        let plausibility = {
            let limits = shared.server.neighbours.clone();
            in_background(move || Plausibility::of(&days, &around, until, &limits)).await?
        };
        let attribution = shared.server.networks.attribution(&request.query);
        Ok(Self { request, sensor, past, last, plausibility, attribution })
    }

    fn json(&self) -> Value {
        let Self { request, past, last, .. } = self;
        json!({
            "sensor": sensor_id(self.sensor, request.home),
            "network": self.sensor.network.as_str(),
            "sensorType": last.sensor_type.map(|kind| kind.as_str().to_owned()),
            "location": location(last),
            "first": past.first,
            "last": last.timestamp,
            "windows": past.windows.iter().map(|window| window.name()).collect::<Vec<_>>(),
            "complete": past.complete,
            "plausibility": self.rated(),
            "completeness": past.months.iter().map(Month::json).collect::<Vec<_>>(),
            "attribution": self.attribution,
        })
    }

    fn rated(&self) -> Value {
        let rated = &self.plausibility;
        let neighbour = |(sensor, days): &(Sensor, usize)| json!({ "sensor": sensor_id(*sensor, self.request.home), "days": days });
        let shown = |number: f64| Number::from_f64((number * 1e4).round() / 1e4);
        json!({
            "stars": rated.stars,
            "reason": rated.to_string(),
            "ruleVersion": RULE_VERSION,
            "from": rated.from,
            "until": rated.until,
            "validDays": rated.valid_days,
            "faultyDays": rated.faulty_days,
            "deviatingDays": rated.deviating_days,
            "daysWithoutNeighbours": rated.lone_days,
            "pollutant": rated.ratio.map(|ratio| ratio.pollutant.name()),
            "factor": rated.ratio.and_then(|ratio| shown(ratio.factor())),
            "m": rated.ratio.and_then(|ratio| shown(ratio.m())),
            "neighbours": rated.neighbours.iter().map(neighbour).collect::<Vec<_>>(),
        })
    }
}

/// A request for all readings of the sensor in a path, by the rules of other requests.
fn asked(shared: &Shared, id: &str) -> Result<QueryRequest, Problem> {
    let expected = || BadRequest::new("sensor", "expected the id of one sensor");
    let mut parts = form_urlencoded::parse(id.as_bytes()); // undoes percent-encoding
    let (id, rest) = parts.next().ok_or_else(expected)?;
    if !rest.is_empty() || parts.next().is_some() {
        return Err(expected().into());
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("sensor", &id).append_pair("window", "all");
    form.append_pair("startDate", "0000-01-01").append_pair("endDate", "9999-12-31");
    Ok(shared.server.defaults().form(form.finish().as_bytes())?)
}

impl Past {
    /// Reads month by month, backwards, since what is newest matters most.
    async fn read(
        view: &Arc<dyn View>,
        all: &Query,
        (oldest, newest): (Timestamp, Timestamp),
    ) -> Result<Self, Problem> {
        let begun = Instant::now();
        let mut past = Self { complete: true, ..Self::default() };
        for mut month in months_before(newest) {
            if month.until() < oldest {
                break;
            }
            if begun.elapsed() > LONGEST || past.months.len() == MOST_MONTHS {
                past.complete = false;
                break;
            }
            let mut query = all.clone();
            (query.from, query.until) = (month.from(), month.until().min(all.until));
            let mut pages = Pages::of_view(Arc::clone(view), query);
            while let Some(page) = pages.next().await.transpose()? {
                for row in page.rows() {
                    past.add(row.reading(), &mut month);
                }
            }
            // Months before its first reading are none of the sensor's.
            past.months.extend(past.last.is_some().then_some(month));
        }
        while past.months.pop_if(|month| month.is_empty()).is_some() {}
        Ok(past)
    }

    fn add(&mut self, reading: Reading, month: &mut Month) {
        month.add(&reading);
        self.windows.insert(reading.window);
        self.first =
            Some(self.first.map_or(reading.timestamp, |first| first.min(reading.timestamp)));
        if reading.window == Window::Day {
            self.days.push(reading.clone());
        }
        let key = |reading: &Reading| (reading.timestamp, reading.window);
        if self.last.as_ref().is_none_or(|last| key(last) < key(&reading)) {
            self.last = Some(reading);
        }
    }

    /// The daily means of the [`DAYS`] days until a midnight.
    fn days_before(&mut self, until: Timestamp) -> Vec<Reading> {
        let span = SignedDuration::from_hours(DAYS * 24);
        let from = until.saturating_sub(span).unwrap_or(Timestamp::MIN);
        let mut days = std::mem::take(&mut self.days);
        days.retain(|day| from < day.timestamp && day.timestamp <= until);
        days
    }
}

/// The end of the last UTC day that is past at the network's newest reading: a sensor that fell
/// silent since has fewer days, and finally no stars.
fn last_midnight(newest: Timestamp) -> Timestamp {
    let seconds = newest.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(86_400)).unwrap_or(newest)
}

/// The daily means of the sensors around, for each place that the sensor had.
async fn around(
    view: &Arc<dyn View>,
    all: &Query,
    days: &[Reading],
) -> Result<Vec<Reading>, store::Error> {
    let mut places = BTreeMap::new();
    for day in days {
        let Some(place) = day.latitude.zip(day.longitude) else { continue };
        let (first, last) = places.entry(place).or_insert((day.timestamp, day.timestamp));
        (*first, *last) = ((*first).min(day.timestamp), (*last).max(day.timestamp));
    }
    let mut found = Vec::new();
    for ((north, east), (first, last)) in places {
        let (Ok(latitude), Ok(longitude)) = (f64::try_from(north), f64::try_from(east)) else {
            continue;
        };
        let mut query = Query::new(first, last);
        query.windows = vec![Window::Day];
        query.networks.clone_from(&all.networks);
        // Who is a neighbour is decided later; the store may round differently.
        let kilometres = KILOMETRES * 1.001;
        query.area = Some(Area::Circle { latitude, longitude, kilometres });
        let mut pages = Pages::of_view(Arc::clone(view), query);
        while let Some(page) = pages.next().await.transpose()? {
            found.extend(page.rows().map(|row| row.reading()));
        }
    }
    Ok(found)
}
