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
        ("uk_daqi", "PM2.5", "give POLLUTANT=VALUE"),
        ("uk_daqi", "CO=5", "no pollutant `CO`"),
        ("uk_daqi", "PM10=", "not a decimal number"),
        ("uk_daqi", "PM10=-1", "below zero"),
        ("uk_daqi", "PM10=nan", "`nan`: not a decimal number"),
        ("uk_daqi", "PM10=5nan", "unit `nan`"),
        ("uk_daqi", "NO2=5ppb", "stated temperature"),
        ("us_aqi", "O3=70", "O3 is wanted in ppm, not in µg/m³"),
        ("us_aqi", "PM10/8h=5", "as a mean of 24h, not 8h"),
        ("us_aqi:2031", "PM10=5", "us_aqi has no version `2031`; it has 2024, 2012, 1999_2008"),
        ("eu_caqi:2012:seaside", "PM10=5", "it has background hourly, background daily"),
        ("ca_aqhi", "O3=5ppb", "needs all of its pollutants together"),
        ("xx", "PM10=5", "give one of uk_daqi us_aqi"),
    ];
    for (standard, pair, reason) in refusals {
        let refusal = answer(standard, &[pair]).unwrap_err();
        assert!(refusal.contains(reason), "{pair}: {refusal}");
    }
    assert!(answer("uk_daqi", &["PM10=5", "PM10=6"]).unwrap_err().contains("twice"));
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
        h,uk_daqi,2013,O3,ug/m3,8h,,,,concentration ``: not a decimal number\n\
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
