//! The filters of a query in the name of its file.

use std::fmt;

use store::{AqiStandard, Query};

/// Maximum length of the filters in a file name; file systems allow 255 bytes in total.
const LONGEST_NAME: usize = 120;

/// The filters of a query, in a few characters that are valid on any file system.
pub(super) fn filter_names(query: &Query) -> Vec<String> {
    let bands: Vec<_> = query.bands.iter().map(|band| band.name.to_lowercase()).collect();
    let is_default = query.standard == AqiStandard::DEFAULT;
    let standard: Vec<_> = (!is_default).then_some(query.standard).into_iter().collect();
    let flags: Vec<_> = query.without.names().collect();
    let filters = [
        name_list(&query.countries, "", "countries"),
        name_list(&bands, "", "ranges"),
        name_list(&standard, "", "indices"),
        query.indices.map(|(low, high)| match (low, high) {
            (low, high) if low == high => format!("aqi{low}"),
            (low, u32::MAX) => format!("aqi{low}on"),
            (low, high) => format!("aqi{low}to{high}"),
        }),
        query.least_low.map(|_| "confirmed".to_owned()),
        name_list(&query.sensors, "sensor", "sensors"),
        name_list(&query.sensor_types.iter().collect::<Vec<_>>(), "", "types"),
        name_list(&query.windows, "", "windows"),
        query.indoor.map(|indoor| if indoor { "indoor" } else { "outdoor" }.to_owned()),
        query.area.map(|_| "area".to_owned()),
        name_list(&flags, "without_", "flags_left_out"),
    ];
    let mut length = 0;
    let mut names: Vec<_> = filters.into_iter().flatten().collect();
    let fitting = names.iter().take_while(|name| {
        length += name.len();
        length <= LONGEST_NAME
    });
    let fitting = fitting.count();
    if fitting < names.len() {
        names.truncate(fitting);
        names.push("and_more".to_owned());
    }
    names
}

/// Each value, or the number of values.
fn name_list<T: fmt::Display>(values: &[T], before: &str, plural: &str) -> Option<String> {
    const SHOWN: usize = 4;
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    match values.len() {
        0 => None,
        1..=SHOWN => {
            let values: Vec<_> = values.iter().map(T::to_string).collect();
            Some(before.chars().chain(values.join("_").chars()).map(safe).collect())
        }
        many => Some(format!("{many}{plural}")),
    }
}
