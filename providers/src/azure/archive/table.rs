//! Reading a table: one blob of a sorted run, a block at a time.

use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::{ExecutionId, InstanceId};

use super::cache::{Cached, Key};
use super::manifest::TableInfo;
use super::row::{ChunkPlace, Grown, Row, Wake, decode_rows, decode_wakes};
use super::seal::{Seal, Section};
use super::shard_paths::{ShardPaths, Trouble, corrupt};
use super::table_index::{BlockPlace, FOOTER_BYTES, TableIndex, check_footer};
use crate::archive::chunk;
use crate::journal::body::BodyError;
use crate::{ProviderError, StoredTurn};

/// A block of rows.
pub(super) type Block = Arc<Vec<Row>>;

/// One blob of a run. It never changes, so whatever was read of it stays right.
#[derive(Debug)]
pub(super) struct Table {
    paths: Arc<ShardPaths>,
    pub(super) info: TableInfo,
    name: String,
    seal: Seal,
    /// Read once, when something is looked for between its first and its last id.
    index: Mutex<Option<Arc<TableIndex>>>,
}

impl Table {
    /// A run; with its index, if that is known.
    pub(super) fn new(paths: &Arc<ShardPaths>, info: TableInfo, index: Option<TableIndex>) -> Self {
        let name = paths.run(info.number);
        let seal = Seal::new(paths.identity, info.number);
        let index = Mutex::new(index.map(Arc::new));
        Self { paths: Arc::clone(paths), info, name, seal, index }
    }

