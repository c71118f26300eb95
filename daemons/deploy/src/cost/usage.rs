//! The usage of a workload: in this design, and in the report's.

use airshed_serve::telemetry::names::{Dimension, METRICS};

use super::{Capacity, Work};
use crate::provision::TEMPLATE;

/// Hours of a month, as in AWS's calculator.
pub const MONTH_HOURS: f64 = 730.0;

/// Days of a month.
pub const MONTH_DAYS: f64 = MONTH_HOURS / 24.0;

/// A quantity that has a price.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Line {
    /// A description.
    pub what: String,
    /// The monthly quantity, in the unit of the price.
    pub quantity: f64,
    /// The name of its price in the price table.
    pub price: String,
    /// The formula of the quantity.
    pub formula: String,
}

/// Average size of a reading's item in bytes, including attribute names.
const ITEM_BYTES: f64 = 293.0;
/// DynamoDB's billed storage overhead of an item and of its copy in an index.
const STORED_BYTES_MORE: f64 = 100.0;
/// Bytes of a row of CSV with the default columns.
const ROW_BYTES: f64 = 72.0;
/// Bytes per read unit for a consistent read; an eventually consistent read gets twice as much.
const READ_UNIT: f64 = 4096.0;
/// Readings per batch.
const BATCH: f64 = 25_000.0;
/// Number of days read to determine the data age.
const DAYS_HEARD: f64 = 8.0;

/// Number of days that a fetch's readings belong to: before and after midnight.
const DAYS_OF_A_FETCH: f64 = 2.0;
/// Sensor numbers go up to about 100,000; a hundred sensors share an item with their countries.
const ITEMS_OF_SENSORS: f64 = 1000.0;
/// Bytes of the item with the countries of a day: fixed, and per country.
const DAY_BYTES: (f64, f64) = (40.0, 5.0);
/// Seconds between two polls of all days: for CloudWatch, and to estimate the size of queries.
const LOOK_FOR_CLOUDWATCH: f64 = 60.0;
const LOOK_FOR_QUERIES: f64 = 30.0;
/// Maximum number of recounts per day of partitions with repeated puts.
const COUNTS_A_DAY: f64 = 24.0;
/// Wait time of a long-poll receive in seconds.
const LONG_POLL: f64 = 20.0;
/// Concurrent receives of a worker machine (two jobs at a time, and dead letters).
const WORKER_RECEIVES: f64 = 3.0;
/// Bytes of a result per read and per write.
const CHUNK: f64 = 1_048_576.0;
const PART: f64 = 16.0 * CHUNK;
/// Seconds between two sweeps, and retention of job records in days.
const SWEEP: f64 = 120.0;
const JOBS_REMEMBERED: f64 = 8.0;
/// Polls of a client per job.
const ASKED: f64 = 3.0;
/// Disk size of a machine.
const DISK_GB: f64 = 8.0;
/// Bytes of metrics and logs per machine and minute.
const LOG_BYTES_A_MINUTE: f64 = 6000.0;

const SECONDS_A_DAY: f64 = 86_400.0;
const GB: f64 = 1_073_741_824.0;

fn line(what: &str, price: impl Into<String>, quantity: f64, formula: String) -> Line {
    Line { what: what.to_owned(), quantity, price: price.into(), formula }
}

