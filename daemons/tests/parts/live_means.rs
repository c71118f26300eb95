//! Means of samples that come from a five-minute feed, beside those of the archive's rule over the
//! same samples.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::collector::{Backoff, Collector};
use airshed::means::{LiveMeans, Made};
use airshed::source::{Fetch, FetchError, Fetched, Source};
use airshed_history::archive::{self, Report, Row, Station};
use airshed_history::climate::Locations;
use airshed_history::{Carried, Day, Fixed, Flagging, neighbours};
use airshed_ingest::place::check_countries;
use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use store::{
    Decimal, Embedded, Error, ErrorKind, Flags, Memory, Network, Page, Position, Query, Reading,
    Store, Summary, View, Window, conformance,
};

use super::support::{at, shared_data};

mod start;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// The averaging periods of means.
const MEANS: [Window; 3] = [Window::Hour, Window::Day24, Window::Day];

/// What the archive has of a sample.
#[derive(Debug, Clone)]
struct Sample {
    sensor: u64,
    station: Arc<Station>,
    second: i64,
    values: [Option<Fixed>; 2],
    /// What a sensor of temperature and humidity has at the same location and second.
    climate: [Option<Fixed>; 2],
}

/// What the feed says; of some sensors, it is not where they are.
fn country_of(sensor: u64) -> &'static str {
    if sensor % 2 == 1 { "DE" } else { "GB" }
}

/// The sensor of temperature and humidity beside one.
const BESIDE: u64 = 1000;

impl Sample {
    fn timestamp(&self) -> Timestamp {
        Timestamp::from_second(self.second).unwrap()
    }

    fn reading(&self) -> Reading {
        let [pm10, pm25] = self.values.map(|value| value.map(Fixed::decimal));
        let [temperature, humidity] = self.climate.map(|value| value.map(Fixed::decimal));
        let Station { sensor_type, location, latitude, longitude, indoor } = *self.station;
        let mut reading = [Reading {
            temperature,
            humidity,
            pm10,
            pm25,
            sensor_type: Some(sensor_type),
            location,
            latitude,
            longitude,
            indoor,
            country: country_of(self.sensor).parse().ok(),
            ..Reading::new(self.sensor, Window::FiveMinutes, self.timestamp())
        }];
        check_countries(&mut reading);
        let [reading] = reading;
        reading
    }

    /// As records of the feed.
    fn record(&self) -> String {
        let model = self.station.sensor_type;
        let particulates = self.record_of(self.sensor, model.as_str(), ["P1", "P2"], self.values);
        let names = ["temperature", "humidity"];
        let climate = self.record_of(self.sensor + BESIDE, "DHT22", names, self.climate);
        match self.climate {
            [None, None] => particulates,
            _ => format!("{climate},{particulates}"),
        }
    }

    fn record_of(
        &self,
        sensor: u64,
        model: &str,
        names: [&str; 2],
        values: [Option<Fixed>; 2],
    ) -> String {
        let values = names.iter().zip(values).filter_map(|(name, value)| {
            let value = value?.decimal();
            Some(format!(r#"{{"value_type":"{name}","value":"{value}"}}"#))
        });
        let Station { location, latitude, longitude, .. } = *self.station;
        format!(
            r#"{{"timestamp":"{}","location":{{"id":{},"latitude":"{}","longitude":"{}",
               "country":"{}","indoor":0}},"sensor":{{"id":{sensor},"sensor_type":{{"name":"{model}"}}}},
               "sensordatavalues":[{}]}}"#,
            self.timestamp().strftime("%Y-%m-%d %H:%M:%S"),
            location.unwrap(),
            latitude.unwrap(),
            longitude.unwrap(),
            country_of(sensor),
            values.collect::<Vec<_>>().join(","),
        )
    }
}

