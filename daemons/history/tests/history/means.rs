//! The rule for means and flags.

use airshed_history::{DaySamples, Fixed, Hours, Mean, Means, Sample, Source};
use proptest::prelude::*;
use store::{Flags, Window};

use super::model::Model;

const LIMIT: i64 = 9_000_000_000_000_000_000;

fn value(text: &str) -> Option<Fixed> {
    Fixed::parse(text.as_bytes()).ok()
}

/// Seconds, PM10, PM2.5; an empty text is a missing value.
fn sample(second: i64, pm10: &str, pm25: &str) -> Sample {
    Sample { second, values: [value(pm10), value(pm25)] }
}

/// Day by day from 1970-01-01 on, with the hours carried over.
fn means_of(samples: &[Sample], days: i32, source: Source) -> Vec<Means> {
    let mut carried = Hours::default();
    let of_day = |day: i32| {
        let mut of_day = DaySamples::new(day);
        for sample in samples.iter().filter(|s| s.second.div_euclid(86_400) == i64::from(day)) {
            assert_eq!(of_day.add(*sample), sample.values != [None, None]);
        }
        let means = of_day.means(Some(&carried), source);
        carried = means.hours.clone();
        means
    };
    (0..days).map(of_day).collect()
}

fn day_of(samples: &[Sample]) -> Vec<Mean> {
    means_of(samples, 1, Source::Decimals).remove(0).means
}

fn the(window: Window, means: &[Mean]) -> Mean {
    *means.iter().rfind(|mean| mean.window == window).unwrap()
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![4 => Just(Source::Decimals), 1 => Just(Source::WholeNumbers), 1 => Just(Source::Counts)]
}

/// Values as sensors have them, equal ones and zeros among them.
fn usual_value() -> impl Strategy<Value = Option<Fixed>> {
    let hundredths = prop_oneof![
        6 => 200i64..4000, 2 => Just(350), 1 => Just(0), 1 => 0i64..30_000, 1 => 80_000i64..200_000
    ];
    let value = hundredths.prop_map(|hundredths| Fixed::from_nano(hundredths * 10_000_000));
    prop_oneof![20 => value, 1 => Just(None)]
}

fn any_value() -> impl Strategy<Value = Option<Fixed>> {
    let edge = prop_oneof![Just(-LIMIT), Just(LIMIT), -2i64..3, Just(1000), Just(-1000)];
    let value = prop_oneof![4 => -LIMIT..=LIMIT, 1 => edge].prop_map(Fixed::from_nano);
    prop_oneof![9 => value, 1 => Just(None)]
}

/// Two days of a sensor that now and then fails for hours, and sometimes says the same for long.
fn usual_days() -> impl Strategy<Value = Vec<Sample>> {
    let gap = prop_oneof![60 => 140u32..160, 6 => 250u32..700, 2 => Just(0), 1 => 3000u32..20_000];
    let same = prop_oneof![12 => Just(1usize), 1 => 5usize..40];
    let step = (gap, same, [usual_value(), usual_value()]);
    prop::collection::vec(step, 0..900).prop_map(|steps| {
        let (mut second, mut samples) = (0, Vec::new());
        for (gap, same, values) in steps {
            for _ in 0..same {
                second += i64::from(gap);
                samples.push(Sample { second, values });
            }
        }
        samples.retain(|sample| sample.second < 2 * 86_400);
        samples
    })
}

/// Slots with any number of samples of any value, so that no common denominator is small.
fn hostile_days() -> impl Strategy<Value = Vec<Sample>> {
    let slot = (prop_oneof![0i64..576, 30i64..80], 1usize..62, any_value(), any_value(), 0i64..300);
    prop::collection::vec(slot, 0..120).prop_map(|slots| {
        let mut samples = Vec::new();
        for (slot, count, one, other, offset) in slots {
            for n in 0..count as i64 {
                let second = slot * 300 + (offset + n) % 300;
                let values = if n % 3 == 0 { [other, one] } else { [one, other] };
                samples.push(Sample { second, values });
            }
        }
        samples
    })
}

/// All of a day's hours full, every slot with another number of samples.
fn crowded_day() -> impl Strategy<Value = Vec<Sample>> {
    let slots = prop::collection::vec((1i64..14, -LIMIT..=LIMIT, -LIMIT..=LIMIT), 288);
    slots.prop_map(|slots| {
        let mut samples = Vec::new();
        for (slot, (count, one, other)) in (0..).zip(slots) {
            for n in 0..count {
                let values = [Fixed::from_nano(one / (n + 1)), Fixed::from_nano(other / (n + 1))];
                samples.push(Sample { second: slot * 300 + n, values });
            }
        }
        samples
    })
}

