//! Lines of the default columns in the default dialect, rendered in bulk: parts that repeat from
//! row to row (the station, the high digits of the id, the second, the end of the line) are copied,
//! in pieces of a fixed size, which is faster than copying exact lengths.

use std::ops::Range;

use super::cell::{Date, date_of, write_number, write_timestamp};
use super::{Cells, Dialect};
use crate::blocks::{Cell, DecimalRun, Indexer, Numbers, RUN, Short, Stations};
use crate::{AqiStandard, Block, Column, Country, Row, Spelling};

/// The columns `loc_id` to `loc_alt` of stations, each followed by a comma.
#[derive(Debug)]
pub(crate) struct StationText {
    pieces: Box<[StationPiece]>,
}

/// One cache line of the processor, since stations are accessed in random order.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct StationPiece {
    bytes: [u8; PIECE - 1],
    /// [`LONG`] if the text does not fit.
    length: u8,
}

const PIECE: usize = 64;

const LONG: u8 = u8::MAX;

impl StationText {
    /// Memory of a station.
    pub(crate) const TYPICAL_BYTES: usize = PIECE;

    pub(crate) fn of(stations: &Stations) -> Self {
        let mut room = [0; LINE];
        let mut pieces = Vec::with_capacity(stations.count());
        stations.for_each_place(|location, place| {
            let length = match put_station(&mut room, location, place) {
                Some(end) if end < PIECE => end as u8,
                _ => LONG,
            };
            let bytes = room.first_chunk().copied().unwrap_or([0; PIECE - 1]);
            pieces.push(StationPiece { bytes, length });
        });
        Self { pieces: pieces.into() }
    }
}

/// Maximum length of a line, including fixed-size copies: an id of 20 digits, a timestamp, two
/// decimals of 20 characters, a station, the end of the line.
const LINE: usize = 256;

/// Appends lines of some rows of a block, in order, and the end offset of each.
pub(super) fn print_lines(
    out: &mut Vec<u8>,
    block: &Block,
    rows: impl Iterator<Item = Range<usize>> + Clone,
    standard: AqiStandard,
    mut ends: Option<&mut Vec<u32>>,
) {
    let date = date_of(block.day);
    let text = block.stations.text(rows.clone().map(|rows| rows.len()).sum());
    let mut printer = text.map(|text| Printer::new(block, text, date, standard));
    for rows in rows {
        match &mut printer {
            Some(printer) => {
                for run in rows.start / RUN..rows.end.div_ceil(RUN) {
                    let of_run = rows.start.max(run * RUN)..rows.end.min(run * RUN + RUN);
                    printer.print(out, run, of_run, &mut ends);
                }
            }
            None => {
                rows.for_each(|row| print_slowly(out, block.row(row), &date, standard, &mut ends))
            }
        }
    }
}

fn print_slowly(
    out: &mut Vec<u8>,
    row: Row<'_>,
    date: &Date,
    standard: AqiStandard,
    ends: &mut Option<&mut Vec<u32>>,
) {
    let (columns, dialect) = (Column::DEFAULT, Dialect::DEFAULT);
    let cells = Cells { columns, dialect, standard, zone: None };
    cells.write(out, row, date);
    out.push(b'\n');
    if let Some(ends) = ends {
        ends.push(out.len() as u32); // a block's rows are far below 4 GB
    }
}

/// Renders runs of a block's rows.
struct Printer<'a> {
    block: &'a Block,
    text: &'a StationText,
    date: Date,
    /// The run of the columns below.
    run: Option<usize>,
    /// The second of `timestamp`, which is a cell between commas.
    second: u64,
    timestamp: [u8; 32],
    /// The last id without its last eight digits, and its text.
    high_id: u64,
    high_digits: Piece<16>,
    /// The ends of lines by index, for the country at this position.
    country: Option<Option<Country>>,
    /// By the place of the index value.
    line_ends: Vec<Piece<LINE_END>>,
    seconds: Numbers,
    ids: Numbers,
    standard: AqiStandard,
    indices: Indexer<'a>,
    stations: Numbers,
    pm10: DecimalRun,
    pm25: DecimalRun,
    /// Space for the lines of a run, and one more.
    lines: Vec<u8>,
}

/// A text in a buffer of fixed size.
#[derive(Clone, Copy)]
struct Piece<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Piece<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// As much of a text as fits.
    fn of(text: &[u8]) -> Self {
        let length = text.len().min(N);
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text[..length]);
        Self { bytes, length }
    }

    #[inline]
    fn put(&self, out: &mut [u8; LINE], at: usize) -> usize {
        out[at..at + N].copy_from_slice(&self.bytes);
        at + self.length
    }
}

