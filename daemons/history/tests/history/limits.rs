//! The limits of models beside their neighbours, from files and from readings.

use airshed_history::Flagging;
use airshed_history::neighbours::{Limits, Ratios};
use aqi::Decimal;
use proptest::prelude::*;
use store::{Flags, Reading, Window};

fn of(model: &str, sensor: u64, pm25: Decimal) -> Reading {
    Reading {
        pm25: Some(pm25),
        sensor_type: model.parse().ok(),
        latitude: Some(57.into()),
        longitude: Some((-2).into()),
        ..Reading::new(sensor, Window::Day, "2026-02-01T00:00:00Z".parse().unwrap())
    }
}

/// A reading of PM2.5 beside three of 9 µg/m³.
fn flagged(limits: &Limits, model: &str, pm25: &str) -> Flags {
    let mut readings = [2, 3, 4].map(|sensor| of("PMS5003", sensor, 9.into())).to_vec();
    readings.push(of(model, 1, pm25.parse().unwrap()));
    limits.flag(&mut readings);
    readings[3].stored_flags
}

#[test]
fn a_file_sets_the_limits_of_models() {
    let text = "# Measured in Sofia\nModel,below,above\nSPS30, 0.62, 1.71\r\n\nsds011,0.4,2.5\n";
    let limits: Limits = text.parse().unwrap();
    for (model, pm25, expected) in [
        ("SPS30", "16.1", Flags::NONE), // (16.1 + 1) / (9 + 1) is 1.71
        ("SPS30", "16.1000001", Flags::ABOVE_NEIGHBOURS),
        ("sps30", "5.2", Flags::NONE),
        ("sps30", "5.1999999", Flags::BELOW_NEIGHBOURS),
        ("SDS011", "24", Flags::NONE),
        ("SDS011", "24.1", Flags::ABOVE_NEIGHBOURS),
        ("SDS011", "2.9", Flags::BELOW_NEIGHBOURS),
        ("HPM", "500", Flags::NONE),
    ] {
        assert_eq!(flagged(&limits, model, pm25), expected, "{model} {pm25}");
    }
    assert_eq!(flagged(&Limits::default(), "SPS30", "500"), Flags::NONE);
    assert_eq!(flagged(&Limits::default(), "SDS011", "19.1"), Flags::ABOVE_NEIGHBOURS);
}

#[test]
fn a_file_that_is_none_says_where() {
    for (text, expected) in [
        ("", "line 1: the first line must be `model,below,above`"),
        ("SPS30,0.5,2\n", "line 1: the first line must be `model,below,above`"),
        ("model,below,above\nSPS30,0.5\n", "line 2: expected a model and two limits"),
        ("model,below,above\n\nSPS30,0.5,2,3\n", "line 3: expected a model and two limits"),
        ("model,below,above\n=1,0.5,2\n", "line 2: a sensor type is"),
        ("model,below,above\nSPS30,x,2\n", "line 2: a limit is a number"),
        ("model,below,above\nSPS30,0.50001,2\n", "line 2: a limit is a number"),
        ("model,below,above\nSPS30,0.5,500000\n", "line 2: a limit is a number"),
        ("model,below,above\nSPS30,0,2\n", "line 2: limits are above 0"),
        ("model,below,above\nSPS30,2,0.5\n", "line 2: limits are above 0"),
        ("model,below,above\nSPS30,0.5,2\nsps30,0.5,2\n", "line 3: sps30 is there twice"),
    ] {
        let error = text.parse::<Limits>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn limits_of_readings_are_percentiles_of_their_ratios() {
    let mut ratios = Ratios::default();
    // c + 1 is 5.01, 5.02, … 25.00, beside N + 1 = 10: 2,000 ratios in steps of 0.001.
    for number in 1..=2000 {
        let mut day = [2, 3, 4].map(|sensor| of("PMS5003", sensor, 9.into())).to_vec();
        day.push(of("SPS30", 1, Decimal::new(400 + number, 2)));
        // What is not plausible or indoors is not compared.
        day.push(of("HPM", 5, (-1).into()));
        day.push(Reading { indoor: Some(true), ..of("HPM", 6, 9.into()) });
        ratios.add(&day);
    }
    // The three are beside the fourth and each other.
    let counts: Vec<_> = ratios.counts().collect();
    assert_eq!(counts, [("PMS5003", 6000), ("SPS30", 2000)]);
    let limits = ratios.limits().to_string();
    assert!(limits.contains("SDS011,0.5,2\n"), "{limits}");
    assert!(limits.contains("SPS30,0.521,2.48\n"), "{limits}"); // the 20th of 1,999 steps
    let mut few = Ratios::default();
    let mut day = [2, 3, 4].map(|sensor| of("PMS5003", sensor, 9.into())).to_vec();
    day.push(of("SPS30", 1, 9.into()));
    few.add(&day);
    assert_eq!(few.limits(), Limits::default(), "of too few");
}

#[test]
fn only_what_is_computed_is_set() {
    let mut readings = [2, 3, 4].map(|sensor| of("SDS011", sensor, 9.into())).to_vec();
    readings.push(of("SDS011", 1, 90.into()));
    readings[3].stored_flags = Flags::STUCK.union(Flags::SPIKE);
    let all = Flagging::default();
    all.beside_neighbours(&mut readings);
    let every = Flags::STUCK.union(Flags::SPIKE).union(Flags::ABOVE_NEIGHBOURS);
    assert_eq!(readings[3].stored_flags, every);
    let some = Flagging { computed: Flags::STUCK, ..Flagging::default() };
    some.beside_neighbours(&mut readings);
    assert_eq!(readings[3].stored_flags, Flags::STUCK);
}

proptest! {
    #[test]
    fn limits_come_back_from_their_file(
        models in proptest::collection::btree_map("[A-Z][A-Z0-9]{0,8}", (1..=10_000u32, 10_000..400_000u32), 0..6),
    ) {
        let decimal = |limit: u32| Decimal::new(limit.into(), 4).to_string();
        let mut text = "model,below,above\n".to_owned();
        for (model, (below, above)) in &models {
            text += &format!("{model},{},{}\n", decimal(*below), decimal(*above));
        }
        let limits: Limits = text.parse().unwrap();
        prop_assert_eq!(&limits.to_string().parse::<Limits>().unwrap(), &limits);
        for (model, (below, above)) in models {
            let limit = |limit: u32| Decimal::new(limit.into(), 4).normalize();
            let line = format!("{model},{},{}\n", limit(below), limit(above));
            prop_assert!(limits.to_string().contains(&line));
        }
    }
}