fn check(samples: &[Sample], source: Source) -> Result<(), TestCaseError> {
    let model = Model::new(samples, source);
    let means = means_of(samples, 2, source);
    for (day, means) in (0..).zip(&means) {
        prop_assert_eq!(&means.means, &model.of_day(day));
    }
    prop_assert_eq!(means.iter().map(|m| m.collided).sum::<u64>(), model.collided() as u64);
    let all = means.iter().map(|means| means.samples + means.repeated).sum::<u64>();
    let with_value = samples.iter().filter(|sample| sample.values != [None, None]).count();
    prop_assert_eq!(all, with_value as u64);
    Ok(())
}

proptest! {
    #![proptest_config(super::cases(48))]

    #[test]
    fn usual_samples_have_the_means_of_the_model(samples in usual_days(), source in source()) {
        check(&samples, source)?;
    }

    #[test]
    fn hostile_samples_have_the_means_of_the_model(samples in hostile_days(), source in source()) {
        check(&samples, source)?;
    }

    #[test]
    fn a_crowded_day_has_the_means_of_the_model(samples in crowded_day()) {
        check(&samples, Source::Counts)?;
    }

    #[test]
    fn order_and_repetition_change_nothing(
        (samples, shuffled) in prop_oneof![usual_days(), hostile_days()].prop_flat_map(|samples| {
            let twice = [&samples[..], &samples[..samples.len() / 2]].concat();
            (Just(samples), Just(twice).prop_shuffle())
        }),
    ) {
        let once = means_of(&samples, 2, Source::Decimals);
        let again = means_of(&shuffled, 2, Source::Decimals);
        for (once, again) in once.iter().zip(&again) {
            prop_assert_eq!(&once.means, &again.means);
            prop_assert_eq!(once.collided, again.collided);
            prop_assert_eq!(once.without_mean, again.without_mean);
        }
    }
}

/// Means that are exactly at a limit, from slots whose own means are no decimals, with a common
/// denominator beyond 2^63.
#[test]
fn a_mean_at_a_limit_is_not_moved_across_it() {
    const PRIMES: [i64; 18] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61];
    for (nano, more, expected) in [
        (12_000_001_000, 0, "12.000001"),
        (12_000_001_000, 1, "12.000001"),
        (12_000_001_000, -1, "12"),
        (-12_000_001_000, 0, "-12.000001"),
        (-12_000_001_000, 1, "-12"),
        (-12_000_001_000, -1, "-12.000001"),
        (0, 0, "0"),
        (0, -1, "0"),
    ] {
        let mut samples = Vec::new();
        for slot in 0..288i64 {
            // Two slots of the same number of samples: what one is above, the other is below.
            let count = PRIMES[(slot / 2) as usize % PRIMES.len()];
            for n in 0..count {
                let apart = match (n, slot % 2) {
                    (0, 0) => 1 + if slot == 0 { more } else { 0 },
                    (0, _) => -1,
                    _ => 0,
                };
                let values = [Fixed::from_nano(nano + apart), None];
                samples.push(Sample { second: slot * 300 + n, values });
            }
        }
        let day = the(Window::Day, &day_of(&samples));
        assert_eq!(day.values, [Some(expected.parse().unwrap()), None]);
        assert_eq!(day.hours, 24);
    }
}

#[test]
fn capture_is_judged_for_each_pollutant() {
    // Hours 0 to 17 have both, PM2.5 in nine slots; hours 18 to 23 have PM10 in eight slots.
    let mut samples = Vec::new();
    for slot in 0..288 {
        let (hour, of_hour) = (slot / 12, slot % 12);
        let pm25 = if hour < 18 && of_hour < 9 { "5" } else { "" };
        let pm10 = if hour < 17 || of_hour < 8 { "10" } else { "" };
        samples.push(sample(slot * 300, pm10, pm25));
    }
    let means = day_of(&samples);
    assert_eq!(means.iter().filter(|mean| mean.window == Window::Hour).count(), 24);
    let ten = Some("10".parse().unwrap());
    let five = Some("5".parse().unwrap());
    let hour =
        |n: usize| (means[n].values, means[n].hours, means[n].samples, means[n].low_capture());
    assert_eq!(hour(0), ([ten, five], 12, 12, false));
    assert_eq!(hour(17), ([None, five], 9, 9, false)); // PM10 has eight slots
    assert_eq!(hour(18), ([ten, None], 8, 8, true));
    let day = the(Window::Day, &means);
    // PM10 has 17 valid hours, PM2.5 has 18.
    assert_eq!((day.values, day.hours, day.samples), ([None, five], 18, 18 * 9));
    assert!(!day.low_capture());
    let ends: Vec<_> = means.iter().filter(|m| m.window == Window::Day24).map(|m| m.end).collect();
    assert_eq!(ends, (1..25).map(|hour| hour * 3600).collect::<Vec<_>>());
    assert_eq!(the(Window::Day24, &means).values, day.values);
}

