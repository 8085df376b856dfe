//! The manifest of a shard's archive: which tables count. It is the only blob that is written over.

use reenact_core::InstanceId;

use super::seal::SUM_BYTES;
use super::table_index::Sizes;
use crate::journal::body::varint::put;
use crate::journal::body::{BodyError, Bytes};
use crate::journal::{Identity, Position};

/// How a manifest begins.
const MAGIC: [u8; 8] = *b"reenactM";

/// The format that is written, and the newest that is read.
const VERSION: u8 = 1;

/// Bytes before its body: magic, version, journal, shard.
const HEAD_BYTES: usize = 8 + 1 + 16 + 4;

/// Fewest bytes of a run or a table.
const MIN_BYTES: usize = 2;

/// What a shard has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// How often it was written.
    pub(super) version: u64,
    /// Drawn anew for each time, so that a writer that has lost a reply knows what it has written.
    pub(super) nonce: u64,
    /// The position up to which the journal is in it.
    pub(super) position: Position,
    /// No table has this number or a higher one.
    pub(super) next: u64,
    /// Newest first; their levels rise.
    pub(super) runs: Vec<Run>,
}

/// A sorted run: what some parts of the journal say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// How often what is in it was merged.
    pub(super) level: u64,
    /// Ordered by id; at least one.
    pub(super) tables: Vec<TableInfo>,
}

/// One blob of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableInfo {
    pub(super) number: u64,
    pub(super) sizes: Sizes,
    /// The ids of its first and its last row.
    pub(super) first: InstanceId,
    pub(super) last: InstanceId,
}

impl Manifest {
    /// The manifest before anything was written.
    pub(super) const fn empty() -> Self {
        Self { version: 0, nonce: 0, position: Position::START, next: 1, runs: Vec::new() }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &TableInfo> {
        self.runs.iter().flat_map(|run| &run.tables)
    }

    pub(super) fn encode(&self, identity: Identity) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&identity.journal.0);
        bytes.extend_from_slice(&identity.shard.0.to_le_bytes());
        let Position { segment, offset, sequence } = self.position;
        bytes.extend_from_slice(&self.nonce.to_le_bytes());
        for number in [self.version, segment, offset, sequence, self.next, self.runs.len() as u64] {
            put(&mut bytes, number);
        }
        for run in &self.runs {
            put(&mut bytes, run.level);
            put(&mut bytes, run.tables.len() as u64);
            run.tables.iter().for_each(|info| encode_table_info(&mut bytes, info));
        }
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The error says what is wrong.
    pub(super) fn decode(stored: &[u8], identity: Identity) -> Result<Self, String> {
        let Some((bytes, sum)) = stored.split_last_chunk::<SUM_BYTES>() else {
            return Err("it is cut off".to_owned());
        };
        let Some((head, body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Err("it is cut off".to_owned());
        };
        if head[..8] != MAGIC {
            return Err("it is no manifest of an archive".to_owned());
        }
        if crc32c::crc32c(bytes).to_le_bytes() != *sum {
            return Err("its checksum does not fit".to_owned());
        }
        check_head(head, identity)?;
        decode_body(body).map_err(|error| match error {
            BodyError::Malformed(reason) => reason.to_owned(),
            BodyError::NewerVersion(version) => format!("it has format version {version}"),
        })
    }
}

fn check_head(head: &[u8; HEAD_BYTES], identity: Identity) -> Result<(), String> {
    let version = head[8];
    if version != VERSION {
        return Err(format!(
            "it has format version {version}, this reenact reads up to {VERSION}; \
             use the one that has written it"
        ));
    }
    if head[9..25] != identity.journal.0 {
        return Err(format!(
            "it is of another store; this one has the journal {}",
            identity.journal
        ));
    }
    if head[25..] != identity.shard.0.to_le_bytes() {
        return Err("it is of another shard".to_owned());
    }
    Ok(())
}

fn encode_table_info(bytes: &mut Vec<u8>, info: &TableInfo) {
    let Sizes { turns, rows, wake, index } = info.sizes;
    for number in [info.number, turns, rows, wake, index] {
        put(bytes, number);
    }
    for id in [&info.first, &info.last] {
        put(bytes, id.as_str().len() as u64);
        bytes.extend_from_slice(id.as_str().as_bytes());
    }
}

fn decode_body(body: &[u8]) -> Result<Manifest, BodyError> {
    const CUT_OFF: BodyError = BodyError::Malformed("it is cut off");
    let (nonce, rest) = body.split_first_chunk().ok_or(CUT_OFF)?;
    let nonce = u64::from_le_bytes(*nonce);
    let mut bytes = Bytes(rest);
    let version = bytes.number()?;
    let (segment, offset) = (bytes.number()?, bytes.number()?);
    let position = Position { segment, offset, sequence: bytes.number()? };
    let next = bytes.number()?;
    let mut runs = Vec::new();
    for _ in 0..count(&mut bytes)? {
        let level = bytes.number()?;
        let count = count(&mut bytes)?;
        let tables: Vec<TableInfo> =
            (0..count).map(|_| decode_table_info(&mut bytes)).collect::<Result<_, _>>()?;
        runs.push(Run { level, tables });
    }
    if !bytes.0.is_empty() {
        return Err(BodyError::Malformed("bytes are left over at its end"));
    }
    Ok(Manifest { version, nonce, position, next, runs })
}

fn decode_table_info(bytes: &mut Bytes<'_>) -> Result<TableInfo, BodyError> {
    let number = bytes.number()?;
    let sizes = Sizes {
        turns: bytes.number()?,
        rows: bytes.number()?,
        wake: bytes.number()?,
        index: bytes.number()?,
    };
    let all = [sizes.turns, sizes.rows, sizes.wake, sizes.index];
    if all.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size)).is_none() {
        return Err(BodyError::Malformed("a run has impossible sizes"));
    }
    Ok(TableInfo { number, sizes, first: decode_id(bytes)?, last: decode_id(bytes)? })
}

