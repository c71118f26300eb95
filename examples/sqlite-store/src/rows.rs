//! Readings as rows.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params, params_from_iter,
};
use store::{
    Country, ErrorKind, Network, Page, Position, Query, Reading, Sensor, Summary, Timestamp, Window,
};

use crate::failure::Failure;
use crate::schema::stored;

/// A page ends after this many rows,
const PAGE_ROWS: usize = 16_384;

/// or after this many rows were examined, so that a query with few matches does not block the
/// connection.
const PAGE_LOOKS: usize = 200_000;

const SECONDS_A_DAY: i64 = 86_400;

/// Puts a batch atomically. A row with the same identity is replaced, in any country.
pub(crate) fn put(connection: &mut Connection, batch: &[Reading]) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut days = BTreeSet::new();
    {
        let names: String = stored().map(|column| format!(", \"{}\"", column.name())).collect();
        let places: String = stored().map(|_| ", ?").collect();
        let mut insert = transaction.prepare(&format!(
            "INSERT OR REPLACE INTO readings
            (day, country, second, network, sensor, window{names})
            VALUES (?, ?, ?, ?, ?, ?{places})"
        ))?;
        for reading in batch {
            let Key(day, country, second, network, sensor, window) =
                Key::of(&Position::of(reading));
            days.insert(day);
            let key: [Value; 6] = [
                i64::from(day).into(),
                country.into(),
                i64::from(second).into(),
                network.into(),
                sensor.into(),
                window.into(),
            ];
            let columns = stored().map(|column| match reading.value(column) {
                store::Value::Nothing => Value::Null,
                value => Value::Text(value.to_string()),
            });
            insert.execute(params_from_iter(key.into_iter().chain(columns)))?;
        }
    }
    count_change(&transaction, days)?;
    Ok(transaction.commit()?)
}

pub(crate) fn delete_before(
    connection: &mut Connection,
    moment: Timestamp,
) -> Result<u64, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Readings have whole seconds.
    let first_kept = moment.as_second() + i64::from(moment.subsec_nanosecond() > 0);
    let last = params![first_kept.div_euclid(SECONDS_A_DAY), first_kept.rem_euclid(SECONDS_A_DAY)];
    let older = "FROM readings WHERE day < ?1 OR (day = ?1 AND second < ?2)";
    let days = {
        let mut days = transaction.prepare(&format!("SELECT DISTINCT day {older}"))?;
        days.query_map(last, |row| row.get(0))?.collect::<Result<BTreeSet<_>, _>>()?
    };
    let deleted = transaction.execute(&format!("DELETE {older}"), last)?;
    count_change(&transaction, days)?;
    transaction.commit()?;
    Ok(deleted as u64)
}

