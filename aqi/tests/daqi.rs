//! The DAQI against the published table, and the laws that hold for every input.

#![allow(clippy::unwrap_used)]

use aqi::{Band, Concentration, Decimal, Error, Index, Pollutant, daqi};
use proptest::prelude::*;

/// The table as Defra prints it (first and last whole µg/m³ of every row), read
/// literally: the slow model beside the real thing.
const PUBLISHED: [(Pollutant, [(u32, u32); 10]); 5] = [
    (
        Pollutant::O3,
        [
            (0, 33),
            (34, 66),
            (67, 100),
            (101, 120),
            (121, 140),
            (141, 160),
            (161, 187),
            (188, 213),
            (214, 240),
            (241, u32::MAX),
        ],
    ),
    (
        Pollutant::No2,
        [
            (0, 67),
            (68, 134),
            (135, 200),
            (201, 267),
            (268, 334),
            (335, 400),
            (401, 467),
            (468, 534),
            (535, 600),
            (601, u32::MAX),
        ],
    ),
    (
        Pollutant::So2,
        [
            (0, 88),
            (89, 177),
            (178, 266),
            (267, 354),
            (355, 443),
            (444, 532),
            (533, 710),
            (711, 887),
            (888, 1064),
            (1065, u32::MAX),
        ],
    ),
    (
        Pollutant::Pm25,
        [
            (0, 11),
            (12, 23),
            (24, 35),
            (36, 41),
            (42, 47),
            (48, 53),
            (54, 58),
            (59, 64),
            (65, 70),
            (71, u32::MAX),
        ],
    ),
    (
        Pollutant::Pm10,
        [
            (0, 16),
            (17, 33),
            (34, 50),
            (51, 58),
            (59, 66),
            (67, 75),
            (76, 83),
            (84, 91),
            (92, 100),
            (101, u32::MAX),
        ],
    ),
];

fn published_index(pollutant: Pollutant, whole: u32) -> u8 {
    let (_, rows) = PUBLISHED.iter().find(|(p, _)| *p == pollutant).unwrap();
    let row = rows.iter().position(|(first, last)| (*first..=*last).contains(&whole));
    row.unwrap() as u8 + 1
}

fn sub(pollutant: Pollutant, text: &str) -> u8 {
    daqi::sub_index(pollutant, text.parse().unwrap()).index().get()
}

#[test]
fn every_whole_concentration_has_the_published_index() {
    for pollutant in Pollutant::ALL {
        for whole in 0..3000 {
            let given = Concentration::from_whole_micrograms(whole);
            let index = daqi::sub_index(pollutant, given).index();
            assert_eq!(index.get(), published_index(pollutant, whole), "{pollutant} {whole}");
        }
    }
}

#[test]
fn between_two_rows_the_value_is_rounded_half_up() {
    let cases = [
        (Pollutant::Pm25, "11.49999999999999999999999999", 1),
        (Pollutant::Pm25, "11.5", 2),
        (Pollutant::Pm25, "70.4", 9),
        (Pollutant::Pm25, "70.5", 10),
        (Pollutant::Pm10, "16.5", 2),
        (Pollutant::Pm10, "100.5", 10),
        (Pollutant::O3, "66.5", 3),
        (Pollutant::So2, "1064.49", 9),
        (Pollutant::No2, "0", 1),
        (Pollutant::Pm10, "-0.0", 1),
        (Pollutant::Pm10, "79228162514264337593543950335", 10),
    ];
    for (pollutant, text, index) in cases {
        assert_eq!(sub(pollutant, text), index, "{pollutant} {text}");
    }
}

#[test]
fn the_answer_explains_itself() {
    let given = |text: &str| text.parse::<Concentration>().unwrap();
    let answer = daqi::index(&[
        (Pollutant::Pm10, given("51")),
        (Pollutant::O3, given("12")),
        (Pollutant::Pm25, given("35.5")),
    ])
    .unwrap();
    assert_eq!(answer.index().get(), 4);
    assert_eq!(answer.band(), Band::Moderate);
    assert!(answer.dominant().eq([Pollutant::Pm25, Pollutant::Pm10]));
    let looked_up: Vec<_> = answer.parts().map(|p| (p.pollutant(), p.rounded())).collect();
    let expected = [(Pollutant::Pm25, 36), (Pollutant::Pm10, 51), (Pollutant::O3, 12)];
    assert_eq!(looked_up, expected);
}

