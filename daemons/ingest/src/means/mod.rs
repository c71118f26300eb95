//! Means of a feed of samples: hours, 24 hours and days, by the rule of [`airshed_history`].
//!
//! The readings of a five-minute feed are samples. A mean is made when its period has ended, of the
//! samples that are stored, and is made again when late samples come. So whatever comes in whatever
//! order, and whenever the process ends, after [`Making::finish`], and [`LiveMeans::look_back`] at all
//! days, the store has the means that one pass over all samples before the last full hour gives,
//! which are those of the archive.
//!
//! - The stored samples are the only state: a process that starts reads today's from the store, with
//!   yesterday's, whose hours the 24 hours of today need, and stores the means that are missing or
//!   differ. So does one that failed to store something. From then on, it keeps today's in memory,
//!   up to 30 KB per sensor, and some 7 KB of each of the two days before.
//! - Earlier days are looked at afterwards, one at a time, while nothing else is to be done
//!   ([`LiveMeans::look_back`]). A day at which nothing was missing is [`settled`](Settled): a
//!   process that starts later does not read it.
//! - Temperature and humidity of samples become those of the means of all sensors at their location.
//! - A sample replaces one of the same sensor and second, as in the store.
//! - Samples are kept for a number of days ([`LiveMeans::new`]). A late sample of a day before
//!   those, or more than [`CORRECTED`] days old, changes no mean.
//! - A stored mean of more hours or samples stays: that of the archive, where this process missed
//!   some samples.
//! - Neighbours are compared among all stored means of the network of one averaging period and
//!   time; if one of them changes, so may the flags of the others.

mod earlier;
mod sensor_day;
mod settle;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use airshed_history::climate::Locations;
use airshed_history::{ClimateHour, Flagging, Hours};
use jiff::Timestamp;
use store::{Error, Network, Query, Reading, Sensor, Store, Window};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{debug, info, warn};

use self::earlier::Earlier;
pub use self::earlier::Settled;
use self::sensor_day::{SensorDay, midnight};
use self::settle::{Stored, each, in_background, settle};
use crate::retention;

/// The number of days for which late samples correct means, if samples are kept for so long.
pub const CORRECTED: i32 = 31;

/// The number of days before those for which samples are kept, within which a process that started
/// looks for samples whose means are missing, before it deletes them.
const LOOKED_BACK: i32 = 31;

/// The smallest number of days for which samples can be kept: late ones of yesterday change 24-hour
/// means, which need the hours of the day before.
pub const LEAST_DAYS: u32 = 2;

/// How long after midnight the samples of the day before stay in memory: most late ones are of the
/// last minutes.
const LATE: i64 = HOUR;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Makes the means of a network's samples in a store. It is shared by all collectors that put
/// samples of the network there.
pub struct LiveMeans {
    store: Arc<dyn Store>,
    network: Network,
    /// For how many days before today samples are kept.
    kept: i32,
    flagging: Flagging,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None at first, and after a failure.
    known: Option<Known>,
    earlier: Earlier,
    /// The first day of which samples are still stored.
    first_kept: Option<i32>,
    /// The [time](retention::time_of) of the last feed.
    time: Option<Timestamp>,
    /// The newest reading that was stored at some moment. Pushed samples have the time of the clock,
    /// which can be years ahead, so the present is not later than the time that has passed since.
    newest: Option<(Timestamp, Instant)>,
}

/// What [`Making::finish`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Means stored.
    pub means: u64,
    /// Means that stay, since the store has them of more samples.
    pub left: u64,
    /// Samples that are too old to change a mean.
    pub too_old: u64,
    /// Samples deleted.
    pub deleted: u64,
}

impl LiveMeans {
    /// Samples are kept for `days` before the present day, at least [`LEAST_DAYS`].
    pub fn new(store: Arc<dyn Store>, network: Network, days: u32) -> Self {
        let kept = i32::try_from(days.max(LEAST_DAYS)).unwrap_or(i32::MAX).min(1_000_000);
        let (flagging, state) = (Flagging::default(), Mutex::default());
        Self { store, network, kept, flagging, state }
    }

