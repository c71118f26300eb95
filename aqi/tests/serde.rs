//! What the feature `serde` writes, and that it reads it back.

#![allow(clippy::unwrap_used)]

use airshed_aqi::{Averaging, Concentration, Index, Pollutant, Sample, Unit, daqi};

#[test]
fn a_sample_keeps_every_digit_and_an_index_its_plus() {
    let value = Concentration::parse("0.0700", Unit::Ppm).unwrap();
    let sample = Sample::new(Pollutant::O3, Averaging::EightHours, value);
    let text = serde_json::to_string(&sample).unwrap();
    assert_eq!(text, r#"{"pollutant":"O3","averaging":"8h","concentration":"0.0700 ppm"}"#);
    assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);

    let indices = [Index::new(42), Index::over(500)];
    let text = serde_json::to_string(&indices).unwrap();
    assert_eq!(text, r#"[42,"500+"]"#);
    assert_eq!(serde_json::from_str::<[Index; 2]>(&text).unwrap(), indices);

    for (unit, averaging) in Unit::ALL.into_iter().zip(Averaging::ALL) {
        let text = serde_json::to_string(&(unit, averaging)).unwrap();
        assert_eq!(text, format!(r#"["{}","{}"]"#, unit.name(), averaging.name()));
    }
    for pollutant in Pollutant::ALL {
        assert_eq!(serde_json::to_value(pollutant).unwrap(), pollutant.name());
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for text in [r#""-1 ppm""#, r#""5""#, r#""5 furlongs""#, "5", "null"] {
        assert!(serde_json::from_str::<Concentration>(text).is_err(), "{text}");
    }
    for text in ["-1", "4294967296", "1.5", r#""x+""#] {
        assert!(serde_json::from_str::<Index>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<daqi::Index>("11").is_err());
}
