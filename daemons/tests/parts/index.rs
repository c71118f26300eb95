//! `airshed index`: one at a time and by the file.

use airshed::index::{batch, of_pairs};

fn answer(standard: &str, pairs: &[&str]) -> Result<(u32, &'static str), String> {
    let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
    let answer = of_pairs(standard, &pairs).map_err(|refusal| refusal.to_string())?;
    Ok((answer.index().number(), answer.category().name))
}

#[test]
fn one_at_a_time() {
    assert_eq!(answer("uk_daqi", &["PM2.5=11.5"]), Ok((2, "Low")));
    assert_eq!(answer("uk_daqi", &["pm25=11.4", "O3=187.5"]), Ok((8, "High")));
    assert_eq!(answer("uk_daqi", &["PM10=0.1005mg/m3"]), Ok((10, "Very High")));
    assert_eq!(
        answer("us_aqi", &["PM2.5=35.5", "O3/8h=0.07ppm"]),
        Ok((101, "Unhealthy for Sensitive Groups"))
    );
    assert_eq!(answer("us_aqi:2012", &["PM10=504"]), Ok((400, "Hazardous")));
    assert_eq!(answer("cn_aqi", &["NO2/1h=200"]), Ok((100, "Good")));
    assert_eq!(answer("eu_eaqi:2025:rounded", &["PM2.5=5.3"]), Ok((1, "Good")));
    assert_eq!(answer("eu_eaqi:2025", &["PM2.5=5.3"]), Ok((2, "Fair")));
    let three = ["O3=40ppb", "NO2=20ppb", "PM2.5=10"];
    assert_eq!(answer("ca_aqhi", &three), Ok((4, "Moderate Risk")));
    let refusals = [
        ("uk_daqi", "PM2.5", "expected POLLUTANT=VALUE"),
        ("uk_daqi", "CO=5", "no pollutant `CO`"),
        ("uk_daqi", "PM10=", "the concentration is missing"),
        ("uk_daqi", "PM10=-1", "below zero"),
        ("uk_daqi", "PM10=nan", "`nan`: not a decimal number"),
        ("uk_daqi", "PM10=5nan", "unit `nan`"),
        ("uk_daqi", "NO2=5ppb", "stated temperature"),
        ("us_aqi", "O3=70", "O3 is wanted in ppm, not in µg/m³"),
        ("us_aqi", "PM10/8h=5", "as a mean of 24h, not 8h"),
        (
            "us_aqi:2031",
            "PM10=5",
            "us_aqi has no version `2031`; it has 2024, 2015, 2012, 2010_so2, 2010_no2, 2008, 1999",
        ),
        ("eu_caqi:2012:seaside", "PM10=5", "it has background hourly, background daily"),
        ("ca_aqhi", "O3=5ppb", "needs all of its pollutants together"),
        ("xx", "PM10=5", "expected one of uk_daqi us_aqi"),
    ];
    for (standard, pair, reason) in refusals {
        let refusal = answer(standard, &[pair]).unwrap_err();
        assert!(refusal.contains(reason), "{pair}: {refusal}");
    }
    assert!(answer("uk_daqi", &["PM10=5", "PM10=6"]).unwrap_err().contains("twice"));
}

/// What people type: taken where it can mean one thing alone.
#[test]
fn what_is_unambiguous_is_accepted() {
    for pair in [
        "PM2.5=12,5",
        "PM2.5=12.5 ug/m3",
        "PM2.5 = 12.5 µg/m³",
        "pm2_5=12.5μg/m³",
        "pm25=12.50",
        "PM 2.5=+12.5",
        "PM₂.₅=12.5\u{a0}µg m⁻³",
        "PM2,5/24 h=0,0125mg/m3",
        "PM2.5/daily=12.5",
    ] {
        let answered = of_pairs("uk_daqi", &[pair.to_owned()]).expect(pair);
        let given = answered.parts().next().unwrap().concentration();
        let same = ["12.5 µg/m³", "12.50 µg/m³", "0.0125 mg/m³"];
        assert!(same.contains(&given.to_string().as_str()), "{pair}: {given}");
        assert_eq!(answered.index().number(), 2, "{pair}");
    }
    for standard in ["US_AQI", "us-aqi", "us aqi", "UsAqi", "US EPA AQI", "us_aqi: 2024"] {
        assert_eq!(answer(standard, &["PM2.5=9.1"]), Ok((51, "Moderate")), "{standard}");
    }
    assert_eq!(answer("EU_EAQI:2025:Rounded", &["PM2.5=5.3"]), Ok((1, "Good")));
    assert_eq!(answer("eu-caqi:2012:ROADSIDE_DAILY", &["PM10=20"]), Ok((33, "Low")));
    assert_eq!(answer("us_aqi:2010-NO2", &["Ozone/8 hours=75 ppb"]), Ok((100, "Moderate")));
    assert_eq!(answer("ca_aqhi+", &["PM2.5=5"]).map_err(|e| e.contains("ca_aqhi_plus")), Err(true));
}

