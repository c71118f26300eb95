//! Exact sums of fractions, cut to an integer.
//!
//! A slot may have any number of samples, so a mean of means has any denominator. The fractions
//! are added over the least common denominator in an `i128`, which has room for everything that
//! real sensors do. Where that overflows, the same sum is worked out again in integers of as many
//! words as it takes: there is no rounding in either way.

use std::cmp::Ordering;

/// A numerator and its denominator, which is not zero.
pub(super) type Term = (i128, u64);

/// A sum of fractions.
#[derive(Debug, Clone)]
pub(super) enum Sum {
    One(Term),
    /// Where the common denominator would be above [`MOST`].
    Many(Box<[Term]>),
}

/// The greatest common denominator of a [`Sum`]; times 12 slots, it still fits into a `u64`.
const MOST: u64 = 1 << 59;

impl Sum {
    pub(super) fn of(terms: &[Term]) -> Self {
        let one = common(terms.iter().copied()).filter(|(_, denominator)| *denominator <= MOST);
        one.map_or_else(|| Self::Many(terms.into()), Self::One)
    }

    pub(super) fn terms(&self) -> &[Term] {
        match self {
            Self::One(term) => std::slice::from_ref(term),
            Self::Many(terms) => terms,
        }
    }
}

/// A sum of fractions divided by a positive number, cut towards zero.
pub(super) fn cut(terms: impl Iterator<Item = Term> + Clone, divisor: u64) -> i128 {
    let Some((numerator, denominator)) = common(terms.clone()) else {
        return cut_wide(terms, divisor);
    };
    numerator / (i128::from(denominator) * i128::from(divisor)) // below 2^127: at most (2^63)^2
}

/// The sum over the least common denominator; none if it overflows.
fn common(terms: impl Iterator<Item = Term>) -> Option<Term> {
    let (mut sum, mut denominator) = (0i128, 1u64);
    for (numerator, of) in terms {
        if denominator % of != 0 {
            let factor = of / greatest_common_divisor(denominator, of);
            denominator = denominator.checked_mul(factor).filter(|all| *all <= i64::MAX as u64)?;
            sum = sum.checked_mul(i128::from(factor))?;
        }
        sum = sum.checked_add(numerator.checked_mul(i128::from(denominator / of))?)?;
    }
    Some((sum, denominator))
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Like [`cut`], with integers of any size.
fn cut_wide(terms: impl Iterator<Item = Term>, divisor: u64) -> i128 {
    // The sum is `whole + part / of`, and `part` is below `of`.
    let (mut whole, mut part, mut of) = (0i128, Wide::from(0), Wide::from(1));
    for (numerator, denominator) in terms {
        whole += numerator.div_euclid(i128::from(denominator));
        let rest = numerator.rem_euclid(i128::from(denominator)) as u64; // below the denominator
        let mut added = of.clone();
        added.multiply(rest);
        part.multiply(denominator);
        part.add(&added);
        of.multiply(denominator);
        if part.cmp(&of) != Ordering::Less {
            part.subtract(&of);
            whole += 1;
        }
    }
    let divisor = i128::from(divisor);
    let is_exact = part.is_zero() && whole.rem_euclid(divisor) == 0;
    let below = whole.div_euclid(divisor);
    // Towards zero is up for a negative number.
    if below < 0 && !is_exact { below + 1 } else { below }
}

/// An unsigned integer of any size: words from the lowest to the highest, which is not zero.
#[derive(Debug, Clone)]
struct Wide(Vec<u64>);

impl Wide {
    fn from(number: u64) -> Self {
        let mut wide = Self(vec![number]);
        wide.shorten();
        wide
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn shorten(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn multiply(&mut self, by: u64) {
        let mut carry = 0u64;
        for word in &mut self.0 {
            let product = u128::from(*word) * u128::from(by) + u128::from(carry);
            (*word, carry) = (product as u64, (product >> 64) as u64); // the halves
        }
        self.0.push(carry);
        self.shorten();
    }

    fn add(&mut self, other: &Self) {
        let length = self.0.len().max(other.0.len()) + 1;
        self.0.resize(length, 0);
        let (mut carry, others) = (false, other.0.iter().copied().chain(std::iter::repeat(0)));
        for (word, other) in self.0.iter_mut().zip(others) {
            let (sum, first) = word.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, first || second);
        }
        self.shorten();
    }

    /// The other is not above this.
    fn subtract(&mut self, other: &Self) {
        let (mut borrow, others) = (false, other.0.iter().copied().chain(std::iter::repeat(0)));
        for (word, other) in self.0.iter_mut().zip(others) {
            let (rest, first) = word.overflowing_sub(other);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (rest, first || second);
        }
        self.shorten();
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let from_highest = || self.0.iter().rev().cmp(other.0.iter().rev());
        self.0.len().cmp(&other.0.len()).then_with(from_highest)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use num_rational::BigRational;
    use proptest::prelude::*;

    use super::*;

    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()]
    }

    fn wide() -> impl Strategy<Value = Wide> {
        let words = prop::collection::vec(word(), 0..5);
        words.prop_map(|words| {
            let mut wide = Wide(words);
            wide.shorten();
            wide
        })
    }

    fn big(wide: &Wide) -> BigInt {
        let words = wide.0.iter().rev();
        words.fold(BigInt::from(0), |number, word| (number << 64) + BigInt::from(*word))
    }

    /// Numerators like those of 2^32 samples; and small ones, which make whole numbers.
    fn terms() -> impl Strategy<Value = Vec<Term>> {
        let most = 1i128 << 95;
        let numerator = prop_oneof![-9i128..9, -most..most, Just(most), Just(-most)];
        let denominator = prop_oneof![1u64..7, 1..1000u64, 1..MOST, Just(MOST - 1)];
        let any = prop::collection::vec((numerator, denominator), 0..20);
        prop_oneof![any, prop::collection::vec((-9i128..9, 1u64..5), 0..6)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn a_sum_is_cut_as_a_rational(terms in terms(), divisor in prop_oneof![1u64..4, 1..24_001u64]) {
            let rationals = terms.iter().map(|(numerator, denominator)| {
                BigRational::new(BigInt::from(*numerator), BigInt::from(*denominator))
            });
            let sum = rationals.sum::<BigRational>() / BigRational::from_integer(divisor.into());
            let expected = i128::try_from(sum.to_integer()).unwrap(); // towards zero
            prop_assert_eq!(cut(terms.iter().copied(), divisor), expected);
            prop_assert_eq!(cut_wide(terms.iter().copied(), divisor), expected);
            let (one, other) = terms.split_at(terms.len() / 2);
            let sums = [Sum::of(one), Sum::of(other)];
            prop_assert_eq!(cut(sums.iter().flat_map(|sum| sum.terms().iter().copied()), divisor), expected);
        }

        #[test]
        fn wide_integers_are_integers(one in wide(), other in wide(), by in word()) {
            let mut sum = one.clone();
            sum.add(&other);
            prop_assert_eq!(big(&sum), big(&one) + big(&other));
            sum.subtract(&one);
            prop_assert_eq!(&sum.0, &other.0);
            prop_assert_eq!(one.cmp(&other), big(&one).cmp(&big(&other)));
            let mut product = one.clone();
            product.multiply(by);
            prop_assert_eq!(big(&product), big(&one) * BigInt::from(by));
        }
    }
}
