use aqi::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// A part of the Earth's surface, in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Area {
    /// Between two meridians and two parallels, edges included. A box whose west is
    /// greater than its east crosses the 180th meridian.
    Box {
        /// Longitude of the western edge.
        west: f64,
        /// Latitude of the southern edge.
        south: f64,
        /// Longitude of the eastern edge.
        east: f64,
        /// Latitude of the northern edge.
        north: f64,
    },
    /// Within a great-circle distance of a point.
    Circle {
        /// The point's latitude.
        latitude: f64,
        /// The point's longitude.
        longitude: f64,
        /// The distance.
        kilometres: f64,
    },
}

/// The mean radius R1 of the GRS 80 ellipsoid (Moritz, "Geodetic Reference System
/// 1980").
const EARTH_RADIUS_KILOMETRES: f64 = 6371.0088;

impl Area {
    /// Whether a point is inside; points beyond ±90 or ±180 degrees never are.
    pub fn contains(&self, latitude: f64, longitude: f64) -> bool {
        if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
            return false;
        }
        match *self {
            Self::Box { west, south, east, north } => {
                let between_meridians = match west <= east {
                    true => (west..=east).contains(&longitude),
                    false => longitude >= west || longitude <= east,
                };
                between_meridians && (south..=north).contains(&latitude)
            }
            Self::Circle { latitude: centre, longitude: meridian, kilometres } => {
                distance(centre, meridian, latitude, longitude) <= kilometres
            }
        }
    }

    /// Whether a location is inside; one without coordinates never is.
    pub(crate) fn contains_place(
        &self,
        latitude: Option<Decimal>,
        longitude: Option<Decimal>,
    ) -> bool {
        let degrees = |number: Option<Decimal>| number.and_then(|number| number.to_f64());
        match (degrees(latitude), degrees(longitude)) {
            (Some(latitude), Some(longitude)) => self.contains(latitude, longitude),
            _ => false,
        }
    }
}

/// The great-circle distance in kilometres, by the haversine formula.
fn distance(latitude: f64, longitude: f64, other_latitude: f64, other_longitude: f64) -> f64 {
    let haversine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let (from, to) = (latitude.to_radians(), other_latitude.to_radians());
    let meridians = from.cos() * to.cos() * haversine(other_longitude - longitude);
    let half_chord = (haversine(other_latitude - latitude) + meridians).min(1.0).sqrt();
    2.0 * EARTH_RADIUS_KILOMETRES * half_chord.asin()
}
