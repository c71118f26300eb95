//! Lenient parsing of names: `pm2_5`, `PM₂.₅`, `µg m⁻³`, `24 hours`.

/// Whether a text is a name, ignoring case, spaces and punctuation; but a separator between two
/// digits is significant: PM1.0 is not PM10.
pub(crate) fn same(text: &str, name: &str) -> bool {
    letters(text).eq(letters(name))
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    const PUNCTUATION: &[char] = &['_', '-', '.', ',', '/', '^', '*', '·', '⋅', '⁻', '−'];
    let (mut gap, mut after_digit) = (false, false);
    let letter = move |c: char| {
        if c.is_whitespace() || PUNCTUATION.contains(&c) {
            gap = true;
            return [None, None];
        }
        let c = plain(c).to_ascii_lowercase();
        let parted = gap && after_digit && c.is_ascii_digit();
        (gap, after_digit) = (false, c.is_ascii_digit());
        [parted.then_some('.'), Some(c)]
    };
    text.chars().flat_map(letter).flatten()
}

/// Raised and lowered digits as digits, and both of Unicode's letters for micro as `u`.
fn plain(c: char) -> char {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    const LOWERED: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    if matches!(c, 'µ' | 'μ') {
        return 'u';
    }
    let digit = [RAISED, LOWERED].iter().find_map(|digits| digits.iter().position(|d| *d == c));
    digit.and_then(|digit| char::from_digit(digit as u32, 10)).unwrap_or(c)
}