/// The means that end by a moment, by the archive's rule, of the samples before it.
fn expected<'a>(samples: impl IntoIterator<Item = &'a Sample>, until: i64) -> Vec<Reading> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for sample in samples.into_iter().filter(|sample| sample.second < until) {
        let date = Timestamp::from_second(sample.second).unwrap();
        let date = jiff::tz::TimeZone::UTC.to_datetime(date).date();
        let day = days.entry(sample.second.div_euclid(DAY)).or_insert_with(|| Day::new(date));
        let &Sample { sensor, ref station, second, values: particulates, climate } = sample;
        assert!(day.add(&Row { sensor, station, second, particulates, climate: [None; 2] }));
        let sensor = sensor + BESIDE;
        assert!(day.add(&Row { sensor, station, second, particulates: [None; 2], climate }));
    }
    let (mut carried, mut locations) = (Carried::default(), Locations::default());
    let mut readings = Vec::new();
    for day in days.into_values() {
        let mut of_day = day.finish(Some(&mut carried));
        locations.add(&of_day.climate);
        locations.set(&mut of_day.readings);
        readings.append(&mut of_day.readings);
    }
    readings.retain(|reading| reading.timestamp.as_second() <= until);
    readings.iter_mut().for_each(|mean| mean.country = country_of(mean.sensor.id).parse().ok());
    check_countries(&mut readings);
    neighbours::flag(&mut readings);
    readings
}

async fn stored(store: &dyn Store, windows: &[Window]) -> Vec<Reading> {
    let mut query = Query::everything();
    query.windows = windows.to_vec();
    conformance::all(store, &query).await
}

fn same(mut stored: Vec<Reading>, mut expected: Vec<Reading>) {
    let place = |reading: &Reading| (reading.sensor, reading.window, reading.timestamp);
    stored.sort_by_key(place);
    expected.sort_by_key(place);
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected);
    }
    assert_eq!(stored.len(), expected.len());
}

/// Gives the files that were prepared, one at each fetch.
struct Files(Source, Mutex<VecDeque<String>>);

#[async_trait]
impl Fetch for Files {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let file = self.1.lock().unwrap().pop_front();
        let unchanged = || Ok(Fetched::Unchanged);
        file.map_or_else(unchanged, |file| Ok(Fetched::Feed(Bytes::from(file), HeaderMap::new())))
    }

    fn keep(&mut self, _: HeaderMap) {}

    fn source(&self) -> &Source {
        &self.0
    }
}

/// Collects a file at each of the times, as a process that starts then.
async fn collect(store: &Arc<dyn Store>, files: &[(i64, String)]) {
    collect_with(store, files, Flagging::default()).await;
}

async fn collect_with(store: &Arc<dyn Store>, files: &[(i64, String)], flagging: Flagging) {
    let means = LiveMeans::new(Arc::clone(store), Network::default(), 7);
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let texts = files.iter().map(|(_, file)| file.clone()).collect();
    let source = "http://127.0.0.1/static/v1/data.json".parse().unwrap();
    let mut collector = Collector {
        fetcher: Box::new(Files(source, Mutex::new(texts))),
        window: Window::FiveMinutes,
        network: Network::default(),
        destination: Box::new(Arc::clone(store)),
        means: Some(Arc::new(means.with_flagging(flagging.clone()))),
        flagging,
        retention: None,
        backoff: Backoff { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO },
        clock: Arc::new(move || Timestamp::from_second(clock.load(Relaxed)).unwrap()),
        status: Arc::default(),
    };
    for (moment, _) in files {
        now.store(*moment, Relaxed);
        collector.collect().await.unwrap();
    }
    let now = Timestamp::from_second(now.load(Relaxed)).unwrap();
    look_back(&collector.means.unwrap(), now).await.unwrap();
}

