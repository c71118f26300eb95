//! The air-quality index of a query. No other module of this crate knows an index by name.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use aqi::daqi::DAQI;
use aqi::standards::ALL;
use aqi::{Averaging, Category, Concentration, Decimal, Index, Pollutant, Rule, Sample, Standard};

use crate::value::ShortText;
use crate::{SensorType, Value, Window};

/// An air-quality index that can be computed from particulate matter alone: a standard of [`aqi`]
/// in one version, variant and policy.
///
/// Blocks store the [default](Self::DEFAULT) index, the UK's DAQI; indices of other standards are
/// computed as rows are read.
///
/// ```
/// use airshed_store::AqiStandard;
///
/// let us: AqiStandard = "us_aqi:2024".parse().unwrap();
/// assert_eq!(us.standard().name, "US EPA Air Quality Index");
/// assert_eq!(us.to_string(), "us_aqi:2024");
/// assert!("ca_aqhi".parse::<AqiStandard>().is_err()); // adds up the risks of gases, too
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AqiStandard(u8);

/// Whether an index is defined for its averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// It is defined for the averaging period of every value.
    Defined,
    /// A value has a different averaging period: the index is only indicative.
    Indicative,
}

impl Basis {
    /// `defined` or `indicative`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defined => "defined",
            Self::Indicative => "indicative",
        }
    }
}

impl AqiStandard {
    /// The UK Daily Air Quality Index, as in the report.
    pub const DEFAULT: Self = Self(0);

