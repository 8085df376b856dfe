//! The stored forms: what a journal has in the place of a large turn, and what its blob begins with.
//!
//! | in the journal | bytes |
//! |---|---|
//! | [`REFERENCE`] | 1 |
//! | the version of the form, 1 | 1 |
//! | the shard of the blob, little-endian | 4 |
//! | the length of the turn | 8 |
//! | its CRC32C | 4 |
//! | the name of the blob, to the end | at most 240 |
//!
//! | in the blob | bytes |
//! |---|---|
//! | `reenactT` | 8 |
//! | the version of the form, 1 | 1 |
//! | the length of the instance's id, little-endian | 2 |
//! | the id | |
//! | the execution | 4 |
//! | the number of the turn | 8 |
//! | the length of the turn | 8 |
//! | its CRC32C | 4 |
//! | the CRC32C of all of the above | 4 |
//! | the turn, to the end | |

use reenact_core::limits::MAX_INSTANCE_ID_BYTES;
use reenact_core::{ExecutionId, InstanceId, ShardId};

use super::blobs::MAX_NAME_BYTES;
use crate::limits::MAX_LARGE_BATCH_BYTES;

/// What stands in front of a reference to a blob. No turn begins with it.
pub(super) const REFERENCE: u8 = 0xE2;

const VERSION: u8 = 1;

const MAGIC: &[u8; 8] = b"reenactT";

/// Bytes of a head besides the id.
const HEAD_BYTES: usize = MAGIC.len() + 1 + 2 + 4 + 8 + 8 + 4 + 4;

/// Most bytes of a head.
pub(super) const MAX_HEAD_BYTES: usize = HEAD_BYTES + MAX_INSTANCE_ID_BYTES;

/// What a journal has in the place of a large turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) shard: ShardId,
    pub(super) length: u64,
    pub(super) checksum: u32,
    pub(super) name: String,
}

impl Reference {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![REFERENCE, VERSION];
        bytes.extend(self.shard.0.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.checksum.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// Why not, if it is none that can be read here.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Rest(bytes);
        let cut_short = || "the reference to its blob is cut short".to_owned();
        let (mark, version) = (rest.take::<1>(), rest.take::<1>());
        if mark != Some([REFERENCE]) || version != Some([VERSION]) {
            return Err("the reference to its blob has a form that is not known here".to_owned());
        }
        let shard = ShardId(rest.take().map(u32::from_le_bytes).ok_or_else(cut_short)?);
        let length = rest.take().map(u64::from_le_bytes).ok_or_else(cut_short)?;
        let checksum = rest.take().map(u32::from_le_bytes).ok_or_else(cut_short)?;
        let is_plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._~".contains(b);
        let name = std::str::from_utf8(rest.0).ok();
        let name = name.filter(|name| {
            (1..=MAX_NAME_BYTES).contains(&name.len())
                && name.as_bytes().iter().all(is_plain)
                && !name.starts_with('.')
        });
        let name = name.ok_or_else(|| "the name of its blob is no name of one".to_owned())?;
        if length > MAX_LARGE_BATCH_BYTES as u64 {
            return Err(format!("its blob claims to have {length} bytes"));
        }
        Ok(Self { shard, length, checksum, name: name.to_owned() })
    }
}

/// What a blob begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) instance: InstanceId,
    pub(super) execution: ExecutionId,
    pub(super) turn: u64,
    pub(super) length: u64,
    pub(super) checksum: u32,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let id = self.instance.as_str().as_bytes();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + id.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        // An id has at most 256 bytes.
        bytes.extend((id.len() as u16).to_le_bytes());
        bytes.extend(id);
        bytes.extend(self.execution.0.to_le_bytes());
        bytes.extend(self.turn.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.checksum.to_le_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// The head, and what follows it; `None` when there is none that is whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = Rest(bytes);
        if rest.take::<8>()? != *MAGIC || rest.take()? != [VERSION] {
            return None;
        }
        let length = usize::from(u16::from_le_bytes(rest.take()?));
        let (id, after) = rest.0.split_at_checked(length)?;
        rest.0 = after;
        let instance = InstanceId::new(std::str::from_utf8(id).ok()?).ok()?;
        let execution = ExecutionId(u32::from_le_bytes(rest.take()?));
        let turn = u64::from_le_bytes(rest.take()?);
        let length = u64::from_le_bytes(rest.take()?);
        let checksum = u32::from_le_bytes(rest.take()?);
        let covered = &bytes[..bytes.len() - rest.0.len()];
        let is_whole = u32::from_le_bytes(rest.take()?) == crc32c::crc32c(covered);
        is_whole.then_some((Self { instance, execution, turn, length, checksum }, rest.0))
    }
}

/// Bytes that are taken from the front.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let instance = InstanceId::new("Order/7").unwrap();
        Head { instance, execution: ExecutionId(3), turn: 9, length: 2, checksum: 7 }
    }

    fn reference() -> Reference {
        let name = "a.1.2.3.0123456789abcdef0123456789abcdef".to_owned();
        Reference { shard: ShardId(2), length: 1 << 20, checksum: 0xdead_beef, name }
    }

    #[test]
    fn the_stored_forms_never_change() {
        let head = head();
        let stored = [
            &b"reenactT\x01\x07\x00Order/7\x03\0\0\0\x09\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x07\0\0\0"
                [..],
            &head.encode()[42..46],
            b"xy",
        ]
        .concat();
        assert_eq!(Head::decode(&stored), Some((head, &b"xy"[..])));
        let stored = b"\xe2\x01\x02\0\0\0\0\0\x10\0\0\0\0\0\xef\xbe\xad\xdea.1.2.3.0123456789abcdef0123456789abcdef";
        assert_eq!(Reference::decode(stored), Ok(reference()));
        assert_eq!(reference().encode(), stored);
    }

    #[test]
    fn what_is_cut_short_or_changed_is_no_head() {
        let stored = head().encode();
        for end in 0..stored.len() {
            assert_eq!(Head::decode(&stored[..end]), None, "{end}");
        }
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert_eq!(Head::decode(&changed), None, "{at}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["", "../x", "a/b", ".hidden", "A", &"x".repeat(MAX_NAME_BYTES + 1)] {
            let stored = Reference { name: name.to_owned(), ..reference() }.encode();
            assert!(Reference::decode(&stored).is_err(), "{name}");
        }
        let stored = Reference { length: u64::MAX, ..reference() }.encode();
        assert!(Reference::decode(&stored).is_err());
        assert!(Reference::decode(&stored[..10]).is_err());
    }
}
