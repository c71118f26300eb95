//! Places on the Earth within 10 km of each other.
//!
//! The grid is in space: its cells are cubes with an edge of 10 km, so that the neighbours of a
//! place are in its cell and the 26 around, also at the poles and at the 180th meridian. Places are
//! sorted by cell; three cells above each other are then one range.

use std::ops::Range;

use aqi::Decimal;

use super::KILOMETRES;

/// The mean radius R1 of the GRS 80 ellipsoid, as of a circle in queries (`store::Area`).
const EARTH_RADIUS_KILOMETRES: f64 = 6371.0088;

/// The straight line between the ends of a great circle's arc of 10 km, in radii of the Earth:
/// twice the sine of half the angle, by the first terms of its series, which are exact to the last
/// bit here.
const CHORD: f64 = {
    let half = KILOMETRES / EARTH_RADIUS_KILOMETRES / 2.0;
    let square = half * half;
    2.0 * half * (1.0 - square / 6.0 * (1.0 - square / 20.0))
};

/// A cell, by the three coordinates in edges from a corner of the cube around the Earth.
type Cell = [u16; 3];

/// A place, as a point of the unit sphere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    at: [f64; 3],
    cell: Cell,
}

impl Spot {
    /// None beyond ±90 degrees north or ±180 degrees east.
    pub(super) fn of(latitude: Decimal, longitude: Decimal) -> Option<Self> {
        let (latitude, longitude) = (f64::try_from(latitude).ok()?, f64::try_from(longitude).ok()?);
        if latitude.abs() > 90.0 || longitude.abs() > 180.0 {
            return None;
        }
        let (north, from_axis) = latitude.to_radians().sin_cos();
        let (sine, cosine) = longitude.to_radians().sin_cos();
        let at = [from_axis * cosine, from_axis * sine, north];
        // An edge is a little longer than the chord, and rounding cannot skip a cell.
        let edge = CHORD * 1.001;
        let cell = at.map(|coordinate| ((coordinate + 1.0) / edge) as u16 + 1); // below 1300
        Some(Self { at, cell })
    }

    pub(super) fn cell(&self) -> Cell {
        self.cell
    }

    /// Whether the other place is within 10 km.
    #[inline]
    pub(super) fn is_near(&self, other: &Self) -> bool {
        let squares = self.at.iter().zip(other.at).map(|(one, other)| (one - other).powi(2));
        squares.sum::<f64>() <= CHORD * CHORD
    }
}

/// Places, each with a number of its owner's.
#[derive(Debug)]
pub(super) struct Grid(Vec<(Spot, usize)>);

impl Grid {
    pub(super) fn new(mut spots: Vec<(Spot, usize)>) -> Self {
        spots.sort_unstable_by_key(|(spot, number)| (spot.cell, *number));
        Self(spots)
    }

    pub(super) fn spots(&self) -> &[(Spot, usize)] {
        &self.0
    }

    /// Replaces `ranges` by those of [`spots`](Self::spots) that have all within 10 km of any place
    /// of the cell, and others.
    pub(super) fn around(&self, spot: &Spot, ranges: &mut Vec<Range<usize>>) {
        let [x, y, z] = spot.cell;
        ranges.clear();
        for x in x - 1..=x + 1 {
            for y in y - 1..=y + 1 {
                // Cells are counted from one.
                let from = self.0.partition_point(|(other, _)| other.cell < [x, y, z - 1]);
                let rest = &self.0[from..];
                let length = rest.partition_point(|(other, _)| other.cell <= [x, y, z + 1]);
                if length > 0 {
                    ranges.push(from..from + length);
                }
            }
        }
    }
}
