use std::fmt;
use std::str::FromStr;

/// An ISO 3166-1 alpha-2 country code, and `XK`, which the network uses for Kosovo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// The officially assigned codes (ISO 3166-1, 249 of them) and `XK`, in order, each followed by a
/// space.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
    BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ \
    DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP \
    GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG \
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL \
    SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM \
    US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ";

impl Country {
    /// Every code, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.as_bytes().chunks(3).map(|code| Self([code[0], code[1]]))
    }

    /// The two letters, upper case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The country of a non-ISO code that is in use: `UK` is `GB`, `EL` (the European Union's) is
    /// `GR`.
    pub fn of_other_code(text: &str) -> Option<Self> {
        let known = [("UK", *b"GB"), ("EL", *b"GR")];
        let found = known.into_iter().find(|(other, _)| text.eq_ignore_ascii_case(other));
        found.map(|(_, code)| Self(code))
    }

    pub(crate) fn bytes(self) -> [u8; 2] {
        self.0
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    /// Parses a code, case-insensitively; a code that ISO has not assigned is an error.
    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        let unknown = || UnknownCountry { meant: Self::of_other_code(text) };
        let &[first, second] = text.as_bytes() else {
            return Err(unknown());
        };
        let code = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
        let codes = CODES.as_bytes().as_chunks::<3>().0;
        let known = codes.binary_search_by(|known| known[..2].cmp(&code));
        known.map(|_| Self(code)).map_err(|_| unknown())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({self})")
    }
}

/// The text is not an assigned ISO country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCountry {
    /// The intended country, if the code is used elsewhere.
    pub meant: Option<Country>,
}

impl fmt::Display for UnknownCountry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ISO 3166-1 alpha-2 country code such as DE")?;
        self.meant.map_or(Ok(()), |country| write!(f, "; write {country}"))
    }
}

impl std::error::Error for UnknownCountry {}