/// Aberdeen's samples of some days.
fn aberdeen(days: &[Date]) -> Option<Vec<Sample>> {
    let archive = shared_data("archive/aberdeen-2017-08-30_2018-08-31.tar.xz")?;
    let folder = tempfile::tempdir().unwrap();
    let mut unpack = Command::new("tar");
    unpack.arg("-xJf").arg(archive).arg("-C").arg(folder.path()).arg("--wildcards");
    unpack.args(days.iter().map(|day| format!("*{day}_sds011_*")));
    assert!(unpack.status().unwrap().success());
    let mut samples = Vec::new();
    for entry in walk(folder.path()) {
        let name = entry.to_string_lossy().into_owned();
        let file = std::fs::File::open(&entry).unwrap();
        let each = &mut |row: Row<'_>| {
            let Row { sensor, station, second, particulates: values, climate } = row;
            samples.push(Sample { sensor, station: Arc::clone(station), second, values, climate });
            ControlFlow::Continue(())
        };
        archive::read(file, &name, &mut Report::default(), each).unwrap();
    }
    samples.sort_by_key(|sample| (sample.second, sample.sensor));
    Some(samples)
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
    files.flatten().collect()
}

/// A file every five minutes, with the samples that came since; `late` says by how many seconds
/// a sample comes later than it was measured.
fn files(samples: &[Sample], days: i64, late: impl Fn(usize) -> i64) -> Vec<(i64, String)> {
    let midnight = samples[0].second.div_euclid(DAY) * DAY;
    let fetches = days * 288 + 2;
    let mut files = vec![Vec::new(); usize::try_from(fetches).unwrap()];
    for (number, sample) in samples.iter().enumerate() {
        let fetch = (sample.second + late(number) - midnight) / 300;
        let last = usize::try_from(fetches - 1).unwrap();
        let fetch = usize::try_from(fetch).unwrap().min(last);
        // The file has ten minutes of samples, so most come twice; the newest first.
        for file in [fetch, (fetch + 1).min(last)] {
            files[file].push(sample.record());
        }
    }
    let file = |(number, records): (usize, Vec<String>)| {
        let records: Vec<_> = records.into_iter().rev().collect();
        (midnight + 300 * (number as i64 + 1) + 20, format!("[{}]", records.join(",")))
    };
    let files = files.into_iter().enumerate().map(file);
    files.filter(|(_, file)| file != "[]").collect()
}

#[tokio::test]
async fn live_samples_give_the_archive_s_rows() {
    let days = [date(2018, 8, 1), date(2018, 8, 2), date(2018, 8, 3)];
    let Some(samples) = aberdeen(&days) else { return };
    let sensors: std::collections::BTreeSet<_> = samples.iter().map(|s| s.sensor).collect();
    assert!(samples.len() > 6000 && sensors.len() >= 4, "{} of {sensors:?}", samples.len());
    let until = samples[0].second.div_euclid(DAY) * DAY + 3 * DAY;
    let expected = expected(&samples, until);
    let of = |window| expected.iter().filter(|mean| mean.window == window).count();
    assert!(of(Window::Hour) > 250 && of(Window::Day) > 10 && of(Window::Day24) > 200);
    let is_doubted = |mean: &&Reading| mean.flags().contains(Flags::COUNTRY_DOUBTED);
    let doubted = expected.iter().filter(is_doubted).count();
    assert!(doubted > 50 && doubted < expected.len(), "{doubted}");

    let in_time = files(&samples, 3, |_| 0);
    // Some minutes, an hour, a day.
    let late = files(&samples, 3, |number| match number % 97 {
        3 => 900,
        7 => HOUR + 17,
        11 => DAY,
        _ => 0,
    });
    let folder = tempfile::tempdir().unwrap();
    let options = store::Options::default();
    let file = Embedded::open(folder.path().join("readings.redb"), options).unwrap();
    let stores: [Arc<dyn Store>; 3] =
        [Arc::new(Memory::new()), Arc::new(Memory::new()), Arc::new(file)];
    collect(&stores[0], &in_time).await;
    // Processes that end after some fetches.
    for part in in_time.chunks(101) {
        collect(&stores[1], part).await;
    }
    for part in late.chunks(277) {
        collect(&stores[2], part).await;
    }
    for store in &stores {
        same(stored(&**store, &MEANS).await, expected.clone());
        let kept = stored(&**store, &[Window::FiveMinutes]).await;
        assert_eq!(kept.len(), samples.len());
    }
}

