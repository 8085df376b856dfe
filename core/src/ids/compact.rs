//! Event keys in little memory.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use super::EventKey;

/// What the keys begin with that are drawn for updates without one.
const UPDATE: &str = "update ";
/// The same of events that go through a queue.
const RAISED: &str = "raised ";
/// The same of what comes from other instances.
const SENT: &str = "from ";

/// An event key, in the memory of two numbers if it was made by this library. The key can be made again of it, so two
/// keys are equal if these are. Their order is not that of the texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CompactKey {
    Update([u8; 16]),
    Raised([u8; 16]),
    /// Sender, its run, and the number of the message.
    Sent([u8; 16], u32),
    Text(Arc<str>),
}

impl From<&EventKey> for CompactKey {
    fn from(key: &EventKey) -> Self {
        let text = key.as_str();
        let drawn = |begin, of: fn([u8; 16]) -> Self| {
            let (number, rest) = read_number(text.strip_prefix(begin)?)?;
            rest.is_empty().then(|| of(number))
        };
        let made = drawn(UPDATE, Self::Update).or_else(|| drawn(RAISED, Self::Raised));
        made.or_else(|| read_sent(text)).unwrap_or_else(|| Self::Text(key.0.clone()))
    }
}

impl CompactKey {
    /// The key that it is.
    pub(crate) fn key(&self) -> EventKey {
        EventKey(match self {
            Self::Update(number) => with_number(UPDATE, *number).into(),
            Self::Raised(number) => with_number(RAISED, *number).into(),
            Self::Sent(number, id) => {
                let number = u128::from_be_bytes(*number);
                let (from, lineage) = ((number >> 64) as u64, number as u64);
                format!("{SENT}{from:016x}-{lineage:016x}-{id}").into()
            }
            Self::Text(text) => text.clone(),
        })
    }

    /// Bytes of the key.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Update(_) => UPDATE.len() + 32,
            Self::Raised(_) => RAISED.len() + 32,
            Self::Sent(_, id) => {
                SENT.len() + 34 + id.checked_ilog10().map_or(1, |log| log as usize + 1)
            }
            Self::Text(text) => text.len(),
        }
    }

    /// What it takes besides itself, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        // The text, and what is counted with it.
        if let Self::Text(text) = self { text.len() + 2 * size_of::<usize>() } else { 0 }
    }
}

fn with_number(begin: &str, number: [u8; 16]) -> String {
    format!("{begin}{:032x}", u128::from_be_bytes(number))
}

fn read_sent(text: &str) -> Option<CompactKey> {
    let (from, rest) = text.strip_prefix(SENT)?.split_once('-')?;
    let (lineage, id) = rest.split_once('-')?;
    let number = u128::from(read_half(from)?) << 64 | u128::from(read_half(lineage)?);
    // As numbers are written: without a sign, and without zeros in front.
    let is_plain =
        id.bytes().all(|digit| digit.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    let id = id.parse().ok().filter(|_| is_plain)?;
    Some(CompactKey::Sent(number.to_be_bytes(), id))
}

/// A number of 32 digits, and what follows it.
fn read_number(text: &str) -> Option<([u8; 16], &str)> {
    let (high, low) = (text.get(..16)?, text.get(16..32)?);
    let number = u128::from(read_half(high)?) << 64 | u128::from(read_half(low)?);
    Some((number.to_be_bytes(), &text[32..]))
}

/// A number of 16 digits, all small.
fn read_half(digits: &str) -> Option<u64> {
    let add = |number: u64, digit: u8| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    };
    if digits.len() == 16 { digits.bytes().try_fold(0, add) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(text: &str) -> CompactKey {
        let key = EventKey::new(text).unwrap();
        let compact = CompactKey::from(&key);
        assert_eq!(compact.key(), key, "nothing of it is lost");
        assert_eq!(compact.text_bytes(), text.len());
        compact
    }

    #[test]
    fn keys_that_are_made_here_take_no_memory_besides_and_are_the_same_again() {
        for made in [
            "update 0123456789abcdef0123456789abcdef",
            "raised 00000000000000000000000000000000",
            "from 0123456789abcdef-ffffffffffffffff-0",
            "from 0123456789abcdef-0000000000000001-4294967295",
        ] {
            assert_eq!(compact(made).held_bytes(), 0, "{made}");
        }
        assert!(size_of::<CompactKey>() <= 24);
    }

    #[test]
    fn other_keys_are_kept_as_they_are_also_such_that_are_nearly_made_so() {
        for other in [
            "order-7",
            "update 0123456789ABCDEF0123456789abcdef",
            "update 0123456789abcdef0123456789abcdef ",
            "update 0123456789abcdef0123456789abcde",
            "raised +123456789abcdef0123456789abcdef",
            "update äääääääääääääääääääääääää",
            "from 0123456789abcdef-ffffffffffffffff-07",
            "from 0123456789abcdef-ffffffffffffffff-+7",
            "from 0123456789abcdef-ffffffffffffffff-",
            "from 0123456789abcdef-ffffffffffffffff-4294967296",
            "from 0123456789abcdef-ffffffffffffffff-7~2",
            "from 0123456789abcdef-fffffffffffffff-7",
        ] {
            assert!(matches!(compact(other), CompactKey::Text(_)), "{other}");
        }
    }
}
