//! The bytes of a body that are still to be read.

use super::BodyError;
use super::varint::take;

pub(super) const CUT_OFF: BodyError = BodyError::Malformed("it is cut off");

/// What is still to be read.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, BodyError> {
        let (byte, rest) = self.0.split_first().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, BodyError> {
        let (number, rest) = take(self.0).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(number)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BodyError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*array)
    }

    /// Takes as many bytes as the number before them says.
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], BodyError> {
        let count = usize::try_from(self.number()?).map_err(|_| CUT_OFF)?;
        let (counted, rest) = self.0.split_at_checked(count).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(counted)
    }
}