/// Two sensors at a location with one of temperature and humidity, which fails for a while, and one
/// elsewhere.
#[tokio::test]
async fn temperature_and_humidity_of_the_feed_become_those_of_means() {
    let station = |location| {
        Arc::new(Station {
            sensor_type: "SDS011".parse().unwrap(),
            location: Some(location),
            latitude: Some(50.into()),
            longitude: Some(8.into()),
            indoor: Some(false),
        })
    };
    let stations = [station(9), station(9), station(4)];
    let midnight = at("2018-08-01T00:00:00Z").as_second();
    let mut samples = Vec::new();
    for (number, sensor) in (0..2 * 576).flat_map(|number| [(number, 1), (number, 2), (number, 3)])
    {
        let tenths = |value: i64| Fixed::from_nano(100_000_000 * value);
        let climate = match number / 24 % 7 {
            0 => [tenths(-9990), tenths(500)],
            1 => [tenths(number % 50), None],
            _ => [tenths(number % 90 - 30), tenths(880 + number % 60)],
        };
        samples.push(Sample {
            sensor,
            station: Arc::clone(&stations[sensor as usize - 1]),
            second: midnight + number * 150 + 7,
            values: [tenths(100 + number % 13), tenths(50 + number % 11)],
            climate: if sensor == 1 { climate } else { [None; 2] },
        });
    }
    let expected = expected(&samples, midnight + 2 * DAY);
    let of = |sensor: u64, window| {
        let of = |mean: &&Reading| mean.sensor.id == sensor && mean.window == window;
        let means: Vec<_> = expected.iter().filter(of).collect();
        let count = |is: &dyn Fn(&Reading) -> bool| means.iter().filter(|mean| is(mean)).count();
        let humid = |mean: &Reading| mean.flags().contains(Flags::HUMID);
        let temperate = count(&|mean| mean.temperature.is_some());
        (temperate, count(&|mean| mean.humidity.is_some()), count(&humid))
    };
    assert_eq!(of(1, Window::Hour), (41, 34, 27));
    assert_eq!(of(2, Window::Hour), of(1, Window::Hour));
    assert_eq!(of(2, Window::Day), (2, 1, 1));
    assert_eq!(of(3, Window::Hour), (0, 0, 0));

    // All samples of a moment.
    let late = |number: usize| match number / 3 % 97 {
        7 => HOUR + 17,
        11 => DAY,
        _ => 0,
    };
    for (files, life) in [(files(&samples, 2, |_| 0), 1000), (files(&samples, 2, late), 101)] {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        for part in files.chunks(life) {
            collect(&store, part).await;
        }
        same(stored(&*store, &MEANS).await, expected.clone());
    }
    // Only the flags that are wanted are computed.
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let flagging = Flagging { computed: Flags::HUMID, ..Flagging::default() };
    collect_with(&store, &files(&samples, 2, |_| 0), flagging).await;
    let flags = expected.iter().fold(Flags::NONE, |all, mean| all.union(mean.stored_flags));
    assert!(flags.contains(Flags::HUMID.union(Flags::NO_NEIGHBOURS)));
    let mut only = expected;
    only.iter_mut().for_each(|mean| {
        mean.stored_flags = mean.stored_flags.intersection(Flags::HUMID);
    });
    same(stored(&*store, &MEANS).await, only);
}

/// A store that fails some puts, before or after they are done.
struct Failing {
    store: Arc<dyn Store>,
    /// At each put, whether it fails; when there are no more, none does.
    failures: Mutex<VecDeque<Option<bool>>>,
}

#[async_trait]
impl View for Failing {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.store.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.store.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.store.networks().await
    }
}

#[async_trait]
impl Store for Failing {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let failure = self.failures.lock().unwrap().pop_front().flatten();
        if failure != Some(false) {
            self.store.put(batch).await?;
        }
        failure.map_or(Ok(()), |_| Err(Error::new(ErrorKind::Io, "the disk failed")))
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.store.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.store.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        self.store.snapshot().await
    }
}