    /// All standards: the default first, [registered](Self::register) ones last.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_aqi = (0..).zip(ALL).filter(|(_, standard)| serves(standard));
        let own =
            (OWN_FROM..=u8::MAX).take_while(|number| KNOWN[usize::from(*number)].get().is_some());
        of_aqi.map(|(number, _)| number).chain(own).map(Self)
    }

    /// Registers a custom standard for the whole process, under the name that [`FromStr`] parses,
    /// before or while a store is used. Idempotent.
    ///
    /// [`Unregistrable`] if another standard has its name, if it covers neither PM10 nor PM2.5 or
    /// adds up risks, or if there are more than a hundred.
    ///
    /// ```
    /// use aqi::{Averaging, Category, Colour, End, Pollutant, Rounding, Scale, Severity};
    /// use aqi::{Shape, Standard, Table, Unit};
    /// use airshed_store::AqiStandard;
    ///
    /// const SCALE: Scale =
    ///     Scale::new(0, Rounding::HalfUp, Shape::Banded, (0, 0), &[(15, 1)], End::Open(2));
    /// const PM25: Table = Table::new(
    ///     Pollutant::Pm25, Averaging::Day, Unit::Microgram, SCALE, "WHO guidelines 2021, table 0.1",
    /// );
    /// const BANDS: &[Category] = &[
    ///     Category::new("Within", 1, None, Colour::hex(0x21918c), Severity::Clean),
    ///     Category::new("Above", 2, None, Colour::hex(0x440154), Severity::Unhealthy),
    /// ];
    /// static GUIDELINE: Standard = Standard::new("guideline", "2021", "WHO guideline", &[PM25], BANDS);
    ///
    /// let registered = AqiStandard::register(&GUIDELINE)?;
    /// assert_eq!("guideline".parse(), Ok(registered));
    /// let index = registered.index(None, Some("15.6".parse().unwrap()), airshed_store::Window::Day);
    /// assert_eq!(index.map(|index| index.place()), Some(2));
    /// # Ok::<(), airshed_store::Unregistrable>(())
    /// ```
    pub fn register(standard: &'static Standard) -> Result<Self, Unregistrable> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if !serves(standard) {
            return Err(Unregistrable::NotOfParticulates);
        }
        let name = |standard: &Standard| {
            let Standard { id, version, variant, policy, .. } = *standard;
            (id, version, variant, policy)
        };
        if ALL.iter().any(|other| name(other) == name(standard)) {
            return Err(Unregistrable::NameTaken);
        }
        for number in OWN_FROM..=u8::MAX {
            match KNOWN[usize::from(number)].get() {
                Some(known) if known.standard == standard => return Ok(Self(number)),
                Some(known) if name(known.standard) == name(standard) => {
                    return Err(Unregistrable::NameTaken);
                }
                Some(_) => {}
                None => {
                    KNOWN[usize::from(number)].get_or_init(|| Known::new(standard));
                    return Ok(Self(number));
                }
            }
        }
        Err(Unregistrable::TooMany)
    }

    /// The standard of [`aqi`].
    pub fn standard(self) -> &'static Standard {
        self.known().standard
    }

    fn known(self) -> &'static Known {
        let number = usize::from(self.0);
        // Valid: created only by `all`, `register` and DEFAULT.
        KNOWN[number].get_or_init(|| Known::new(ALL.get(number).copied().unwrap_or(&DAQI)))
    }

    /// The index of PM10 and PM2.5 in µg/m³ for an averaging period: the higher sub-index. None if
    /// the standard covers neither concentration.
    pub fn index(
        self,
        pm10: Option<Decimal>,
        pm25: Option<Decimal>,
        window: Window,
    ) -> Option<Index> {
        let standard = self.standard();
        match standard.rule {
            Rule::Worst => {
                let pm10 = self.of_one(Pollutant::Pm10, pm10, window);
                pm10.max(self.of_one(Pollutant::Pm25, pm25, window))
            }
            _ => {
                let samples = [(Pollutant::Pm10, pm10), (Pollutant::Pm25, pm25)];
                let samples =
                    samples.map(|(pollutant, value)| self.sample(pollutant, value, window));
                let samples: Vec<_> = samples.into_iter().flatten().collect();
                standard.index(&samples).ok().map(|answer| answer.index())
            }
        }
    }

    /// The sub-index of one pollutant.
    pub(crate) fn of_one(
        self,
        pollutant: Pollutant,
        value: Option<Decimal>,
        window: Window,
    ) -> Option<Index> {
        let sample = self.sample(pollutant, value, window)?;
        self.standard().sub_index(&sample).ok().map(|sub_index| sub_index.index())
    }

    fn sample(
        self,
        pollutant: Pollutant,
        value: Option<Decimal>,
        window: Window,
    ) -> Option<Sample> {
        let (averaging, _) = self.averaging(pollutant, window)?;
        Some(Sample::new(pollutant, averaging, Concentration::micrograms(value?).ok()?))
    }

    /// The pollutants with the highest sub-index, both if equal; none if the standard names none at
    /// so low an index.
    pub fn dominant(
        self,
        pm10: Option<Decimal>,
        pm25: Option<Decimal>,
        window: Window,
    ) -> impl Iterator<Item = Pollutant> {
        let of_each = [(Pollutant::Pm10, pm10), (Pollutant::Pm25, pm25)]
            .map(|(pollutant, value)| (pollutant, self.of_one(pollutant, value, window)));
        let highest = of_each.iter().filter_map(|(_, index)| *index).max();
        let above = self.standard().dominant_above;
        let named = highest.filter(|index| above.is_none_or(|above| index.place() > above));
        let of_each =
            of_each.into_iter().filter(move |(_, index)| named.is_some() && *index == named);
        of_each.map(|(pollutant, _)| pollutant)
    }

    /// The averaging period used to look up a mean, and whether it is the mean's own; otherwise it
    /// is the standard's default.
    fn averaging(self, pollutant: Pollutant, window: Window) -> Option<(Averaging, Basis)> {
        let own = match window {
            Window::FiveMinutes => None,
            Window::Hour => Some(Averaging::Hour),
            Window::Day24 | Window::Day => Some(Averaging::Day),
            Window::NowCast => self.standard().now_cast.then_some(Averaging::Day),
        };
        let mut known = self.standard().averagings(pollutant);
        let usual = known.next()?;
        match own.filter(|own| *own == usual || known.any(|other| other == *own)) {
            Some(own) => Some((own, Basis::Defined)),
            None => Some((usual, Basis::Indicative)),
        }
    }

    /// The averaging periods for which the standard is defined, for every particulate pollutant
    /// that it covers.
    pub fn windows(self) -> impl Iterator<Item = Window> {
        let is_own = move |window: &Window| {
            let both = [Pollutant::Pm10, Pollutant::Pm25];
            let mut known = both.into_iter().filter_map(|p| self.averaging(p, *window));
            known.all(|(_, basis)| basis == Basis::Defined)
        };
        Window::ALL.into_iter().filter(is_own)
    }

    /// A category by its name, case-insensitive, in any language of the standard.
    pub fn category(self, name: &str) -> Option<&'static Category> {
        let same = |known: &str| known.to_lowercase() == name.to_lowercase();
        // The report's name of the second band.
        let name_of_old = |category: &Category| {
            self == Self::DEFAULT && category.name == "Moderate" && same("Medium")
        };
        self.standard().categories.iter().find(|category| {
            same(category.name)
                || name_of_old(category)
                || category.names.iter().any(|(_, name)| same(name))
        })
    }

    /// The lowest and the highest number in the column `AQI`; no highest if the scale is
    /// open-ended.
    pub fn numbers(self) -> (u32, Option<u32>) {
        let both = [Pollutant::Pm10, Pollutant::Pm25];
        let ends = both.into_iter().filter_map(|pollutant| self.standard().places(pollutant));
        let ends = ends.reduce(|(low, high), (other_low, other_high)| {
            (low.min(other_low), high.zip(other_high).map(|(a, b)| a.max(b)))
        });
        ends.unwrap_or((0, None))
    }

    /// The category of a number in the column `AQI`.
    pub fn category_of(self, number: u32) -> &'static Category {
        self.standard().category(Index::new(number))
    }

    /// The numbers of a category, both inclusive.
    pub(crate) fn numbers_of(self, category: &Category) -> (u32, u32) {
        let categories = self.standard().categories;
        let next = categories.iter().find(|other| other.from > category.from);
        (category.from, next.map_or(u32::MAX, |next| next.from - 1))
    }

    /// The attribution of data with this index:
    /// `…; index: UK Daily Air Quality Index, computed by Airshed`.
    pub fn credit(self, data: &str) -> String {
        format!("{data}; index: {}, computed by Airshed", self.standard().name)
    }

    /// Index functions of single values of PM10 and PM2.5 for an averaging period; `None` if both
    /// are needed at once.
    pub(crate) fn memos(self, window: Window) -> Option<[&'static Memo; 2]> {
        let is_worst_of = self.standard().rule == Rule::Worst;
        is_worst_of.then(|| [self.memo(0, window), self.memo(1, window)])
    }

    fn memo(self, pollutant: usize, window: Window) -> &'static Memo {
        self.known().memos[pollutant][window as usize].get_or_init(|| Memo {
            numbers: (0..=u16::MAX).map(|_| AtomicU16::new(Memo::UNKNOWN)).collect(),
            standard: self,
            pollutant: [Pollutant::Pm10, Pollutant::Pm25][pollutant],
            window,
        })
    }
}

