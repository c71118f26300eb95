use aqi::Category;
use jiff::Timestamp;

use crate::{
    AqiStandard, Area, Country, Flags, Network, Reading, Sensor, SensorType, SensorTypes, Window,
};

/// Which readings are wanted: those that pass every filter.
///
/// An empty list or `None` filters nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// The first moment wanted, UTC, included.
    pub from: Timestamp,
    /// The last moment wanted, UTC, included.
    pub until: Timestamp,
    /// Only these countries. A reading without a country is in none of them.
    pub countries: Vec<Country>,
    /// Which air-quality index the two filters below are about.
    pub standard: AqiStandard,
    /// Only indices from the first to the second, both included, as the column `AQI` has them.
    /// A reading without an index is in no range.
    pub indices: Option<(u32, u32)>,
    /// Only these bands of the standard. A reading without an index is in none of them.
    pub bands: Vec<&'static Category>,
    /// Only sensors of these networks.
    pub networks: Vec<Network>,
    /// Only these sensors.
    pub sensors: Vec<Sensor>,
    /// Only these models, in any case.
    pub sensor_types: SensorTypes,
    /// Only these averaging windows.
    pub windows: Vec<Window>,
    /// Only indoor (`true`) or only outdoor (`false`) sensors. A reading that does not
    /// say is neither.
    pub indoor: Option<bool>,
    /// Only sensors in this area. A reading without coordinates is in none.
    pub area: Option<Area>,
    /// Only readings with none of these flags.
    pub without: Flags,
}

impl Query {
    /// Every reading from one moment to another, both included.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            until,
            countries: Vec::new(),
            standard: AqiStandard::DEFAULT,
            indices: None,
            bands: Vec::new(),
            networks: Vec::new(),
            sensors: Vec::new(),
            sensor_types: SensorTypes::default(),
            windows: Vec::new(),
            indoor: None,
            area: None,
            without: Flags::default(),
        }
    }

    /// Every reading that there is.
    pub fn everything() -> Self {
        Self::new(Timestamp::MIN, Timestamp::MAX)
    }

    /// Whether a reading passes every filter: what a store answers with, and nothing else.
    pub fn matches(&self, reading: &Reading) -> bool {
        let Self { networks, sensors, sensor_types, windows, indoor, area, .. } = self;
        (self.from..=self.until).contains(&reading.timestamp)
            && self.accepts_country(reading.country)
            && (networks.is_empty() || networks.contains(&reading.sensor.network))
            && (sensors.is_empty() || sensors.contains(&reading.sensor))
            && (windows.is_empty() || windows.contains(&reading.window))
            && (indoor.is_none() || *indoor == reading.indoor)
            && (sensor_types.is_empty()
                || reading.sensor_type.is_some_and(|kind| sensor_types.contains(&kind)))
            && area.is_none_or(|area| area.contains_place(reading.latitude, reading.longitude))
            && self.accepts_index(|| reading.index_by(self.standard).map(aqi::Index::place))
            && !reading.flags().intersects(self.without)
    }

    /// Whether it asks for some stations alone.
    pub(crate) fn asks_for_stations(&self) -> bool {
        !self.networks.is_empty() || self.asks_for_sensors()
    }

    /// Whether it asks for some sensors of its networks alone.
    pub(crate) fn asks_for_sensors(&self) -> bool {
        let Self { sensors, sensor_types, indoor, area, .. } = self;
        !sensors.is_empty() || !sensor_types.is_empty() || indoor.is_some() || area.is_some()
    }

    pub(crate) fn accepts_country(&self, country: Option<Country>) -> bool {
        self.countries.is_empty() || country.is_some_and(|c| self.countries.contains(&c))
    }

    /// Whether a country from the first to the last, in the order of rows, can be wanted.
    pub(crate) fn accepts_some_country(
        &self,
        first: Option<Country>,
        last: Option<Country>,
    ) -> bool {
        let between = |country: &Country| first <= Some(*country) && Some(*country) <= last;
        self.countries.is_empty() || self.countries.iter().any(between)
    }

    /// Whether it asks for some indices alone.
    pub(crate) fn asks_for_indices(&self) -> bool {
        self.indices.is_some() || !self.bands.is_empty()
    }

    fn accepts_index(&self, number: impl FnOnce() -> Option<u32>) -> bool {
        !self.asks_for_indices() || number().is_some_and(|number| self.accepts_number(number))
    }

    /// Whether a number in the column `AQI` is wanted.
    pub(crate) fn accepts_number(&self, number: u32) -> bool {
        let within = |(low, high): (u32, u32)| (low..=high).contains(&number);
        let in_band = |band: &&'static Category| within(self.standard.numbers_of(band));
        self.indices.is_none_or(within) && (self.bands.is_empty() || self.bands.iter().any(in_band))
    }

    /// For every index 1 to 10 by the default, and at 0 for none, whether rows with it can be
    /// wanted: by another standard any can that has one.
    pub(crate) fn accepted_indices(&self) -> [bool; 11] {
        if SensorType::others_are_accepted() {
            return [true; 11]; // what is known of blocks may be of another list of models
        }
        let is_default = self.standard == AqiStandard::DEFAULT;
        let mut accepted = [!self.asks_for_indices(); 11];
        for (number, accepted) in (0u32..).zip(&mut accepted).skip(1) {
            *accepted |= !is_default || self.accepts_number(number);
        }
        accepted
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use proptest::prelude::*;

    use crate::conformance::{Model, any_reading, query};
    use crate::{Page, Query};

    proptest! {
        // Few readings match a query of several filters: many cases, each quick.
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 8, ..<_>::default() })]

        #[test]
        fn a_query_matches_what_the_model_and_a_block_answer_with(
            reading in any_reading(), query in query(),
        ) {
            let matches = query.matches(&reading);
            let model = Model::default();
            model.put(std::slice::from_ref(&reading));
            prop_assert_eq!(matches, !model.query(&query).is_empty());
            if let Ok(page) = Page::of_readings(&[reading], None) {
                prop_assert_eq!(matches, !page.runs[0].block.select(&query, None).is_empty());
            }
        }
    }

    #[test]
    fn everything_matches_whatever_there_is() {
        proptest!(|(reading in any_reading())| {
            prop_assert!(Query::everything().matches(&reading));
        });
    }
}