#[test]
fn refusals_are_values() {
    let one = Concentration::from_whole_micrograms(1);
    assert_eq!(daqi::index(&[]), Err(Error::NothingGiven));
    assert_eq!(
        daqi::index(&[(Pollutant::O3, one), (Pollutant::O3, one)]),
        Err(Error::GivenTwice(Pollutant::O3))
    );
    assert_eq!("-0.1".parse::<Concentration>(), Err(Error::Negative));
    for text in ["", "1_000", ".", "+", "nan", "inf", "1e3", "0x1", "1,5", " 1", "-78 dBm", "９"] {
        assert_eq!(text.parse::<Concentration>(), Err(Error::NotANumber), "{text:?}");
    }
    assert_eq!(Index::new(0), Err(Error::NotAnIndex));
    assert_eq!(Index::new(11), Err(Error::NotAnIndex));
    assert_eq!("none".parse::<Band>(), Err(Error::NotABand));
    assert_eq!("CO".parse::<Pollutant>(), Err(Error::NotAPollutant));
    assert!(size_of::<Error>() <= 2);
}

#[test]
fn words_are_read_as_people_write_them() {
    for band in Band::ALL {
        assert_eq!(band.name().parse(), Ok(band));
        assert_eq!(band.name().to_lowercase().parse(), Ok(band));
        let (first, last) = band.indices();
        assert!((first.get()..=last.get()).all(|i| Index::new(i).unwrap().band() == band));
    }
    assert_eq!("medium".parse(), Ok(Band::Moderate));
    assert_eq!("VeryHigh".parse(), Ok(Band::VeryHigh));
    for pollutant in Pollutant::ALL {
        assert_eq!(pollutant.name().to_lowercase().parse(), Ok(pollutant));
    }
}

fn any_pollutant() -> impl Strategy<Value = Pollutant> {
    proptest::sample::select(Pollutant::ALL.to_vec())
}

fn any_concentration() -> impl Strategy<Value = Concentration> {
    let near_the_table = (0i64..120_000_000, 4u32..=5).prop_map(|(m, s)| Decimal::new(m, s));
    let anything = (any::<u32>(), any::<u32>(), any::<u32>(), 0u32..=28)
        .prop_map(|(low, mid, high, scale)| Decimal::from_parts(low, mid, high, false, scale));
    prop_oneof![near_the_table, anything]
        .prop_map(|value| Concentration::from_micrograms(value).unwrap())
}

proptest! {
    #[test]
    fn a_higher_concentration_never_has_a_lower_index(
        pollutant in any_pollutant(), a in any_concentration(), b in any_concentration(),
    ) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(
            daqi::sub_index(pollutant, low).index() <= daqi::sub_index(pollutant, high).index()
        );
    }

    #[test]
    fn the_interval_of_an_index_holds_exactly_its_concentrations(
        pollutant in any_pollutant(), given in any_concentration(), other in 1u8..=10,
    ) {
        let index = daqi::sub_index(pollutant, given).index();
        let other = Index::new(other).unwrap();
        let (start, end) = daqi::interval(pollutant, other);
        let inside = start <= given.micrograms() && end.is_none_or(|end| given.micrograms() < end);
        prop_assert_eq!(inside, other == index);
    }

    #[test]
    fn the_whole_is_the_highest_part(
        pm10 in any_concentration(), pm25 in any_concentration(),
    ) {
        let answer = daqi::index(&[(Pollutant::Pm10, pm10), (Pollutant::Pm25, pm25)]).unwrap();
        let highest = answer.parts().map(|part| part.index()).max();
        prop_assert_eq!(Some(answer.index()), highest);
        prop_assert!(answer.dominant().count() >= 1);
        prop_assert_eq!(answer.band(), answer.index().band());
    }
}