pub(crate) fn delete(connection: &mut Connection, query: &Query) -> Result<u64, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut days, mut deleted, mut after) = (BTreeSet::new(), 0, None);
    loop {
        let page = page(&transaction, query, after)?;
        let mut delete = transaction.prepare(
            "DELETE FROM readings
            WHERE (day, country, second, network, sensor, window) = (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for row in page.rows() {
            let Key(day, country, second, network, sensor, window) =
                Key::of(&Position::of(&row.reading()));
            deleted += delete.execute(params![day, country, second, network, sensor, window])?;
            days.insert(day);
        }
        match page.next {
            None => break,
            next => after = next,
        }
    }
    count_change(&transaction, days)?;
    transaction.commit()?;
    Ok(deleted as u64)
}

/// Change numbers are strictly increasing.
fn count_change(transaction: &Transaction<'_>, days: BTreeSet<i32>) -> Result<(), Failure> {
    let last = "SELECT coalesce(max(number), 0) FROM changes";
    let number: i64 = transaction.query_row(last, [], |row| row.get(0))?;
    let mut change = transaction.prepare("INSERT OR REPLACE INTO changes VALUES (?1, ?2)")?;
    for day in days {
        change.execute([i64::from(day), number + 1])?;
    }
    Ok(())
}

/// The number of the last change to a day between two moments.
pub(crate) fn version(
    connection: &Connection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Option<String>, Failure> {
    let last = "SELECT coalesce(max(number), 0) FROM changes WHERE day BETWEEN ?1 AND ?2";
    let number: i64 = connection.query_row(last, [day(from), day(until)], |row| row.get(0))?;
    Ok(Some(number.to_string()))
}

pub(crate) fn summary(connection: &Connection) -> Result<Summary, Failure> {
    let mut counted = connection.prepare(
        "SELECT country, count(*), min(day * 86400 + second), max(day * 86400 + second)
        FROM readings GROUP BY country",
    )?;
    let mut rows = counted.query([])?;
    let mut countries = BTreeMap::new();
    let mut extent: Option<(Timestamp, Timestamp)> = None;
    while let Some(row) = rows.next()? {
        countries.insert(country(row)?, row.get::<_, i64>(1)?.unsigned_abs());
        let [earliest, latest] = [row.get(2)?, row.get(3)?];
        let (earliest, latest) = (moment(earliest)?, moment(latest)?);
        extent = Some(match extent {
            Some((from, until)) => (from.min(earliest), until.max(latest)),
            None => (earliest, latest),
        });
    }
    Ok(Summary::new(countries, extent))
}

/// One after the other by the index that begins with them.
pub(crate) fn networks(connection: &Connection) -> Result<Vec<Network>, Failure> {
    let mut after = connection
        .prepare("SELECT network FROM readings WHERE network > ?1 ORDER BY network LIMIT 1")?;
    let has_default = "SELECT EXISTS (SELECT 1 FROM readings WHERE network = '')";
    let has_default: bool = connection.query_row(has_default, [], |row| row.get(0))?;
    let mut networks = Vec::from_iter(has_default.then_some(Network::SENSOR_COMMUNITY));
    let mut last = String::new();
    while let Some(name) = after.query_row([&last], |row| row.get::<_, String>(0)).optional()? {
        networks.push(name.parse().map_err(|error| damaged("a network").because(error))?);
        last = name;
    }
    Ok(networks)
}

/// The next matching rows. One statement sees one state, regardless of concurrent puts.
pub(crate) fn page(
    connection: &Connection,
    query: &Query,
    after: Option<Position>,
) -> Result<Page, Failure> {
    let start = after.as_ref().map(Key::of).max(Some(Key::before(day(query.from))));
    let Key(first, country, second, network, sensor, window) = start.unwrap_or_default();
    let mut wanted = connection.prepare(
        "SELECT * FROM readings
        WHERE (day, country, second, network, sensor, window) > (?1, ?2, ?3, ?4, ?5, ?6)
        AND day <= ?7
        ORDER BY day, country, second, network, sensor, window",
    )?;
    let last = day(query.until);
    let mut rows = wanted.query(params![first, country, second, network, sensor, window, last])?;
    let (mut readings, mut next) = (Vec::new(), None);
    let mut looks = 0;
    while let Some(row) = rows.next()? {
        let reading = reading(row)?;
        let position = Position::of(&reading);
        if query.matches(&reading) {
            readings.push(reading);
        }
        looks += 1;
        if readings.len() == PAGE_ROWS || looks == PAGE_LOOKS {
            next = Some(position);
            break;
        }
    }
    Page::of_readings(&readings, next).map_err(|error| damaged("as a whole").because(error))
}

/// The columns of a [`Position`], in the order of rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Key(i32, String, u32, String, i64, i64);

impl Key {
    fn of(position: &Position) -> Self {
        let country = position.country().map(|country| country.to_string());
        let window = Window::ALL.iter().position(|window| *window == position.window());
        Self(
            position.day(),
            country.unwrap_or_default(),
            position.second(),
            network(position.sensor().network),
            integer(position.sensor().id),
            window.unwrap_or_default() as i64,
        )
    }

    /// Before every row of a day.
    fn before(day: i32) -> Self {
        Self(day, String::new(), 0, String::new(), -1, -1)
    }
}

fn reading(row: &Row<'_>) -> Result<Reading, Failure> {
    let day: i64 = row.get("day")?;
    let second: i64 = row.get("second")?;
    let window: u8 = row.get("window")?;
    let window = Window::ALL.get(usize::from(window)).ok_or_else(|| damaged("a window"))?;
    let name: String = row.get("network")?;
    let network = match name.as_str() {
        "" => Network::SENSOR_COMMUNITY,
        name => name.parse().map_err(|error| damaged("a network").because(error))?,
    };
    let sensor = Sensor { network, id: id(row.get("sensor")?)? };
    let mut reading = Reading::new(sensor, *window, moment(day * SECONDS_A_DAY + second)?);
    reading.country = country(row)?;
    for column in stored() {
        let text: Option<String> = row.get(column.name())?;
        let value = column.parse(text.as_deref().unwrap_or_default());
        reading.set(column, value.map_err(|error| damaged(column.name()).because(error))?);
    }
    Ok(reading)
}

fn country(row: &Row<'_>) -> Result<Option<Country>, Failure> {
    let code: String = row.get("country")?;
    match code.as_str() {
        "" => Ok(None),
        code => code.parse().map(Some).map_err(|error| damaged("a country").because(error)),
    }
}

fn moment(second: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_second(second).map_err(|error| damaged("a time").because(error))
}

/// Empty for the default, which comes first.
fn network(network: Network) -> String {
    if network.is_default() { String::new() } else { network.to_string() }
}

/// Ids that a store takes are signed numbers too.
fn integer(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn id(number: i64) -> Result<u64, Failure> {
    u64::try_from(number).map_err(|error| damaged("an id").because(error))
}

fn day(moment: Timestamp) -> i32 {
    moment.as_second().div_euclid(SECONDS_A_DAY) as i32 // of the years -9999 to 9999
}

fn damaged(problem: &str) -> Failure {
    Failure::new(ErrorKind::Damaged, format!("a stored reading cannot be read: {problem}"))
}
