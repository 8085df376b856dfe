//! The index at the end of a table: where its blocks are, and which ids it does not have.

use reenact_core::InstanceId;

use super::filter::Filter;
use super::seal::{SUM_BYTES, Seal, Section};
use crate::archive::hash::hash;
use crate::journal::Identity;
use crate::journal::body::Bytes;
use crate::journal::body::varint::put;

/// How the footer begins.
const MAGIC: [u8; 8] = *b"reenactR";

/// The format that is written, and the newest that is read.
const VERSION: u8 = 1;

/// Bytes of the footer: magic, version, journal, shard, number, sizes of four sections, checksum.
pub(super) const FOOTER_BYTES: usize = 8 + 1 + 16 + 4 + 8 + 4 * 8 + SUM_BYTES;

/// How long the sections of a run are, in bytes, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) turns: u64,
    pub(super) rows: u64,
    /// 0 when nothing is in it.
    pub(super) wake: u64,
    pub(super) index: u64,
}

/// An index: where the rows of a run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableIndex {
    /// Ordered by id, and so by place.
    pub(super) blocks: Vec<BlockPlace>,
    filter: Filter,
}

/// The place of a block of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockPlace {
    /// The id of its first row.
    pub(super) first: InstanceId,
    /// The offset from the start of the rows.
    pub(super) offset: u64,
    /// The length, with its checksum.
    pub(super) bytes: u64,
}

impl BlockPlace {
    pub(super) const fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

impl TableIndex {
    /// For blocks in order, and the [`hash`]es of all ids in them.
    pub(super) fn new(blocks: Vec<BlockPlace>, hashes: &[u64]) -> Self {
        Self { blocks, filter: Filter::of(hashes) }
    }

    /// The number of the block that may have an id; `None` when there is none.
    pub(super) fn block_of(&self, instance: &InstanceId) -> Option<usize> {
        let after = self.blocks.partition_point(|block| block.first <= *instance);
        after.checked_sub(1).filter(|_| self.filter.may_have(hash(instance)))
    }

    /// The number of the block in which what comes from a text on begins.
    pub(super) fn block_from(&self, text: &str) -> usize {
        self.blocks.partition_point(|block| block.first.as_str() <= text).saturating_sub(1)
    }

    /// Adds the stored form with its checksum.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>, seal: Seal) {
        let from = bytes.len();
        put(bytes, self.blocks.len() as u64);
        for block in &self.blocks {
            put(bytes, block.first.as_str().len() as u64);
            bytes.extend_from_slice(block.first.as_str().as_bytes());
            put(bytes, block.bytes);
        }
        bytes.extend_from_slice(self.filter.as_bytes());
        seal.close(bytes, from, Section::Index, 0);
    }

    /// Reads what [`encode`](Self::encode) has written, for `rows` bytes of rows. `None` when it is
    /// not that.
    pub(super) fn decode(bytes: &[u8], seal: Seal, rows: u64) -> Option<Self> {
        let mut bytes = Bytes(seal.open(bytes, Section::Index, 0)?);
        let count = bytes.number().ok()?;
        let (mut blocks, mut offset) = (Vec::<BlockPlace>::new(), 0_u64);
        for _ in 0..count {
            let first = std::str::from_utf8(bytes.counted().ok()?).ok()?;
            let first = InstanceId::new(first).ok()?;
            let length = bytes.number().ok()?;
            if blocks.last().is_some_and(|before| before.first >= first) {
                return None;
            }
            blocks.push(BlockPlace { first, offset, bytes: length });
            offset = offset.checked_add(length)?;
        }
        let filter = Filter::read(bytes.0)?;
        (offset == rows).then_some(Self { blocks, filter })
    }
}

/// Adds the footer of a run.
pub(super) fn encode_footer(bytes: &mut Vec<u8>, identity: Identity, number: u64, sizes: Sizes) {
    let from = bytes.len();
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&identity.journal.0);
    bytes.extend_from_slice(&identity.shard.0.to_le_bytes());
    for number in [number, sizes.turns, sizes.rows, sizes.wake, sizes.index] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let sum = crc32c::crc32c(&bytes[from..]);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// What is wrong with the footer of a run, if anything is.
pub(super) fn check_footer(
    footer: &[u8],
    identity: Identity,
    number: u64,
    sizes: Sizes,
) -> Result<(), String> {
    let Some((body, sum)) = footer.split_last_chunk::<SUM_BYTES>() else {
        return Err("its footer is cut off".to_owned());
    };
    if body.get(..8) != Some(&MAGIC[..]) {
        return Err("it has no footer of a run".to_owned());
    }
    if crc32c::crc32c(body).to_le_bytes() != *sum {
        return Err("the checksum of its footer does not fit".to_owned());
    }
    if let Some(version) = body.get(8).filter(|version| **version > VERSION) {
        return Err(format!(
            "it has format version {version}, this reenact reads up to {VERSION}; \
             use the one that has written it"
        ));
    }
    let mut expected = Vec::with_capacity(FOOTER_BYTES);
    encode_footer(&mut expected, identity, number, sizes);
    if expected != footer {
        return Err("its footer is that of another run".to_owned());
    }
    Ok(())
}
