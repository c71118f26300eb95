//! Recurring texts, as keys into a dictionary.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};

use super::arrow_error;
use crate::{AqiStandard, Column, Error, Value};

/// The distinct texts of a column.
///
/// An Arrow file has its dictionaries before the first row, and not every reader (for example
/// Polars 2) accepts additions later. So all known texts are included from the start, and only
/// unknown models are appended when they occur.
pub(super) struct Dictionary {
    keys: HashMap<String, i32>,
    texts: Vec<String>,
    array: ArrayRef,
}

impl Dictionary {
    /// The known texts of a column; empty if it has none.
    pub(super) fn of(column: Column, standard: AqiStandard) -> Self {
        let texts = column.known_texts(standard);
        let keys = texts.iter().zip(0..).map(|(text, key)| (text.clone(), key)).collect();
        let array = Arc::new(StringArray::from_iter_values(&texts));
        Self { keys, texts, array }
    }

    /// The rows' texts.
    pub(super) fn array(&mut self, rows: impl Iterator<Item = Value>) -> Result<ArrayRef, Error> {
        let keys: Int32Array = rows.map(|value| Some(self.key(value.text()?))).collect();
        if self.array.len() < self.texts.len() {
            self.array = Arc::new(StringArray::from_iter_values(&self.texts));
        }
        let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&self.array));
        Ok(Arc::new(array.map_err(arrow_error)?))
    }

    fn key(&mut self, text: &str) -> i32 {
        if let Some(key) = self.keys.get(text) {
            return *key;
        }
        let key = self.texts.len() as i32; // each has at most 24 characters: memory ends first
        self.keys.insert(text.to_owned(), key);
        self.texts.push(text.to_owned());
        key
    }
}
