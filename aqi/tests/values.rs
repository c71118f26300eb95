//! Worked values: what the documents print, and what each standard does at its edges.

#![allow(clippy::unwrap_used)]

use airshed_aqi::daqi::{self, DAQI};
use airshed_aqi::{
    Averaging, Colour, Concentration, Date, Decimal, Error, Index, Pollutant, Sample, Standard,
    Temperature, Unit, au, ca, caqi, cn, eu, hk, india, kr, mean, nowcast, standards, us,
};

/// `PM2.5/24h 35.5 ug/m3`.
fn sample(text: &str) -> Sample {
    let (subject, value) = text.split_once(' ').unwrap();
    let (pollutant, averaging) = subject.split_once('/').unwrap();
    Sample::new(pollutant.parse().unwrap(), averaging.parse().unwrap(), value.parse().unwrap())
}

fn answer(standard: &'static Standard, samples: &[&str]) -> airshed_aqi::Answer {
    let samples: Vec<_> = samples.iter().map(|text| sample(text)).collect();
    standard.index(&samples).unwrap()
}

fn shown(standard: &'static Standard, samples: &[&str]) -> String {
    answer(standard, samples).to_string()
}

#[test]
fn the_daqi_rounds_half_up_and_once() {
    for (text, index) in [
        ("PM2.5/24h 11.49999999999999999999999999 ug/m3", "1, Low"),
        ("PM2.5/24h 11.5 ug/m3", "2, Low"),
        ("PM10/24h 16.5 ug/m3", "2, Low"),
        ("O3/8h 66.5 ug/m3", "3, Low"),
        ("SO2/15min 1064.49 ug/m3", "9, High"),
        ("PM10/24h -0.0 ug/m3", "1, Low"),
        ("PM10/24h 79228162514264337593543950335 ug/m3", "10, Very High"),
        ("PM10/24h 79228162514264337593543950335 mg/m3", "10, Very High"),
    ] {
        assert_eq!(shown(&DAQI, &[text]), index, "{text}");
    }
    assert_eq!(shown(&daqi::DAQI_UNROUNDED, &["PM2.5/24h 11.2 ug/m3"]), "2, Low");
    assert_eq!(shown(&DAQI, &["PM2.5/24h 11.2 ug/m3"]), "1, Low");
}

#[test]
fn an_answer_explains_itself() {
    let answer = answer(&DAQI, &["PM10/24h 51 ug/m3", "O3/8h 12 ug/m3", "PM2.5/24h 35.5 ug/m3"]);
    assert_eq!(answer.to_string(), "4, Moderate");
    assert!(answer.dominant().eq([Pollutant::Pm25, Pollutant::Pm10]));
    let part = answer.parts().last().unwrap();
    assert_eq!(part.rounded(), Some(Decimal::from(36)));
    let row = part.row().unwrap();
    assert_eq!((row.low, row.high), (Decimal::from(36), Some(Decimal::from(41))));
    assert_eq!(part.to_next_category(), Some("18.0".parse().unwrap())); // 53.5 is High
    assert!(answer.is_complete());
    assert_eq!(answer.colour().unwrap().to_string(), "#FFFF00");
    assert_eq!(answer.category().name_in("cy"), "Cymedrol");
}