    /// With other flags than the usual ones.
    #[must_use]
    pub fn with_flagging(self, flagging: Flagging) -> Self {
        Self { flagging, ..self }
    }

    /// Passes over the days that an earlier process left settled.
    #[must_use]
    pub fn but_for(mut self, settled: Settled) -> Self {
        self.state.get_mut().earlier.settled = settled;
        self
    }

    /// To be called before samples are put into the store, and finished afterwards; if it is dropped
    /// instead, the next one reads the store.
    pub async fn begin(&self) -> Making<'_> {
        let mut state = self.state.lock().await;
        self.note_newest(&mut state).await;
        let known = state.known.take();
        Making { means: self, state, known }
    }

    /// Notes what is stored, before a process puts samples by [`follow`](Self::follow).
    pub async fn look_at_store(&self) {
        let mut state = self.state.lock().await;
        self.note_newest(&mut state).await;
    }

    async fn note_newest(&self, state: &mut State) {
        if state.newest.is_none()
            && let Ok(summary) = self.store.summary().await
            && let Some((_, newest)) = summary.extent
        {
            state.newest = Some((newest, Instant::now()));
        }
    }
}

impl LiveMeans {
    /// Makes the means of samples that were put without [`begin`](Self::begin), so that nobody has to
    /// wait for means before a put.
    ///
    /// Another call may have read some of them from the store already, without making their means;
    /// so those are made whatever is known.
    pub async fn follow(&self, samples: &[Reading], now: Timestamp) -> Result<Made, Error> {
        self.begin().await.make(samples, now, true).await
    }

    /// Looks at one of the days before today, the latest first, for samples whose means are missing.
    /// `None` if no day is left, or if it is not known which: [`Making::finish`] finds out.
    pub async fn look_back(&self, now: Timestamp) -> Result<Option<Made>, Error> {
        let mut state = self.state.lock().await;
        let Some(day) = state.earlier.next() else { return Ok(None) };
        let Some(known) = state.known.take() else { return Ok(None) };
        let today = day_of_second(known.until);
        let mut run = Run {
            store: &*self.store,
            network: self.network,
            flagging: &self.flagging,
            first: today - self.kept.min(CORRECTED) - LOOKED_BACK,
            until: known.until,
            today,
            in_any_case: false,
            made: Made::default(),
        };
        let rows = match known.days.contains_key(&day) {
            true => None, // its samples are not read from the store now
            false => earlier::rows_of(&*self.store, day).await?,
        };
        let known = run.make_all(known, day).await?.forget(today).await?;
        state.known = Some(known);
        state.earlier.remove(day);
        if let Some(rows) = rows.filter(|_| run.made.means == 0) {
            state.earlier.settled.add(day, rows);
        }
        state.earlier.log();
        run.made.deleted = self.delete_old(&mut state, now).await?;
        log(&run.made);
        Ok(Some(run.made))
    }

    /// Deletes samples that are kept no longer, once their means are made.
    async fn delete_old(&self, state: &mut State, now: Timestamp) -> Result<u64, Error> {
        let Some(present) = state.present(now).map(day_of) else { return Ok(0) };
        let first_kept = present - self.kept;
        if !state.earlier.is_empty() || state.first_kept.is_some_and(|first| first >= first_kept) {
            return Ok(0);
        }
        let deleted = self.delete_before(first_kept).await?;
        state.first_kept = Some(first_kept);
        Ok(deleted)
    }
}

/// Samples are being put into the store.
pub struct Making<'a> {
    means: &'a LiveMeans,
    state: MutexGuard<'a, State>,
    known: Option<Known>,
}