impl<'a> Printer<'a> {
    fn new(block: &'a Block, text: &'a StationText, date: Date, standard: AqiStandard) -> Self {
        let mut timestamp = Vec::with_capacity(32);
        timestamp.push(b',');
        write_timestamp(&mut timestamp, &date, 0, Spelling::Default);
        timestamp.push(b',');
        Self {
            block,
            text,
            date,
            run: None,
            second: u64::MAX,
            timestamp: Piece::of(&timestamp).bytes,
            high_id: 0,
            high_digits: Piece::EMPTY,
            country: None,
            line_ends: Vec::new(),
            seconds: Numbers::default(),
            ids: Numbers::default(),
            standard,
            indices: Indexer::new(block, standard),
            stations: Numbers::default(),
            pm10: DecimalRun::default(),
            pm25: DecimalRun::default(),
            lines: vec![0; (RUN + 1) * LINE],
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
        if self.run != Some(run) {
            self.run = Some(run);
            self.read_run(run);
        }
        let mut at = 0;
        for row in rows {
            let cells = (block.pm10.in_run(&self.pm10, row), block.pm25.in_run(&self.pm25, row));
            let in_run = row - run * RUN;
            let station = self.stations.0[in_run] as usize;
            match (printable(cells.0), printable(cells.1)) {
                (Some(pm10), Some(pm25))
                    if self.text.pieces[station].length != LONG && self.has_line_end(in_run) =>
                {
                    self.set_country(row);
                    at = self.put_line(at, in_run, [pm10, pm25]);
                    if let Some(ends) = ends {
                        ends.push((out.len() + at) as u32); // a block's rows are far below 4 GB
                    }
                }
                _ => {
                    out.extend_from_slice(&self.lines[..at]);
                    at = 0;
                    print_slowly(out, block.row(row), &self.date, self.standard, ends);
                }
            }
        }
        out.extend_from_slice(&self.lines[..at]);
    }

    fn read_run(&mut self, run: usize) {
        let block = self.block;
        block.seconds.run(run, &mut self.seconds.0);
        block.measurements.run(run, &mut self.ids.0);
        block.station.run(run, &mut self.stations.0);
        block.pm10.run(run, &mut self.pm10);
        block.pm25.run(run, &mut self.pm25);
        self.indices.read_of(run, [&self.pm10, &self.pm25]);
    }

    /// Writes a line at a position; returns its end.
    #[inline]
    fn put_line(&mut self, at: usize, row: usize, values: [Option<Short>; 2]) -> usize {
        let mut lines = std::mem::take(&mut self.lines);
        let Some(line) = lines.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<LINE>()) else {
            self.lines = lines;
            return at; // there is space for a run of lines
        };
        let id = self.ids.0[row];
        let mut end = 0;
        if id != u64::MAX {
            end = self.put_id(line, id);
        }
        if self.seconds.0[row] != self.second {
            self.second = self.seconds.0[row];
            let second = self.second as u32; // below a day
            for (at, part) in [(12, second / 3600), (15, second / 60 % 60), (18, second % 60)] {
                self.timestamp[at..at + 2].copy_from_slice(&PAIRS[part as usize]);
            }
        }
        line[end..end + 32].copy_from_slice(&self.timestamp);
        end += TIMESTAMP_CELL;
        for value in values {
            end = put_short(line, end, value);
        }
        let station = &self.text.pieces[self.stations.0[row] as usize];
        line[end..end + PIECE - 1].copy_from_slice(&station.bytes);
        end += usize::from(station.length);
        let place = self.indices.places()[row] as usize; // there is room
        if self.line_ends[place].length == 0 {
            self.line_ends[place] = line_end(self.country.flatten(), place, self.standard);
        }
        end = self.line_ends[place].put(line, end);
        self.lines = lines;
        at + end
    }

    /// Updates the ends of lines for a row's country.
    #[inline]
    fn set_country(&mut self, row: usize) {
        if self.country.is_some() && self.block.countries.len() == 1 {
            return;
        }
        let country = self.block.country(row);
        if self.country != Some(country) {
            self.country = Some(country);
            self.line_ends.fill(Piece::EMPTY);
        }
    }

    /// Extends the cached ends of lines to a row's index, up to a limit, since some scales are
    /// open-ended.
    #[inline]
    fn has_line_end(&mut self, row: usize) -> bool {
        const MOST: usize = 1000;
        let place = self.indices.places()[row] as usize;
        if place >= self.line_ends.len() && place <= MOST {
            self.line_ends.resize((place + 1).max(16), Piece::EMPTY);
        }
        place <= MOST
    }

    #[inline]
    fn put_id(&mut self, out: &mut [u8; LINE], id: u64) -> usize {
        if id < HUNDRED_MILLION {
            return put_number(out, 0, id as u32);
        }
        let high = id / HUNDRED_MILLION;
        if high != self.high_id || self.high_digits.length == 0 {
            let mut digits = Vec::with_capacity(12);
            write_number(&mut digits, Some(high));
            (self.high_id, self.high_digits) = (high, Piece::of(&digits));
        }
        let at = self.high_digits.put(out, 0);
        out[at..at + 8].copy_from_slice(&eight_digits((id % HUNDRED_MILLION) as u32));
        at + 8
    }
}

/// Writes a station's columns; returns their end, or `None` in rare cases that need the slow path.
#[inline]
fn put_station(out: &mut [u8; LINE], location: Option<u64>, place: [Cell; 3]) -> Option<usize> {
    let mut end = match location {
        Some(location) => put_long(out, 0, location)?,
        None => 0,
    };
    out[end] = b',';
    end += 1;
    for cell in place {
        end = match cell {
            Cell::Absent => {
                out[end] = b',';
                end + 1
            }
            Cell::Short(short) => put_degrees(out, end, short)?,
            Cell::Long(_) => return None,
        };
    }
    Some(end)
}