/// EPA-454/B-24-002, its own examples and errata; the edges of its footnotes.
#[test]
fn the_united_states() {
    let aqi = &us::AQI_2024;
    for (text, index) in [
        ("PM2.5/24h 400.0 ug/m3", 649),
        ("PM2.5/24h 1000 ug/m3", 1844),
        ("PM2.5/24h 9.09 ug/m3", 50),
        ("PM10/24h 504 ug/m3", 389),
        ("O3/1h 0.162 ppm", 147),
        ("O3/8h 78 ppb", 126),
        ("O3/8h 0.3 ppm", 300),
        ("SO2/1h 500 ppb", 200),
    ] {
        assert_eq!(answer(aqi, &[text]).index(), Index::new(index), "{text}");
    }
    assert_eq!(answer(&us::AQI_2012, &["PM10/24h 504 ug/m3"]).index(), Index::new(400));
    assert_eq!(shown(&us::AQI_2012, &["PM2.5/24h 500.5 ug/m3"]), "500+, Hazardous");

    let hour_alone = answer(aqi, &["SO2/1h 305 ppb"]);
    assert!(hour_alone.undecided().eq([(Pollutant::So2, Averaging::Day)]));
    let both = answer(aqi, &["SO2/1h 305 ppb", "SO2/24h 304 ppb"]);
    assert_eq!(both.index(), Index::new(200));
    assert_eq!(both.undecided().count(), 0);
    assert_eq!(both.refused().count(), 1);
    assert_eq!(answer(aqi, &["SO2/1h 400 ppb", "SO2/24h 305 ppb"]).index(), Index::new(201));
    assert_eq!(answer(aqi, &["O3/8h 0.06 ppm", "O3/1h 0.1 ppm"]).index(), Index::new(67));
    let below = sample("O3/1h 0.1249 ppm");
    let refusal = Error::BelowTable(Pollutant::O3, Averaging::Hour);
    assert_eq!(aqi.index(&[below]), Err(refusal));
}

#[test]
fn europe() {
    assert_eq!(shown(&eu::EAQI_2025, &["PM2.5/1h 5.3 ug/m3"]), "2, Fair");
    assert_eq!(shown(&eu::EAQI_2025_ROUNDED, &["PM2.5/1h 5.3 ug/m3"]), "1, Good");
    let old = &eu::EAQI_2019;
    let given = ["PM2.5/24h 9 ug/m3", "NO2/1h 41 ug/m3"];
    assert!(!answer(old, &given).is_complete());
    assert!(answer(old, &given).missing().eq([&[Pollutant::O3][..]]));
    assert!(answer(&eu::EAQI_2019_TRAFFIC, &given).is_complete());
    let error = answer(old, &["PM10/24h 1200.1 ug/m3", "NO2/1h 41 ug/m3"]);
    let refused = (Pollutant::Pm10, Averaging::Day, Error::Implausible(Pollutant::Pm10));
    assert!(error.refused().eq([refused]));
    assert_eq!(shown(&caqi::BACKGROUND_HOURLY, &["NO2/1h 50 ug/m3"]), "25, Very low");
    assert_eq!(shown(&caqi::ROADSIDE_DAILY, &["PM10/24h 150 ug/m3"]), "100+, Very high");
}

#[test]
fn asia() {
    // CPCB's own examples.
    for (text, index) in [("31", 51), ("45", 75), ("60", 100)] {
        let text = format!("PM2.5/24h {text} ug/m3");
        assert_eq!(answer(&india::NAQI, &[&text]).index(), Index::new(index));
    }
    assert_eq!(shown(&india::NAQI, &["PM2.5/24h 300 ug/m3"]), "439, Severe");
    assert_eq!(shown(&india::NAQI_OPEN, &["PM2.5/24h 300 ug/m3"]), "400+, Severe");
    // HJ 633: a shared row end, rounded up, halves to the even.
    for (text, index) in [("35", 50), ("36", 52), ("60", 100), ("36.5", 52), ("35.5", 52)] {
        let text = format!("PM2.5/24h {text} ug/m3");
        assert_eq!(answer(&cn::DAILY_2026, &[&text]).index(), Index::new(index), "{text}");
    }
    assert_eq!(answer(&cn::DAILY_2012, &["PM2.5/24h 35.01 ug/m3"]).index(), Index::new(51));
    let clean = answer(&cn::DAILY_2026, &["PM2.5/24h 20 ug/m3"]);
    assert_eq!(clean.dominant().count(), 0);
    assert!(!clean.is_complete());
    assert!(answer(&cn::DAILY_2026, &["PM2.5/24h 61 ug/m3"]).is_complete());
    assert_eq!(clean.category().name_in("zh"), "优");
    // Korea's penalty.
    let bad = ["PM10/24h 81 ug/m3", "PM2.5/24h 36 ug/m3", "O3/1h 0.02 ppm"];
    assert_eq!(
        (answer(&kr::CAI, &bad).index().number(), answer(&kr::CAI, &bad).penalty()),
        (151, 50)
    );
    let worse = ["PM10/24h 81 ug/m3", "PM2.5/24h 36 ug/m3", "O3/1h 0.091 ppm"];
    assert_eq!(answer(&kr::CAI, &worse).index().number(), 176);
    let top = ["PM10/24h 590 ug/m3", "PM2.5/24h 36 ug/m3", "O3/1h 0.091 ppm"];
    assert_eq!(answer(&kr::CAI, &top).index(), Index::new(500));
}