/// What happens at a step.
#[derive(Debug, Clone)]
struct Step {
    /// Seconds since the last step.
    after: i64,
    /// How many of the samples come.
    samples: usize,
    /// A new process.
    restart: bool,
    /// The process ends between the put and the means.
    dropped: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (1i64..4 * HOUR, 0usize..60, prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let step = step.prop_map(|(after, samples, restart, dropped)| Step {
        after,
        samples,
        restart,
        dropped,
    });
    prop::collection::vec(step, 10..50)
}

/// Sensors beside each other, in runs of samples that make hours valid, stuck, zero, high.
///
/// Either sensors move at any time, or there are temperatures and humidities: a mean keeps those that
/// it has where they are no longer known.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    any::<bool>().prop_flat_map(samples_that)
}

fn samples_that(move_at_any_time: bool) -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        2 => Just(None), 6 => (1i64..400).prop_map(Some), 2 => Just(Some(0)),
        1 => Just(Some(20_000)), 6 => Just(Some(80)),
    ];
    // Below -50 °C and above 100 % are impossible.
    let temperature = prop_oneof![4 => -300i64..400, 1 => Just(-9990)];
    let humidity = prop_oneof![2 => 870i64..930, 1 => 0i64..1000, 1 => Just(1010)];
    let climate = prop::option::of((prop::option::of(temperature), prop::option::of(humidity)));
    let times = (1u64..6, 0i64..3 * DAY, 1usize..150, 40i64..400);
    let run = (times, (value.clone(), value, any::<bool>()), climate);
    let run = run.prop_map(move |(times, (pm10, pm25, varied), climate)| {
        let (sensor, from, count, every) = times;
        let place = |east: i64| Some(Decimal::new(east, 2));
        let station_after = move |midnights: u64| {
            Arc::new(Station {
                sensor_type: ["SDS011", "SPS30"][sensor as usize % 5 / 4].parse().unwrap(),
                location: Some(match move_at_any_time {
                    true => sensor + 100 * (from as u64 / 60_000),
                    false => sensor % 3 + 100 * (midnights / 2),
                }),
                latitude: place(5714),
                longitude: place(-209 - sensor as i64),
                indoor: Some(false),
            })
        };
        let begun = at("2018-07-01T00:00:00Z").as_second();
        let sample = move |number: usize| {
            let more = if varied { number as i64 * 7 % 11 } else { 0 };
            let value = |value: Option<i64>| Fixed::from_nano(100_000_000 * (value? + more));
            let second = begun + from + number as i64 * every;
            let values = [value(pm10.or(pm25).or(Some(1))), value(pm25)];
            let climate = climate.filter(|_| !move_at_any_time);
            let (temperature, humidity) = climate.unwrap_or_default();
            let climate = [temperature, humidity]
                .map(|value| Fixed::from_nano(100_000_000 * (value? + more)));
            let station = station_after((second - begun).div_euclid(DAY) as u64);
            Sample { sensor, station, second, values, climate }
        };
        (0..count).map(sample).collect::<Vec<_>>()
    });
    let runs = prop::collection::vec(run, 1..25);
    // One of each second, as in a store.
    runs.prop_map(|runs| {
        let all = runs.into_iter().flatten().map(|sample| ((sample.second, sample.sensor), sample));
        all.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..<_>::default() })]

    #[test]
    fn whatever_happens_the_rows_are_those_of_one_pass(
        samples in samples(),
        steps in steps(),
        late in prop::collection::vec(prop_oneof![8 => Just(0), 1 => 0..HOUR, 1 => 0..2 * DAY], 97),
        failures in prop::collection::vec(prop::option::weighted(0.1, any::<bool>()), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(walk_beside_the_rule(samples, steps, &late, failures));
    }
}

