//! Measurements that boards push: what is stored of them, and who may push.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::means::LiveMeans;
use airshed::networks::{Networks, Terms};
use airshed::push::{self, Places, Tokens};
use airshed_history::archive::{Row, Station};
use airshed_history::{Carried, Day, Fixed, neighbours};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::date;
use reqwest::{Response, StatusCode};
use store::{
    Decimal, Error, ErrorKind, Flags, Memory, Network, Page, Position, Query, Reading, Store,
    Summary, View, Window, conformance,
};
use tokio::sync::{Notify, Semaphore};

use super::support::client::Asking;
use super::support::{NOW, Options, Rig, at, json};

const ANYBODY: &str = "a-token-for-any-board";
const SEVEN: &str = "a-token-for-board-seven";
const PLACES: &str = "board,latitude,longitude,altitude,country,indoor
esp8266-7,50.11,8.68,112,DE,0
esp8266-8,50.12,8.69,,DE,0
";

fn own() -> Network {
    "own".parse().unwrap()
}

/// A server that takes pushes, and its clock.
struct Taking {
    rig: Rig,
    now: Arc<AtomicI64>,
}

impl Taking {
    async fn start(store: &Arc<dyn Store>, now: &str) -> Self {
        Self::start_with(store, now, Options::default()).await
    }

    async fn start_with(store: &Arc<dyn Store>, now: &str, options: Options) -> Self {
        let now = Arc::new(AtomicI64::new(at(now).as_second()));
        let second = Arc::clone(&now);
        let clock: airshed::Clock =
            Arc::new(move || Timestamp::from_second(second.load(Relaxed)).unwrap());
        let tokens = Tokens::read(&format!("{ANYBODY}\n{SEVEN} esp8266-7\n")).unwrap();
        let places = Places::read(PLACES).unwrap();
        let means = Arc::new(LiveMeans::new(Arc::clone(store), own(), 31));
        let (receiver, writer) = push::receiver(
            tokens.into(),
            places.into(),
            own(),
            Arc::clone(store),
            means,
            Arc::clone(&clock),
        );
        let options =
            Options { store: Arc::clone(store), push: Some(Arc::new(receiver)), clock, ..options };
        let rig = Rig::start(options).await;
        tokio::spawn(writer.run(rig.stop.clone()));
        Self { rig, now }
    }

    fn request(&self, body: String) -> Asking {
        self.rig.http.post(format!("{}/api/push", self.rig.base)).body(body)
    }

    async fn push(&self, board: u64, values: &[(&str, &str)]) -> Response {
        let request = self.request(message(board, values)).basic_auth("sensor", Some(ANYBODY));
        request.header("x-sensor", format!("esp8266-{board}")).send().await.unwrap()
    }

    /// The same at some time.
    async fn push_at(&self, second: i64, board: u64, values: &[(&str, &str)]) {
        self.now.store(second, Relaxed);
        let answer = self.push(board, values).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}

/// As the firmware writes it.
fn message(board: u64, values: &[(&str, &str)]) -> String {
    let values = values
        .iter()
        .map(|(name, value)| format!(r#"{{"value_type":"{name}","value":"{value}"}}"#));
    format!(
        r#"{{"esp8266id": "{board}", "software_version": "NRZ-2021-134-B4",
        "sensordatavalues":[{}]}}"#,
        values.collect::<Vec<_>>().join(",")
    )
}

async fn stored(store: &dyn Store, windows: &[Window]) -> Vec<Reading> {
    let mut query = Query::everything();
    query.windows = windows.to_vec();
    let mut readings = conformance::all(store, &query).await;
    readings.sort_by_key(|reading| (reading.sensor, reading.window, reading.timestamp));
    readings
}

#[tokio::test]
async fn a_clock_that_was_never_set_stores_nothing() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let server = Taking::start(&store, "1970-01-01T00:05:00Z").await;
    let answer = server.push(7, &[("SDS_P1", "21.3")]).await;
    assert_eq!(answer.status(), 503);
    assert!(stored(&*store, &[]).await.is_empty());
}

