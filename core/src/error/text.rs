//! The texts of errors: cut to what is stored, and shown with their sources.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::limits::MAX_MESSAGE_BYTES;

/// A message for storage, cut at [`MAX_MESSAGE_BYTES`].
pub(crate) fn bounded_message(message: impl fmt::Display) -> String {
    bounded(message, MAX_MESSAGE_BYTES)
}

/// A text, cut to a number of bytes, with a mark where it was cut.
pub(crate) fn bounded(message: impl fmt::Display, most: usize) -> String {
    const MARK: &str = "… (cut)";
    let mut message = message.to_string();
    if message.len() > most {
        let mut end = most - MARK.len();
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push_str(MARK);
    }
    message
}

/// With `{:#}`: the sources after the message.
pub(super) fn show_sources(
    f: &mut fmt::Formatter<'_>,
    sources: impl FnOnce() -> Vec<String>,
) -> fmt::Result {
    if f.alternate() {
        sources().iter().try_for_each(|source| write!(f, ": {source}"))?;
    }
    Ok(())
}