#[test]
fn a_sensor_that_has_ended_has_no_more_means() {
    let samples: Vec<_> = (0..60).map(|n| sample(80_000 + 100 * n, "1", "1")).collect();
    let means = means_of(&samples, 2, Source::Decimals);
    assert!(means[1].means.is_empty() && means[1].hours.is_empty());
    // Its hours 22 and 23 end at 23:00 and 24:00; both are valid.
    let ends = |window| {
        means[0].means.iter().filter(|m| m.window == window).map(|m| m.end).collect::<Vec<_>>()
    };
    assert_eq!(ends(Window::Day24), ends(Window::Hour));
    let few: Vec<_> = (0..8).map(|n| sample(300 * n, "1", "1")).collect();
    let means = means_of(&few, 1, Source::Decimals).remove(0);
    assert_eq!((means.means.len(), means.without_mean), (1, 2)); // the hour; neither day nor 24 h
    // Hours that are not of the day before are not taken for it.
    let full: Vec<_> = (0..600).map(|n| sample(100 * n, "1", "1")).collect();
    let hours = means_of(&full, 1, Source::Decimals).remove(0).hours;
    let again = |before: &Hours| {
        let mut samples = DaySamples::new(0);
        full.iter().for_each(|sample| assert!(samples.add(*sample)));
        samples.means(Some(before), Source::Decimals).means
    };
    assert_eq!(again(&hours), again(&Hours::default()));
    // Without the day before, nobody asked for 24 h.
    let mut samples = DaySamples::new(0);
    assert!(samples.add(sample(0, "1", "")));
    assert_eq!(samples.means(None, Source::Decimals).without_mean, 1);
}

#[test]
fn samples_of_another_day_or_without_a_value_are_not_added() {
    let mut samples = DaySamples::new(-1);
    for (second, pm10) in [(0, "1"), (-86_401, "1"), (-1, ""), (i64::MIN, "1"), (i64::MAX, "1")] {
        assert!(!samples.add(sample(second, pm10, "")));
    }
    assert!(samples.is_empty());
    assert!(samples.add(sample(-1, "1", "")) && samples.add(sample(-86_400, "2", "")));
    let ends: Vec<_> = samples.means(None, Source::Decimals).means.iter().map(|m| m.end).collect();
    assert_eq!(ends, [-82_800, 0]);
    for day in [i32::MIN, i32::MAX] {
        assert!(DaySamples::new(day).add(sample(i64::from(day) * 86_400, "1", "")));
    }
}

/// Values a usual sensor has, with some of them replaced; the flags of the day and of its 24 h.
fn flags(source: Source, with: &[(usize, &str, &str)]) -> Vec<&'static str> {
    let mut samples: Vec<_> = (0..576)
        .map(|n| sample(150 * n, &format!("{}.5", 20 + n % 7), &format!("{}.25", 10 + n % 5)))
        .collect();
    for (at, pm10, pm25) in with {
        samples[*at] = sample(samples[*at].second, pm10, pm25);
    }
    let means = means_of(&samples, 1, source).remove(0).means;
    let (day, day24) = (the(Window::Day, &means), the(Window::Day24, &means));
    assert_eq!(day.flags, day24.flags);
    day.flags.names().collect()
}

