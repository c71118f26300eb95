//! Lines of the default columns in the usual dialect, printed in bulk: what stays the same
//! from row to row (the station, the high digits of the id, the second, the end of the line)
//! is copied, in pieces of a fixed size, which is quicker than of their own.

use std::ops::Range;

use super::cell::{Date, date_of, write_number, write_timestamp};
use super::{Dialect, write_cells};
use crate::blocks::{Cell, DecimalRun, Numbers, RUN, Short, Stations};
use crate::{Block, Column, Country, Spelling};

/// What stations say in the columns `loc_id` to `loc_alt`, each with a comma behind it.
#[derive(Debug)]
pub(crate) struct StationText {
    /// With room for a [`Piece`] behind the last.
    bytes: Box<[u8]>,
    ends: Box<[u32]>,
    longest: usize,
}

/// What is copied at once of a station's text.
const PIECE: usize = 64;

impl StationText {
    /// What a station takes, for the accounting of memory.
    pub(crate) const TYPICAL_BYTES: usize = 48;

    pub(crate) fn of(stations: &Stations) -> Self {
        let mut bytes = Vec::with_capacity(stations.count() * Self::TYPICAL_BYTES + PIECE);
        let mut ends = Vec::with_capacity(stations.count());
        let mut longest = 0;
        for number in 0..stations.count() {
            let start = bytes.len();
            write_number(&mut bytes, stations.location(number));
            let degrees = [stations.latitude(number), stations.longitude(number)];
            for value in degrees.into_iter().chain([stations.altitude(number)]) {
                bytes.push(b',');
                super::cell::write_decimal(&mut bytes, value, b'.');
            }
            bytes.push(b',');
            longest = longest.max(bytes.len() - start);
            ends.push(bytes.len() as u32); // some 100 bytes for each of few stations
        }
        bytes.extend([0; PIECE]);
        Self { bytes: bytes.into(), ends: ends.into(), longest: longest.max(PIECE) }
    }

    fn range(&self, number: usize) -> Range<usize> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[number] as usize
    }
}

/// The longest that the columns before and behind a station's can be, copies of a fixed
/// size included: an id of 20 digits, a timestamp, two decimals of 21 characters.
const REST: usize = 160;

/// Appends lines of some rows of a block, and where each ends.
pub(super) fn print_lines(
    out: &mut Vec<u8>,
    block: &Block,
    rows: Range<usize>,
    mut ends: Option<&mut Vec<u32>>,
) {
    let date = date_of(block.day);
    let text = block.stations.text(rows.len());
    let mut printer = text.map(|text| Printer::new(block, text, date));
    for run in rows.start / RUN..rows.end.div_ceil(RUN) {
        let of_run = rows.start.max(run * RUN)..rows.end.min(run * RUN + RUN);
        match &mut printer {
            Some(printer) => printer.print(out, run, of_run, &mut ends),
            None => of_run.for_each(|row| print_slowly(out, block, row, &date, &mut ends)),
        }
    }
}

fn print_slowly(
    out: &mut Vec<u8>,
    block: &Block,
    row: usize,
    date: &Date,
    ends: &mut Option<&mut Vec<u32>>,
) {
    write_cells(out, block.row(row), date, Column::DEFAULT, Dialect::USUAL);
    out.push(b'\n');
    if let Some(ends) = ends {
        ends.push(out.len() as u32); // a block's rows are far below 4 GB
    }
}

/// Prints runs of a block's rows.
struct Printer<'a> {
    block: &'a Block,
    text: &'a StationText,
    date: Date,
    /// The second that `timestamp` is of.
    second: u64,
    timestamp: [u8; 32],
    /// The id without its last eight digits, as it was last, and its digits.
    high_id: u64,
    high_digits: Piece<16>,
    /// The ends of lines by index, for the country at this place.
    country: Option<Option<Country>>,
    line_ends: [Piece<32>; 11],
    seconds: Numbers,
    ids: Numbers,
    indices: Numbers,
    stations: Numbers,
    pm10: DecimalRun,
    pm25: DecimalRun,
}

