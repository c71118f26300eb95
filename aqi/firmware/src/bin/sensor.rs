//! A bare-metal sensor: readings as text and as floats, the 24-hour mean, NowCast, two indices, the
//! concentrations with the same index, and all of it formatted as text.

#![no_std]
#![no_main]

use core::fmt::Write;
use core::hint::black_box;

use airshed_firmware::Screen;
use aqi::daqi::DAQI;
use aqi::{Averaging, Concentration, Error, Pollutant, Sample, Unit, mean, nowcast, us};

fn show(screen: &mut Screen, text: &str, float: f32) -> Result<(), Error> {
    let mut hours = [Concentration::try_from_f32(float, Unit::Microgram).ok(); 24];
    hours[23] = Some(Concentration::parse(text, Unit::Microgram)?);
    let day = mean::mean(&hours, 18)?;
    let last = core::array::from_fn(|hour| hours[12 + hour]);
    let samples = [
        Sample::new(Pollutant::Pm25, Averaging::Day, day),
        Sample::new(Pollutant::Pm10, Averaging::Day, nowcast::nowcast(&last)?),
    ];
    let uk = DAQI.index(&samples)?;
    let us = us::AQI_2024.index(&samples)?;
    let interval = DAQI.interval(Pollutant::Pm25, Averaging::Day, uk.index())?;
    let written = write!(screen, "{day}: {uk} ({}), {us}", uk.standard());
    let written = written.and(interval.map_or(Ok(()), |same| write!(screen, "; {same}")));
    written.map_err(|_| Error::TooLarge)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut screen = Screen::EMPTY;
    loop {
        if let Err(error) = show(&mut screen, black_box("35.5"), black_box(9.05)) {
            let _ = write!(screen, "{error}");
        }
        screen.refresh();
    }
}