/// What can mean several things, or none, is refused by what is wrong with it.
#[test]
fn refusals_name_the_trouble() {
    let refusals = [
        ("uk_daqi", "PM10=1,234", "decimal comma or a thousands separator; write 1.234 or 1234"),
        ("uk_daqi", "PM10=1.234,5", "with a decimal point and without thousands separators"),
        ("uk_daqi", "PM10=1,234,567", "with a decimal point and without thousands separators"),
        ("uk_daqi", "PM10=1 000", "with a decimal point and without thousands separators"),
        ("uk_daqi", "PM10=1.2e1", "without an exponent"),
        ("uk_daqi", "PM10=1.2e-2mg/m3", "concentration `1.2e-2`: write it without an exponent"),
        ("uk_daqi", "PM10=-1,5", "below zero"),
        ("uk_daqi", "PM10= ", "the concentration is missing"),
        ("uk_daqi", "PM10=ug/m3", "concentration `ug/m3`: not a decimal number"),
        ("uk_daqi", "PM10=12 ug", "unknown unit `ug`: expected ug/m3, mg/m3"),
        ("uk_daqi", "PM10=12 ug", "did you mean ug/m3?"),
        ("uk_daqi", "PM1.0=12", "no pollutant `PM1.0`; it has PM2.5, PM10"),
        ("uk_daqi", "PM1O=12", "did you mean PM10?"),
        ("uk_daqi", "CO=5", "it has PM2.5, PM10, O3, NO2, SO2"),
        ("uk_daqi", "PM10/24=12", "averaging `24`: expected 15min"),
        ("us_aqii", "PM10=5", "did you mean us_aqi?"),
        ("daqi", "PM10=5", "did you mean uk_daqi?"),
        ("", "PM10=5", "unknown standard ``: expected one of uk_daqi"),
        ("PM2.5=12", "PM10=5", "the standard comes before it, such as uk_daqi PM2.5=12"),
        ("uk_daqi:2013:-", "PM10=5", "uk_daqi has no `-`; it has unrounded"),
    ];
    for (standard, pair, reason) in refusals {
        let refusal = answer(standard, &[pair]).unwrap_err();
        assert!(refusal.contains(reason), "{standard} {pair}: {refusal}");
    }
    for (standard, pair) in [("uk_daqi", "CO=5"), ("uk_daqi", "xyz=5"), ("mars", "PM10=5")] {
        let refusal = answer(standard, &[pair]).unwrap_err();
        assert!(!refusal.contains("did you mean"), "{standard} {pair}: {refusal}");
    }
}

fn by_file(input: &[u8]) -> Result<(u64, String), String> {
    let mut output = Vec::new();
    let refused = batch(input, &mut output).map_err(|error| error.to_string())?;
    Ok((refused, String::from_utf8(output).unwrap()))
}

/// As spreadsheets save them: other separators, decimal commas, CRLF, a byte-order mark.
#[test]
fn a_file_has_its_own_separator() {
    for separator in [",", ";", "\t", "|"] {
        for (end, mark) in [("\n", ""), ("\r\n", "\u{feff}")] {
            let rows = [
                "standard,Version,POLLUTANT,unit,averaging,concentration,note",
                "UK_DAQI,,pm2_5,µg/m³,24 h,\"12,5\",a",
                "uk_daqi,,PM10,,24h,\"12,5 μg/m³\",b",
                "uk_daqi,,PM10,ug/m3,,12.5 ug/m3,c",
                "ca_aqhi,,\"O3;NO2;PM2.5\",\"ppb;ppb;ug/m3\",3h,\"40;20;10\",d",
            ];
            // Quoted cells keep their own commas.
            let with = |row: &str| {
                let parts = row.split('"').enumerate();
                let parts = parts.map(|(at, part)| match at % 2 {
                    0 => part.replace(',', separator),
                    _ => format!("\"{part}\""),
                });
                parts.collect::<String>()
            };
            let file: String = rows.iter().map(|row| with(row) + end).collect();
            let (refused, output) = by_file((mark.to_owned() + &file).as_bytes()).unwrap();
            assert_eq!(refused, 0, "{output}");
            let ends: Vec<_> = output.lines().map(|line| line.split(separator)).collect();
            let last = |line: &std::str::Split<'_, &str>| {
                let cells: Vec<_> = line.clone().collect();
                cells[cells.len() - 4..].join(" ")
            };
            let ends: Vec<_> = ends.iter().map(last).collect();
            let expected = [
                "note index category error",
                "a 2 Low ",
                "b 1 Low ",
                "c 1 Low ",
                "d 4 Moderate Risk ",
            ];
            assert_eq!(ends, expected, "{separator:?}");
        }
    }
}