/// Some text in room of a fixed size.
#[derive(Clone, Copy)]
struct Piece<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Piece<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// As much of a text as there is room for.
    fn of(text: &[u8]) -> Self {
        let length = text.len().min(N);
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text[..length]);
        Self { bytes, length }
    }

    #[inline]
    fn put(&self, out: &mut [u8], at: usize) -> usize {
        out[at..at + N].copy_from_slice(&self.bytes);
        at + self.length
    }
}

impl<'a> Printer<'a> {
    fn new(block: &'a Block, text: &'a StationText, date: Date) -> Self {
        Self {
            block,
            text,
            date,
            second: u64::MAX,
            timestamp: [0; 32],
            high_id: 0,
            high_digits: Piece::EMPTY,
            country: None,
            line_ends: [Piece::EMPTY; 11],
            seconds: Numbers::default(),
            ids: Numbers::default(),
            indices: Numbers::default(),
            stations: Numbers::default(),
            pm10: DecimalRun::default(),
            pm25: DecimalRun::default(),
        }
    }

    fn print(
        &mut self,
        out: &mut Vec<u8>,
        run: usize,
        rows: Range<usize>,
        ends: &mut Option<&mut Vec<u32>>,
    ) {
        let block = self.block;
        block.seconds.run(run, &mut self.seconds.0);
        block.measurements.run(run, &mut self.ids.0);
        block.indices.run(run, &mut self.indices.0);
        block.station.run(run, &mut self.stations.0);
        block.pm10.run(run, &mut self.pm10);
        block.pm25.run(run, &mut self.pm25);
        let mut at = out.len();
        let most = self.text.longest + REST;
        out.resize(at + rows.len() * most, 0);
        let rest = rows.end;
        for row in rows {
            let cells = (block.pm10.in_run(&self.pm10, row), block.pm25.in_run(&self.pm25, row));
            let in_run = row - run * RUN;
            match (printable(cells.0), printable(cells.1)) {
                (Some(pm10), Some(pm25)) => {
                    self.set_country(row);
                    at = self.put_line(out, at, in_run, pm10, pm25);
                    if let Some(ends) = ends {
                        ends.push(at as u32); // a block's rows are far below 4 GB
                    }
                }
                _ => {
                    out.truncate(at);
                    print_slowly(out, block, row, &self.date, ends);
                    at = out.len();
                    out.resize(at + (rest - row) * most, 0);
                }
            }
        }
        out.truncate(at);
    }

    /// Appends a line to `out` at a place; where it ends.
    #[inline]
    fn put_line(
        &mut self,
        out: &mut [u8],
        mut at: usize,
        row: usize,
        pm10: Option<Short>,
        pm25: Option<Short>,
    ) -> usize {
        let id = self.ids.0[row];
        if id != u64::MAX {
            at = self.put_id(out, at, id);
        }
        if self.seconds.0[row] != self.second {
            self.second = self.seconds.0[row];
            self.timestamp = self.timestamp_cell();
        }
        out[at..at + 32].copy_from_slice(&self.timestamp);
        at += TIMESTAMP_CELL;
        at = put_short(out, at, pm10);
        out[at] = b',';
        at = put_short(out, at + 1, pm25);
        out[at] = b',';
        at += 1;
        let station = self.text.range(self.stations.0[row] as usize);
        if station.len() <= PIECE {
            out[at..at + PIECE].copy_from_slice(&self.text.bytes[station.start..][..PIECE]);
        } else {
            out[at..at + station.len()].copy_from_slice(&self.text.bytes[station.clone()]);
        }
        at += station.len();
        self.line_ends[self.indices.0[row] as usize].put(out, at)
    }

    /// `,2020-06-11T09:40:41Z,`
    #[cold]
    fn timestamp_cell(&self) -> [u8; 32] {
        let mut text = Vec::with_capacity(TIMESTAMP_CELL);
        text.push(b',');
        write_timestamp(&mut text, &self.date, self.second as u32, Spelling::Usual); // below a day
        text.push(b',');
        Piece::of(&text).bytes
    }

    /// Sees to it that the ends of lines are those of a row's country.
    #[inline]
    fn set_country(&mut self, row: usize) {
        if self.country.is_some() && self.block.countries.len() == 1 {
            return;
        }
        let country = self.block.country(row);
        if self.country != Some(country) {
            self.country = Some(country);
            self.line_ends = std::array::from_fn(|index| line_end(country, index as u8));
        }
    }

