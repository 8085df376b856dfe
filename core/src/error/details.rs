//! How the sources and the details of an error are stored together in one field.
//!
//! The sources are in front of the details. Stored errors have had three fields from the beginning, and
//! stay readable so, here and by an older reenact (which sees no details then).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::payload::Payload;

/// In front of a list of sources. No JSON begins with it.
const MARK: u8 = 1;

/// Sources and details, as they are in one field.
pub(super) fn join(sources: &[String], details: Option<Payload>) -> Option<Payload> {
    if sources.is_empty() {
        return details;
    }
    let Ok(list) = Payload::encode(sources) else { return details };
    let Ok(length) = u32::try_from(list.len()) else { return details };
    let mut bytes = Vec::with_capacity(5 + list.len() + details.as_ref().map_or(0, Payload::len));
    bytes.push(MARK);
    bytes.extend(length.to_le_bytes());
    bytes.extend(list.as_bytes());
    bytes.extend(details.as_ref().map_or(&[][..], Payload::as_bytes));
    // Where there is no room for both, the details are what code looks at.
    Payload::from_bytes(bytes).ok().or(details)
}

/// The sources in a field, outermost first. A field that was read [is whole](is_whole).
pub(super) fn sources(field: Option<&Payload>) -> Vec<String> {
    parts(field).and_then(|(list, _)| list.decode().ok()).unwrap_or_default()
}

/// The details in a field.
pub(super) fn details(field: Option<&Payload>) -> Option<Payload> {
    match parts(field) {
        None => field.cloned(),
        Some((_, details)) => Some(details).filter(|details| !details.is_empty()),
    }
}

/// Whether a field that was read is what [`join`] writes: what has the mark has a list of texts after it.
pub(super) fn is_whole(field: Option<&Payload>) -> bool {
    let is_marked = field.is_some_and(|field| field.as_bytes().first() == Some(&MARK));
    !is_marked || parts(field).is_some_and(|(list, _)| list.decode::<Vec<String>>().is_ok())
}

/// `None` when the field is nothing but details.
fn parts(field: Option<&Payload>) -> Option<(Payload, Payload)> {
    let (&MARK, rest) = field?.as_bytes().split_first()? else { return None };
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (list, details) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let payload = |bytes: &[u8]| Payload::from_bytes(bytes.to_owned()).ok();
    Some((payload(list)?, payload(details)?))
}