#[test]
fn flags_are_set_at_their_limits() {
    let usual = Source::Decimals;
    assert!(flags(usual, &[]).is_empty());
    assert_eq!(flags(usual, &[(9, "1899.99", "899.99")]), ["spike"]);
    assert_eq!(flags(usual, &[(9, "1900", "11")]), ["saturated", "spike"]);
    assert_eq!(flags(usual, &[(9, "22", "900")]), ["saturated", "spike"]);
    // 29 of 576 are 5.03 %, 28 are 4.86 %.
    let zeros: Vec<_> = (0..29).map(|n| (19 * n, "0", "11")).collect();
    assert_eq!(flags(usual, &zeros), ["zero"]);
    assert!(flags(usual, &zeros[1..]).is_empty());
    assert!(flags(Source::WholeNumbers, &zeros).is_empty());
    // Four runs of six, or of five; the fourth begins at 60.
    let runs = |length: usize| {
        (0..4 * length).map(|n| (20 * (n / length) + n % length, "21", "12")).collect::<Vec<_>>()
    };
    assert_eq!(flags(usual, &runs(6)), ["stuck"]);
    assert!(flags(usual, &runs(5)).is_empty());
    assert!(flags(usual, &runs(6)[1..]).is_empty());
    // Equal in one pollutant alone.
    let half: Vec<_> = (0..30).map(|n| (n, "21", ["12", "13"][n % 2])).collect();
    assert!(flags(usual, &half).is_empty());
    assert!(flags(Source::Counts, &[(9, "1900", "900"), (10, "0", "0")]).is_empty());
}

#[test]
fn a_spike_is_above_five_medians_and_by_more_than_its_limit() {
    let series = |around: &str, at: usize, value: &str| {
        let samples: Vec<_> = (0..20)
            .map(|n| sample(150 * n as i64, if n == at { value } else { around }, ""))
            .collect();
        day_of(&samples)[0].flags.contains(Flags::SPIKE)
    };
    assert!(!series("12.5", 9, "62.5") && series("12.5", 9, "62.51")); // five times, and 50 above
    assert!(!series("2", 9, "52") && series("2", 9, "52.01"));
    assert!(!series("20", 9, "100") && series("20", 9, "100.01"));
    // At the edges fewer are around it.
    for edge in [0, 19] {
        assert!(!series("2", edge, "52") && series("2", edge, "52.01"));
    }
    // Of two alone, the median is the mean.
    let two = [sample(0, "2", ""), sample(150, "200", "")];
    assert!(day_of(&two)[0].flags.is_empty());
    // Samples without the pollutant are not around it.
    let mut samples: Vec<_> = (0..12).map(|n| sample(10 * n, "", "1")).collect();
    samples.extend([
        sample(55, "300", ""),
        sample(0, "3", "1"),
        sample(110, "3", "1"),
        sample(115, "3", "1"),
    ]);
    assert!(day_of(&samples)[0].flags.contains(Flags::SPIKE));
}

#[test]
fn a_run_across_hours_counts_in_both() {
    let mut samples: Vec<_> = (0..48).map(|n| sample(150 * n, &format!("{n}.5"), "1")).collect();
    for (n, sample) in samples.iter_mut().enumerate() {
        if n != 20 {
            sample.values = [value("7"), value("1")];
        }
    }
    // Hour 0 has 20 and, to its end, 3 in a run that goes on; hour 1 has 24.
    let flags: Vec<_> = day_of(&samples).iter().map(|mean| mean.flags).collect();
    assert_eq!(flags[..2], [Flags::NONE, Flags::STUCK]);
    samples[20].values = [value("7"), value("1")];
    assert_eq!(day_of(&samples)[0].flags, Flags::STUCK);
}

#[test]
fn a_model_says_what_its_values_are() {
    for (model, source) in [
        ("SDS011", Source::Decimals),
        ("SPS30", Source::Decimals),
        ("HPM", Source::WholeNumbers),
        ("PMS1003", Source::WholeNumbers),
        ("pms7003", Source::WholeNumbers),
        ("PPD42NS", Source::Counts),
        ("unknown", Source::Decimals),
    ] {
        assert_eq!(Source::of(model.parse().unwrap()), source, "{model}");
    }
}

#[test]
fn temperature_and_humidity_have_hours_too() {
    let mut samples = DaySamples::new(0);
    for n in 0..9 {
        let humidity = if n < 8 { "93.4" } else { "" };
        assert!(samples.add(sample(300 * n, &format!("-{n}.25"), humidity)));
    }
    let [hour] = samples.climate()[..] else { panic!("not one hour") };
    assert_eq!((hour.end, hour.slots, hour.samples), (3600, 9, 9));
    assert_eq!((hour.temperature, hour.humidity), (Some("-4.25".parse().unwrap()), None));
}
