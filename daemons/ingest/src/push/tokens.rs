//! The tokens with which boards may push.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::board::Board;

/// Fewer characters could be guessed.
const LEAST_LENGTH: usize = 16;

const HASHED: &str = "sha256:";

/// Tokens, of which only the hashes are in memory.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    hash: [u8; 32],
    /// The boards that may use it; empty: any.
    boards: BTreeSet<Board>,
}

/// The place of a token in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenNumber(usize);

impl Tokens {
    /// Reads a file with a token a line, or `sha256:` and the hash of one in hexadecimal; after it,
    /// the boards that may use it, if not all may. Lines that begin with `#` are comments.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut tokens = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split_whitespace();
            let Some(token) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let hash = hash_of(token).map_err(|reason| format!("line {number}: {reason}"))?;
            if tokens.find_hash(&hash).is_some() {
                return Err(format!("line {number}: this token is there twice"));
            }
            let boards = words
                .map(|word| word.parse().map_err(|bad| format!("line {number}: `{word}`: {bad}")));
            tokens.0.push(Token { hash, boards: boards.collect::<Result<_, _>>()? });
        }
        match tokens.0.is_empty() {
            true => Err("there is no token in it".to_owned()),
            false => Ok(tokens),
        }
    }

    pub(super) fn find(&self, token: &str) -> Option<TokenNumber> {
        self.find_hash(&Sha256::digest(token).into())
    }

    /// Compares with every token, in the same time whatever they have in common.
    fn find_hash(&self, hash: &[u8; 32]) -> Option<TokenNumber> {
        let numbered = (0..).zip(&self.0);
        numbered.fold(None, |found, (number, token)| match bool::from(token.hash.ct_eq(hash)) {
            true => Some(TokenNumber(number)),
            false => found,
        })
    }

    pub(super) fn permits(&self, TokenNumber(number): TokenNumber, board: Board) -> bool {
        let boards = self.0.get(number).map(|token| &token.boards);
        boards.is_some_and(|boards| boards.is_empty() || boards.contains(&board))
    }

    /// Whether a token names its boards.
    pub(super) fn is_bound(&self, TokenNumber(number): TokenNumber) -> bool {
        self.0.get(number).is_some_and(|token| !token.boards.is_empty())
    }
}

fn hash_of(token: &str) -> Result<[u8; 32], String> {
    let Some(digits) = token.strip_prefix(HASHED) else {
        return match token.len() >= LEAST_LENGTH {
            true => Ok(Sha256::digest(token).into()),
            false => Err(format!("a token has at least {LEAST_LENGTH} characters")),
        };
    };
    let mut hash = [0; 32];
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        let pair = digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte =
            pair.filter(|_| is_hash).ok_or("sha256: is not followed by 64 hexadecimal digits")?;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_as_themselves_and_by_their_hash() {
        let hash = airshed_common::hexadecimal(&Sha256::digest("the-second-of-the-tokens"));
        let text =
            format!("# ours\n\nthe-first-of-the-tokens\nsha256:{hash} esp8266-7 esp32-abcdef0\n");
        let tokens = Tokens::read(&text).unwrap();
        let (seven, eight) = ("esp8266-7".parse().unwrap(), "esp8266-8".parse().unwrap());
        let first = tokens.find("the-first-of-the-tokens").unwrap();
        assert!(tokens.permits(first, seven) && tokens.permits(first, eight));
        let second = tokens.find("the-second-of-the-tokens").unwrap();
        assert!(tokens.permits(second, seven) && !tokens.permits(second, eight));
        assert!(tokens.is_bound(second) && !tokens.is_bound(first));
        for other in ["", "# ours", "the-third-of-the-tokens", &hash] {
            assert_eq!(tokens.find(other), None, "{other}");
        }
    }

    #[test]
    fn errors_name_the_line_and_never_the_token() {
        for (text, line) in [
            ("# nothing", "no token"),
            ("short-one", "line 1: "),
            ("a-token-that-is-long\nsha256:12", "line 2: "),
            ("a-token-that-is-long nonsense", "line 1: `nonsense`"),
            ("a-token-that-is-long\na-token-that-is-long", "line 2: "),
        ] {
            let error = Tokens::read(text).unwrap_err();
            assert!(error.contains(line) && !error.contains("long"), "{error}");
        }
    }
}
