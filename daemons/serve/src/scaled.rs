//! A view with the columns `P1_scaled` and `P2_scaled`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use airshed_history::neighbours::KILOMETRES;
use airshed_history::scaling::{self, Scaling};
use aqi::Decimal;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use store::{
    Area, Error, ErrorKind, Network, Page, Pages, Position, Query, Reading, Sensor, Summary, View,
    Window,
};
use tokio::sync::Mutex;

const DAY: i64 = 86_400;

/// A query for so many sensors reads what is around them; one for more, all daily means of the network.
pub(crate) const FEW_SENSORS: usize = 4;

/// How many days of rows are looked at together, where little is read for each.
const DAYS_AT_ONCE: i64 = 30;

/// The rows of a view, whose concentrations are also there divided by the sensor's
/// [factor](airshed_history::scaling), for the UTC day in which their averaging period begins.
///
/// Factors are found from daily means, once for each query. What is kept of them is of two months, or
/// three around a few sensors, however long the query is.
pub(crate) struct Scaled {
    rows: Arc<dyn View>,
    /// The readings that are stored.
    means: Arc<dyn View>,
    /// The networks whose sensors are neighbours; empty: all.
    networks: Vec<Network>,
    known: Mutex<Scaling>,
}

impl Scaled {
    pub(crate) fn new(rows: Arc<dyn View>, means: Arc<dyn View>, networks: Vec<Network>) -> Self {
        Self { rows, means, networks, known: Mutex::default() }
    }

    /// Reads the daily means that the factors of some days need, unless they are known.
    async fn learn(
        &self,
        known: &mut Scaling,
        sensors: &[Sensor],
        days: &BTreeSet<Timestamp>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
        let first = scaling::first_day(*first);
        known.forget_before(first);
        let ends = std::iter::successors(Some(first), |end| later(*end));
        let missing: Vec<_> =
            ends.take_while(|end| end < last).filter(|end| !known.has(*end)).collect();
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return Ok(()) };
        if let Some(places) = self.places_of(sensors, (*first, *last)).await? {
            let mut by_day: BTreeMap<Timestamp, BTreeMap<Sensor, Reading>> = BTreeMap::new();
            let areas = places.into_iter().map(Some);
            for area in areas {
                for day in self.daily_means((*first, *last), area, &[]).await? {
                    by_day.entry(day.timestamp).or_default().insert(day.sensor, day);
                }
            }
            for end in missing {
                let readings = by_day.remove(&end).unwrap_or_default().into_values().collect();
                *known = added(std::mem::take(known), end, readings).await?;
            }
            return Ok(());
        }
        for end in missing {
            let readings = self.daily_means((end, end), None, &[]).await?;
            *known = added(std::mem::take(known), end, readings).await?;
        }
        Ok(())
    }

    /// The circles around a few sensors, within which their neighbours are; `None` if there are many.
    async fn places_of(
        &self,
        sensors: &[Sensor],
        span: (Timestamp, Timestamp),
    ) -> Result<Option<Vec<Area>>, Error> {
        if sensors.is_empty() || sensors.len() > FEW_SENSORS {
            return Ok(None);
        }
        let own = self.daily_means(span, None, sensors).await?;
        let mut places = BTreeSet::new();
        places.extend(own.iter().filter_map(|day| day.latitude.zip(day.longitude)));
        let circle = |(latitude, longitude): (Decimal, Decimal)| {
            // Who is a neighbour is decided later; the store may round differently.
            let kilometres = KILOMETRES * 1.001;
            let (latitude, longitude) = (latitude.try_into().ok()?, longitude.try_into().ok()?);
            Some(Area::Circle { latitude, longitude, kilometres })
        };
        let is_few = places.len() <= FEW_SENSORS;
        Ok(is_few.then(|| places.into_iter().filter_map(circle).collect()))
    }

    async fn daily_means(
        &self,
        (from, until): (Timestamp, Timestamp),
        area: Option<Area>,
        sensors: &[Sensor],
    ) -> Result<Vec<Reading>, Error> {
        let mut wanted = Query::new(from, until);
        wanted.windows = vec![Window::Day];
        wanted.networks.clone_from(&self.networks);
        wanted.sensors = sensors.to_vec();
        wanted.area = area;
        let mut found = Vec::new();
        let mut pages = Pages::of_view(Arc::clone(&self.means), wanted);
        while let Some(page) = pages.next().await.transpose()? {
            found.extend(page.rows().map(|row| row.reading()));
        }
        Ok(found)
    }
}