#[tokio::test]
async fn an_id_is_the_same_in_capitals_and_with_its_prefix() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    for (second, sender, id) in [
        (10, "esp32-A0B1C2D3E4F5", "A0B1C2D3E4F5"),
        (20, "esp32-a0b1c2d3e4f5", "A0B1C2D3E4F5"),
        (30, "esp32-00b1c2d3e4f5", "00b1c2d3e4f5"),
        (40, "esp8266-21", "esp8266-21"),
    ] {
        let server = Taking::start(&store, &format!("2026-02-01T12:00:{second}Z")).await;
        let body = message(7, &[("SDS_P1", "21.3")]).replace("\"7\"", &format!("\"{id}\""));
        let request = server.request(body).bearer_auth(ANYBODY).header("x-sensor", sender);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{sender} {id}: {}", answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn a_message_becomes_a_reading_of_each_sensor_of_particulate_matter() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let server = Taking::start(&store, "2026-02-01T12:00:07Z").await;
    let values = [
        ("SDS_P1", "21.30"),
        ("SDS_P2", "12.10"),
        ("PMS_P0", "9.00"),
        ("PMS_P1", "25.00"),
        ("PMS_P2", "nan"),
        ("SPS30_P2", "11.75"),
        ("SPS30_N05", "80.1"),
        ("temperature", "-999.00"),
        ("humidity", "50.00"),
        ("BME280_temperature", "4.25"),
        ("BME280_pressure", "101325.00"),
        ("BME280_humidity", "91.40"),
        ("signal", "-78 dBm"),
    ];
    let answer = server.push(7, &values).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = json(answer).await;
    assert_eq!(answer["stored"], serde_json::json!(["own:113", "own:114", "own:116"]));
    assert_eq!(answer["left_out"], serde_json::json!(["PMS_P2 `nan` is not a number"]));

    let readings = stored(&*store, &[]).await;
    let shown = readings.iter().map(|reading| {
        let Reading { sensor, pm10, pm25, sensor_type, .. } = reading;
        let value = |value: &Option<Decimal>| value.map_or(String::new(), |v| v.to_string());
        (sensor.id, sensor_type.unwrap().to_string(), value(pm10), value(pm25))
    });
    let expected = [
        (113, "SDS011", "21.30", "12.10"),
        (114, "PMSx003", "25.00", ""),
        (116, "SPS30", "", "11.75"),
    ];
    let expected =
        expected.map(|(id, model, pm10, pm25)| (id, model.into(), pm10.into(), pm25.into()));
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    for reading in &readings {
        assert_eq!(reading.check(), Ok(()));
        assert_eq!((reading.sensor.network, reading.window), (own(), Window::FiveMinutes));
        assert_eq!(reading.timestamp, at("2026-02-01T12:00:07Z"), "that of its arrival");
        assert_eq!((reading.location, reading.country), (Some(7), "DE".parse().ok()));
        assert_eq!(reading.latitude, "50.11".parse().ok());
        assert_eq!(reading.temperature, "4.25".parse().ok());
        assert_eq!(reading.humidity, "91.40".parse().ok());
        assert!(reading.index().is_some());
    }
    // A board without a place, with a particle counter.
    assert_eq!(server.push(99, &[("P1", "1200.5")]).await.status(), 200);
    let reading = stored(&*store, &[]).await.pop().unwrap();
    assert_eq!((reading.sensor.id, reading.latitude, reading.index()), (99 * 16 + 8, None, None));
    assert!(reading.flags().contains(Flags::COUNTS));
}