fn decode_id(bytes: &mut Bytes<'_>) -> Result<InstanceId, BodyError> {
    let text = std::str::from_utf8(bytes.counted()?).ok();
    let id = text.and_then(|text| InstanceId::new(text).ok());
    id.ok_or(BodyError::Malformed("a text in it is no id"))
}

fn count(bytes: &mut Bytes<'_>) -> Result<usize, BodyError> {
    let count = usize::try_from(bytes.number()?).unwrap_or(usize::MAX);
    if count > bytes.0.len() / MIN_BYTES {
        return Err(BodyError::Malformed("it claims more than there can be"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use reenact_core::ShardId;

    use super::*;
    use crate::journal::JournalId;

    const IDENTITY: Identity =
        Identity { journal: JournalId(*b"the test journal"), shard: ShardId(3) };

    fn manifest() -> Manifest {
        let id = |id: &str| InstanceId::new(id).unwrap();
        let sizes = Sizes { turns: 1 << 40, rows: 300, wake: 0, index: 20 };
        let info = |number| TableInfo { number, sizes, first: id("a"), last: id("é") };
        let runs = vec![
            Run { level: 0, tables: vec![info(9)] },
            Run { level: 7, tables: vec![info(3), info(4)] },
        ];
        let position = Position { segment: u64::MAX, offset: 1, sequence: 300 };
        Manifest { version: 5, nonce: u64::MAX, position, next: 10, runs }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for manifest in [manifest(), Manifest::empty()] {
            assert_eq!(Manifest::decode(&manifest.encode(IDENTITY), IDENTITY), Ok(manifest));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_reported() {
        let stored = manifest().encode(IDENTITY);
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&flipped, IDENTITY).is_err(), "bit {bit}");
        }
        for end in 0..stored.len() {
            assert!(Manifest::decode(&stored[..end], IDENTITY).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn that_of_another_store_shard_or_version_is_reported_as_such() {
        let stored = manifest().encode(IDENTITY);
        let journal = Identity { journal: JournalId(*b"another journal!"), ..IDENTITY };
        let shard = Identity { shard: ShardId(4), ..IDENTITY };
        let refused = |identity| Manifest::decode(&stored, identity).unwrap_err();
        assert!(refused(journal).contains("another store"));
        assert!(refused(shard).contains("another shard"));
        let mut newer = stored[..stored.len() - SUM_BYTES].to_vec();
        newer[8] = 2;
        let sum = crc32c::crc32c(&newer);
        newer.extend_from_slice(&sum.to_le_bytes());
        assert!(Manifest::decode(&newer, IDENTITY).unwrap_err().contains("version 2"));
    }
}
