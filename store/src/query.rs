use aqi::Category;
use jiff::Timestamp;

use crate::{
    AqiStandard, Area, Country, Flags, Network, Reading, Sensor, SensorType, SensorTypes, Window,
};

/// A query: selects the readings that pass every filter.
///
/// An empty list or `None` is no filter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// The first timestamp, UTC, inclusive.
    pub from: Timestamp,
    /// The last timestamp, UTC, inclusive.
    pub until: Timestamp,
    /// Only these countries. A reading without a country is in none of them.
    pub countries: Vec<Country>,
    /// The air-quality index of the three filters below.
    pub standard: AqiStandard,
    /// Only index values from the first to the second, both inclusive, as in the column `AQI`.
    /// Readings without an index are excluded.
    pub indices: Option<(u32, u32)>,
    /// Only readings the low end of whose [range](Reading::range_by) is at least this, as in the
    /// column `AQI_low`. Readings without a range are excluded.
    pub least_low: Option<u32>,
    /// Only these bands of the standard. A reading without an index is in none of them.
    pub bands: Vec<&'static Category>,
    /// Only sensors of these networks.
    pub networks: Vec<Network>,
    /// Only these sensors.
    pub sensors: Vec<Sensor>,
    /// Only these models, case-insensitive.
    pub sensor_types: SensorTypes,
    /// Only these averaging periods.
    pub windows: Vec<Window>,
    /// Only indoor (`true`) or only outdoor (`false`) sensors. Readings without this information
    /// are neither.
    pub indoor: Option<bool>,
    /// Only sensors in this area. A reading without coordinates is in none.
    pub area: Option<Area>,
    /// Only readings with none of these flags.
    pub without: Flags,
}

impl Query {
    /// All readings from one timestamp to another, both inclusive.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            until,
            countries: Vec::new(),
            standard: AqiStandard::DEFAULT,
            indices: None,
            least_low: None,
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

    /// All readings.
    pub fn everything() -> Self {
        Self::new(Timestamp::MIN, Timestamp::MAX)
    }

    /// Whether a reading passes every filter. A store returns exactly these readings.
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
            && self.accepts_low(|| reading.range_by(self.standard).map(|(low, _)| low.place()))
            && self.accepts_index(|| reading.index_by(self.standard).map(aqi::Index::place))
            && !reading.flags().intersects(self.without)
    }

    /// Whether it filters by attributes of stations.
    pub(crate) fn asks_for_stations(&self) -> bool {
        !self.networks.is_empty() || self.asks_for_sensors()
    }

    /// Whether it filters by sensors or networks.
    pub(crate) fn asks_for_sensors(&self) -> bool {
        let Self { sensors, sensor_types, indoor, area, .. } = self;
        !sensors.is_empty() || !sensor_types.is_empty() || indoor.is_some() || area.is_some()
    }

    pub(crate) fn accepts_country(&self, country: Option<Country>) -> bool {
        self.countries.is_empty() || country.is_some_and(|c| self.countries.contains(&c))
    }

    /// Whether a country from the first to the last, in the order of rows, can match.
    pub(crate) fn accepts_some_country(
        &self,
        first: Option<Country>,
        last: Option<Country>,
    ) -> bool {
        let between = |country: &Country| first <= Some(*country) && Some(*country) <= last;
        self.countries.is_empty() || self.countries.iter().any(between)
    }

    /// Whether it filters by index.
    pub(crate) fn asks_for_indices(&self) -> bool {
        self.indices.is_some() || !self.bands.is_empty()
    }

    /// Whether the low end of a range matches.
    pub(crate) fn accepts_low(&self, number: impl FnOnce() -> Option<u32>) -> bool {
        self.least_low.is_none_or(|least| number().is_some_and(|number| number >= least))
    }

    fn accepts_index(&self, number: impl FnOnce() -> Option<u32>) -> bool {
        !self.asks_for_indices() || number().is_some_and(|number| self.accepts_number(number))
    }

    /// Whether a number in the column `AQI` matches.
    pub(crate) fn accepts_number(&self, number: u32) -> bool {
        let within = |(low, high): (u32, u32)| (low..=high).contains(&number);
        let in_band = |band: &&'static Category| within(self.standard.numbers_of(band));
        self.indices.is_none_or(within) && (self.bands.is_empty() || self.bands.iter().any(in_band))
    }

    /// For each default index 1 to 10, and at 0 for none, whether rows with it can match: for
    /// another standard all rows with an index can.
    pub(crate) fn accepted_indices(&self) -> [bool; 11] {
        if SensorType::others_are_accepted() {
            return [true; 11]; // the directory may have been written with a different list of models
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
