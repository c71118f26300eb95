//! Scans the rows of a block for statistics, decoded run by run.

use std::ops::Range;

use super::block::Block;
use super::decimals::{Cell, Run as DecimalRun};
use super::indexer::Indexer;
use super::integers::{Numbers, RUN};
use crate::{AqiStandard, Country, Flags};

/// The values of a row for statistics.
pub(crate) struct Scanned {
    /// The number of the station in the block's table.
    pub(crate) station: usize,
    /// The second of the day.
    pub(crate) second: u32,
    /// PM10 and PM2.5.
    pub(crate) values: [Cell; 2],
    /// The number in the column `AQI`.
    pub(crate) index: Option<u32>,
    /// The flags that follow neither from the values nor from the station.
    pub(crate) flags_of_mean: Flags,
}

impl Block {
    /// Calls a function for each of some rows, in order.
    pub(crate) fn scan(
        &self,
        rows: Range<usize>,
        standard: AqiStandard,
        mut each: impl FnMut(Scanned),
    ) {
        let mut indexer = Indexer::new(self, standard);
        let (mut stations, mut seconds) = (Numbers::default(), Numbers::default());
        let (mut pm10, mut pm25) = (DecimalRun::default(), DecimalRun::default());
        for run in rows.start / RUN..rows.end.div_ceil(RUN) {
            self.station.run(run, &mut stations.0);
            self.seconds.run(run, &mut seconds.0);
            self.pm10.run(run, &mut pm10);
            self.pm25.run(run, &mut pm25);
            indexer.read_of(run, [&pm10, &pm25]);
            let first = run * RUN;
            for row in rows.start.max(first)..rows.end.min(first + RUN) {
                let place = indexer.places()[row - first];
                each(Scanned {
                    station: stations.0[row - first] as usize,
                    second: seconds.0[row - first] as u32, // below a day
                    values: [self.pm10.in_run(&pm10, row), self.pm25.in_run(&pm25, row)],
                    index: (place > 0).then(|| Indexer::number_at(standard, place)),
                    flags_of_mean: self.flags_of_mean(row),
                });
            }
        }
    }

    /// Splits rows by country.
    pub(crate) fn by_country(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (Option<Country>, Range<usize>)> {
        let mut start = 0;
        self.countries.iter().filter_map(move |country| {
            let all = start..country.end as usize;
            start = all.end;
            let wanted = rows.start.max(all.start)..rows.end.min(all.end);
            (!wanted.is_empty()).then_some((country.country, wanted))
        })
    }
}