async fn walk_beside_the_rule(
    samples: Vec<Sample>,
    steps: Vec<Step>,
    late: &[i64],
    failures: Vec<Option<bool>>,
) {
    let mut coming: Vec<_> = samples.iter().zip(late.iter().cycle()).collect();
    coming.sort_by_key(|(sample, late)| sample.second + *late);
    let mut coming = VecDeque::from(coming);
    let failures = Mutex::new(failures.into());
    let store: Arc<dyn Store> = Arc::new(Failing { store: Arc::new(Memory::new()), failures });
    let start = || LiveMeans::new(Arc::clone(&store), Network::default(), 31);
    let (mut means, mut come) = (start(), Vec::new());
    let mut now = at("2018-07-01T00:00:00Z").as_second();
    let (mut ends, mut waiting) = (false, Vec::new());
    let last = Step { after: 6 * DAY, samples: usize::MAX, restart: false, dropped: false };
    for step in steps.iter().chain(std::iter::repeat_n(&last, 1)) {
        now += step.after;
        if step.restart || ends {
            means = start();
        }
        let of_last = step.samples == usize::MAX;
        let is_there = |(sample, late): &&(&Sample, &i64)| sample.second + **late <= now;
        let count = coming.iter().take_while(is_there).count().min(step.samples);
        waiting.extend(coming.drain(..count).map(|(sample, _)| sample.clone()));
        let readings: Vec<_> = waiting.iter().map(Sample::reading).collect();
        loop {
            let making = means.begin().await;
            if store.put(&readings).await.is_err() {
                continue;
            }
            come.append(&mut waiting);
            ends = step.dropped;
            if ends {
                break;
            }
            let moment = Timestamp::from_second(now).unwrap();
            if making.finish(&readings, moment).await.is_ok()
                && look_back(&means, moment).await.is_ok()
            {
                let expected = expected(&come, now.div_euclid(HOUR) * HOUR);
                same(stored(&*store, &MEANS).await, expected);
                break;
            }
            if !of_last {
                break; // the next one makes up for it
            }
        }
    }
    assert_eq!(come.len(), samples.len());
}

/// Samples of one sensor, every 150 s, in some hours of a day.
fn hours(day: Date, hours: std::ops::Range<i64>, pm10: i64) -> Vec<Sample> {
    let station = Arc::new(Station {
        sensor_type: "SDS011".parse().unwrap(),
        location: Some(9),
        latitude: Some(50.into()),
        longitude: Some(8.into()),
        indoor: Some(false),
    });
    let midnight = at(&format!("{day}T00:00:00Z")).as_second();
    let sample = |number: i64| Sample {
        sensor: 7,
        station: Arc::clone(&station),
        second: midnight + number * 150,
        values: [Fixed::from_nano(1_000_000_000 * (pm10 + number % 7)), None],
        climate: [None; 2],
    };
    (hours.start * 24..hours.end * 24).map(sample).collect()
}

/// Looks at all earlier days.
async fn look_back(means: &LiveMeans, now: Timestamp) -> Result<Vec<Made>, Error> {
    let mut all = Vec::new();
    while let Some(made) = means.look_back(now).await? {
        all.push(made);
    }
    Ok(all)
}

async fn put(means: &LiveMeans, store: &Arc<dyn Store>, samples: &[Sample], now: &str) -> Made {
    let readings: Vec<_> = samples.iter().map(Sample::reading).collect();
    let making = means.begin().await;
    store.put(&readings).await.unwrap();
    let mut all = making.finish(&readings, at(now)).await.unwrap();
    for made in look_back(means, at(now)).await.unwrap() {
        all.means += made.means;
        all.left += made.left;
        all.deleted += made.deleted;
    }
    all
}