#[tokio::test]
async fn who_may_not_push_and_what_cannot_be_read_is_told_why() {
    let without = Rig::start(Options::default()).await;
    let answer = without.http.post(format!("{}/api/push", without.base)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(json(answer).await["detail"].as_str().unwrap().contains("--push-tokens"));

    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let server = Taking::start(&store, "2026-02-01T12:00:07Z").await;
    let good = || message(7, &[("SDS_P1", "21.3")]);
    let refused = async |request: Asking, status: u16, words: &str| {
        let answer = request.send().await.unwrap();
        let headers = answer.headers().clone();
        assert_eq!(answer.status(), status, "{words}");
        let problem = json(answer).await;
        assert!(problem["detail"].as_str().unwrap().contains(words), "{words}: {problem}");
        headers
    };
    for request in [
        server.request(good()),
        server.request(good()).bearer_auth("a-token-of-somebody-else"),
        server.request(good()).basic_auth(ANYBODY, Some("")),
        server.request(good()).header("authorization", format!("Digest {ANYBODY}")),
        server.request(good()).header("authorization", "Basic !"),
    ] {
        let headers = refused(request, 401, "password of basic authentication").await;
        assert_eq!(headers["www-authenticate"], "Basic realm=\"airshed\"");
    }
    let other = message(8, &[("SDS_P1", "21.3")]);
    refused(server.request(other).bearer_auth(SEVEN), 403, "esp8266-8").await;
    let long = format!("{}{}", good(), " ".repeat(16 << 10));
    for (body, words) in [
        (String::new(), "not a message of the airRohr firmware"),
        ("[]".to_owned(), "not a message"),
        ("{}".to_owned(), "esp8266id is missing"),
        (good().replace('7', "seven"), "esp8266id `seven`"),
        (message(7, &[]), "no particulate matter, such as SDS_P1"),
        (message(7, &[("BME280_temperature", "4.25")]), "no particulate matter"),
        (message(7, &[("SDS_P1", "unavailable")]), "SDS_P1 `unavailable` is not a number"),
    ] {
        refused(server.request(body).bearer_auth(SEVEN), 400, words).await;
    }
    refused(server.request(long).bearer_auth(SEVEN), 413, "longer than 16384 bytes").await;
    let named = |sender| server.request(good()).bearer_auth(SEVEN).header("x-sensor", sender);
    refused(named("esp8266-8"), 400, "X-Sensor").await;
    refused(named("esp8266-"), 400, "X-Sensor").await;
    assert_eq!(server.rig.get("/api/push").await.status(), 405);
    assert!(stored(&*store, &[]).await.is_empty());

    // Nothing of these counted.
    let answer = named("esp8266-7").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let later = at("2026-02-01T12:00:07Z").as_second();
    server.now.store(later + 4, Relaxed);
    assert_eq!(refused(named("esp8266-7"), 429, "Retry in 6 s").await["retry-after"], "6");
    assert_eq!(server.push(8, &[("SDS_P1", "1")]).await.status(), 200, "another board");
    // Not after 10 s, nor with a clock that was set back.
    for second in [later + 10, later - 86_400] {
        server.now.store(second, Relaxed);
        assert_eq!(named("esp8266-7").send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn impossible_values_are_named_and_the_others_stored() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let server = Taking::start(&store, "2026-02-01T12:00:07Z").await;
    let values = [
        ("SDS_P1", "99999"),
        ("SDS_P2", "12.1"),
        ("PMS_P1", "high"),
        ("PMS_P2", "10000"),
        ("P1", "123456.5"), // particles
        ("BME280_temperature", "-145.75"),
        ("BME280_humidity", "100"),
        ("SHT3X_temperature", "4.5"),
        ("SHT3X_humidity", "101"),
    ];
    let answer = json(server.push(7, &values).await).await;
    assert_eq!(answer["stored"], serde_json::json!(["own:113", "own:114", "own:120"]));
    let named = [
        "SDS_P1 `99999` cannot be true",
        "PMS_P1 `high` is not a number",
        "BME280_temperature `-145.75` cannot be true",
        "BME280_humidity `100` cannot be true",
        "SHT3X_humidity `101` cannot be true",
    ];
    assert_eq!(answer["left_out"], serde_json::json!(named));
    for reading in stored(&*store, &[]).await {
        let Reading { sensor, pm10, pm25, temperature, humidity, .. } = reading;
        assert_eq!((temperature, humidity), ("4.5".parse().ok(), None));
        match sensor.id {
            113 => assert_eq!((pm10, pm25), (None, "12.1".parse().ok())),
            114 => assert_eq!((pm10, pm25), (None, "10000".parse().ok())),
            _ => assert_eq!((pm10, pm25), ("123456.5".parse().ok(), None)),
        }
    }
    // Nothing is left.
    server.now.fetch_add(60, Relaxed);
    let answer = server.push(7, &[("SDS_P1", "99999"), ("SDS_P2", "-")]).await;
    assert_eq!(answer.status(), 400);
    let detail = json(answer).await["detail"].to_string();
    assert!(detail.contains("99999") && detail.contains("`-` is not a number"), "{detail}");
}

/// Other servers of this process have the same gauge.
async fn until_age(server: &Taking, is_expected: impl Fn(f64) -> bool) {
    let seen = async {
        loop {
            let metrics = server.rig.get("/metrics").await.text().await.unwrap();
            let mut lines = metrics.lines();
            let line = lines.find(|line| line.starts_with("airshed_data_age_seconds ")).unwrap();
            if is_expected(line.rsplit_once(' ').unwrap().1.parse().unwrap()) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("the data age");
}

/// A clock that was a year ahead while boards pushed, and came back.
#[tokio::test]
async fn samples_of_the_future_are_not_current_and_block_no_others() {
    let terms = Terms::new("Our sensors", None);
    let networks = Arc::new(Networks::default().with(own(), terms));
    let options = || Options { networks: Arc::clone(&networks), ..Options::default() };
    let now = at(NOW).as_second();
    let ahead = now + 365 * 86_400;
    for restarts in [false, true] {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let mut server = Taking::start_with(&store, NOW, options()).await;
        for minute in 0..90 {
            server.push_at(ahead + 60 * minute, 7, &[("SDS_P1", "999")]).await;
        }
        let summary = async |server: &Taking| json(server.rig.get("/api/summary").await).await;
        assert_eq!(summary(&server).await["dataAgeSeconds"], 0, "as far as anybody knows");
        server.now.store(now, Relaxed);
        if restarts {
            server.rig.stop.cancel();
            server = Taking::start_with(&store, NOW, options()).await;
        }
        let nothing = summary(&server).await;
        assert_eq!(
            (&nothing["newest"], &nothing["last"]),
            (&serde_json::json!(null), &serde_json::json!(null))
        );
        assert_eq!(nothing["stale"], true);
        until_age(&server, |seconds| seconds > 86_400.0).await;
        let shown = async |server: &Taking, path: &str| {
            let latest = json(server.rig.get(path).await).await;
            let features = latest["features"].as_array().unwrap().clone();
            let shown = features.iter().map(|feature| {
                (feature["id"].to_string(), feature["properties"]["P1"].as_f64().unwrap())
            });
            shown.collect::<Vec<_>>()
        };
        assert_eq!(shown(&server, "/api/latest?window=all&quality=all").await, []);
        assert_eq!(server.rig.get("/api/sensors/own:113").await.status(), 404);

        // Measurements of the present count at once, those of the same board too.
        server.push_at(now - 3600, 8, &[("SDS_P1", "20")]).await;
        for minute in 0..60 {
            server.push_at(now - 3600 + 60 * minute, 7, &[("SDS_P1", "30")]).await;
        }
        server.now.store(now, Relaxed);
        let current = summary(&server).await;
        assert_eq!(
            (&current["stale"], &current["last"]),
            (&serde_json::json!(false), &serde_json::json!("2026-02-01T12:10:00Z"))
        );
        until_age(&server, |seconds| seconds < 7200.0).await;
        let mut features = shown(&server, "/api/latest?window=5min&quality=all").await; // anew
        features.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(features, [("113".to_owned(), 30.0), ("129".to_owned(), 20.0)]);
        let page = server.rig.get("/form").await.text().await.unwrap();
        assert!(page.contains("2026-02-01") && !page.contains("2027-"), "{page}");
        // The hour that has ended is made.
        server.push_at(now + 60, 9, &[("SDS_P1", "1")]).await;
        let made = async {
            let of_seven = |mean: &Reading| mean.sensor.id == 113 && mean.timestamp == at(NOW);
            while !stored(&*store, &[Window::Hour]).await.iter().any(of_seven) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), made).await.expect("the hour is made");
        let sensor = json(server.rig.get("/api/sensors/own:113").await).await;
        assert_eq!(sensor["last"], NOW, "the mean of the hour");
        server.rig.stop.cancel();
    }
}

/// The samples of a day of two boards, every 150 s but for some hours, and their values.
fn samples(midnight: i64) -> Vec<(i64, u64, i64)> {
    let all = (0..576).flat_map(|number| [(number, 7u64), (number, 8)]);
    let there = all.filter(|(number, board)| (number / 24 + *board as i64) % 6 > 0);
    // The last sample before midnight is as far as any from the next.
    there
        .map(|(number, board)| {
            (midnight + number * 150 + board as i64, board, number * number % 97 + board as i64)
        })
        .collect()
}

/// The means by the archive's rule.
fn expected(samples: &[(i64, u64, i64)]) -> Vec<Reading> {
    let mut day = Day::new(date(2026, 1, 31));
    let place = |hundredths: i64| Some(Decimal::new(hundredths, 2));
    for (second, board, value) in samples {
        let station = Arc::new(Station {
            sensor_type: "SDS011".parse().unwrap(),
            location: Some(*board),
            latitude: place(5004 + *board as i64),
            longitude: place(861 + *board as i64),
            indoor: Some(false),
        });
        let particulates = [*value, value / 2].map(|value| Fixed::from_nano(value * 1_000_000_000));
        let row = Row {
            sensor: board * 16 + 1,
            station: &station,
            second: *second,
            particulates,
            climate: [None; 2],
        };
        assert!(day.add(&row));
    }
    let mut readings = day.finish(Some(&mut Carried::default())).readings;
    for reading in &mut readings {
        let board = reading.location.unwrap();
        reading.sensor.network = own();
        reading.country = "DE".parse().ok();
        reading.exact = Some(true);
        reading.altitude = (board == 7).then(|| 112.into());
    }
    neighbours::flag(&mut readings);
    readings.sort_by_key(|reading| (reading.sensor, reading.window, reading.timestamp));
    readings
}

/// Orders of pushes, and after how many of them the process starts again.
#[tokio::test]
async fn pushes_of_a_day_in_any_order_give_the_means_of_the_archive_s_rule() {
    let midnight = at("2026-01-31T00:00:00Z").as_second();
    let in_time = samples(midnight);
    let expected = expected(&in_time);
    assert!(expected.len() > 70, "{}", expected.len());
    for (step, life) in [(1, 2000), (389, 2000), (61, 100)] {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        // Every place is visited once, since the steps are coprime to their number.
        let order: Vec<_> = (0..in_time.len()).map(|n| n * step % in_time.len()).collect();
        assert_eq!(order.iter().collect::<std::collections::BTreeSet<_>>().len(), in_time.len());
        let lives = order.len().div_ceil(life);
        for (number, part) in (1..).zip(order.chunks(life)) {
            let server = Taking::start(&store, "2026-02-01T00:00:00Z").await;
            for place in part {
                let (second, board, value) = in_time[*place];
                let (pm10, pm25) = (value.to_string(), (value / 2).to_string());
                let values = [("SDS_P1", pm10.as_str()), ("SDS_P2", pm25.as_str())];
                server.push_at(second, board, &values).await;
            }
            server.push_at(midnight + 86_400 + 3000, 9, &[("SDS_P1", "1")]).await;
            if number == lives {
                wait_for(&store, &expected).await;
            }
            server.rig.stop.cancel();
        }
    }
}

/// Waits until the store has just these means of the boards with places.
async fn wait_for(store: &Arc<dyn Store>, expected: &[Reading]) {
    let mut means = Vec::new();
    let made = async {
        while means != expected {
            tokio::task::yield_now().await;
            means = stored(&**store, &[Window::Hour, Window::Day24, Window::Day]).await;
            means.retain(|mean| mean.location != Some(9));
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), made).await.is_ok();
    assert!(in_time, "{means:?} instead of {expected:?}");
}

/// Means are not made while the store is read, which takes long when a process starts.
#[tokio::test]
async fn nobody_waits_for_means() {
    let slow = Arc::new(Slow::new(1000, 0));
    let store: Arc<dyn Store> = slow.clone();
    let server = Taking::start(&store, "2026-02-01T12:00:07Z").await;
    let noon = server.now.load(Relaxed);
    for minute in 0..60 {
        server.push_at(noon + 60 * minute, 7, &[("SDS_P1", "20")]).await;
    }
    assert_eq!(stored(&slow.store, &[Window::FiveMinutes]).await.len(), 60);
    assert!(stored(&slow.store, &[Window::Hour]).await.is_empty());
    slow.reads.add_permits(1000);
    server.push_at(noon + 3600, 7, &[("SDS_P1", "20")]).await;
    let made = async {
        while stored(&slow.store, &[Window::Hour]).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), made).await.expect("the hour is made");
    let hour = stored(&slow.store, &[Window::Hour]).await.remove(0);
    assert_eq!((hour.hours, hour.samples), (Some(12), Some(60)));
}

/// A store whose puts and reads wait, whose puts are counted, and may fail.
struct Slow {
    store: Memory,
    permits: Semaphore,
    reads: Semaphore,
    begun: Notify,
    puts: AtomicUsize,
    fails: Mutex<bool>,
}

impl Slow {
    /// With permits for so many puts and reads.
    fn new(puts: usize, reads: usize) -> Self {
        Self {
            store: Memory::new(),
            permits: Semaphore::new(puts),
            reads: Semaphore::new(reads),
            begun: Notify::new(),
            puts: AtomicUsize::new(0),
            fails: Mutex::new(false),
        }
    }
}

#[async_trait]
impl View for Slow {
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
impl Store for Slow {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.begun.notify_one();
        self.permits.acquire().await.unwrap().forget();
        if *self.fails.lock().unwrap() {
            return Err(Error::new(ErrorKind::Io, "the disk failed"));
        }
        self.puts.fetch_add(1, Relaxed);
        self.store.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.store.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.store.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        self.reads.acquire().await.unwrap().forget();
        self.store.snapshot().await
    }
}

#[tokio::test]
async fn boards_that_push_at_once_share_a_transaction_and_are_answered_after_it() {
    let slow = Arc::new(Slow::new(0, 1000));
    let store: Arc<dyn Store> = slow.clone();
    let server = Arc::new(Taking::start(&store, "2026-02-01T12:00:07Z").await);
    let boards = 200;
    let mut pushing = tokio::task::JoinSet::new();
    for board in 1..=boards {
        let server = Arc::clone(&server);
        pushing.spawn(async move { server.push(board, &[("SDS_P1", "20")]).await.status() });
    }
    // Nobody is answered before the first put is done.
    slow.begun.notified().await;
    assert!(pushing.try_join_next().is_none());
    slow.permits.add_permits(1000);
    let mut answers = BTreeMap::new();
    while let Some(status) = pushing.join_next().await {
        *answers.entry(status.unwrap().as_u16()).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([(200, boards)]));
    assert_eq!(stored(&slow.store, &[]).await.len() as u64, boards);
    let puts = slow.puts.load(Relaxed);
    assert!(puts < 20, "{puts} puts of {boards} messages");

    *slow.fails.lock().unwrap() = true;
    server.now.fetch_add(60, Relaxed);
    assert_eq!(server.push(7, &[("SDS_P1", "20")]).await.status(), 503);
    *slow.fails.lock().unwrap() = false;
    server.now.fetch_add(60, Relaxed);
    assert_eq!(server.push(7, &[("SDS_P1", "20")]).await.status(), 200);
    assert_eq!(stored(&slow.store, &[]).await.len() as u64, boards + 1);
}
