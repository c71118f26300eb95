//! The country of a place, offline.

use std::collections::HashMap;

use aqi::Decimal;
use country_boundaries::{BOUNDARIES_ODBL_360X180, CountryBoundaries, LatLon};
use store::Country;

/// The countries' boundaries, © OpenStreetMap contributors (ODbL 1.0), and places that were asked
/// for.
pub(super) struct Countries {
    boundaries: Option<CountryBoundaries>,
    known: HashMap<(Decimal, Decimal), Option<Country>>,
}

/// Places that are remembered: more than the network has.
const MOST: usize = 200_000;

impl Countries {
    pub(super) fn new() -> Self {
        // The crate's own data.
        let boundaries = CountryBoundaries::from_reader(BOUNDARIES_ODBL_360X180).ok();
        Self { boundaries, known: HashMap::new() }
    }

    /// None on the high seas, at 0° N, 0° E and beyond the limits of coordinates.
    pub(super) fn country(&mut self, latitude: Decimal, longitude: Decimal) -> Option<Country> {
        if self.known.len() > MOST {
            self.known.clear();
        }
        let Self { boundaries, known } = self;
        *known.entry((latitude, longitude)).or_insert_with(|| {
            let degrees = |degrees: Decimal| f64::try_from(degrees).ok();
            let place = LatLon::new(degrees(latitude)?, degrees(longitude)?).ok()?;
            // From the smallest area, which may be a state: US-TX, US.
            let ids = boundaries.as_ref()?.ids(place);
            ids.into_iter().filter(|id| id.len() == 2).find_map(|id| id.parse().ok())
        })
    }
}