/// The formulas in floats, as their authors print them, wherever they are not within a
/// hair of a row's end.
#[test]
fn sums_of_risks_are_those_of_the_formula() {
    for step in 0..4_000u32 {
        let [o3, no2, pm] = [step * 7 % 120, step * 13 % 90, step * 29 % 251].map(f64::from);
        let of = |pollutant, value: f64, unit| {
            let value = Concentration::try_from_f64(value, unit).unwrap();
            Sample::new(pollutant, Averaging::ThreeHours, value)
        };
        let sum = (0.000537 * o3).exp_m1() + (0.000871 * no2).exp_m1() + (0.000487 * pm).exp_m1();
        let exact = 1000.0 / 10.4 * sum;
        if (exact.fract() - 0.5).abs() > 1e-6 {
            let wanted = exact.round().max(1.0);
            let ours = ca::AQHI
                .index(&[
                    of(Pollutant::O3, o3, Unit::Ppb),
                    of(Pollutant::No2, no2, Unit::Ppb),
                    of(Pollutant::Pm25, pm, Unit::Microgram),
                ])
                .unwrap();
            let wanted = if wanted > 10.0 { Index::over(10) } else { Index::new(wanted as u32) };
            assert_eq!(ours.index(), wanted, "{o3} {no2} {pm}");
        }
        let so2 = f64::from(step * 31 % 300);
        let percent = |beta: f64, c: f64| (beta * c).exp_m1() * 100.0;
        let riskier = percent(0.0002821751, pm).max(percent(0.0002180567, pm + 70.0));
        let sum = percent(0.0004462559, no2)
            + percent(0.0001393235, so2)
            + percent(0.0005116328, o3)
            + riskier;
        let hundredths = sum * 100.0;
        if (hundredths.fract() - 0.5).abs() > 1e-6 {
            let ends = [188, 376, 564, 752, 941, 1129, 1291, 1507, 1722, 1937];
            let above = ends.iter().filter(|end| hundredths.round() > f64::from(**end)).count();
            let wanted = if above == 10 { Index::over(10) } else { Index::new(above as u32 + 1) };
            let given = [
                of(Pollutant::No2, no2, Unit::Microgram),
                of(Pollutant::So2, so2, Unit::Microgram),
                of(Pollutant::O3, o3, Unit::Microgram),
                of(Pollutant::Pm10, pm, Unit::Microgram),
                of(Pollutant::Pm25, pm + 70.0, Unit::Microgram),
            ];
            assert_eq!(hk::AQHI.index(&given).unwrap().index(), wanted, "{no2} {so2} {o3} {pm}");
        }
    }
    let smoke = answer(&ca::AQHI_PLUS, &["PM2.5/1h 100.1 ug/m3"]);
    assert_eq!(smoke.to_string(), "10+, Very High Risk");
    assert_eq!(ca::with_smoke(Index::new(4), smoke.index()), Index::over(10));
}

#[test]
fn new_south_wales_includes_lower_ends() {
    assert_eq!(shown(&au::NSW_AQC, &["PM2.5/1h 24.999 ug/m3"]), "1, Good");
    assert_eq!(shown(&au::NSW_AQC, &["PM2.5/1h 25 ug/m3"]), "2, Fair");
    assert_eq!(shown(&au::NSW_AQC, &["visibility/1h 1.5 1e-4/m"]), "2, Fair");
    assert_eq!(shown(&au::NEPM, &["PM10/24h 50 ug/m3"]), "100, Poor");
}

