//! The envelope in a storage queue: a message, or the name of the blob that has it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reenact_core::InstanceId;

use crate::Message;

/// Most bytes of a text in a queue, as the service counts.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The form of envelopes that is written, and the newest that is read.
const VERSION: u8 = 1;

/// Stands after the version, and says that a message follows.
const MESSAGE: u8 = 0;

/// Stands after the version, and says that the name of a blob follows, which holds an envelope with the
/// message.
const IN_BLOB: u8 = 1;

/// What stands in a queue.
#[derive(Clone)]
pub(super) enum Envelope {
    /// A message, as it is written.
    Here(Vec<u8>),
    /// The blob that holds it.
    InBlob(String),
}

/// Why something is no envelope.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

impl Envelope {
    pub(super) fn of(message: &Message) -> Self {
        let Message { key, to, bytes } = message;
        let mut written = vec![VERSION, MESSAGE];
        for text in [key.as_str(), to.as_str()] {
            // Lossless: keys and ids have limits far below.
            written.extend_from_slice(&(text.len() as u32).to_le_bytes());
            written.extend_from_slice(text.as_bytes());
        }
        written.extend_from_slice(bytes);
        Self::Here(written)
    }

    /// What to put into a queue; `None` when it is too large for that.
    pub(super) fn text(&self) -> Option<String> {
        let Self::Here(written) = self else { return None };
        let text = STANDARD.encode(written);
        (text.len() <= MAX_TEXT_BYTES).then_some(text)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Here(written) => written,
            Self::InBlob(blob) => blob.into_bytes(),
        }
    }

    /// What to put into a queue when the envelope itself is in a blob.
    pub(super) fn in_blob(blob: &str) -> String {
        let mut written = vec![VERSION, IN_BLOB];
        written.extend_from_slice(blob.as_bytes());
        STANDARD.encode(written)
    }

    pub(super) fn from_text(text: &str) -> Result<Self, Unreadable> {
        let written = STANDARD.decode(text);
        Self::from_bytes(&written.map_err(|_| Unreadable("it is no base64".to_owned()))?)
    }

    pub(super) fn from_bytes(written: &[u8]) -> Result<Self, Unreadable> {
        match written {
            [VERSION, MESSAGE, ..] => Ok(Self::Here(written.to_vec())),
            [VERSION, IN_BLOB, blob @ ..] => match std::str::from_utf8(blob) {
                Ok(blob) => Ok(Self::InBlob(blob.to_owned())),
                Err(_) => Err(Unreadable("it names no blob".to_owned())),
            },
            [version, ..] if *version > VERSION => Err(Unreadable(format!(
                "it has the form {version}, this reenact reads up to {VERSION}"
            ))),
            _ => Err(Unreadable("it is no message of reenact".to_owned())),
        }
    }

    pub(super) fn message(&self) -> Result<Message, Unreadable> {
        let cut_off = || Unreadable("it is cut off".to_owned());
        let Self::Here(written) = self else {
            return Err(Unreadable("its payload names another".to_owned()));
        };
        let rest = written.get(2..).ok_or_else(cut_off)?;
        let (key, rest) = text(rest).ok_or_else(cut_off)?;
        let (to, rest) = text(rest).ok_or_else(cut_off)?;
        let to = InstanceId::new(to).map_err(|error| Unreadable(error.to_string()))?;
        Ok(Message { key: key.to_owned(), to, bytes: Arc::from(rest) })
    }
}

/// A text with its length in front, and what is after it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Message {
        let to = InstanceId::new("order-7").unwrap();
        Message { key: "k\u{e9}y".to_owned(), to, bytes: Arc::from(vec![7; bytes]) }
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let text = Envelope::of(&message(100)).text().unwrap();
        let read = Envelope::from_text(&text).and_then(|envelope| envelope.message()).unwrap();
        assert_eq!(read, message(100));
    }

    #[test]
    fn a_large_message_does_not_go_into_a_queue_and_its_place_does() {
        let large = Envelope::of(&message(60_000));
        assert!(large.text().is_none());
        let read = Envelope::from_bytes(&large.into_bytes())
            .and_then(|envelope| envelope.message())
            .unwrap();
        assert_eq!(read, message(60_000));
        let place = Envelope::from_text(&Envelope::in_blob("payload/x")).unwrap();
        assert!(matches!(place, Envelope::InBlob(blob) if blob == "payload/x"));
    }

    #[test]
    fn whatever_is_no_envelope_is_refused_with_a_reason() {
        for text in ["", "?", "AAAA", "/w==", &STANDARD.encode([VERSION]), "AQAB"] {
            let refused = Envelope::from_text(text).and_then(|envelope| envelope.message());
            assert!(matches!(&refused, Err(Unreadable(reason)) if !reason.is_empty()), "{text}");
        }
        let newer = Envelope::from_bytes(&[VERSION + 1, 9]);
        assert!(matches!(newer, Err(Unreadable(reason)) if reason.contains("form 2")));
    }

    #[test]
    fn every_cut_is_refused_or_has_fewer_bytes() {
        let whole = Envelope::of(&message(4)).into_bytes();
        for end in 0..whole.len() {
            let read = Envelope::from_bytes(&whole[..end]).and_then(|envelope| envelope.message());
            assert!(read.is_err() || read.is_ok_and(|read| read.bytes.len() < 4), "{end}");
        }
    }
}
