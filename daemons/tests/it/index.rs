//! `airshed index`: one at a time and by the file.

use airshed::index::{batch, of_pairs};

fn answer(standard: &str, pairs: &[&str]) -> Result<(u8, &'static str), String> {
    let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
    let answer = of_pairs(standard, &pairs).map_err(|refusal| refusal.to_string())?;
    Ok((answer.index().get(), answer.band().name()))
}

#[test]
fn one_at_a_time() {
    assert_eq!(answer("uk_daqi", &["PM2.5=11.5"]), Ok((2, "Low")));
    assert_eq!(answer("uk_daqi", &["pm25=11.4", "O3=187.5"]), Ok((8, "High")));
    assert_eq!(answer("uk_daqi", &["PM10=0.1005mg/m3"]), Ok((10, "Very High")));
    let refusals = [
        ("uk_daqi", "PM2.5", "give POLLUTANT=VALUE"),
        ("uk_daqi", "CO=5", "no pollutant `CO`"),
        ("uk_daqi", "PM10=", "not a decimal number"),
        ("uk_daqi", "PM10=-1", "below zero"),
        ("uk_daqi", "PM10=nan", "`nan`: not a decimal number"),
        ("uk_daqi", "PM10=5nan", "unit `nan`"),
        ("uk_daqi", "NO2=5ppb", "stated temperature"),
        ("us_aqi", "PM10=5", "us_aqi is not supported yet"),
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
        k,uk_daqi,2013,NO2,ug/m3,1h,601\n";
    let expected = "site,standard,version,pollutant,unit,averaging,concentration,index,category,error\n\
        a,uk_daqi,2013,PM2.5,ug/m3,24h,11.5,2,Low,\n\
        \"b, c\",uk_daqi,,PM10,mg/m3,24h,0.0584,4,Moderate,\n\
        d,uk_daqi,2013,PM2.5,ug/m3,1h,11.5,,,\"uk_daqi takes PM2.5 as a mean of 24h, not 1h\"\n\
        e,uk_daqi,2012,PM2.5,ug/m3,24h,11.5,,,uk_daqi has no version `2012`; it has 2013\n\
        f,fr_atmo,2021,PM2.5,ug/m3,24h,11.5,,,fr_atmo is not supported yet; uk_daqi is\n\
        g,uk_daqi,2013,SO2,ppb,15min,11.5,,,uk_daqi is defined in ug/m3; ppb converts only at a stated temperature\n\
        h,uk_daqi,2013,O3,ug/m3,8h,,,,concentration ``: not a decimal number\n\
        i,uk_daqi,,,,,,,,\"2 cells, the header has 7\"\n\
        j,uk_daqi,2013,NO2,ug/m3,1h,601,,,\"8 cells, the header has 7\",extra\n\
        k,uk_daqi,2013,NO2,ug/m3,1h,601,10,Very High,\n";
    let mut output = Vec::new();
    assert_eq!(batch(input.as_bytes(), &mut output).unwrap(), 8 - 1);
    assert_eq!(String::from_utf8(output).unwrap(), expected);

    let error = batch(&b"standard,pollutant\n"[..], Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no column `version`"), "{error}");
}
