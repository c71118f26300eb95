//! A view with the columns `P1_scaled` and `P2_scaled`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use airshed_history::neighbours::KILOMETRES;
use airshed_history::scaling::{self, Scaling};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use store::{
    Area, Error, ErrorKind, Network, Page, Pages, Position, Query, Reading, Sensor, Summary, View,
    Window,
};
use tokio::sync::Mutex;

const DAY: i64 = 86_400;

/// The rows of a view, whose concentrations are also there divided by the sensor's
/// [factor](airshed_history::scaling) of their UTC day.
///
/// Factors are found from daily means, once for each query: of a query for some sensors from those
/// around them, else from all of the network.
pub(crate) struct Scaled {
    rows: Arc<dyn View>,
    /// The readings that are stored.
    means: Arc<dyn View>,
    known: Mutex<Scaling>,
}

impl Scaled {
    pub(crate) fn new(rows: Arc<dyn View>, means: Arc<dyn View>) -> Self {
        Self { rows, means, known: Mutex::default() }
    }

    /// Reads the daily means that the factors of some days need, unless they are known.
    async fn learn(
        &self,
        known: &mut Scaling,
        query: &Query,
        days: &BTreeSet<Timestamp>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
        let first = scaling::first_day(*first);
        known.forget_before(first);
        let ends = std::iter::successors(Some(first), |end| later(*end));
        let missing: Vec<_> =
            ends.take_while(|end| end < last).filter(|end| !known.has(*end)).collect();
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return Ok(()) };
        if query.sensors.is_empty() {
            for end in missing {
                let readings = self.daily_means(query, end, end, None, &[]).await?;
                *known = added(std::mem::take(known), end, readings).await?;
            }
            return Ok(());
        }
        let own = self.daily_means(query, *first, *last, None, &query.sensors).await?;
        let mut places = BTreeSet::new();
        places.extend(own.iter().filter_map(|day| day.latitude.zip(day.longitude)));
        let mut by_day: BTreeMap<Timestamp, Vec<Reading>> = BTreeMap::new();
        let mut add = |readings: Vec<Reading>| {
            readings.into_iter().for_each(|day| by_day.entry(day.timestamp).or_default().push(day));
        };
        add(own);
        for (latitude, longitude) in places {
            let (Ok(latitude), Ok(longitude)) = (latitude.try_into(), longitude.try_into()) else {
                continue;
            };
            // Who is a neighbour is decided later; the store may round differently.
            let kilometres = KILOMETRES * 1.001;
            let area = Area::Circle { latitude, longitude, kilometres };
            add(self.daily_means(query, *first, *last, Some(area), &[]).await?);
        }
        for end in missing {
            let readings = by_day.remove(&end).unwrap_or_default();
            *known = added(std::mem::take(known), end, readings).await?;
        }
        Ok(())
    }

    async fn daily_means(
        &self,
        query: &Query,
        from: Timestamp,
        until: Timestamp,
        area: Option<Area>,
        sensors: &[Sensor],
    ) -> Result<Vec<Reading>, Error> {
        let mut wanted = Query::new(from, until);
        wanted.windows = vec![Window::Day];
        wanted.networks.clone_from(&query.networks);
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

/// The end of the UTC day of an averaging period that ends then.
fn end_of_day(end: Timestamp) -> Timestamp {
    let seconds = end.as_second();
    let day = (seconds - 1).div_euclid(DAY) + 1;
    Timestamp::from_second(day.saturating_mul(DAY)).unwrap_or(end)
}

fn later(end: Timestamp) -> Option<Timestamp> {
    end.checked_add(SignedDuration::from_secs(DAY)).ok()
}

#[async_trait]
impl View for Scaled {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let page = self.rows.query(query, after).await?;
        let next = page.next;
        let mut readings: Vec<_> = page.rows().map(|row| row.reading()).collect();
        drop(page);
        let days = readings.iter().map(|reading| end_of_day(reading.timestamp)).collect();
        let mut known = self.known.lock().await;
        self.learn(&mut known, query, &days).await?;
        let scaling = std::mem::take(&mut *known);
        let work = move || {
            let mut factors = HashMap::new();
            for reading in &mut readings {
                let key = (reading.sensor, end_of_day(reading.timestamp));
                let [pm10, pm25] =
                    *factors.entry(key).or_insert_with(|| scaling.factors(reading.sensor, key.1));
                let scaled =
                    |value: Option<_>, factor: Option<f64>| scaling::scaled(value?, factor?);
                reading.pm10_scaled = scaled(reading.pm10, pm10);
                reading.pm25_scaled = scaled(reading.pm25, pm25);
            }
            (scaling, readings)
        };
        let (scaling, readings) = in_background(work).await?;
        *known = scaling;
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
        self.rows.stored_at(scaling::first_day(end_of_day(from)), until).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.rows.version(scaling::first_day(end_of_day(from)), until).await
    }
}