/// By [`AqiStandard`]'s number: those of [`aqi`] in its order, then registered ones.
static KNOWN: [OnceLock<Known>; 256] = [const { OnceLock::new() }; 256];

const OWN_FROM: u8 = {
    assert!(ALL.len() <= 156, "there is room for a hundred more");
    ALL.len() as u8
};

/// A standard, with its lookup tables by pollutant and averaging period.
struct Known {
    standard: &'static Standard,
    memos: [[OnceLock<Memo>; Window::ALL.len()]; 2],
}

impl Known {
    fn new(standard: &'static Standard) -> Self {
        Self { standard, memos: [const { [const { OnceLock::new() }; Window::ALL.len()] }; 2] }
    }
}

/// Why a standard cannot be [registered](AqiStandard::register).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unregistrable {
    /// It has no table of PM10 or PM2.5, or also adds up the risks of gases.
    NotOfParticulates,
    /// Another standard has its id, version, variant and policy.
    NameTaken,
    /// The maximum number of standards is reached.
    TooMany,
}

impl fmt::Display for Unregistrable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOfParticulates => "it cannot be computed from particulate matter alone",
            Self::NameTaken => "another standard has its id, version, variant and policy",
            Self::TooMany => "no more standards can be registered",
        })
    }
}

impl std::error::Error for Unregistrable {}

/// The default's column is stored; a sum of risks also needs gases.
fn serves(standard: &Standard) -> bool {
    let covered = |pollutant| standard.places(pollutant).is_some();
    !matches!(standard.rule, Rule::RiskSum(_))
        && (covered(Pollutant::Pm10) || covered(Pollutant::Pm25))
}

/// A lookup table of one pollutant, in hundredths up to 655.35 µg/m³, filled on demand.
pub(crate) struct Memo {
    numbers: Box<[AtomicU16]>,
    standard: AqiStandard,
    pollutant: Pollutant,
    window: Window,
}

impl Memo {
    const UNKNOWN: u16 = 0;
    const NONE: u16 = 1;
    /// The number 0.
    const FIRST: u16 = 2;

    #[inline]
    pub(crate) fn get(&self, hundredths: u16) -> Option<u32> {
        match self.numbers[usize::from(hundredths)].load(Relaxed) {
            Self::UNKNOWN => self.look_up(hundredths),
            Self::NONE => None,
            known => Some(u32::from(known - Self::FIRST)),
        }
    }

    #[cold]
    fn look_up(&self, hundredths: u16) -> Option<u32> {
        let value = Decimal::new(hundredths.into(), 2);
        let index = self.standard.of_one(self.pollutant, Some(value), self.window);
        let number = index.map(Index::place);
        let kept = match number {
            None => Some(Self::NONE),
            Some(number) => u16::try_from(number).ok().and_then(|n| n.checked_add(Self::FIRST)),
        };
        if let Some(kept) = kept {
            self.numbers[usize::from(hundredths)].store(kept, Relaxed);
        }
        number
    }
}