/// Writes a decimal of up to 16 digits on either side of the point, and a comma.
#[inline]
fn put_degrees(out: &mut [u8; LINE], mut at: usize, value: Short) -> Option<usize> {
    const TENS: [u64; 17] = {
        let mut tens = [1; 17];
        let mut places = 1;
        while places < 17 {
            tens[places] = tens[places - 1] * 10;
            places += 1;
        }
        tens
    };
    let Short { negative, digits, places } = value;
    let ten = *TENS.get(places as usize)?;
    out[at] = b'-';
    at += usize::from(negative);
    at = put_long(out, at, digits / ten)?;
    if places > 0 {
        let fraction = digits % ten;
        let mut sixteen = [b','; 33];
        let halves = [fraction / HUNDRED_MILLION, fraction % HUNDRED_MILLION];
        let [high, low] = halves.map(|half| eight_digits(half as u32)); // of eight digits
        sixteen[..8].copy_from_slice(&high);
        sixteen[8..16].copy_from_slice(&low);
        let first = 16 - places as usize;
        out[at] = b'.';
        out[at + 1..at + 18].copy_from_slice(&sixteen[first..first + 17]);
        return Some(at + 2 + places as usize);
    }
    out[at] = b',';
    Some(at + 1)
}

const HUNDRED_MILLION: u64 = 100_000_000;

/// Writes a number of up to sixteen digits; returns its end.
#[inline]
fn put_long(out: &mut [u8; LINE], at: usize, number: u64) -> Option<usize> {
    if number < HUNDRED_MILLION {
        return Some(put_number(out, at, number as u32));
    }
    let high = u32::try_from(number / HUNDRED_MILLION).ok().filter(|high| *high < 100_000_000)?;
    let at = put_number(out, at, high);
    out[at..at + 8].copy_from_slice(&eight_digits((number % HUNDRED_MILLION) as u32));
    Some(at + 8)
}

const TIMESTAMP_CELL: usize = 22;

/// Longer than any country, number up to a thousand and name of a category.
const LINE_END: usize = 48;

/// `DE,4,Moderate` and the end of the line.
fn line_end(country: Option<Country>, place: usize, standard: AqiStandard) -> Piece<LINE_END> {
    let mut text = Vec::with_capacity(LINE_END);
    if let Some(country) = country {
        text.extend_from_slice(&country.bytes());
    }
    text.push(b',');
    if place == 0 {
        text.push(b',');
    } else {
        let number = Indexer::number_at(standard, place as u64);
        write_number(&mut text, Some(number.into()));
        text.push(b',');
        text.extend_from_slice(standard.category_of(number).name.as_bytes());
    }
    text.push(b'\n');
    Piece::of(&text)
}

/// Whether [`put_short`] can write it: digits below 100 million, at most eight after the point.
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

/// Numbers below a thousand, without leading zeros, and their number of digits.
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

/// Writes a number below 100 million; returns its end. Needs space for eight digits.
#[inline]
fn put_number(out: &mut [u8; LINE], at: usize, number: u32) -> usize {
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

/// Writes a decimal that is [`printable`], if any, and a comma; returns the end.
#[inline]
fn put_short(out: &mut [u8; LINE], mut at: usize, value: Option<Short>) -> usize {
    let Some(Short { negative, digits, places }) = value else {
        out[at] = b',';
        return at + 1;
    };
    let digits = digits as u32; // below 100 million
    if places == 2 && digits < 100_000 && !negative {
        // As nearly all are.
        let [a, b, c, length] = SMALL[(digits / 100) as usize];
        out[at..at + 3].copy_from_slice(&[a, b, c]);
        at += usize::from(length);
        let [tens, ones] = PAIRS[(digits % 100) as usize];
        out[at..at + 4].copy_from_slice(&[b'.', tens, ones, b',']);
        return at + 4;
    }
    put_other(out, at, negative, digits, places as usize)
}

fn put_other(
    out: &mut [u8; LINE],
    mut at: usize,
    negative: bool,
    digits: u32,
    places: usize,
) -> usize {
    const TENS: [u32; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    out[at] = b'-';
    at += usize::from(negative);
    let ten = TENS[places];
    at = put_number(out, at, digits / ten);
    if places > 0 {
        out[at] = b'.';
        let fraction = eight_digits(digits % ten);
        out[at + 1..at + 1 + places].copy_from_slice(&fraction[8 - places..]);
        at += 1 + places;
    }
    out[at] = b',';
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_every_line_fits() {
        for standard in AqiStandard::all() {
            for category in standard.standard().categories {
                let (name, longest) = (category.name, "DE,1000,\n".len() + category.name.len());
                assert!(longest <= LINE_END, "{standard} {name}");
                let plain = |c: char| c.is_alphanumeric() || c == ' ';
                assert!(name.chars().all(plain), "{standard} {name}: nothing to quote or escape");
            }
        }
    }
}
