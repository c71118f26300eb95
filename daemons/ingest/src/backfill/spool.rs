//! Files of several days as files of one day each, so that a month needs little memory.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;

use airshed_common::{Bounded, Disk};
use airshed_history::Fixed;
use airshed_history::archive::{self, Report, Row};
use jiff::civil::Date;
use tempfile::TempDir;

/// The rows of a day are split into so many files by sensor: a power of two, not below the number
/// of threads.
pub(super) const PARTS: u64 = 8;

/// Files that are open at once.
const OPEN: usize = 200;

const HEADER: &str =
    "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2;temperature;humidity\n";

/// A temporary folder with files of the archive's form.
pub(super) struct Spool {
    folder: TempDir,
    disk: Disk,
    open: HashMap<(i64, u64, Option<bool>), BufWriter<Bounded<File>>>,
    days: RangeInclusive<i64>,
    wanted: RangeInclusive<i64>,
    /// Rows of days that are not wanted.
    pub(super) others: u64,
    failed: Option<io::Error>,
}

impl Spool {
    /// For the rows of some days, not all of which have to be wanted.
    pub(super) fn new(
        days: &RangeInclusive<Date>,
        wanted: &RangeInclusive<Date>,
        disk: &Disk,
    ) -> io::Result<Self> {
        let numbers =
            |days: &RangeInclusive<Date>| number_of(*days.start())..=number_of(*days.end());
        let (days, wanted) = (numbers(days), numbers(wanted));
        let folder = tempfile::Builder::new().prefix("airshed-backfill-").tempdir()?;
        let (disk, open) = (disk.holding(folder.path()), HashMap::new());
        Ok(Self { folder, disk, open, days, wanted, others: 0, failed: None })
    }

    /// Adds the rows of a file; those before a damaged part are added.
    pub(super) fn add(
        &mut self,
        input: impl Read,
        name: &str,
        report: &mut Report,
    ) -> io::Result<Result<(), airshed_history::Error>> {
        let mut of_file = Report::default();
        let read = archive::read(input, name, &mut of_file, &mut |row| self.add_row(&row));
        of_file.name(name);
        report.merge(of_file);
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(read),
        }
    }

    fn add_row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let day = row.second.div_euclid(86_400);
        self.others += u64::from(!self.wanted.contains(&day));
        if !self.days.contains(&day) {
            return ControlFlow::Continue(());
        }
        match self.write(day, row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn write(&mut self, day: i64, row: &Row<'_>) -> io::Result<()> {
        let key = (day, row.sensor % PARTS, row.station.indoor);
        if !self.open.contains_key(&key) {
            if self.open.len() >= OPEN {
                self.close()?;
            }
            let path = self.folder.path().join(name_of(key));
            let is_new = !path.exists();
            let file = File::options().append(true).create(true).open(path)?;
            let mut file = BufWriter::new(self.disk.bound(file));
            if is_new {
                file.write_all(HEADER.as_bytes())?;
            }
            self.open.insert(key, file);
        }
        let Some(file) = self.open.get_mut(&key) else { return Ok(()) }; // it was inserted
        let station = &row.station;
        write!(file, "{};{}", row.sensor, station.sensor_type)?;
        write!(file, ";{}", text(station.location))?;
        write!(file, ";{};{}", text(station.latitude), text(station.longitude))?;
        let moment = jiff::Timestamp::from_second(row.second).unwrap_or_default(); // it was read
        write!(file, ";{}", moment.strftime("%Y-%m-%dT%H:%M:%S"))?;
        for value in row.particulates.into_iter().chain(row.climate) {
            write!(file, ";{}", text(value.map(Fixed::decimal)))?;
        }
        writeln!(file)
    }

    fn close(&mut self) -> io::Result<()> {
        self.open.drain().try_for_each(|(_, mut file)| file.flush())
    }

    /// The files of each day, with the part that each is of.
    pub(super) fn finish(&mut self) -> io::Result<BTreeMap<i64, Vec<(u64, PathBuf)>>> {
        self.close()?;
        let mut files: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut numbers = name.split('_').map(str::parse);
            if let (Some(Ok::<i64, _>(day)), Some(Ok(part))) = (numbers.next(), numbers.next()) {
                files.entry(day).or_default().push((part.unsigned_abs(), path));
            }
        }
        files.values_mut().for_each(|files| files.sort());
        Ok(files)
    }
}

/// As the reader of the archive knows whether a sensor is indoors.
fn name_of((day, part, indoor): (i64, u64, Option<bool>)) -> String {
    let place = match indoor {
        Some(true) => "_sensor_indoor",
        Some(false) => "_sensor_",
        None => "",
    };
    format!("{day}_{part}_{place}.csv")
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Days since 1970.
pub(super) fn number_of(date: Date) -> i64 {
    let days = Date::constant(1970, 1, 1).until(date).map_or(0, |span| span.get_days());
    days.into()
}
