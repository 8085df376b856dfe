//! What a store says about itself: a small text for people and for us.
//!
//! ```text
//! reenact store
//! format 1
//! journal 0123456789abcdef0123456789abcdef
//! shards 4
//! checksum 89abcdef
//! ```

use crate::OpenError;
use crate::journal::JournalId;
use crate::limits::MAX_SHARDS;

/// The format of the store that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// How it begins in every format.
const TITLE: &str = "reenact store\n";

/// Most bytes of it.
pub(crate) const MAX_BYTES: usize = 4096;

/// Names a store, and fixes what must never change in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreIdentity {
    /// The id that stands in each file of the store.
    pub(crate) journal: JournalId,
    /// How many shards there are.
    pub(crate) shards: u32,
}

impl StoreIdentity {
    pub(crate) fn encode(self) -> String {
        let Self { journal, shards } = self;
        let text = format!("{TITLE}format {FORMAT}\njournal {journal}\nshards {shards}\n");
        let checksum = crc32c::crc32c(text.as_bytes());
        format!("{text}checksum {checksum:08x}\n")
    }

    /// Reads what is stored at `place`.
    pub(crate) fn decode(stored: &[u8], place: &str) -> Result<Self, OpenError> {
        let damaged = |reason: &str| OpenError::Damaged {
            place: place.to_owned(),
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(stored).map_err(|_| damaged("it is no text"))?;
        let rest = text.strip_prefix(TITLE).ok_or_else(|| damaged("it does not begin like one"))?;
        // The checksum comes first: a flipped bit is no newer format.
        let (covered, checksum) =
            text.rsplit_once("checksum ").ok_or_else(|| damaged("it has no checksum"))?;
        if checksum != format!("{:08x}\n", crc32c::crc32c(covered.as_bytes())) {
            return Err(damaged("it is not what was written"));
        }
        let mut lines = rest.lines();
        let mut value = |key: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(key));
            line.and_then(|line| line.strip_prefix(' ')).map(str::to_owned)
        };
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
        let found = number(value("format")).ok_or_else(|| damaged("it names no format"))?;
        if found > FORMAT {
            let place = place.to_owned();
            return Err(OpenError::NewerFormat { place, found, supported: FORMAT });
        }
        let journal = value("journal").and_then(|digits| digits.parse::<JournalId>().ok());
        let journal = journal.ok_or_else(|| damaged("it names no journal"))?;
        let shards = number(value("shards")).filter(|shards| (1..=MAX_SHARDS).contains(shards));
        let shards = shards.ok_or_else(|| damaged("it names no number of shards"))?;
        Ok(Self { journal, shards })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: StoreIdentity =
        StoreIdentity { journal: JournalId(*b"the test journal"), shards: 7 };

    #[test]
    fn what_was_written_is_read_and_is_a_text_for_people() {
        let text = IDENTITY.encode();
        assert_eq!(StoreIdentity::decode(text.as_bytes(), "STORE").unwrap(), IDENTITY);
        assert!(text.contains("\nshards 7\n"), "{text}");
        assert!(text.len() < MAX_BYTES);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_damage() {
        let text = IDENTITY.encode().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[at] ^= 1 << bit;
                let refused = StoreIdentity::decode(&flipped, "STORE").unwrap_err();
                assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
            }
            let refused = StoreIdentity::decode(&text[..at], "STORE").unwrap_err();
            assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        }
    }

    #[test]
    fn a_newer_format_is_reported() {
        let text = "reenact store\nformat 2\nwhatever else\n";
        let text = format!("{text}checksum {:08x}\n", crc32c::crc32c(text.as_bytes()));
        let refused = StoreIdentity::decode(text.as_bytes(), "STORE").unwrap_err();
        assert!(matches!(refused, OpenError::NewerFormat { found: 2, supported: 1, .. }));
    }
}