async fn added(
    mut known: Scaling,
    end: Timestamp,
    readings: Vec<Reading>,
) -> Result<Scaling, Error> {
    in_background(move || {
        known.add(end, readings);
        known
    })
    .await
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let interrupted = |error| Error::new(ErrorKind::Io, "scaling was interrupted").because(error);
    tokio::task::spawn_blocking(work).await.map_err(interrupted)
}

/// The end of the UTC day in which the averaging period of a reading begins: its own daily mean is not
/// among those of the days before.
fn day_of(reading: &Reading) -> Timestamp {
    let period = match reading.window {
        Window::Day | Window::Day24 => DAY,
        _ => 1,
    };
    midnight_after(reading.timestamp.as_second().saturating_sub(period))
}

/// The end of a second's UTC day.
fn midnight_after(second: i64) -> Timestamp {
    let day = second.div_euclid(DAY) + 1;
    Timestamp::from_second(day.saturating_mul(DAY)).unwrap_or(Timestamp::MAX)
}

fn later(end: Timestamp) -> Option<Timestamp> {
    end.checked_add(SignedDuration::from_secs(DAY)).ok()
}

fn scale(readings: &mut [Reading], scaling: &Scaling) {
    let mut factors = HashMap::new();
    for reading in readings {
        let key = (reading.sensor, day_of(reading));
        let [pm10, pm25] =
            *factors.entry(key).or_insert_with(|| scaling.factors(reading.sensor, key.1));
        let scaled = |value: Option<_>, factor: Option<f64>| scaling::scaled(value?, factor?);
        let both = [scaled(reading.pm10, pm10), scaled(reading.pm25, pm25)];
        reading.scaled = Some(both).filter(|both| *both != [None; 2]).map(Box::new);
    }
}

#[async_trait]
impl View for Scaled {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let page = self.rows.query(query, after).await?;
        let next = page.next;
        let mut readings: Vec<_> = page.rows().map(|row| row.reading()).collect();
        drop(page);
        let mut known = self.known.lock().await;
        let days_at_once = match query.sensors.len() {
            1..=FEW_SENSORS => DAYS_AT_ONCE,
            _ => 1,
        };
        let (mut done, number) = (Vec::with_capacity(readings.len()), |reading: &Reading| {
            reading.timestamp.as_second().div_euclid(DAY) // rows are in order of these days
        });
        while let Some(first) = readings.first().map(number) {
            let is_later = |reading: &Reading| number(reading) >= first + days_at_once;
            let rest = readings.iter().position(is_later).unwrap_or(readings.len());
            let rest = readings.split_off(rest);
            let mut of_days = std::mem::replace(&mut readings, rest);
            let days = of_days.iter().map(day_of).collect();
            self.learn(&mut known, &query.sensors, &days).await?;
            let scaling = std::mem::take(&mut *known);
            let work = move || {
                scale(&mut of_days, &scaling);
                (scaling, of_days)
            };
            let (scaling, mut of_days) = in_background(work).await?;
            *known = scaling;
            done.append(&mut of_days);
        }
        let readings = done;
        // Rows of another view, with the same identities.
        let impossible =
            |error| Error::new(ErrorKind::Damaged, "a row is impossible").because(error);
        Page::of_readings(&readings, next).map_err(impossible)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.rows.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.rows.networks().await
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.rows
            .stored_at(
                scaling::first_day(midnight_after(from.as_second().saturating_sub(DAY))),
                until,
            )
            .await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.rows
            .version(
                scaling::first_day(midnight_after(from.as_second().saturating_sub(DAY))),
                until,
            )
            .await
    }
}
