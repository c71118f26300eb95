//! Reading untrusted bytes: every step checks the length.

use crate::{Error, ErrorKind};

/// The rest to read.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) =
            self.0.split_at_checked(bytes).ok_or_else(|| damaged("it is truncated"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| damaged("it is truncated"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }
}

pub(crate) fn damaged(what: &str) -> Error {
    let advice = "restore a backup of the file, or query other days or countries";
    Error::new(ErrorKind::Damaged, format!("a block of readings is damaged: {what}; {advice}"))
}
