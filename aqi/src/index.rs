use core::fmt;
use core::num::NonZeroU32;

use crate::Error;

/// A standard's index: a whole number, or "more than" the last number that the standard
/// defines (`10+`, `500+`).
///
/// For standards that name levels without numbering them (EAQI, LQI, ATMO, NSW, WHO) it is the
/// level's position, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(NonZeroU32); // 1 + 2 · number + over: ordered as it should be

impl Index {
    /// The largest number of an index; the index of an open-ended standard (US 2024) is capped
    /// here.
    pub const MAX_NUMBER: u32 = (1 << 31) - 2;

    /// The index with this number, capped at [`MAX_NUMBER`](Self::MAX_NUMBER).
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self::coded(if number > Self::MAX_NUMBER { Self::MAX_NUMBER } else { number } * 2)
    }

    /// More than this number, the last that a standard defines.
    pub const fn over(number: u32) -> Self {
        Self::coded(Self::new(number).code() | 1)
    }

    #[inline]
    const fn coded(code: u32) -> Self {
        match NonZeroU32::new(code + 1) {
            Some(code) => Self(code),
            None => Self(NonZeroU32::MIN), // code is below 2^32 - 1
        }
    }

    #[inline]
    const fn code(self) -> u32 {
        self.0.get() - 1
    }

    /// The number; for an index over the scale, the scale's last.
    #[inline]
    pub const fn number(self) -> u32 {
        self.code() / 2
    }

    /// Whether the standard's scale ends below: `500+` is not 500.
    #[inline]
    pub const fn is_over(self) -> bool {
        self.code() % 2 == 1
    }

    /// The position in the scale as an integer, by which categories are distinguished: the number,
    /// or one more than the last for an index over the scale (`10+` is 11).
    #[inline]
    pub const fn place(self) -> u32 {
        self.code().div_ceil(2)
    }

    /// One above in the scale's order.
    pub(crate) const fn plus(self, points: u32) -> Self {
        Self::new(self.number().saturating_add(points))
    }

    /// The bits of `Some(self)`, in which bulk work is done; those of `None` are 0.
    #[inline]
    pub(crate) const fn bits_of(self) -> u32 {
        self.0.get()
    }

    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        NonZeroU32::new(bits).map(Self)
    }
}

impl fmt::Display for Index {
    /// The number, with a `+` behind it when it is over the scale.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number(), if self.is_over() { "+" } else { "" })
    }
}

impl core::str::FromStr for Index {
    type Err = Error;

    /// Parses the displayed form.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (number, over) = match text.strip_suffix('+') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match number.parse() {
            Ok(number) if number <= Self::MAX_NUMBER => {
                Ok(if over { Self::over(number) } else { Self::new(number) })
            }
            _ => Err(Error::NotANumber),
        }
    }
}

#[cfg(feature = "serde")]
mod as_text {
    use super::Index;
    use core::fmt;

    impl serde::Serialize for Index {
        /// A number; an index over the scale as text, such as `"500+"`.
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.is_over() {
                true => serializer.collect_str(self),
                false => serializer.serialize_u32(self.number()),
            }
        }
    }

    impl<'de> serde::Deserialize<'de> for Index {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct NumberOrText;
            impl serde::de::Visitor<'_> for NumberOrText {
                type Value = Index;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an index, such as 42 or \"500+\"")
                }
                fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Index, E> {
                    match u32::try_from(number) {
                        Ok(number) if number <= Index::MAX_NUMBER => Ok(Index::new(number)),
                        _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
                    }
                }
                fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Index, E> {
                    text.parse().map_err(E::custom)
                }
            }
            deserializer.deserialize_any(NumberOrText)
        }
    }
}