impl Making<'_> {
    /// Makes the means that change with samples, which are stored, or with the time.
    pub async fn finish(self, samples: &[Reading], now: Timestamp) -> Result<Made, Error> {
        self.make(samples, now, false).await
    }

    async fn make(
        mut self,
        samples: &[Reading],
        now: Timestamp,
        in_any_case: bool,
    ) -> Result<Made, Error> {
        let (hour, today) = (now.as_second().div_euclid(HOUR), day_of(now));
        let kept = self.means.kept;
        let first = today - kept.min(CORRECTED);
        let mut run = Run {
            store: &*self.means.store,
            network: self.means.network,
            flagging: &self.means.flagging,
            first,
            until: hour * HOUR,
            today,
            in_any_case,
            made: Made::default(),
        };
        if let Some(time) = retention::time_of(samples) {
            self.state.note_time(time);
        }
        let network = self.means.network;
        let is_sample = |reading: &&Reading| {
            reading.window == Window::FiveMinutes && reading.sensor.network == network
        };
        let samples = samples.iter().filter(is_sample);
        let (old, samples): (Vec<_>, Vec<_>) =
            samples.partition(|sample| day_of(sample.timestamp) < first);
        run.made.too_old = old.len() as u64;
        let earlier = &mut self.state.earlier;
        let known = match self.known.take() {
            Some(known) => run.go_on(known, samples, earlier).await?,
            None => {
                earlier.begin(&*self.means.store, first - LOOKED_BACK..today).await?;
                let known = run.start().await?;
                earlier.log();
                known
            }
        };
        self.state.known = Some(known);
        run.made.deleted = self.means.delete_old(&mut self.state, now).await?;
        log(&run.made);
        Ok(run.made)
    }
}

impl State {
    /// Notes the time of a feed. The newest reading follows it from day to day, but not over a leap.
    fn note_time(&mut self, time: Timestamp) {
        self.time = Some(time);
        if self.newest.is_some_and(|(newest, _)| newest < time) && self.present(time) == Some(time)
        {
            self.newest = Some((time, Instant::now()));
        }
    }

    fn present(&self, now: Timestamp) -> Option<Timestamp> {
        let (newest, since) = self.newest?;
        let latest = newest.saturating_add(since.elapsed()).unwrap_or(Timestamp::MAX);
        Some(retention::present(latest, retention::present(self.time?, now)))
    }
}

/// A step of [`Making::finish`].
struct Run<'a> {
    store: &'a dyn Store,
    network: Network,
    flagging: &'a Flagging,
    /// The first day whose means are made.
    first: i32,
    /// Means that end by then are made, of the samples before: UTC seconds since 1970.
    until: i64,
    today: i32,
    /// Whether means of samples that are known already are made, too.
    in_any_case: bool,
    made: Made,
}

/// What is known of some days; of each of them all sensors.
#[derive(Default)]
struct Known {
    days: BTreeMap<i32, Sensors>,
    /// Of other days, what the means of the next one need.
    hours: BTreeMap<i32, BTreeMap<u64, Ended>>,
    /// What [`Run::until`] was.
    until: i64,
}

type Sensors = BTreeMap<u64, SensorDay>;

/// What the means of the next day need of a sensor's day.
struct Ended {
    hours: Hours,
    /// With their locations.
    climate: Vec<(u64, ClimateHour)>,
}

/// Whose means of a day change.
#[derive(Default)]
struct Changed {
    sensors: BTreeSet<u64>,
    /// Of all sensors at these locations, since temperature and humidity may have changed.
    locations: BTreeSet<u64>,
}

