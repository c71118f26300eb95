//! Means of some sensors beside the stored ones of the sensors around them.

use std::collections::{BTreeMap, HashSet};

use airshed_history::Flagging;
use airshed_history::neighbours::{KILOMETRES, Neighbours};
use store::{Area, Decimal, Error, Flags, Query, Reading, Store};

use crate::put_means;

/// Somewhat further than neighbours are, who are found exactly afterwards.
const AROUND: f64 = KILOMETRES + 0.1;

/// Puts means of some sensors as [`put_means`] does, with the flags of neighbours as far as the store
/// has these. Where it has too few, nobody knows whether there are others:
/// [`Flags::NO_NEIGHBOURS`] is not set.
pub async fn put_means_of_some(
    store: &dyn Store,
    means: &[Reading],
    flagging: &Flagging,
) -> Result<(), Error> {
    let mut flagged = means.to_vec();
    // A sensor may have moved within the day.
    let mut places = BTreeMap::<_, Vec<usize>>::new();
    for (number, mean) in means.iter().enumerate() {
        if let (Some(latitude), Some(longitude)) = (mean.latitude, mean.longitude) {
            places.entry((mean.sensor, latitude, longitude)).or_default().push(number);
        }
    }
    for ((_, latitude, longitude), numbers) in places {
        let own: Vec<_> = numbers.iter().map(|number| &means[*number]).collect();
        let others = around(store, &own, [latitude, longitude], means).await?;
        for number in numbers {
            let mean = &means[number];
            let found = Neighbours::of(mean, &others, &flagging.limits).flags;
            let known = found.intersection(flagging.computed).difference(Flags::NO_NEIGHBOURS);
            flagged[number].stored_flags = mean.stored_flags.union(known);
        }
    }
    put_means(store, &flagged).await
}

/// The readings around a place at the times of some: new ones, and stored ones that stay.
async fn around(
    store: &dyn Store,
    own: &[&Reading],
    [latitude, longitude]: [Decimal; 2],
    new: &[Reading],
) -> Result<Vec<Reading>, Error> {
    let moments = own.iter().map(|mean| mean.timestamp);
    let (Some(from), Some(until)) = (moments.clone().min(), moments.max()) else {
        return Ok(Vec::new());
    };
    let mut there = Query::new(from, until);
    let degrees = |value: Decimal| f64::try_from(value).ok();
    let place = degrees(latitude).zip(degrees(longitude));
    there.area =
        place.map(|(latitude, longitude)| Area::Circle { latitude, longitude, kilometres: AROUND });
    there.windows = own.iter().map(|mean| mean.window).collect();
    there.windows.sort_unstable();
    there.windows.dedup();
    let mut others: Vec<_> = new.iter().filter(|mean| there.matches(mean)).cloned().collect();
    let replaced: HashSet<_> =
        others.iter().map(|mean| (mean.sensor, mean.window, mean.timestamp)).collect();
    let (view, mut after) = (store.snapshot().await?, None);
    loop {
        let page = view.query(&there, after).await?;
        let rows = page.rows();
        let stay =
            rows.filter(|row| !replaced.contains(&(row.sensor(), row.window(), row.timestamp())));
        others.extend(stay.map(|row| row.reading()));
        match page.next {
            None => return Ok(others),
            next => after = next,
        }
    }
}
