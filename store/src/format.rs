use std::fmt;
use std::str::FromStr;

#[cfg(feature = "columnar")]
use crate::columnar::Columnar;
use crate::csv::{self, Dialect};
use crate::{AqiStandard, Column, Error, Metadata, Page, Spelling};
use crate::{geojson, json};

/// The attribution and licence of Sensor.Community's data, for an [`Encoder`]. (The network's own
/// licence, see <https://sensor.community>.)
pub const ATTRIBUTION: &str = "Sensor.Community contributors, Open Database License (ODbL) 1.0";

/// The URL of the licence in [`ATTRIBUTION`].
pub const LICENCE: &str = "https://opendatacommons.org/licenses/odbl/1-0/";

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values: one line per reading.
    Csv(Dialect),
    /// An array of objects.
    Json(Spelling),
    /// One object per line.
    NdJson(Spelling),
    /// A feature collection of points (RFC 7946).
    GeoJson,
    /// Parquet, compressed with zstd.
    #[cfg(feature = "columnar")]
    Parquet,
    /// An Arrow IPC file ("Feather").
    #[cfg(feature = "columnar")]
    Arrow,
}

impl Format {
    /// Every format, in its default dialect.
    pub const ALL: &[Self] = &[
        Self::Csv(Dialect::DEFAULT),
        Self::Json(Spelling::Default),
        Self::NdJson(Spelling::Default),
        Self::GeoJson,
        #[cfg(feature = "columnar")]
        Self::Parquet,
        #[cfg(feature = "columnar")]
        Self::Arrow,
    ];

    /// The name, which is also the file extension.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(_) => "json",
            Self::NdJson(_) => "ndjson",
            Self::GeoJson => "geojson",
            #[cfg(feature = "columnar")]
            Self::Parquet => "parquet",
            #[cfg(feature = "columnar")]
            Self::Arrow => "arrow",
        }
    }

    /// The media type (IANA's registry; NDJSON's is the usual unregistered one).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv(_) => "text/csv; charset=utf-8; header=present",
            Self::Json(_) => "application/json",
            Self::NdJson(_) => "application/x-ndjson",
            Self::GeoJson => "application/geo+json",
            #[cfg(feature = "columnar")]
            Self::Parquet => "application/vnd.apache.parquet",
            #[cfg(feature = "columnar")]
            Self::Arrow => "application/vnd.apache.arrow.file",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|format| format.name() == text);
        found.copied().ok_or(UnknownFormat)
    }
}

/// The text is not the name of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownFormat;

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        write!(f, "the formats are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}

/// Encodes a file in a format, page by page: every page in order, then [`finish`](Self::finish),
/// without which the file is incomplete.
pub struct Encoder {
    metadata: Metadata,
    /// Whether CSV and JSON contain the metadata; the other formats always do, but for NDJSON.
    with_metadata: bool,
    columns: Vec<Column>,
    standard: AqiStandard,
    kind: Kind,
    rows: Rows,
    counts: Counts,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("columns", &self.columns).finish_non_exhaustive()
    }
}

enum Kind {
    Csv(Dialect),
    Json(Spelling),
    NdJson(Spelling),
    GeoJson,
    #[cfg(feature = "columnar")]
    Columnar(Box<Columnar>),
}

/// The progress of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    NotBegun,
    None,
    Some,
}

/// The rows so far, for formats that end with their number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    /// Those with a flag of implausibility.
    pub(crate) doubtful: u64,
    /// Readings that are not in the file for their flags, if known.
    pub(crate) left_out: Option<u64>,
}

impl Counts {
    /// For people.
    fn lines(&self) -> Vec<String> {
        let Self { rows, doubtful, left_out } = *self;
        let counts =
            [("Rows", Some(rows)), ("Doubtful rows", Some(doubtful)), ("Left-out rows", left_out)];
        counts.into_iter().filter_map(|(name, rows)| Some(format!("{name}: {}", rows?))).collect()
    }

    fn add(&mut self, page: &Page) {
        self.rows += page.len() as u64;
        self.doubtful += page.implausible() as u64;
    }
}

impl Encoder {
    /// A file with these columns. GeoJSON always has the coordinates. `attribution` is the
    /// attribution and licence of the data (such as [`ATTRIBUTION`]); GeoJSON, Parquet and Arrow
    /// files contain it, with the name of the index.
    pub fn new(format: Format, columns: &[Column], attribution: &str) -> Result<Self, Error> {
        Self::by(AqiStandard::DEFAULT, format, columns, attribution)
    }

    /// The same, with the index by another standard.
    pub fn by(
        standard: AqiStandard,
        format: Format,
        columns: &[Column],
        attribution: &str,
    ) -> Result<Self, Error> {
        Self::about(Metadata::brief(standard, attribution), format, columns)
    }

    /// A file that describes itself by this metadata, which also names the index.
    ///
    /// GeoJSON has it as the members `attribution` and `metadata` before the features, and `rows` and
    /// `doubtfulRows` after them; Parquet and Arrow in the schema's metadata, under the keys
    /// `attribution`, `index` and `airshed` (all of it, as JSON), with `rows` and `doubtful_rows` in
    /// the footer. For CSV and JSON see [`with_metadata`](Self::with_metadata).
    pub fn about(metadata: Metadata, format: Format, columns: &[Column]) -> Result<Self, Error> {
        let standard = metadata.query.standard;
        let mut columns = columns.to_vec();
        let kind = match format {
            Format::Csv(dialect) => Kind::Csv(dialect),
            Format::Json(spelling) => Kind::Json(spelling),
            Format::NdJson(spelling) => Kind::NdJson(spelling),
            Format::GeoJson => {
                columns.retain(|c| !matches!(c, Column::Latitude | Column::Longitude));
                Kind::GeoJson
            }
            #[cfg(feature = "columnar")]
            Format::Parquet => Kind::Columnar(Box::new(Columnar::parquet(&columns, &metadata)?)),
            #[cfg(feature = "columnar")]
            Format::Arrow => Kind::Columnar(Box::new(Columnar::arrow(&columns, &metadata)?)),
        };
        let (rows, counts) = (Rows::NotBegun, Counts::default());
        Ok(Self { metadata, with_metadata: false, columns, standard, kind, rows, counts })
    }