impl Run<'_> {
    /// Makes the means of today. Sensors whose clocks are ahead may have samples of tomorrow.
    async fn start(&mut self) -> Result<Known, Error> {
        let mut known = Known { until: self.until, ..Known::default() };
        for day in [self.today, self.today + 1] {
            known = self.make_all(known, day).await?;
        }
        known.forget(self.today).await
    }

    /// Makes the means of a day.
    async fn make_all(&mut self, mut known: Known, day: i32) -> Result<Known, Error> {
        let all = self.load(&mut known, day).await?.keys().copied().collect();
        self.make(known, day, all).await
    }

    /// Makes the means that samples and the time change.
    async fn go_on(
        &mut self,
        mut known: Known,
        samples: Vec<&Reading>,
        earlier: &mut Earlier,
    ) -> Result<Known, Error> {
        let mut changed: BTreeMap<i32, Changed> = BTreeMap::new();
        let loaded: BTreeSet<i32> = known.days.keys().copied().collect();
        for sample in samples {
            let (day, sensor) = (day_of(sample.timestamp), sample.sensor.id);
            let sensors = self.load(&mut known, day).await?;
            let of_sensor = sensors.entry(sensor).or_insert_with(SensorDay::new);
            let mut locations: BTreeSet<_> = of_sensor.locations().collect();
            // Of a day that was not loaded, the sample is already there.
            let is_new = of_sensor.add(sample) || !loaded.contains(&day) || self.in_any_case;
            if is_new && sample.timestamp.as_second() < self.until {
                locations.extend(of_sensor.locations());
                for day in [day, day + 1] {
                    let changed = changed.entry(day).or_default();
                    changed.sensors.insert(sensor);
                    changed.locations.extend(&locations);
                }
            }
        }
        // In these days other means have ended since.
        let has_ended = |day: i32| midnight(day) < self.until && known.until < midnight(day + 1);
        for (day, sensors) in known.days.iter().filter(|_| known.until < self.until) {
            if has_ended(*day) {
                changed.entry(*day).or_default().sensors.extend(sensors.keys());
            }
        }
        known.until = self.until;
        while let Some((day, Changed { mut sensors, locations })) = changed.pop_first() {
            if day <= self.today {
                let there = self.load(&mut known, day).await?.iter();
                let is_at = |of_sensor: &SensorDay| {
                    of_sensor.locations().any(|location| locations.contains(&location))
                };
                sensors.extend(there.filter(|(_, of_sensor)| is_at(of_sensor)).map(|(id, _)| id));
                known = self.make(known, day, sensors).await?;
            }
        }
        let known = known.forget(self.today).await?;
        for day in loaded.range(..self.today).filter(|day| !known.days.contains_key(day)) {
            earlier.add(*day); // to be settled
        }
        Ok(known)
    }

    /// The samples of a day, read from the store unless they are known.
    async fn load<'k>(&self, known: &'k mut Known, day: i32) -> Result<&'k mut Sensors, Error> {
        let unknown = match known.days.entry(day) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(unknown) => unknown,
        };
        let mut sensors = Sensors::new();
        let samples = of_days(self.network, day, day + 1);
        each(self.store, &samples, |sample| {
            sensors.entry(sample.sensor.id).or_insert_with(SensorDay::new).add(&sample);
        })
        .await?;
        debug!(day, sensors = sensors.len(), "samples read from the store");
        Ok(unknown.insert(sensors))
    }

    /// Makes the means of some sensors in a day, which is loaded.
    async fn make(
        &mut self,
        mut known: Known,
        day: i32,
        sensors: BTreeSet<u64>,
    ) -> Result<Known, Error> {
        if sensors.is_empty() {
            return Ok(known);
        }
        let has_before = day > self.first;
        if has_before && !known.hours.contains_key(&(day - 1)) {
            self.load(&mut known, day - 1).await?;
        }
        let (network, until) = (self.network, self.until);
        let work = move || {
            let means = known.new_means(network, day, &sensors, until, has_before);
            (known, means)
        };
        let (known, means) = in_background(work).await?;
        let mut by_end: BTreeMap<Timestamp, Vec<Reading>> = BTreeMap::new();
        means.into_iter().for_each(|mean| by_end.entry(mean.timestamp).or_default().push(mean));
        for (end, means) in by_end {
            let Stored { stored, left } =
                settle(self.store, network, end, means, self.flagging).await?;
            debug!(%end, stored, left, "means stored");
            self.made.means += stored;
            self.made.left += left;
        }
        Ok(known)
    }
}