/// Page 16's rule by hand: a weight of one half, and hours of zero.
#[test]
fn nowcast_of_particulates() {
    let hour = |value: u64| Concentration::fixed(value, 0, Unit::Microgram).ok();
    let mut hours = [None; 12];
    (hours[9], hours[11]) = (hour(10), hour(40)); // w = 0.5: (40 + 10/4) / (1 + 1/4)
    assert_eq!(nowcast::nowcast(&hours).unwrap().value(), Decimal::from(34));
    assert_eq!(nowcast::nowcast(&[hour(0); 12]).unwrap().value(), Decimal::ZERO);
    hours[9] = None;
    hours[8] = hour(10);
    assert_eq!(nowcast::nowcast(&hours), Err(Error::NotEnough { have: 1, need: 2 }));
    let thirds = core::array::from_fn(|at| hour(if at % 2 == 0 { 20 } else { 30 }));
    let index = |hours| {
        let now = nowcast::nowcast(hours).unwrap();
        let sample = Sample::new(Pollutant::Pm25, Averaging::Day, now);
        us::AQI_2024.sub_index(&sample).unwrap().rounded().unwrap()
    };
    // w = 2/3: (30·Σ(4/9)^k + 20·(2/3)·Σ(4/9)^k) / Σ(2/3)^k over six pairs is 26 exactly.
    assert_eq!(index(&thirds), "26.0".parse().unwrap());
}

#[test]
fn means_and_daily_maxima() {
    let hour = |value: u64| Concentration::fixed(value, 0, Unit::Microgram).ok();
    let mut hours: [_; 31] = core::array::from_fn(|at| hour(at as u64));
    // The UK's windows end in the day: the last is 23 to 30.
    assert_eq!(mean::daily_max_8h(&hours, 18).unwrap().value(), "26.5".parse().unwrap());
    // EPA's begin at 07:00 to 23:00: the last is 23 to 30, too; the first ends with hour 14.
    hours = core::array::from_fn(|at| hour(if at < 7 { 900 } else { 10 }));
    assert_eq!(mean::daily_max_8h_us(&hours, 13).unwrap().value(), Decimal::from(10));
    assert!(mean::daily_max_8h(&hours, 18).unwrap().value() > Decimal::from(700));
    let gap = [None; 31];
    assert_eq!(mean::daily_max_8h(&gap, 18), Err(Error::NotEnough { have: 0, need: 18 }));
    let mixed = [hour(1), Concentration::fixed(1, 0, Unit::Ppb).ok()];
    assert_eq!(mean::mean(&mixed, 1), Err(Error::MixedUnits));

    // Korea: C12 = 100; the last four, 0.9 to 1.7 times that and above 70, count 3/4.
    let twelve = [hour(100); 12];
    let forecast = kr::forecast_mean(Pollutant::Pm10, &twelve).unwrap();
    assert_eq!(forecast.value(), "87.5".parse().unwrap());
    let low = [hour(60); 12];
    assert_eq!(kr::forecast_mean(Pollutant::Pm10, &low).unwrap().value(), Decimal::from(60));
}

/// NO2 1.91, O3 2.00, SO2 2.66, CO 1.16 µg/m³ per ppb at 20 °C.
#[test]
fn mass_and_volume_convert_at_a_stated_temperature() {
    let one = Concentration::fixed(1, 0, Unit::Ppm).unwrap();
    for (gas, factor) in [
        (Pollutant::No2, "1.91"),
        (Pollutant::O3, "2.00"),
        (Pollutant::So2, "2.66"),
        (Pollutant::Co, "1.16"),
    ] {
        let mass = one.at(Temperature::Twenty, gas, Unit::Milligram).unwrap();
        assert_eq!(mass.value().round_dp(2), factor.parse().unwrap(), "{gas}");
        let back = mass.at(Temperature::Twenty, gas, Unit::Ppm).unwrap();
        assert_eq!(back.value().round_dp(24), Decimal::ONE);
    }
    let refused = one.at(Temperature::Zero, Pollutant::Pm10, Unit::Microgram);
    assert_eq!(refused, Err(Error::NotAGas(Pollutant::Pm10)));
    let same = one.at(Temperature::Zero, Pollutant::Pm10, Unit::Ppb).unwrap();
    assert_eq!(same.value(), Decimal::ONE_THOUSAND);
}

