//! In which countries a sensor's readings are: one whose country changed has to be found where it
//! was.

use std::collections::HashMap;

use crate::{Country, Error, Sensor};

/// The sensors of a day and the countries that they have been read in: one, and for the few
/// that moved, others. A reading whose country changed is found by it. It may name too many
/// countries, never too few.
#[derive(Debug, Default)]
pub(super) struct SensorHomes(HashMap<Sensor, Countries, foldhash::fast::RandomState>);

type Countries = (Option<Country>, Vec<Option<Country>>);

impl SensorHomes {
    /// Notes that a sensor is in a country; the others that it has been in.
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

/// [`SensorHomes`] of the days that were put to last, the last of them at the end.
#[derive(Debug, Default)]
pub(crate) struct Homes(Vec<(i32, SensorHomes)>);

impl Homes {
    const DAYS: usize = 8;

    pub(super) fn of_day(
        &mut self,
        day: i32,
        read: impl FnOnce() -> Result<SensorHomes, Error>,
    ) -> Result<&mut SensorHomes, Error> {
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