    /// What is where in it.
    pub(super) fn index(&self) -> Result<Arc<TableIndex>, Trouble> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*index {
            return Ok(Arc::clone(index));
        }
        let read = Arc::new(self.read_index()?);
        *index = Some(Arc::clone(&read));
        Ok(read)
    }

    fn read_index(&self) -> Result<TableIndex, Trouble> {
        let sizes = self.info.sizes;
        let offset = sizes.turns + sizes.rows + sizes.wake;
        let bytes = self.get(offset, sizes.index.saturating_add(FOOTER_BYTES as u64))?;
        let at = usize::try_from(sizes.index).unwrap_or(usize::MAX);
        let (index, footer) = bytes.split_at_checked(at).unwrap_or((&bytes, &[]));
        check_footer(footer, self.paths.identity, self.info.number, sizes)
            .map_err(|reason| corrupt(&self.name, offset + sizes.index, reason))?;
        let index = TableIndex::decode(index, self.seal, sizes.rows);
        Ok(index.ok_or_else(|| corrupt(&self.name, offset, "its index has rotted"))?)
    }

    /// Whether it can have an id at all. Costs nothing.
    pub(super) fn spans(&self, instance: &InstanceId) -> bool {
        self.info.first <= *instance && *instance <= self.info.last
    }

    /// Whether it may have an id; seldom, it has not.
    pub(super) fn may_have(&self, instance: &InstanceId) -> Result<bool, Trouble> {
        Ok(self.spans(instance) && self.index()?.block_of(instance).is_some())
    }

    /// The rows of some instances, which are in order and [spanned](Self::spans). What is close to
    /// each other is read at once.
    pub(super) fn find(&self, instances: &[&InstanceId]) -> Result<Vec<Option<Row>>, Trouble> {
        let index = self.index()?;
        let wanted: Vec<Option<usize>> =
            instances.iter().map(|instance| index.block_of(instance)).collect();
        let mut found = Vec::with_capacity(instances.len());
        let mut held: (usize, Vec<Block>) = (0, Vec::new());
        for (at, instance) in instances.iter().enumerate() {
            let Some(number) = wanted[at] else {
                found.push(None);
                continue;
            };
            let block = match number.checked_sub(held.0).and_then(|at| held.1.get(at)) {
                Some(block) => Arc::clone(block),
                None => {
                    held = (number, self.blocks_for(&index, number, &wanted[at..])?);
                    Arc::clone(&held.1[0])
                }
            };
            let row = block.binary_search_by(|row| row.instance.cmp(instance));
            found.push(row.ok().map(|row| block[row].clone()));
        }
        Ok(found)
    }

    /// A block, with those after it that are wanted too, as far as one request goes.
    fn blocks_for(
        &self,
        index: &TableIndex,
        number: usize,
        wanted: &[Option<usize>],
    ) -> Result<Vec<Block>, Trouble> {
        if let Some(block) = self.paths.cache.rows(self.key(&index.blocks[number])) {
            return Ok(vec![block]);
        }
        let limit = self.paths.options.stretch_bytes;
        let start = index.blocks[number].offset;
        let fits = |wanted: &usize| index.blocks[*wanted].end() - start <= limit;
        let last = wanted.iter().flatten().copied().take_while(fits).last().unwrap_or(number);
        self.read_blocks(index, number, last, true)
    }

    /// Blocks from one on: those that are known, or about as many as one request reads; at least one.
    pub(super) fn blocks(
        &self,
        index: &TableIndex,
        number: usize,
        bytes: u64,
        keep: bool,
    ) -> Result<Vec<Block>, Trouble> {
        let rest = index.blocks.get(number..).unwrap_or_default();
        let Some(first) = rest.first() else { return Ok(Vec::new()) };
        if let Some(block) = self.paths.cache.rows(self.key(first)) {
            return Ok(vec![block]);
        }
        let fits = |block: &&BlockPlace| block.end() - first.offset <= bytes;
        let count = rest.iter().take_while(fits).count().max(1);
        self.read_blocks(index, number, number + count - 1, keep)
    }

    fn read_blocks(
        &self,
        index: &TableIndex,
        first: usize,
        last: usize,
        keep: bool,
    ) -> Result<Vec<Block>, Trouble> {
        let places = &index.blocks[first..=last];
        let (start, end) = (index.blocks[first].offset, index.blocks[last].end());
        let offset = self.info.sizes.turns + start;
        let bytes = self.get(offset, end - start)?;
        let mut rest = &bytes[..];
        let mut blocks = Vec::with_capacity(places.len());
        for place in places {
            let at = usize::try_from(place.bytes).unwrap_or(usize::MAX);
            let (bytes, tail) = rest.split_at_checked(at).ok_or_else(|| self.cut_off(offset))?;
            rest = tail;
            let block = Arc::new(self.decode_block(place, bytes)?);
            if keep {
                self.paths.cache.keep(self.key(place), Cached::Rows(Arc::clone(&block)));
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn decode_block(&self, place: &BlockPlace, bytes: &[u8]) -> Result<Vec<Row>, ProviderError> {
        let at = self.info.sizes.turns + place.offset;
        let payload = self.seal.open(bytes, Section::Rows, place.offset);
        let payload = payload.ok_or_else(|| self.rotten(at))?;
        decode_rows(payload, self.info.sizes.turns).map_err(|error| self.malformed(at, error))
    }

    /// What it says of what must wake.
    pub(super) fn wakes(&self) -> Result<Vec<Wake>, Trouble> {
        let sizes = self.info.sizes;
        if sizes.wake == 0 {
            return Ok(Vec::new());
        }
        let at = sizes.turns + sizes.rows;
        let bytes = self.get(at, sizes.wake)?;
        let payload = self.seal.open(&bytes, Section::Wake, 0).ok_or_else(|| self.rotten(at))?;
        Ok(decode_wakes(payload).map_err(|error| self.malformed(at, error))?)
    }

    /// Reads at most `limit` turns of a row from a number on.
    pub(super) fn turns(
        &self,
        grown: &Grown,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredTurn>, Trouble> {
        let to = from.saturating_add(limit as u64);
        let wanted = |place: &ChunkPlace| place.end() > from && place.first < to;
        let places: Vec<ChunkPlace> = grown.places().filter(wanted).collect();
        let mut reader = TurnsReader::new(self, self.paths.options.turns_stretch_bytes);
        reader.until = places.last().map_or(0, |last| last.offset + last.bytes);
        let mut turns = Vec::new();
        for place in places {
            let key = Key { offset: place.offset, ..self.key_at(0) };
            let chunk = match self.paths.cache.turns(key) {
                Some(chunk) => chunk,
                None => Arc::from(reader.read(place.offset, place.bytes)?),
            };
            let decoded = self.decode_turns(&grown.summary, place, &chunk)?;
            let numbered = (place.first..).zip(decoded);
            let numbered = numbered.filter(|(number, _)| (from..to).contains(number));
            turns
                .extend(numbered.map(|(number, bytes)| StoredTurn { number, bytes: bytes.into() }));
            if place.end() > to {
                // The next page will ask for the rest of it.
                self.paths.cache.keep(key, Cached::Turns(chunk));
            }
        }
        Ok(turns)
    }

    /// The turns of a chunk.
    pub(super) fn decode_turns<'a>(
        &self,
        summary: &crate::InstanceSummary,
        place: ChunkPlace,
        chunk: &'a [u8],
    ) -> Result<Vec<&'a [u8]>, ProviderError> {
        let (instance, execution): (_, ExecutionId) = (&summary.instance, summary.execution);
        chunk::decode(instance, execution, place.first, place.turns, chunk).map_err(|reason| {
            let reason = format!("instance {instance}, execution {}: {reason}", execution.0);
            corrupt(&self.name, place.offset, reason)
        })
    }

    /// A part of the blob: as long as that.
    fn get(&self, offset: u64, bytes: u64) -> Result<Vec<u8>, Trouble> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let read = self.paths.blob_store.get(&self.name, offset, Some(bytes))?;
        let read = read.ok_or_else(|| Trouble::Gone(self.name.clone()))?;
        if read.len() as u64 != bytes {
            return Err(self.cut_off(offset).into());
        }
        Ok(read)
    }

    fn key(&self, place: &BlockPlace) -> Key {
        self.key_at(self.info.sizes.turns + place.offset)
    }

    fn key_at(&self, offset: u64) -> Key {
        Key { shard: self.paths.identity.shard.0, run: self.info.number, offset }
    }

    fn cut_off(&self, offset: u64) -> ProviderError {
        corrupt(&self.name, offset, "it is cut off")
    }

    fn rotten(&self, offset: u64) -> ProviderError {
        corrupt(&self.name, offset, "the checksum does not fit")
    }

    fn malformed(&self, offset: u64, error: BodyError) -> ProviderError {
        match error {
            BodyError::Malformed(reason) => corrupt(&self.name, offset, reason),
            BodyError::NewerVersion(version) => {
                corrupt(&self.name, offset, format!("it has format version {version}"))
            }
        }
    }
}

/// Reads chunks in the order in which they are stored, many with one request.
pub(super) struct TurnsReader<'a> {
    table: &'a Table,
    stretch: u64,
    /// Nothing after it is wanted.
    until: u64,
    /// The offset at which what is held begins.
    offset: u64,
    held: Vec<u8>,
}

impl<'a> TurnsReader<'a> {
    /// A reader of this number of bytes at a time, or of a chunk that has more.
    pub(super) fn new(table: &'a Table, stretch: u64) -> Self {
        let until = table.info.sizes.turns;
        Self { table, stretch, until, offset: 0, held: Vec::new() }
    }

    /// The bytes of a chunk.
    pub(super) fn read(&mut self, offset: u64, bytes: u64) -> Result<&[u8], Trouble> {
        let end = offset + bytes;
        if offset < self.offset || end > self.offset + self.held.len() as u64 {
            let most = self.until.saturating_sub(offset).min(self.stretch);
            self.held = self.table.get(offset, bytes.max(most))?;
            self.offset = offset;
        }
        let at = (offset - self.offset) as usize;
        Ok(&self.held[at..at + bytes as usize])
    }
}