#[test]
fn refusals_are_values() {
    let parse = |text| Concentration::parse(text, Unit::Microgram);
    assert_eq!(parse("-0.1"), Err(Error::Negative));
    for text in ["", "1_000", ".", "+", "nan", "inf", "1e3", "0x1", "1,5", " 1", "-78 dBm", "９"] {
        assert_eq!(parse(text), Err(Error::NotANumber), "{text:?}");
    }
    assert_eq!("5".parse::<Concentration>(), Err(Error::NotAUnit));
    assert_eq!(Concentration::try_from_f32(9.05, Unit::Ppb).unwrap().to_string(), "9.05 ppb");
    assert_eq!(Concentration::try_from_f64(f64::NAN, Unit::Ppb), Err(Error::NotFinite));
    assert_eq!(daqi::Index::new(0), Err(Error::NotAnIndex));
    assert_eq!(daqi::Index::new(11), Err(Error::NotAnIndex));
    assert_eq!("none".parse::<daqi::Band>(), Err(Error::NotABand));
    assert_eq!("CH4".parse::<Pollutant>(), Err(Error::NotAPollutant));
    assert!(size_of::<Error>() <= 12);
    assert_eq!(size_of::<Option<Index>>(), 4);
}

#[test]
fn words_are_read_as_people_write_them() {
    for band in daqi::Band::ALL {
        assert_eq!(band.name().to_lowercase().parse(), Ok(band));
        let (first, last) = band.indices();
        let all = first.get()..=last.get();
        assert!(all.clone().all(|i| daqi::Index::new(i).unwrap().band() == band));
        // The band and the standard's category are one.
        assert!(all.map(u32::from).all(|i| DAQI.category(Index::new(i)).name == band.name()));
    }
    assert_eq!("medium".parse(), Ok(daqi::Band::Moderate));
    assert_eq!("VeryHigh".parse(), Ok(daqi::Band::VeryHigh));
    for pollutant in Pollutant::ALL {
        assert_eq!(pollutant.name().to_lowercase().parse(), Ok(pollutant));
    }
    for unit in Unit::ALL {
        assert_eq!(unit.name().parse(), Ok(unit));
        assert_eq!(unit.to_string().parse(), Ok(unit));
    }
    for averaging in Averaging::ALL {
        assert_eq!(averaging.name().parse(), Ok(averaging));
    }
    for text in ["pm25", "pm2_5", "PM2.5", "PM 2.5", "pm-2.5", "PM2,5", "PM₂.₅", " PM2.5 "] {
        assert_eq!(text.parse(), Ok(Pollutant::Pm25), "{text}");
    }
    for (text, pollutant) in [
        ("PM_10", Pollutant::Pm10),
        ("NO₂", Pollutant::No2),
        ("Ozone", Pollutant::O3),
        ("sulfur dioxide", Pollutant::So2),
    ] {
        assert_eq!(text.parse(), Ok(pollutant), "{text}");
    }
    for text in
        ["µg/m³", "μg/m³", "UG/M3", "ug/m^3", "µg m⁻³", "μg·m-3", "ug / m3", "mcg/m3", " ug/m3"]
    {
        assert_eq!(text.parse(), Ok(Unit::Microgram), "{text}");
    }
    for (text, unit) in
        [("mg m-3", Unit::Milligram), ("PPBV", Unit::Ppb), ("10⁻⁴/m", Unit::Scattering)]
    {
        assert_eq!(text.parse(), Ok(unit), "{text}");
    }
    for text in ["24 h", "24hr", "24-hour", "24 Hours", "daily"] {
        assert_eq!(text.parse(), Ok(Averaging::Day), "{text}");
    }
    assert_eq!("hourly".parse(), Ok(Averaging::Hour));
    for text in ["PM", "PM2", "PM1.0", "NO", "CO2", "", "2.5"] {
        assert_eq!(text.parse::<Pollutant>(), Err(Error::NotAPollutant), "{text}");
    }
    for text in ["", "ug", "µg/m²", "g/m3", "1e4/m", "%"] {
        assert_eq!(text.parse::<Unit>(), Err(Error::NotAUnit), "{text}");
    }
    for text in ["", "24", "2h", "48 hours"] {
        assert_eq!(text.parse::<Averaging>(), Err(Error::NotAnAveraging), "{text}");
    }
    for index in [Index::new(0), Index::new(500), Index::over(10)] {
        assert_eq!(index.to_string().parse(), Ok(index));
    }
}