#[test]
fn a_file_says_what_is_wrong_with_it() {
    let header = "standard,version,pollutant,unit,averaging,concentration";
    let row = |row: &str| {
        let (refused, output) = by_file(format!("{header}\n{row}\n").as_bytes()).unwrap();
        assert_eq!(refused, 1, "{output}");
        output.lines().nth(1).unwrap().to_owned()
    };
    for (given, reason) in [
        (",,PM10,ug/m3,24h,5", "the cell `standard` is empty"),
        ("uk_daqi,,,ug/m3,24h,5", "the cell `pollutant` is empty"),
        ("uk_daqi,,PM10,,24h,5", "the cell `unit` is empty: expected ug/m3"),
        ("uk_daqi,,PM10,ug/m3,24h, ", "the cell `concentration` is empty"),
        ("us_aqi,,O3,ppm,,0.07", "the cell `averaging` is empty: expected 8h or 1h"),
        ("uk_daqi,,PM10,mg/m3,24h,5 ug/m3", "is in µg/m³, the cell `unit` says mg/m³"),
        ("uk_daqi,,PM10,ug/m3,24h,12,5", "7 cells, the header has 6: a number with a decimal"),
        ("uk_daqi;;PM10;ug/m3;24h;5", "1 cell, the header has 6: it is separated by `;`"),
        ("uk_daqi;;PM10;ug/m3;24h;5", "the header by `,`"),
        ("uk_daqi,,PM10;O3,ug/m3,24h,5", "the lists of pollutants"),
    ] {
        let line = row(given);
        assert!(line.contains(reason), "{given}: {line}");
    }
    let file = |text: &str| by_file(text.as_bytes()).unwrap_err();
    let error = file("standard;version;pollutants;unit;averaging;concentration\n");
    assert!(
        error.contains("no column `pollutant`") && error.contains("is it pollutants?"),
        "{error}"
    );
    let error = file("standard,version,pollutant,unit,unit,averaging,concentration\n");
    assert_eq!(error, "the header has the column `unit` twice");
    assert!(file("").contains("the input is empty"));
    let latin = [header.as_bytes(), b"\nuk_daqi,,PM10,\xb5g/m\xb3,24h,5\n"].concat();
    let mut output = Vec::new();
    assert_eq!(batch(&latin[..], &mut output).unwrap(), 1);
    assert!(String::from_utf8_lossy(&output).contains("the row is not UTF-8"));
    let utf16: Vec<_> = "\u{feff}standard".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(by_file(&utf16).unwrap_err().contains("save it as UTF-8"));
}

#[test]
fn by_the_file() {
    let input = "\u{feff}site,standard,version,pollutant,unit,averaging,concentration\n\
        a,uk_daqi,2013,PM2.5,ug/m3,24h,11.5\n\
        \"b, c\",uk_daqi,,PM10,mg/m3,24h,0.0584\n\
        d,uk_daqi,2013,PM2.5,ug/m3,1h,11.5\n\
        e,uk_daqi,2012,PM2.5,ug/m3,24h,11.5\n\
        f,fr_atmo,2021,PM2.5,ug/m3,24h,11.5\n\
        g,uk_daqi,2013,SO2,ppb,15min,11.5\n\
        h,uk_daqi,2013,O3,ug/m3,8h,\n\
        i,uk_daqi\n\
        j,uk_daqi,2013,NO2,ug/m3,1h,601,extra\n\
        k,uk_daqi,2013,NO2,ug/m3,1h,601\n\
        l,ca_aqhi,,O3;NO2;PM2.5,ppb;ppb;ug/m3,3h,40;20;10\n";
    let expected = "site,standard,version,pollutant,unit,averaging,concentration,index,category,error\n\
        a,uk_daqi,2013,PM2.5,ug/m3,24h,11.5,2,Low,\n\
        \"b, c\",uk_daqi,,PM10,mg/m3,24h,0.0584,4,Moderate,\n\
        d,uk_daqi,2013,PM2.5,ug/m3,1h,11.5,,,\"uk_daqi takes PM2.5 as a mean of 24h, not 1h\"\n\
        e,uk_daqi,2012,PM2.5,ug/m3,24h,11.5,,,uk_daqi has no version `2012`; it has 2013\n\
        f,fr_atmo,2021,PM2.5,ug/m3,24h,11.5,2,Moyen,\n\
        g,uk_daqi,2013,SO2,ppb,15min,11.5,,,\"uk_daqi: SO2 is wanted in µg/m³, not in ppb; the two convert only at a stated temperature\"\n\
        h,uk_daqi,2013,O3,ug/m3,8h,,,,the cell `concentration` is empty\n\
        i,uk_daqi,,,,,,,,\"2 cells, the header has 7\"\n\
        j,uk_daqi,2013,NO2,ug/m3,1h,601,,,\"8 cells, the header has 7\",extra\n\
        k,uk_daqi,2013,NO2,ug/m3,1h,601,10,Very High,\n\
        l,ca_aqhi,,O3;NO2;PM2.5,ppb;ppb;ug/m3,3h,40;20;10,4,Moderate Risk,\n";
    let mut output = Vec::new();
    assert_eq!(batch(input.as_bytes(), &mut output).unwrap(), 6);
    assert_eq!(String::from_utf8(output).unwrap(), expected);

    let error = batch(&b"standard,pollutant\n"[..], Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no column `version`"), "{error}");
}