    /// Whether CSV and JSON files contain the metadata: CSV as comment lines before the header, and
    /// with the numbers of rows after the last row, each beginning with `# `; JSON as an object with the members `metadata`, `readings` (the array),
    /// `rows` and `doubtfulRows`. The default is no, since many readers expect neither.
    /// [`import`](crate::import) reads both.
    #[must_use]
    pub fn with_metadata(self, with_metadata: bool) -> Self {
        Self { with_metadata, ..self }
    }

    /// The number of readings that are not in the file only for their flags
    /// ([`Pages::left_out`](crate::Pages::left_out)), to be set before the end. CSV with metadata has
    /// it in a comment, JSON and GeoJSON as `leftOutRows`, Parquet and Arrow as `left_out_rows`, if the query leaves out any flags.
    pub fn set_left_out(&mut self, rows: Option<u64>) {
        self.counts.left_out = rows.filter(|_| !self.metadata.query.without.is_empty());
    }

    /// Appends the rows of a page, preceded by the file header before the first.
    pub fn page(&mut self, out: &mut Vec<u8>, page: &Page) -> Result<(), Error> {
        self.begin(out);
        let (columns, standard) = (self.columns.as_slice(), self.standard);
        let zone = self.metadata.zone();
        let separator = |row: usize| if row == 0 && self.rows == Rows::None { "" } else { ",\n" };
        match &mut self.kind {
            Kind::Csv(dialect) => {
                let cells = csv::Cells { columns, dialect: *dialect, standard, zone };
                csv::write_page_in(out, page, cells);
            }
            Kind::Json(spelling) => json::for_each_row(page, |number, row, date| {
                out.extend_from_slice(separator(number).as_bytes());
                let style = json::Style { spelling: *spelling, standard, zone };
                json::write_object(out, row, date, columns, style);
            }),
            Kind::NdJson(spelling) => json::for_each_row(page, |_, row, date| {
                let style = json::Style { spelling: *spelling, standard, zone };
                json::write_object(out, row, date, columns, style);
                out.push(b'\n');
            }),
            Kind::GeoJson => json::for_each_row(page, |number, row, date| {
                out.extend_from_slice(separator(number).as_bytes());
                let style = json::Style { spelling: Spelling::Default, standard, zone };
                geojson::write_feature(out, row, date, columns, style);
            }),
            #[cfg(feature = "columnar")]
            Kind::Columnar(file) => file.page(out, page)?,
        }
        if !page.is_empty() {
            self.rows = Rows::Some;
        }
        if self.ends_with_counts() {
            self.counts.add(page);
        }
        Ok(())
    }

    /// Appends the end of the file.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(out);
        let Counts { rows, doubtful, left_out } = self.counts;
        let left_out = left_out.map(|rows| format!(",\"leftOutRows\":{rows}")).unwrap_or_default();
        let counts = || format!("\n],\"rows\":{rows},\"doubtfulRows\":{doubtful}{left_out}}}\n");
        match self.kind {
            Kind::Csv(_) if self.with_metadata => {
                csv::write_comments(out, &self.counts.lines());
            }
            Kind::Csv(_) | Kind::NdJson(_) => {}
            Kind::Json(_) if self.with_metadata => out.extend_from_slice(counts().as_bytes()),
            Kind::Json(_) => out.extend_from_slice(b"\n]\n"),
            Kind::GeoJson => out.extend_from_slice(counts().as_bytes()),
            #[cfg(feature = "columnar")]
            Kind::Columnar(file) => file.finish(out, self.counts)?,
        }
        Ok(())
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.rows != Rows::NotBegun {
            return;
        }
        self.rows = Rows::None;
        match &self.kind {
            Kind::Csv(dialect) => {
                let comments = self.with_metadata.then(|| self.metadata.lines());
                let comments = comments.unwrap_or_default();
                let zone = self.metadata.zone();
                csv::write_header_after(out, &comments, &self.columns, *dialect, zone);
            }
            Kind::Json(_) if self.with_metadata => {
                let metadata = self.metadata.to_json();
                let opening = format!("{{\"metadata\":{metadata},\"readings\":[\n");
                out.extend_from_slice(opening.as_bytes());
            }
            Kind::Json(_) => out.extend_from_slice(b"[\n"),
            Kind::GeoJson => {
                let credit = serde_json::Value::from(self.metadata.credit());
                let metadata = self.metadata.to_json();
                let opening = format!(
                    "{{\"type\":\"FeatureCollection\",\"attribution\":{credit},\
                     \"metadata\":{metadata},\"features\":[\n"
                );
                out.extend_from_slice(opening.as_bytes());
            }
            Kind::NdJson(_) => {}
            #[cfg(feature = "columnar")]
            Kind::Columnar(_) => {}
        }
    }

    fn ends_with_counts(&self) -> bool {
        match self.kind {
            Kind::NdJson(_) => false,
            Kind::Csv(_) | Kind::Json(_) => self.with_metadata,
            Kind::GeoJson => true,
            #[cfg(feature = "columnar")]
            Kind::Columnar(_) => true,
        }
    }
}
