//! Boards: the microcontrollers that send the values of the sensors that are wired to them.

use std::fmt;
use std::str::FromStr;

/// A board, by the number of its chip: of an ESP8266 below 2²⁴, of an ESP32 from there to 2⁴⁸.
///
/// Written as the firmware calls itself: `esp8266-1234567` in decimal, `esp32-a0b1c2d3e4f5` in
/// hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Board(u64);

const ESP8266: &str = "esp8266-";
const ESP32: &str = "esp32-";
/// Chips of the ESP8266 have lower numbers.
const ESP8266_END: u64 = 1 << 24;
const END: u64 = 1 << 48;

impl Board {
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for Board {
    type Err = BadBoard;

    /// The prefix can be missing, as in the body of a push.
    fn from_str(text: &str) -> Result<Self, BadBoard> {
        let decimal = |text: &str| {
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| is_decimal && *number < ESP8266_END)
        };
        let hexadecimal = |text: &str| {
            let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hexadecimal);
            number.filter(|number| (ESP8266_END..END).contains(number))
        };
        let text = text.trim();
        let number = match (text.strip_prefix(ESP8266), text.strip_prefix(ESP32)) {
            (Some(number), _) => decimal(number),
            (_, Some(number)) => hexadecimal(number),
            _ => decimal(text).or_else(|| hexadecimal(text)),
        };
        number.map(Self).ok_or(BadBoard)
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 < ESP8266_END {
            true => write!(f, "{ESP8266}{}", self.0),
            false => write!(f, "{ESP32}{:x}", self.0),
        }
    }
}

/// The text is not the name of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBoard;

impl fmt::Display for BadBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a board is written esp8266-1234567, or esp32- with hexadecimal digits")
    }
}

impl std::error::Error for BadBoard {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_are_read_as_the_firmware_and_people_write_them() {
        let number = |text: &str| text.parse().map(Board::number);
        for (text, board) in [
            ("esp8266-1234567", 1_234_567),
            ("1234567", 1_234_567),
            ("esp32-a0b1c2d3e4f5", 0xa0b1_c2d3_e4f5),
            ("a0b1c2d3e4f5", 0xa0b1_c2d3_e4f5),
            ("esp32-123456789012", 0x1234_5678_9012),
            ("123456789012", 0x1234_5678_9012),
        ] {
            assert_eq!(number(text), Ok(board), "{text}");
            let written = text.parse::<Board>().unwrap().to_string();
            assert_eq!(number(&written), Ok(board), "{written}");
        }
        for text in ["", "esp8266-", "-1", "+1", "esp8266-16777216", "esp32-12", "esp8266-ab", "g"]
        {
            assert_eq!(number(text), Err(BadBoard), "{text}");
        }
        assert_eq!(number("1000000000000"), Err(BadBoard), "2^48 and more");
    }
}