#[test]
fn a_standard_is_found_by_name_and_by_day() {
    let on = |id, date| standards::in_force(id, date).map(|standard| standard.version);
    assert_eq!(on("us_aqi", Date::new(2024, 5, 5)), Some("2015"));
    assert_eq!(on("us_aqi", Date::new(2024, 5, 6)), Some("2024"));
    assert_eq!(on("cn_aqi", Date::new(2026, 2, 28)), Some("2012"));
    assert_eq!(on("eu_eaqi", Date::new(2019, 6, 1)), Some("2017"));
    assert_eq!(on("uk_daqi", Date::new(2011, 12, 31)), None);
    let mut versions = standards::find("us_aqi", "").map(|standard| standard.version);
    assert_eq!(versions.next(), Some("2024"));
    for standard in standards::ALL {
        // Only one of a version's siblings has its variant and its policy.
        let same = standards::find(standard.id, standard.version)
            .filter(|other| (other.variant, other.policy) == (standard.variant, standard.policy));
        assert_eq!(same.count(), 1, "{standard}");
        assert!(standard.categories.windows(2).all(|pair| pair[0].from < pair[1].from));
        assert!(standard.tables.len() <= 10, "{standard} has more parts than an answer");
    }
}

/// The days on which the Federal Register's rules took effect, and what 8 hours of ozone and
/// a day of PM2.5 were the day before and on the day.
#[test]
fn an_american_day_has_the_rows_of_its_rule() {
    let index = |date, text| {
        let standard = standards::in_force("us_aqi", date).unwrap();
        answer(standard, &[text]).index().number()
    };
    let days = [
        (Date::new(1999, 10, 4), "O3/8h 0.084 ppm", 100),
        (Date::new(2008, 5, 26), "O3/8h 0.0874125 ppm", 106), // 64 FR 42530's own example
        (Date::new(2008, 5, 26), "O3/8h 0.084 ppm", 100),
        (Date::new(2008, 5, 27), "O3/8h 0.075 ppm", 100),
        (Date::new(2010, 8, 22), "SO2/24h 0.144 ppm", 100),
        (Date::new(2010, 8, 23), "SO2/1h 75 ppb", 100),
        (Date::new(2010, 4, 12), "NO2/1h 100 ppb", 100),
        (Date::new(2013, 3, 17), "PM2.5/24h 40.4 ug/m3", 100),
        (Date::new(2013, 3, 18), "PM2.5/24h 35.4 ug/m3", 100),
        (Date::new(2013, 3, 18), "O3/8h 0.075 ppm", 100),
        (Date::new(2015, 12, 27), "O3/8h 0.075 ppm", 100),
        (Date::new(2015, 12, 28), "O3/8h 0.070 ppm", 100),
        (Date::new(2024, 5, 5), "PM2.5/24h 12.0 ug/m3", 50),
        (Date::new(2024, 5, 6), "PM2.5/24h 9.0 ug/m3", 50),
    ];
    for (date, text, wanted) in days {
        assert_eq!(index(date, text), wanted, "{date}: {text}");
    }
    let before = standards::in_force("us_aqi", Date::new(2010, 4, 11)).unwrap();
    let refusal = Error::BelowTable(Pollutant::No2, Averaging::Hour);
    assert_eq!(before.index(&[sample("NO2/1h 100 ppb")]), Err(refusal));
    assert_eq!(standards::in_force("us_aqi", Date::new(1999, 10, 3)), None);
}

