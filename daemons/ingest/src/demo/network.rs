//! The simulated network: its sensors and their measurements over time.
//!
//! Everything is computed by hashing from a seed and the requested time; there is no state. The
//! shares of countries are roughly the real network's; the anomalies are those that `feed.rs` has
//! to handle, at about the rates seen in real files; each lasts for a UTC day. The values are true
//! running means: those of the 24 hours before the requested time, so that consecutive files differ
//! little.

use std::f64::consts::TAU;
use std::fmt::Write;

use jiff::Timestamp;

/// A network of sensors.
#[derive(Debug, Clone)]
pub struct Network {
    sensors: Vec<Sensor>,
    seed: u64,
}

#[derive(Debug, Clone)]
struct Sensor {
    id: u64,
    kind: Kind,
    location: u64,
    /// Number of its row in [`COUNTRIES`].
    country: usize,
    latitude: f64,
    longitude: f64,
    altitude: f64,
    exact: bool,
    indoor: bool,
    /// Mean PM2.5 of the place in µg/m³.
    level: f64,
    /// It reports when the seconds since 1970 leave this remainder by [`PERIOD`].
    phase: i64,
    /// Its place among all sensors in the order of their reports.
    turn: u64,
}

/// Seconds between two reports of a sensor.
const PERIOD: i64 = 145;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Particulate matter in µg/m³.
    Particulates { type_id: u32, name: &'static str, maker: &'static str },
    /// Particle counts in `P1` and `P2`.
    Counts,
    /// Temperature and humidity.
    Climate { type_id: u32, name: &'static str },
}

