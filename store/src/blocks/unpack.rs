//! Codes of a fixed width, unpacked 64 at a time: for every width a function whose shifts are
//! all constants.

/// How many codes are unpacked at once; they take as many words as a code has bits.
pub(super) const AT_ONCE: usize = 64;

type Unpack = fn(&[u64], &mut [u64; AT_ONCE]);

/// Unpacks 64 codes of a width of at most 64 bits, from as many words.
#[inline]
pub(super) fn unpack(width: u8, words: &[u64], out: &mut [u64; AT_ONCE]) {
    UNPACK[usize::from(width)](words, out);
}

fn nothing(_: &[u64], out: &mut [u64; AT_ONCE]) {
    out.fill(0);
}

#[inline(always)]
fn code<const WIDTH: usize, const NUMBER: usize>(words: &[u64]) -> u64 {
    let (word, shift) = (NUMBER * WIDTH / 64, NUMBER * WIDTH % 64);
    let low = words[word] >> shift;
    let code = match shift + WIDTH > 64 {
        true => low | words[word + 1] << (64 - shift),
        false => low,
    };
    code & (u64::MAX >> (64 - WIDTH))
}

macro_rules! of_every_width {
    ($($width:literal)*) => {
        const UNPACK: [Unpack; 65] = [nothing, $(of_width::<$width>),*];
    };
}

macro_rules! every_code {
    ($($number:literal)*) => {
        fn of_width<const WIDTH: usize>(words: &[u64], out: &mut [u64; AT_ONCE]) {
            let words = &words[..WIDTH];
            $(out[$number] = code::<WIDTH, $number>(words);)*
        }
    };
}

#[rustfmt::skip]
every_code!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
    16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
    48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

#[rustfmt::skip]
of_every_width!(
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
    33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48
    49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
);