/// Day by day: of a standard's versions exactly one is in force, from the first's first day
/// on, and it is the one that is found by that day.
#[test]
fn versions_tile_their_time() {
    let days = || {
        let months = (1998..=2027).flat_map(|year| (1..=12).map(move |month| (year, month)));
        months.flat_map(|(year, month)| {
            let leap = u8::from(year % 4 == 0);
            let length = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            (1..=length[usize::from(month - 1)]).map(move |day| Date::new(year, month, day))
        })
    };
    for first in standards::ALL {
        let of_it: Vec<_> = standards::ALL.into_iter().filter(|s| s.id == first.id).collect();
        let mut versions = of_it.clone();
        versions.dedup_by_key(|standard| standard.version); // the default of each
        let begin = versions.iter().map(|standard| standard.from).min().unwrap();
        let end = versions[0].until;
        for pair in versions.windows(2) {
            assert_eq!(pair[1].until, Some(pair[0].from), "{}", pair[1]);
        }
        for day in days() {
            let in_force: Vec<_> = versions.iter().filter(|s| s.in_force(day)).collect();
            let expected = begin <= day && end.is_none_or(|end| day < end);
            assert_eq!(in_force.len(), usize::from(expected), "{} on {day}", first.id);
            let found = standards::in_force(first.id, day);
            assert_eq!(found.as_ref(), in_force.first().copied(), "{} on {day}", first.id);
        }
        // Siblings share their version's time; one may have come later.
        for standard in of_it {
            let default = versions.iter().find(|other| other.version == standard.version).unwrap();
            assert!(standard.from >= default.from && standard.until == default.until);
        }
    }
}

#[test]
fn a_name_says_whose_it_is() {
    let names = [
        (DAQI.to_string(), "UK DAQI 2013"),
        (daqi::DAQI_UNROUNDED.to_string(), "UK DAQI 2013, unrounded"),
        (us::AQI_2024.to_string(), "US EPA AQI 2024"),
        (eu::EAQI_2025.to_string(), "EEA European AQI 2025"),
        (caqi::ROADSIDE_DAILY.to_string(), "CITEAIR CAQI 2012, roadside daily"),
        (cn::DAILY_2026.to_string(), "China MEE AQI 2026, daily"),
        (ca::AQHI.to_string(), "Canada AQHI 2008"),
        (hk::AQHI.to_string(), "Hong Kong AQHI 2013"),
        (india::NAQI.to_string(), "India CPCB NAQI 2014"),
        (kr::CAI.to_string(), "South Korea CAI 2018"),
        (au::NEPM.to_string(), "NSW NEPM AQI 2008"),
    ];
    for (name, wanted) in names {
        assert_eq!(name, wanted);
    }
    for (at, standard) in standards::ALL.into_iter().enumerate() {
        for other in &standards::ALL[..at] {
            assert_ne!(standard.to_string(), other.to_string());
            let same = standard.id == other.id || standard.name != other.name;
            assert!(same && (standard.id == other.id || standard.short_name != other.short_name));
        }
    }
}

#[test]
fn advice_is_there_with_the_page_of_its_day() {
    let old = DAQI.advice(Index::new(8), Date::new(2025, 12, 18)).unwrap();
    let new = DAQI.advice(Index::new(8), Date::new(2025, 12, 19)).unwrap();
    assert!(old.page.contains("uk-air.defra.gov.uk"));
    assert!(new.page.contains("health-advice-for-the-daily-air-quality-index-daqi"));
    for standard in standards::ALL {
        for category in standard.categories {
            let (first, _) = standard.indices(category);
            assert_eq!(standard.category(first), category, "{standard}");
            let advice = standard.advice(first, Date::new(2026, 11, 24));
            assert_eq!(advice.is_some(), standard.id != "who", "{standard}");
        }
    }
}

/// WCAG 2.2: relative luminance and contrast.
fn luminance(colour: Colour) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue)
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

#[test]
fn text_can_be_read_on_every_colour_and_safe_colours_darken() {
    for standard in standards::ALL {
        let categories = standard.categories.iter();
        let colours = categories.clone().flat_map(|c| [c.colour, Some(c.safe_colour)]).flatten();
        for colour in colours.chain(standard.index_colours.iter().copied()) {
            let contrast = contrast(colour, colour.text());
            assert!(contrast >= 4.5, "{standard}: {colour}: {contrast:.2}");
        }
        // Whoever sees no colour at all still sees lightness: each category is darker than
        // the one before by at least a contrast of 1.2, whatever the eye's cones.
        let safe: Vec<_> = categories.map(|category| category.safe_colour).collect();
        for pair in safe.windows(2) {
            assert!(luminance(pair[0]) > luminance(pair[1]), "{standard}");
            assert!(contrast(pair[0], pair[1]) >= 1.2, "{standard}: {} {}", pair[0], pair[1]);
        }
    }
}