/// Formats a number for display.
fn n(number: f64) -> String {
    let digits = match number.abs() {
        small if small < 10.0 => 2,
        small if small < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match part.trim_end_matches('0') {
        "" => grouped,
        part => format!("{grouped}.{part}"),
    }
}

/// The monthly usage of this design.
pub fn ours(work: &Work) -> Vec<Line> {
    let mut lines = table(work);
    lines.extend(storage(work));
    lines.extend(queues(work));
    lines.extend(results(work));
    lines.extend(machines(work, work.machines(), &work.instance));
    lines.extend(watching(work));
    lines.push(out(work));
    lines
}

/// The capacity units of requests to the table; see [`requests`] for those that dynalite counts.
fn table(work: &Work) -> Vec<Line> {
    match work.capacity {
        Capacity::OnDemand => requests(work),
        Capacity::Provisioned { read, write } => {
            let hours = |what, price, units: f64| {
                let formula =
                    format!("{} units × 2 (table and index) × {} hours", n(units), n(MONTH_HOURS));
                line(what, price, units * 2.0 * MONTH_HOURS, formula)
            };
            vec![
                hours("table: write capacity", "dynamodb_write_capacity_hour", write),
                hours("table: read capacity", "dynamodb_read_capacity_hour", read),
            ]
        }
    }
}

/// The capacity units of requests to the table, in either capacity mode.
pub fn requests(work: &Work) -> Vec<Line> {
    let (readings, fetches) = (work.readings(), work.fetches);
    let month = n(MONTH_DAYS);
    let put = readings * MONTH_DAYS;
    let batches = (work.sensors / BATCH).ceil();
    let noted = fetches * batches * 2.0 * DAYS_OF_A_FETCH;
    let read_of_query = work.rows * ITEM_BYTES / (2.0 * READ_UNIT) + 0.5;
    let items_of_sensors = work.sensors.min(ITEMS_OF_SENSORS);
    let day_bytes = DAY_BYTES.0 + DAY_BYTES.1 * work.countries;
    let look = (work.kept_days * day_bytes / READ_UNIT).ceil().max(1.0);
    let looks_for_cloudwatch =
        if work.cloudwatch { SECONDS_A_DAY / LOOK_FOR_CLOUDWATCH } else { 0.0 };
    let looks_for_queries = work.queries.min(SECONDS_A_DAY / LOOK_FOR_QUERIES);
    let looks = work.servers * looks_for_queries + (work.servers + 1.0) * looks_for_cloudwatch;
    // The readings of a day after the first fetch, after the second, …; counted by each process,
    // since it may count before another has stored the count.
    let lookers = work.servers + f64::from(u8::from(work.cloudwatch));
    let counted = lookers * fetches.min(COUNTS_A_DAY) * readings * (1.0 + 1.0 / fetches) / 2.0;
    // Each process reads the previous days once a day, since they are unchanged, and today's
    // readings after each fetch.
    let of_today = (fetches - 1.0) / 2.0;
    let heard = lookers * readings * (work.kept_days.min(DAYS_HEARD) + of_today);
    vec![
        line(
            "table: readings put",
            "dynamodb_write_unit",
            put,
            format!("{} a day × {month} days × 1 unit", n(readings)),
        ),
        line(
            "table: readings put, in the index",
            "dynamodb_write_unit",
            put,
            "the same, for each reading with an air-quality index".to_owned(),
        ),
        line(
            "table: days noted",
            "dynamodb_write_unit",
            noted * MONTH_DAYS,
            format!(
                "{} fetches × {} batches × {DAYS_OF_A_FETCH} days, twice, × {month} days",
                n(fetches),
                n(batches)
            ),
        ),
        line(
            "table: queries",
            "dynamodb_read_unit",
            work.queries * read_of_query * MONTH_DAYS,
            format!(
                "{} a day × ({} rows × {ITEM_BYTES} bytes ÷ 8 KiB + ½) × {month} days",
                n(work.queries),
                n(work.rows)
            ),
        ),
        line(
            "table: sensors' countries",
            "dynamodb_read_unit",
            fetches * items_of_sensors * MONTH_DAYS,
            format!("{} fetches × {} items × {month} days", n(fetches), n(items_of_sensors)),
        ),
        line(
            "table: how much there is",
            "dynamodb_read_unit",
            (looks * look + counted * ITEM_BYTES / (2.0 * READ_UNIT)) * MONTH_DAYS,
            format!(
                "({} looks × {} units + {} readings counted × {ITEM_BYTES} bytes ÷ 8 KiB) × \
                 {month} days",
                n(looks),
                n(look),
                n(counted)
            ),
        ),
        line(
            "table: how new the readings are",
            "dynamodb_read_unit",
            heard * ITEM_BYTES / (2.0 * READ_UNIT) * MONTH_DAYS,
            format!(
                "{} readings of the last {DAYS_HEARD} days × {ITEM_BYTES} bytes ÷ 8 KiB × {month} days",
                n(heard)
            ),
        ),
    ]
}

fn storage(work: &Work) -> Vec<Line> {
    let kept = work.readings() * work.kept_days;
    let gigabytes = kept * 2.0 * (ITEM_BYTES + STORED_BYTES_MORE) / GB;
    let formula = format!(
        "{} a day × {} days × 2 (table and index) × {} bytes",
        n(work.readings()),
        n(work.kept_days),
        n(ITEM_BYTES + STORED_BYTES_MORE)
    );
    let backup = "the table without its index, point-in-time recovery over 35 days".to_owned();
    vec![
        line("table: storage", "dynamodb_gb_month", gigabytes, formula),
        line("table: backup", "dynamodb_backup_gb_month", gigabytes / 2.0, backup),
    ]
}

fn queues(work: &Work) -> Vec<Line> {
    let receives = (work.servers + work.workers * WORKER_RECEIVES) * SECONDS_A_DAY / LONG_POLL;
    let jobs = work.queries * work.jobs;
    let looks = if work.cloudwatch { 2.0 * work.servers * 1440.0 } else { 0.0 };
    let formula = format!(
        "({} receives that wait 20 s + {} jobs × 6 + {} looks) × {} days",
        n(receives),
        n(jobs),
        n(looks),
        n(MONTH_DAYS)
    );
    vec![line("queues", "sqs_request", (receives + jobs * 6.0 + looks) * MONTH_DAYS, formula)]
}

fn results(work: &Work) -> Vec<Line> {
    let jobs = work.queries * work.jobs;
    let bytes = work.rows * ROW_BYTES;
    let parts = if bytes > PART { (bytes / PART).ceil() + 2.0 } else { 1.0 };
    let lists = work.servers * SECONDS_A_DAY / SWEEP * (jobs * JOBS_REMEMBERED / 1000.0).max(1.0);
    // Of the records, one says that the file was fetched, and one is kept for good.
    let (records, reads) = (6.0, 3.0 + ASKED);
    let chunks = (bytes / CHUNK).ceil();
    let month = n(MONTH_DAYS);
    vec![
        line(
            "results: written",
            "s3_write_request",
            (jobs * (records + parts) + lists) * MONTH_DAYS,
            format!(
                "({} jobs × ({records} records + {} parts) + {} lists) × {month} days",
                n(jobs),
                n(parts),
                n(lists)
            ),
        ),
        line(
            "results: read",
            "s3_read_request",
            jobs * (reads + chunks) * MONTH_DAYS,
            format!("{} jobs × ({reads} looks + {} ranges) × {month} days", n(jobs), n(chunks)),
        ),
        line(
            "results: storage",
            "s3_gb_month",
            jobs * bytes * work.kept_result_hours / 24.0 / GB,
            format!(
                "{} jobs a day × {} bytes × {} days",
                n(jobs),
                n(bytes),
                n(work.kept_result_hours / 24.0)
            ),
        ),
    ]
}

fn machines(work: &Work, machines: f64, instance: &str) -> Vec<Line> {
    let hours = machines * MONTH_HOURS;
    let formula = format!("{} machines × {} hours", n(machines), n(MONTH_HOURS));
    let mut lines = vec![
        line("machines", format!("instance_hour {instance}"), hours, formula.clone()),
        line(
            "machines: disks",
            "ebs_gb_month",
            machines * DISK_GB,
            format!("{} machines × {DISK_GB} GB", n(machines)),
        ),
        line("machines: public addresses", "ipv4_hour", hours, formula),
    ];
    if work.balancer {
        let formula = format!("{} hours, without its capacity units", n(MONTH_HOURS));
        lines.push(line("load balancer", "load_balancer_hour", MONTH_HOURS, formula));
    }
    lines
}

fn watching(work: &Work) -> Vec<Line> {
    if !work.cloudwatch {
        return Vec::new();
    }
    let gigabytes = work.machines() * LOG_BYTES_A_MINUTE * 60.0 * MONTH_HOURS / GB;
    vec![
        line(
            "CloudWatch: metrics",
            "cloudwatch_metric_month",
            cloudwatch_metrics(),
            "metrics printed by --metrics emf".to_owned(),
        ),
        line(
            "CloudWatch: alarms",
            "cloudwatch_alarm_month",
            TEMPLATE.matches("Type: AWS::CloudWatch::Alarm").count() as f64,
            "alarms of the template".to_owned(),
        ),
        line(
            "CloudWatch: the alarms' key",
            "kms_key_month",
            1.0,
            "encryption of alarm notifications".to_owned(),
        ),
        line(
            "CloudWatch: logs",
            "cloudwatch_log_gb",
            gigabytes,
            format!("{} machines × {LOG_BYTES_A_MINUTE} bytes a minute", n(work.machines())),
        ),
    ]
}

/// Metric names times dimension values: about four per label.
fn cloudwatch_metrics() -> f64 {
    let count = |dimension: Dimension| match dimension {
        Dimension::None => 1.0,
        Dimension::Label("queue") => 2.0,
        Dimension::Label(_) => 4.0,
        Dimension::Daemon => 3.0,
    };
    METRICS.iter().filter_map(|metric| metric.cloudwatch).map(count).sum()
}

fn out(work: &Work) -> Line {
    let formula = format!(
        "{} queries × {} rows × {ROW_BYTES} bytes × {} days",
        n(work.queries),
        n(work.rows),
        n(MONTH_DAYS)
    );
    let bytes = work.queries * work.rows * ROW_BYTES * MONTH_DAYS;
    line("data to the internet", "data_out_gb", bytes / GB, formula)
}

/// Bytes of an item in the report's design: fewer attributes, no index.
const REPORT_ITEM_BYTES: f64 = 200.0;
/// Billing unit of messages in bytes.
const MESSAGE_UNIT: f64 = 65_536.0;
/// Receives per second of a process that polls without waiting. The report's loop has no pause; one
/// per second is a lower bound.
const SHORT_POLLS: f64 = 1.0;
/// Master, ClientApp, Worker, Test_Instance.
const REPORT_MACHINES: f64 = 4.0;

/// The usage of the report's design for the same work: one put per reading, a scan of the whole
/// table per query (of all its pages, as a complete response needs; the report read only the first
/// page, and so lost rows), results in messages, short polling.
pub fn of_report(work: &Work) -> Vec<Line> {
    let (readings, month) = (work.readings(), n(MONTH_DAYS));
    let kept = readings * work.kept_days;
    let scan = kept * REPORT_ITEM_BYTES / (2.0 * READ_UNIT);
    let jobs = work.queries * work.jobs;
    let polls = (1.0 + work.workers) * SHORT_POLLS * SECONDS_A_DAY;
    let message = (work.rows * ROW_BYTES / MESSAGE_UNIT).ceil();
    let mut lines = vec![
        line(
            "table: readings put, one by one",
            "dynamodb_write_unit",
            readings * MONTH_DAYS,
            format!("{} a day × {month} days × 1 unit", n(readings)),
        ),
        line(
            "table: queries, each a scan",
            "dynamodb_read_unit",
            work.queries * scan * MONTH_DAYS,
            format!(
                "{} a day × {} readings × {REPORT_ITEM_BYTES} bytes ÷ 8 KiB × {month} days",
                n(work.queries),
                n(kept)
            ),
        ),
        line(
            "table: storage",
            "dynamodb_gb_month",
            kept * (REPORT_ITEM_BYTES + STORED_BYTES_MORE) / GB,
            format!("{} readings × {} bytes", n(kept), n(REPORT_ITEM_BYTES + STORED_BYTES_MORE)),
        ),
        line(
            "queues",
            "sqs_request",
            (polls + jobs * (4.0 + 2.0 * message)) * MONTH_DAYS,
            format!(
                "({} receives that do not wait + {} jobs × (4 + 2 × {} units of 64 KiB)) × \
                 {month} days",
                n(polls),
                n(jobs),
                n(message)
            ),
        ),
    ];
    lines.extend(machines(&Work { balancer: false, ..work.clone() }, REPORT_MACHINES, "t2.micro"));
    lines.push(out(work));
    lines
}