/// Code, share of the sensors in 1/10,000, a point in it, and its extent in degrees.
type CountryRow = (&'static str, u32, f64, f64, f64);

#[rustfmt::skip]
const COUNTRIES: [CountryRow; 62] = [
    ("DE", 4000, 50.6, 10.0, 3.0), ("BG", 640, 42.7, 25.0, 1.4), ("PL", 600, 52.0, 19.3, 2.4),
    ("RU", 560, 55.8, 40.0, 6.0), ("NL", 540, 52.2, 5.3, 0.9), ("BE", 460, 50.8, 4.4, 0.7),
    ("AT", 330, 47.7, 14.2, 1.2), ("IT", 300, 44.0, 11.5, 2.4), ("FR", 290, 47.0, 2.6, 3.0),
    ("GB", 280, 52.5, -1.6, 2.0), ("CZ", 200, 49.8, 15.4, 1.1), ("UA", 190, 49.5, 31.0, 2.8),
    ("US", 180, 39.5, -98.0, 12.0), ("SK", 160, 48.7, 19.5, 0.9), ("RO", 150, 45.8, 25.0, 1.8),
    ("CH", 140, 46.9, 8.2, 0.6), ("HU", 110, 47.2, 19.4, 1.0), ("SE", 90, 58.5, 15.2, 2.5),
    ("HR", 80, 45.3, 16.0, 0.9), ("ES", 80, 40.2, -3.6, 2.6), ("RS", 75, 44.2, 20.8, 1.0),
    ("DK", 65, 55.9, 10.0, 0.8), ("SI", 60, 46.1, 14.8, 0.5), ("BA", 55, 44.2, 17.8, 0.8),
    ("MK", 50, 41.6, 21.6, 0.5), ("GR", 48, 39.0, 22.6, 1.4), ("KZ", 45, 48.0, 67.0, 6.0),
    ("AU", 42, -33.0, 147.0, 6.0), ("PT", 38, 39.8, -8.3, 1.0), ("FI", 34, 61.5, 25.4, 2.0),
    ("NO", 32, 60.4, 9.5, 2.0), ("IE", 28, 53.2, -7.8, 0.9), ("LU", 26, 49.7, 6.1, 0.2),
    ("LT", 24, 55.2, 24.0, 0.8), ("LV", 22, 56.9, 24.8, 0.8), ("EE", 20, 58.7, 25.4, 0.7),
    ("TR", 20, 39.2, 34.0, 3.5), ("XK", 18, 42.6, 20.9, 0.3), ("AL", 16, 41.2, 20.0, 0.5),
    ("ME", 14, 42.7, 19.3, 0.3), ("MD", 13, 47.1, 28.6, 0.6), ("BY", 12, 53.6, 28.0, 1.4),
    ("GE", 12, 42.0, 43.6, 0.9), ("KG", 11, 42.0, 74.6, 1.2), ("IN", 11, 22.5, 78.5, 6.0),
    ("TH", 10, 15.5, 101.0, 2.5), ("CA", 10, 48.5, -95.0, 9.0), ("BR", 9, -18.0, -48.0, 6.0),
    ("ZA", 8, -29.0, 24.5, 3.0), ("KE", 8, -0.6, 37.2, 1.5), ("TW", 7, 23.8, 121.0, 0.6),
    ("JP", 7, 35.8, 138.0, 2.0), ("IL", 6, 31.8, 35.0, 0.5), ("CL", 6, -34.0, -71.0, 3.0),
    ("MX", 5, 21.5, -101.0, 3.5), ("CY", 5, 35.0, 33.2, 0.3), ("NZ", 4, -40.5, 174.0, 2.5),
    ("UG", 4, 0.6, 32.5, 0.8), ("AM", 4, 40.3, 44.8, 0.5), ("VN", 3, 16.5, 107.0, 2.5),
    ("ID", 3, -6.8, 108.5, 2.5), ("IS", 2, 64.6, -19.5, 0.9),
];

/// The sensor models of stations, with weights in 1/100.
const PARTICULATE_KINDS: [(u32, Kind); 7] = [
    (72, pm(14, "SDS011", "Nova Fitness")),
    (11, pm(37, "SPS30", "Sensirion")),
    (8, pm(22, "PMS5003", "Plantower")),
    (4, pm(16, "PMS7003", "Plantower")),
    (3, pm(42, "SEN5X", "Sensirion")),
    (1, pm(25, "HPM", "Honeywell")),
    (1, Kind::Counts),
];

const fn pm(type_id: u32, name: &'static str, maker: &'static str) -> Kind {
    Kind::Particulates { type_id, name, maker }
}

impl Network {
    /// A network of about the given number of sensors; deterministic for a seed.
    pub fn new(sensors: usize, seed: u64) -> Self {
        let mut network = Self { sensors: Vec::with_capacity(sensors + 1), seed };
        let mut station = 0;
        while network.sensors.len() < sensors {
            network.add_station(station);
            station += 1;
        }
        network.sensors.truncate(sensors);
        let mut in_turn: Vec<_> = network.sensors.iter_mut().collect();
        in_turn.sort_by_key(|sensor| (sensor.phase, sensor.id));
        (0..).zip(in_turn).for_each(|(turn, sensor)| sensor.turn = turn);
        network
    }

    /// The feed file for a time (UTC seconds): the 24-hour means of every sensor.
    pub fn feed(&self, moment: i64) -> String {
        let mut json = String::with_capacity(self.sensors.len() * 440);
        json.push('[');
        for (number, sensor) in self.sensors.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            self.write_record(&mut json, sensor, moment);
        }
        json.push(']');
        json
    }

    /// A location with a particulate sensor and usually a climate sensor.
    fn add_station(&mut self, station: u64) {
        let draw = |what: u64| unit(hash([self.seed, station, what]));
        let id = 100 + station * 2;
        let country = pick(COUNTRIES.iter().map(|row| row.1), draw(1));
        let (_, _, latitude, longitude, extent) = COUNTRIES[country];
        let spread = |a: f64, b: f64| (a + b - 1.0) * extent; // denser in the middle
        let kind = PARTICULATE_KINDS[pick(PARTICULATE_KINDS.iter().map(|row| row.0), draw(2))].1;
        let sensor = Sensor {
            id,
            kind,
            location: if station == 500 { 11 } else { 1000 + station },
            country,
            latitude: latitude + spread(draw(3), draw(4)),
            longitude: longitude + spread(draw(5), draw(6)) * 1.4,
            altitude: draw(7).powi(3) * 900.0,
            exact: draw(8) < 0.3,
            indoor: draw(9) < 0.06,
            level: 3.0 + 14.0 * draw(10).powi(2) + regional_level(country),
            phase: (draw(12) * PERIOD as f64) as i64,
            turn: 0, // once all are there
        };
        let climate = match draw(11) {
            ..0.55 => Some(Kind::Climate { type_id: 9, name: "DHT22" }),
            ..0.92 => Some(Kind::Climate { type_id: 17, name: "BME280" }),
            _ => None,
        };
        let companion = climate.map(|kind| Sensor { id: id + 1, kind, ..sensor.clone() });
        self.sensors.push(sensor);
        self.sensors.extend(companion);
    }

    fn write_record(&self, json: &mut String, sensor: &Sensor, moment: i64) {
        let draw = |what: u64| unit(hash([self.seed, sensor.id, moment as u64, what]));
        let day = moment.div_euclid(DAY) as u64;
        let of_day = |what: u64| unit(hash([self.seed, sensor.id, day, what]));
        let quirk = of_day(20);
        // Each sensor reports at its own second; the mean ends with its last report.
        let seconds = last_report(sensor, moment - 5);
        let timestamp = Timestamp::from_second(seconds).unwrap_or_default();
        // The id of the first report of the window: those of the network are numbered as they come.
        let round = last_report(sensor, moment - DAY).div_euclid(PERIOD) + 1;
        let record = round.max(0) as u64 * self.sensors.len() as u64 + sensor.turn;
        let (type_id, name, maker) = match sensor.kind {
            Kind::Particulates { type_id, name, maker } => (type_id, name, maker),
            Kind::Counts => (1, "PPD42NS", "Shinyei"),
            Kind::Climate { type_id, name } => (type_id, name, "various"),
        };
        let code = if quirk < 0.001 { "" } else { COUNTRIES[sensor.country].0 };
        let digits = if sensor.exact { 11 } else { 3 };
        let (latitude, longitude) = match quirk {
            0.001..0.003 => (String::new(), String::new()),
            _ => {
                (format!("{:.digits$}", sensor.latitude), format!("{:.digits$}", sensor.longitude))
            }
        };
        let altitude = match quirk {
            0.003..0.02 => String::new(),
            _ => format!("{:.1}", sensor.altitude),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            json,
            "{{\"id\":{record},\"sampling_rate\":null,\"timestamp\":\"{}\",\"location\":{{\"id\":{},\
             \"latitude\":\"{latitude}\",\"longitude\":\"{longitude}\",\"altitude\":\"{altitude}\",\
             \"country\":\"{code}\",\"exact_location\":{},\"indoor\":{}}},\"sensor\":{{\"id\":{},\
             \"pin\":\"1\",\"sensor_type\":{{\"id\":{type_id},\"name\":\"{name}\",\
             \"manufacturer\":\"{maker}\"}}}},\"sensordatavalues\":[",
            timestamp.strftime("%Y-%m-%d %H:%M:%S"),
            sensor.location,
            u8::from(sensor.exact),
            u8::from(sensor.indoor),
            sensor.id,
        );
        let values = match sensor.kind {
            Kind::Climate { .. } => [
                ("temperature", format!("{:.2}", 9.0 + 12.0 * draw(22))),
                ("humidity", format!("{:.2}", 45.0 + 50.0 * draw(23))),
            ],
            _ => {
                let (pm10, pm25) = self.particulates(sensor, seconds, quirk, of_day(25));
                [("P1", pm10), ("P2", pm25)]
            }
        };
        for (number, (kind, value)) in values.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            let id = record * 4 + number as u64;
            let _ = write!(
                json,
                "{comma}{{\"value\":\"{value}\",\"id\":{id},\"value_type\":\"{kind}\"}}"
            );
        }
        json.push_str("]}");
    }

    /// PM10 and PM2.5 as the feed writes them.
    fn particulates(
        &self,
        sensor: &Sensor,
        seconds: i64,
        quirk: f64,
        noise: f64,
    ) -> (String, String) {
        match quirk {
            0.02..0.0205 => return ("1999.90".to_owned(), "999.90".to_owned()),
            0.0205..0.0207 => {
                return ("1999.90".to_owned(), format!("{:.2}", 600.0 + 300.0 * noise));
            }
            0.0207..0.022 => return ("0.00".to_owned(), "0.00".to_owned()),
            0.022..0.023 => return (String::new(), format!("{:.2}", sensor.level)),
            0.023..0.0234 => return (String::new(), String::new()),
            _ => {}
        }
        if sensor.kind == Kind::Counts {
            let counts = 200.0 + 9000.0 * noise * noise;
            return (format!("{counts:.2}"), format!("{:.2}", counts * 0.7));
        }
        let pm25 = self.mean(sensor, seconds);
        let share = 1.25 + 0.9 * unit(hash([self.seed, sensor.id, 30]));
        (format!("{:.2}", pm25 * share), format!("{pm25:.2}"))
    }

    /// PM2.5 averaged over the 24 hours before a time.
    fn mean(&self, sensor: &Sensor, end: i64) -> f64 {
        let (last, part) = (end.div_euclid(HOUR), end.rem_euclid(HOUR) as f64 / HOUR as f64);
        let of_hour = |hour: i64| {
            let noise = 0.6 + 0.8 * unit(hash([self.seed, sensor.id, hour as u64, 24]));
            self.weather(sensor.country, hour) * noise
        };
        let whole: f64 = (last - 23..last).map(of_hour).sum();
        sensor.level * (whole + of_hour(last - 24) * (1.0 - part) + of_hour(last) * part) / 24.0
    }

    /// Clean and hazy periods alternate in a country, about three days each, with mornings and
    /// evenings of more traffic.
    fn weather(&self, country: usize, hour: i64) -> f64 {
        let day = hour as f64 / 24.0;
        let rhythm =
            1.0 + 0.18 * (TAU * (day - 0.3)).sin() + 0.1 * (TAU * 2.0 * (day - 0.08)).sin();
        let step = day / 3.0;
        let drawn = |n: f64| {
            0.45 + 2.6 * unit(hash([self.seed, country as u64, n as i64 as u64, 40])).powi(3)
        };
        let (before, after, part) = (drawn(step.floor()), drawn(step.floor() + 1.0), step.fract());
        (before + (after - before) * part) * rhythm
    }
}