#[tokio::test]
async fn old_samples_are_deleted_and_their_means_stay() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let start = || LiveMeans::new(Arc::clone(&store), Network::default(), 2);
    let means = start();
    let mut all = Vec::new();
    for day in 1..=5 {
        let of_day = hours(date(2018, 7, day), 0..24, 10 * i64::from(day));
        let now = format!("2018-07-{:02}T00:00:30Z", day + 1);
        put(&means, &store, &of_day, &now).await;
        all.extend(of_day);
    }
    let until = at("2018-07-06T00:00:00Z");
    let expected = expected(&all, until.as_second());
    same(stored(&*store, &MEANS).await, expected.clone());
    // Of the two days before the present one.
    let kept = stored(&*store, &[Window::FiveMinutes]).await;
    assert_eq!(kept.len(), 2 * 576);
    assert!(kept.iter().all(|sample| sample.timestamp >= at("2018-07-04T00:00:00Z")));

    // A process that starts makes none of them again, of fewer samples.
    let made = put(&start(), &store, &[], "2018-07-06T00:10:00Z").await;
    assert_eq!(made.means, 0);
    // A late sample of a deleted day changes nothing.
    let mut late = hours(date(2018, 7, 2), 5..6, 300);
    late.truncate(3);
    late.iter_mut().for_each(|sample| sample.second += 31);
    for means in [&means, &start()] {
        let made = put(means, &store, &late, "2018-07-06T00:10:00Z").await;
        assert_eq!((made.means, made.too_old), (0, 3));
    }
    same(stored(&*store, &MEANS).await, expected);
    // A clock alone deletes nothing, nor do late samples.
    let now = "2018-07-09T00:10:00Z";
    assert_eq!(put(&start(), &store, &[], now).await.deleted, 0);
    assert_eq!(put(&start(), &store, &late, now).await.deleted, 0);
    let mut of_now = hours(date(2018, 7, 9), 0..1, 20);
    of_now.truncate(1);
    // Samples have the time of a clock, too, when they are pushed: so one does not delete all others.
    assert_eq!(put(&start(), &store, &of_now, now).await.deleted, 576 + late.len() as u64);
    assert_eq!(put(&start(), &store, &of_now, now).await.deleted, 576);
    same(stored(&*store, &[Window::FiveMinutes]).await, vec![of_now[0].reading()]);
}

#[tokio::test]
async fn means_of_more_samples_stay() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let start = || LiveMeans::new(Arc::clone(&store), Network::default(), 7);
    let day = date(2018, 7, 1);
    let whole = hours(day, 0..24, 20);
    // The archive has all samples, this process half of them.
    let (first, second) = whole.split_at(whole.len() / 2);
    put(&start(), &store, first, "2018-07-02T00:10:00Z").await;
    let expected = expected(&whole, at("2018-07-02T00:00:00Z").as_second());
    store.put(&expected).await.unwrap();
    let made = put(&start(), &store, &first[..1], "2018-07-02T00:20:00Z").await;
    assert_eq!((made.means, made.left), (0, 1), "only the day has fewer samples");
    same(stored(&*store, &MEANS).await, expected.clone());
    put(&start(), &store, second, "2018-07-02T00:30:00Z").await;
    same(stored(&*store, &MEANS).await, expected);
}

#[tokio::test]
async fn hours_end_without_the_feed_and_none_before_its_end() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let means = LiveMeans::new(Arc::clone(&store), Network::default(), 7);
    let samples = hours(date(2018, 7, 1), 10..12, 20);
    put(&means, &store, &samples[..40], "2018-07-01T11:59:59Z").await;
    let only = |readings: Vec<Reading>| {
        readings.iter().map(|mean| (mean.window, mean.timestamp.to_string())).collect::<Vec<_>>()
    };
    let of_ten = (Window::Hour, "2018-07-01T11:00:00Z".to_owned());
    let of_ten_24 = (Window::Day24, "2018-07-01T11:00:00Z".to_owned());
    assert_eq!(only(stored(&*store, &MEANS).await), [of_ten.clone(), of_ten_24.clone()]);
    put(&means, &store, &[], "2018-07-01T12:00:00Z").await;
    let now = stored(&*store, &[Window::Hour]).await;
    assert_eq!(now.len(), 2);
    assert!(now[1].flags().contains(Flags::LOW_CAPTURE), "8 of 12 slots");
    put(&means, &store, &samples[40..], "2018-07-01T12:05:00Z").await;
    let now = stored(&*store, &[Window::Hour]).await;
    assert_eq!((now[1].hours, now[1].samples), (Some(12), Some(24)));
    put(&means, &store, &[], "2018-07-02T00:00:00Z").await;
    assert_eq!(stored(&*store, &[Window::Day]).await.len(), 1);
}
