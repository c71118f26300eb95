//! Texts that recur, as keys into the list of them.

use std::collections::HashMap;
use std::sync::Arc;

use aqi::daqi::Band;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};

use super::arrow_error;
use crate::{Column, Country, Error, Window};

/// The models of the network that report particulate matter.
const MODELS: [&str; 13] = [
    "SDS011", "SDS021", "PMS1003", "PMS3003", "PMS5003", "PMS6003", "PMS7003", "HPM", "SPS30",
    "SEN5X", "NextPM", "IPS-7100", "PPD42NS",
];

/// The texts of a column, each once.
///
/// An Arrow file says them before its first row, and not every reader (Polars 2 is one)
/// takes more of them later. So all that can be known is there from the start, and only
/// a model that is in no list is appended when it comes.
pub(super) struct Dictionary {
    keys: HashMap<String, i32>,
    texts: Vec<String>,
    array: ArrayRef,
}

impl Dictionary {
    /// What is known of a column's texts; nothing of a column that has none.
    pub(super) fn of(column: Column) -> Self {
        let texts: Vec<String> = match column {
            Column::Country => Country::all().map(|country| country.to_string()).collect(),
            Column::Range => Band::ALL.iter().map(|band| band.name().to_owned()).collect(),
            Column::SensorType => MODELS.iter().map(|&model| model.to_owned()).collect(),
            Column::Window => Window::ALL.iter().map(|window| window.name().to_owned()).collect(),
            _ => Vec::new(),
        };
        let keys = texts.iter().zip(0..).map(|(text, key)| (text.clone(), key)).collect();
        let array = Arc::new(StringArray::from_iter_values(&texts));
        Self { keys, texts, array }
    }

    /// The rows' texts.
    pub(super) fn array<T: AsRef<str>>(
        &mut self,
        rows: impl Iterator<Item = Option<T>>,
    ) -> Result<ArrayRef, Error> {
        let keys: Int32Array = rows.map(|text| Some(self.key(text?.as_ref()))).collect();
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