/// The time of a sensor's last report up to a time.
fn last_report(sensor: &Sensor, until: i64) -> i64 {
    until - (until - sensor.phase).rem_euclid(PERIOD)
}

/// Additional pollution of regions that burn more coal and wood.
fn regional_level(country: usize) -> f64 {
    match COUNTRIES[country].0 {
        "BG" | "PL" | "MK" | "BA" | "XK" | "RS" | "KG" | "KZ" | "IN" | "TH" => 9.0,
        "UA" | "RO" | "SK" | "CZ" | "HU" | "IT" | "AL" | "ME" | "TR" | "VN" | "ID" => 4.0,
        _ => 0.0,
    }
}

/// The index of the weight that a number from 0 to 1 selects.
fn pick(weights: impl Iterator<Item = u32> + Clone, drawn: f64) -> usize {
    let total: u32 = weights.clone().sum();
    let mut left = drawn * f64::from(total);
    let mut last = 0;
    for (number, weight) in weights.enumerate() {
        last = number;
        left -= f64::from(weight);
        if left < 0.0 {
            break;
        }
    }
    last
}

/// From 0 up to 1.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64 (Steele, Lea and Flood 2014), one round for each number.
fn hash<const N: usize>(numbers: [u64; N]) -> u64 {
    numbers.into_iter().fold(0x9e37_79b9_7f4a_7c15, |state, number| {
        let mut z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
