//! The country of a place, offline.

use std::collections::HashMap;
use std::sync::LazyLock;

use aqi::Decimal;
use country_boundaries::{BOUNDARIES_ODBL_360X180, CountryBoundaries, LatLon};
use store::{Country, Flags, Reading};

/// The countries' boundaries, © OpenStreetMap contributors (ODbL 1.0): the crate's own data.
static BOUNDARIES: LazyLock<Option<CountryBoundaries>> =
    LazyLock::new(|| CountryBoundaries::from_reader(BOUNDARIES_ODBL_360X180).ok());

/// Fills in the country where it is missing, and sets [`COUNTRY_DOUBTED`](Flags::COUNTRY_DOUBTED)
/// where the given one, which is kept, is not that of the coordinates.
///
/// Coordinates are rounded to some fifty metres, and boundaries are drawn coarsely: a country within a
/// kilometre of the place is not doubted. Nor is any at sea, at 0, 0 and without coordinates.
pub fn check_countries(readings: &mut [Reading]) {
    for reading in readings {
        let Some(place) = place_of(reading) else { continue };
        match reading.country {
            None => reading.country = at(place).first().copied(),
            Some(given) if is_elsewhere(given, place) => {
                reading.stored_flags = reading.stored_flags.union(Flags::COUNTRY_DOUBTED);
            }
            Some(_) => {}
        }
    }
}

/// In degrees north and east.
type Place = (f64, f64);

fn place_of(reading: &Reading) -> Option<Place> {
    let (latitude, longitude) = (reading.latitude?, reading.longitude?);
    let is_null = latitude.is_zero() && longitude.is_zero();
    degrees(latitude, longitude).filter(|_| !is_null)
}

fn degrees(latitude: Decimal, longitude: Decimal) -> Option<Place> {
    Some((f64::try_from(latitude).ok()?, f64::try_from(longitude).ok()?))
}

/// From the smallest area to the largest, such as a territory and its country; none on the high seas
/// and beyond the limits of coordinates.
fn at((latitude, longitude): Place) -> Vec<Country> {
    let Ok(place) = LatLon::new(latitude, longitude) else { return Vec::new() };
    let ids = BOUNDARIES.as_ref().map(|boundaries| boundaries.ids(place)).unwrap_or_default();
    // An area may be a state: US-TX, US.
    ids.into_iter().filter(|id| id.len() == 2).filter_map(|id| id.parse().ok()).collect()
}

/// Distances from a place that are looked at, in kilometres.
const AROUND: [f64; 2] = [0.3, 1.0];

/// Kilometres in a degree of latitude.
const DEGREE: f64 = 111.2;

fn is_elsewhere(country: Country, place: Place) -> bool {
    let here = at(place);
    if here.is_empty() || here.contains(&country) {
        return false;
    }
    let (latitude, longitude) = place;
    // Near a pole every direction is within a kilometre of any longitude.
    let of_longitude = DEGREE * latitude.to_radians().cos().max(0.01);
    let around = AROUND.into_iter().flat_map(|distance| {
        (0..8).map(move |eighth| {
            let (north, east) = (f64::from(eighth) * std::f64::consts::FRAC_PI_4).sin_cos();
            (latitude + north * distance / DEGREE, longitude + east * distance / of_longitude)
        })
    });
    !around.into_iter().any(|place| at(place).contains(&country))
}

/// The countries of places that were asked for.
#[derive(Default)]
pub(crate) struct Countries(HashMap<(Decimal, Decimal), Option<Country>>);

/// Places that are remembered: more than the network has.
const MOST: usize = 200_000;

impl Countries {
    /// None on the high seas, at 0° N, 0° E and beyond the limits of coordinates.
    pub(crate) fn country(&mut self, latitude: Decimal, longitude: Decimal) -> Option<Country> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        *self.0.entry((latitude, longitude)).or_insert_with(|| {
            degrees(latitude, longitude).and_then(|place| at(place).first().copied())
        })
    }
}
