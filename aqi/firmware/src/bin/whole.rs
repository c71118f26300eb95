//! Every function of the library in one image: each standard by name and by day, with explanation,
//! bulk and inverse, every mean, every conversion.

#![no_std]
#![no_main]

use core::fmt::Write;
use core::hint::black_box;

use airshed_firmware::Screen;
use aqi::bulk::Column;
use aqi::mean::Mean;
use aqi::{
    Averaging, Concentration, Date, Error, Pollutant, Sample, Temperature, Unit, kr, mean, nowcast,
    standards,
};

fn explain(screen: &mut Screen, id: &str, text: &str, value: f64) -> Result<(), Error> {
    let given: Concentration = text.parse()?;
    let float = Concentration::try_from_f64(value, given.unit())?;
    let today = Date::new(2026, 11, 24);
    let by_day = standards::in_force(id, today).ok_or(Error::NothingGiven)?;
    for standard in standards::find(id, "").chain([by_day]) {
        let _ = write!(screen, "{standard} {}", standard.from);
        screen.refresh();
        for table in standard.tables {
            let (pollutant, averaging) = (table.pollutant, table.averaging);
            let converted = float.at(Temperature::Twenty, pollutant, table.unit).unwrap_or(given);
            let sample = Sample::new(pollutant, averaging, converted);
            let _ = match standard.index(&[sample]) {
                Ok(answer) => write!(screen, "{answer} {:?}", answer.colour().is_some()),
                Err(error) => write!(screen, "{error}"),
            };
            screen.refresh();
            let part = standard.sub_index(&sample)?;
            black_box((part.row(), part.rounded(), part.risk(), part.to_next_category()));
            black_box(standard.advice(part.index(), today));
            if let Some(interval) = standard.interval(pollutant, averaging, part.index())? {
                black_box(interval.closed(2));
                let _ = write!(screen, "{interval}");
                screen.refresh();
            }
            black_box(standard.category_interval(pollutant, averaging, part.category())?);
            let values = black_box(&[1_150; 4]);
            let column = Column { pollutant, averaging, unit: table.unit, decimals: 2, values };
            let mut out = [None; 4];
            standard.bulk(&[column], &mut out)?;
            black_box(out);
        }
    }
    Ok(())
}

fn average(text: &str) -> Result<(), Error> {
    let hour = Concentration::parse(text, Unit::Microgram).ok();
    let mut year = Mean::default();
    year.add(hour.ok_or(Error::NotANumber)?)?;
    black_box(year.get(1)?);
    black_box(mean::daily_max_8h(&[hour; 31], 18)?);
    black_box(mean::daily_max_8h_us(&[hour; 31], 13)?);
    black_box(nowcast::nowcast(&[hour; 12])?);
    black_box(kr::forecast_mean(Pollutant::Pm10, &[hour; 12])?);
    black_box("24h".parse::<Averaging>()?);
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut screen = Screen::EMPTY;
    loop {
        let id = black_box("us_aqi");
        let done = explain(&mut screen, id, black_box("35.5 ug/m3"), black_box(9.05));
        if let Err(error) = done.and_then(|()| average(black_box("12"))) {
            let _ = write!(screen, "{error}");
        }
        screen.refresh();
    }
}