impl Known {
    fn new_means(
        &mut self,
        network: Network,
        day: i32,
        sensors: &BTreeSet<u64>,
        until: i64,
        has_before: bool,
    ) -> Vec<Reading> {
        let climate = self.climate(day, sensors, until, has_before);
        let mut of_day = self.days.remove(&day).unwrap_or_default();
        let day_before = self.days.get(&(day - 1));
        let hours = self.hours.get(&(day - 1));
        let mut means = Vec::new();
        for id in sensors {
            let Some(sensor_day) = of_day.get_mut(id) else { continue };
            let before = has_before.then(|| match day_before {
                Some(sensors) => sensors.get(id).map(|before| Cow::Owned(before.hours(day - 1))),
                None => {
                    hours.and_then(|hours| hours.get(id)).map(|ended| Cow::Borrowed(&ended.hours))
                }
            });
            let before = before.map(Option::unwrap_or_default);
            let sensor = Sensor { network, id: *id };
            let before = before.as_deref();
            means.append(&mut sensor_day.new_means(sensor, day, before, &climate, until));
        }
        self.days.insert(day, of_day);
        means
    }

    /// Temperature and humidity where some sensors are in a day, in it and in the day before.
    fn climate(
        &self,
        day: i32,
        sensors: &BTreeSet<u64>,
        until: i64,
        has_before: bool,
    ) -> Locations {
        let mut climate = Locations::default();
        let Some(of_day) = self.days.get(&day) else { return climate };
        let wanted: BTreeSet<u64> =
            sensors.iter().filter_map(|id| of_day.get(id)).flat_map(SensorDay::locations).collect();
        let mut add = |(location, hour): (u64, ClimateHour)| {
            if wanted.contains(&location) {
                climate.add_hour(location, &hour);
            }
        };
        of_day.values().flat_map(|sensor| sensor.climate(day, until)).for_each(&mut add);
        match self.days.get(&(day - 1)) {
            _ if !has_before => {}
            Some(sensors) => {
                let hours = sensors.values().flat_map(|sensor| sensor.climate(day - 1, i64::MAX));
                hours.for_each(add);
            }
            None => {
                let ended = self.hours.get(&(day - 1)).into_iter().flat_map(BTreeMap::values);
                ended.flat_map(|ended| &ended.climate).copied().for_each(add);
            }
        }
        climate
    }

    /// Keeps what days from one on need.
    async fn forget(mut self, today: i32) -> Result<Self, Error> {
        let work = move || {
            let is_late = self.until < midnight(today) + LATE;
            let later = self.days.split_off(&if is_late { today - 1 } else { today });
            for (day, sensors) in std::mem::replace(&mut self.days, later) {
                let ended = sensors.iter().map(|(id, sensor)| {
                    let climate = sensor.climate(day, i64::MAX).collect();
                    (*id, Ended { hours: sensor.hours(day), climate })
                });
                self.hours.insert(day, ended.collect());
            }
            self.hours = self.hours.split_off(&(today - 2));
            self
        };
        in_background(work).await
    }
}

impl LiveMeans {
    /// Deletes the samples of the days before one.
    async fn delete_before(&self, day: i32) -> Result<u64, Error> {
        let mut old = of_days(self.network, day, day);
        old.from = Timestamp::MIN;
        self.store.delete(&old).await
    }
}

/// The samples from one day until before another.
fn of_days(network: Network, from: i32, until: i32) -> Query {
    let at = |second| Timestamp::from_second(second).unwrap_or_default();
    let mut query = Query::new(at(midnight(from)), at(midnight(until) - 1));
    (query.networks, query.windows) = (vec![network], vec![Window::FiveMinutes]);
    query
}

/// Days since 1970.
fn day_of(moment: Timestamp) -> i32 {
    day_of_second(moment.as_second())
}

fn day_of_second(second: i64) -> i32 {
    // A timestamp's years are -9999 to 9999.
    i32::try_from(second.div_euclid(DAY)).unwrap_or_default()
}

fn log(made: &Made) {
    let &Made { means, left, too_old, deleted } = made;
    if means > 0 {
        metrics::counter!("airshed_means_total").increment(means);
        info!(means, "means made");
    }
    if too_old > 0 {
        metrics::counter!("airshed_late_samples_total").increment(too_old);
        warn!(
            samples = too_old,
            "late samples are too old: the means of their days stay as they are"
        );
    }
    if left > 0 {
        info!(means = left, "means stay as they are: those stored are of more samples");
    }
    if deleted > 0 {
        info!(samples = deleted, "old samples deleted");
    }
}
