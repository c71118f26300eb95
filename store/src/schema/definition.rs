//! Definitions of columns.

use super::{Column, Kind, Origin};
use crate::standard::Indexed;
use crate::{Reading, Row, Value};

/// The definition of a column.
pub(crate) struct Definition {
    pub(crate) column: Column,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) description: &'static str,
    pub(crate) unit: Option<&'static str>,
    /// The limit of the absolute value of a decimal.
    pub(crate) limit: Option<u32>,
    /// Whether every reading has a value.
    pub(crate) always: bool,
    /// The texts of a text column.
    pub(crate) texts: Option<Texts>,
    pub(crate) get: Get,
    /// A faster getter on a row of a block, if any; otherwise the row's reading is used.
    pub(crate) of_row: Option<fn(Row<'_>) -> Value>,
    /// The id of its own column in blocks.
    pub(crate) block: Option<u8>,
    /// Only for a stored column.
    pub(crate) set: Option<fn(&mut Reading, Value)>,
    pub(crate) origin: Origin,
}

/// The source of a column's value.
pub(crate) enum Get {
    Reading(fn(&Reading) -> Value),
    /// No value without an index.
    Index(fn(&Indexed) -> Value),
}

pub(crate) struct Texts {
    pub(crate) parse: fn(&str) -> Result<Value, String>,
    /// The known texts; models can have others.
    pub(crate) known: fn() -> Vec<String>,
}

impl Definition {
    const fn new(
        column: Column,
        (name, kind, description): (&'static str, Kind, &'static str),
        get: Get,
        origin: Origin,
    ) -> Self {
        let always = matches!(origin, Origin::Identity);
        let (unit, limit, texts, of_row, block, set) = (None, None, None, None, None, None);
        Self {
            column,
            name,
            kind,
            description,
            unit,
            limit,
            always,
            texts,
            get,
            of_row,
            block,
            set,
            origin,
        }
    }

    pub(crate) const fn identity(
        column: Column,
        about: (&'static str, Kind, &'static str),
        get: fn(&Reading) -> Value,
    ) -> Self {
        Self::new(column, about, Get::Reading(get), Origin::Identity)
    }

    pub(crate) const fn stored(
        column: Column,
        about: (&'static str, Kind, &'static str),
        get: fn(&Reading) -> Value,
        set: fn(&mut Reading, Value),
    ) -> Self {
        Self { set: Some(set), ..Self::new(column, about, Get::Reading(get), Origin::Stored) }
    }

    pub(crate) const fn derived(
        column: Column,
        about: (&'static str, Kind, &'static str),
        get: fn(&Reading) -> Value,
    ) -> Self {
        Self::new(column, about, Get::Reading(get), Origin::Derived)
    }

    pub(crate) const fn of_index(
        column: Column,
        about: (&'static str, Kind, &'static str),
        get: fn(&Indexed) -> Value,
    ) -> Self {
        Self::new(column, about, Get::Index(get), Origin::Derived)
    }

    pub(crate) const fn of_row(self, of_row: fn(Row<'_>) -> Value) -> Self {
        Self { of_row: Some(of_row), ..self }
    }

    /// The id of its separate column in blocks, if it is stored; ids are never reused.
    pub(crate) const fn in_blocks(self, id: u8) -> Self {
        assert!(matches!(self.kind, Kind::Count | Kind::Decimal | Kind::Truth | Kind::Flags));
        Self { block: Some(id), ..self }
    }

    pub(crate) const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    pub(crate) const fn within(self, limit: u32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    pub(crate) const fn always(self) -> Self {
        Self { always: true, ..self }
    }

    pub(crate) const fn of_texts(
        self,
        parse: fn(&str) -> Result<Value, String>,
        known: fn() -> Vec<String>,
    ) -> Self {
        Self { texts: Some(Texts { parse, known }), ..self }
    }
}