    #[inline]
    fn put_id(&mut self, out: &mut [u8], at: usize, id: u64) -> usize {
        const LOW: u64 = 100_000_000;
        if id < LOW {
            return put_number(out, at, id as u32);
        }
        let high = id / LOW;
        if high != self.high_id || self.high_digits.length == 0 {
            let mut digits = Vec::with_capacity(12);
            write_number(&mut digits, Some(high));
            (self.high_id, self.high_digits) = (high, Piece::of(&digits));
        }
        let at = self.high_digits.put(out, at);
        out[at..at + 8].copy_from_slice(&eight_digits((id % LOW) as u32));
        at + 8
    }
}

const TIMESTAMP_CELL: usize = 22;

/// `DE,4,Moderate` and the end of the line.
fn line_end(country: Option<Country>, index: u8) -> Piece<32> {
    let mut text = Vec::with_capacity(32);
    if let Some(country) = country {
        text.extend_from_slice(&country.bytes());
    }
    text.push(b',');
    if let Ok(index) = aqi::daqi::Index::new(index) {
        write_number(&mut text, Some(index.get().into()));
        text.push(b',');
        text.extend_from_slice(Spelling::Usual.of_band(index.band()).as_bytes());
    } else {
        text.push(b',');
    }
    text.push(b'\n');
    Piece::of(&text)
}

/// What [`put_short`] can write: digits below 100 million, at most eight behind the point.
#[inline]
fn printable(cell: Cell) -> Option<Option<Short>> {
    match cell {
        Cell::Absent => Some(None),
        Cell::Short(short) if short.digits < 100_000_000 && short.places <= 8 => Some(Some(short)),
        _ => None,
    }
}

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Numbers below a thousand, without zeros in front, and how many digits they have.
const SMALL: [[u8; 4]; 1000] = {
    let mut texts = [[0; 4]; 1000];
    let mut number = 0;
    while number < 1000 {
        let digits = [number / 100, number / 10 % 10, number % 10];
        let length = if number >= 100 { 3 } else { 1 + (number >= 10) as usize };
        let mut at = 0;
        while at < length {
            texts[number][at] = b'0' + digits[3 - length + at] as u8;
            at += 1;
        }
        texts[number][3] = length as u8;
        number += 1;
    }
    texts
};

#[inline]
fn eight_digits(number: u32) -> [u8; 8] {
    let (high, low) = (number / 10_000, number % 10_000);
    let [a, b] = PAIRS[(high / 100 % 100) as usize];
    let [c, d] = PAIRS[(high % 100) as usize];
    let [e, f] = PAIRS[(low / 100) as usize];
    let [g, h] = PAIRS[(low % 100) as usize];
    [a, b, c, d, e, f, g, h]
}

/// Writes a number below 100 million; where it ends. Takes room for eight digits.
#[inline]
fn put_number(out: &mut [u8], at: usize, number: u32) -> usize {
    if number < 1000 {
        let text = SMALL[number as usize];
        out[at..at + 4].copy_from_slice(&text);
        return at + usize::from(text[3]);
    }
    let digits = eight_digits(number);
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    out[at..at + 8 - zeros].copy_from_slice(&digits[zeros..]);
    at + 8 - zeros
}

/// Writes a decimal that is [`printable`]; where it ends.
#[inline]
fn put_short(out: &mut [u8], mut at: usize, value: Option<Short>) -> usize {
    const TENS: [u32; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    let Some(Short { negative, digits, places }) = value else { return at };
    let digits = digits as u32; // below 100 million
    out[at] = b'-';
    at += usize::from(negative);
    if places == 2 {
        // As nearly all are.
        at = put_number(out, at, digits / 100);
        out[at] = b'.';
        out[at + 1..at + 3].copy_from_slice(&PAIRS[(digits % 100) as usize]);
        return at + 3;
    }
    let ten = TENS[places as usize];
    at = put_number(out, at, digits / ten);
    if places == 0 {
        return at;
    }
    out[at] = b'.';
    let places = places as usize;
    let fraction = eight_digits(digits % ten);
    out[at + 1..at + 1 + places].copy_from_slice(&fraction[8 - places..]);
    at + 1 + places
}