/// The index of a reading and its derivation.
pub(crate) struct Indexed {
    pub(crate) standard: AqiStandard,
    pub(crate) index: Index,
    pub(crate) pm10: Option<Decimal>,
    pub(crate) pm25: Option<Decimal>,
    pub(crate) window: Window,
    pub(crate) sensor_type: Option<SensorType>,
}

impl Indexed {
    pub(crate) fn category(&self) -> &'static Category {
        self.standard.standard().category(self.index)
    }

    /// As written by the standard: a number, `10+`, or the name of a level without a number.
    pub(crate) fn text(&self) -> Value {
        match self.standard.standard().numbered {
            true => Value::Short(ShortText::of(self.index)),
            false => Value::Word(self.category().name),
        }
    }

    pub(crate) fn dominant(&self) -> Option<&'static str> {
        let mut named = self.standard.dominant(self.pm10, self.pm25, self.window);
        match (named.next()?, named.next()) {
            (_, Some(_)) => Some("PM2.5 PM10"),
            (one, None) => Some(one.name()),
        }
    }

    /// The sub-index of PM10.
    pub(crate) fn of_pm10(&self) -> Option<Index> {
        self.standard.of_one(Pollutant::Pm10, self.pm10, self.window)
    }

    /// The sub-index of PM2.5.
    pub(crate) fn of_pm25(&self) -> Option<Index> {
        self.standard.of_one(Pollutant::Pm25, self.pm25, self.window)
    }

    pub(crate) fn basis(&self) -> Basis {
        let values = [(Pollutant::Pm10, self.pm10), (Pollutant::Pm25, self.pm25)];
        let given = values.into_iter().filter(|(_, value)| value.is_some());
        let mut known = given.filter_map(|(p, _)| self.standard.averaging(p, self.window));
        match known.all(|(_, basis)| basis == Basis::Defined) {
            true => Basis::Defined,
            false => Basis::Indicative,
        }
    }
}

impl Default for AqiStandard {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `id:version`, then the variant and the policy, if any; can be parsed back.
impl fmt::Display for AqiStandard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Standard { id, version, variant, policy, .. } = self.standard();
        write!(f, "{id}:{version}")?;
        let kinds = [variant, policy].into_iter().filter(|kind| !kind.is_empty());
        kinds.zip([":", " "]).try_for_each(|(kind, before)| write!(f, "{before}{kind}"))
    }
}

impl fmt::Debug for AqiStandard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AqiStandard({self})")
    }
}

impl FromStr for AqiStandard {
    type Err = UnknownStandard;

    /// `ID[:VERSION[:VARIANT or POLICY]]`: the defaults are the newest version and the first
    /// variant.
    fn from_str(text: &str) -> Result<Self, UnknownStandard> {
        let mut words = text.splitn(3, ':').map(str::trim);
        let mut word = || words.next().unwrap_or_default();
        let (id, version, kind) = (word(), word(), word());
        let same = |name: &str, given: &str| given.is_empty() || name.eq_ignore_ascii_case(given);
        let wanted = |standard: &Standard| {
            let Standard { variant, policy, .. } = standard;
            let both = format!("{variant} {policy}");
            let is_kind = |name: &str| name.eq_ignore_ascii_case(kind);
            same_id(standard.id, id)
                && same(standard.version, version)
                && match kind {
                    "" => policy.is_empty(),
                    _ if is_kind(variant) => policy.is_empty(),
                    _ => is_kind(policy) || is_kind(&both),
                }
        };
        Self::all()
            .find(|one| wanted(one.standard()))
            .ok_or_else(|| UnknownStandard(text.to_owned()))
    }
}

/// `US-AQI` is `us_aqi`.
fn same_id(id: &str, given: &str) -> bool {
    id.eq_ignore_ascii_case(&given.replace(['-', ' '], "_"))
}

/// The text is not the name of an index of particulate matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStandard(String);

impl fmt::Display for UnknownStandard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.split(':').next().unwrap_or_default();
        let of_id: Vec<_> = AqiStandard::all()
            .filter(|known| same_id(known.standard().id, id))
            .map(|known| known.to_string())
            .collect();
        if !of_id.is_empty() {
            return write!(f, "the indices with this id are {}", of_id.join(", "));
        }
        if ALL.iter().any(|standard| same_id(standard.id, id)) {
            return write!(f, "this index also needs gases, which these sensors do not measure");
        }
        let mut ids: Vec<_> = AqiStandard::all().map(|known| known.standard().id).collect();
        ids.dedup();
        write!(f, "the indices are {}", ids.join(", "))
    }
}

impl std::error::Error for UnknownStandard {}
