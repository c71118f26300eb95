//! The countries of each sensor's readings: a reading whose country changed has to be found under
//! its old country.

use std::collections::HashMap;

use crate::{Country, Error, Sensor};

/// The sensors of a day and their countries: one, and more for the few that moved. It is used to
/// find a reading whose country changed. It may have too many countries, but never too few.
#[derive(Debug, Default)]
pub(super) struct CountriesOfDay(HashMap<Sensor, Countries, foldhash::fast::RandomState>);

type Countries = (Option<Country>, Vec<Option<Country>>);

impl CountriesOfDay {
    /// Adds a country of a sensor; returns its other countries.
    pub(super) fn add(&mut self, sensor: Sensor, country: Option<Country>) -> Vec<Option<Country>> {
        let (first, more) = self.0.entry(sensor).or_insert_with(|| (country, Vec::new()));
        if more.is_empty() && *first == country {
            return Vec::new(); // does not allocate
        }
        if *first != country && !more.contains(&country) {
            more.push(country);
        }
        let all = std::iter::once(*first).chain(more.iter().copied());
        all.filter(|home| *home != country).collect()
    }
}

/// [`CountriesOfDay`] of the days with the most recent puts, the latest last.
#[derive(Debug, Default)]
pub(crate) struct SensorCountries(Vec<(i32, CountriesOfDay)>);

impl SensorCountries {
    const DAYS: usize = 8;

    pub(super) fn of_day(
        &mut self,
        day: i32,
        read: impl FnOnce() -> Result<CountriesOfDay, Error>,
    ) -> Result<&mut CountriesOfDay, Error> {
        match self.0.iter().position(|(known, _)| *known == day) {
            Some(found) => {
                let found = self.0.remove(found);
                self.0.push(found);
            }
            None => {
                let sensors = read()?;
                if self.0.len() == Self::DAYS {
                    self.0.remove(0);
                }
                self.0.push((day, sensors));
            }
        }
        let last = self.0.len() - 1;
        Ok(&mut self.0[last].1)
    }
}
