//! How many boards may push with a token, and how often each.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::board::Board;
use super::tokens::TokenNumber;

/// The shortest time between two measurements of a board; the firmware's is 145 s unless set.
const BETWEEN: Duration = Duration::from_secs(10);

/// The number of boards that may use a token that names none.
const BOARDS: usize = 1000;

/// When each board's last measurement came.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<TokenNumber, HashMap<Board, Timestamp>>);

/// Why a measurement is not admitted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Excess {
    TooSoon(Duration),
    TooManyBoards(usize),
}

impl Pace {
    /// Admits a measurement, and notes its time. `is_bound`: the token names its boards. A clock that
    /// was set back delays nobody.
    pub(super) fn admit(
        &mut self,
        token: TokenNumber,
        is_bound: bool,
        board: Board,
        now: Timestamp,
    ) -> Result<(), Excess> {
        let boards = self.0.entry(token).or_default();
        if let Some(last) = boards.get(&board) {
            let since = Duration::try_from(now.duration_since(*last)).unwrap_or(BETWEEN);
            if since < BETWEEN {
                return Err(Excess::TooSoon(BETWEEN.saturating_sub(since)));
            }
        } else if !is_bound && boards.len() >= BOARDS {
            return Err(Excess::TooManyBoards(BOARDS));
        }
        boards.insert(board, now);
        Ok(())
    }
}
