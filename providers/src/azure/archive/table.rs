//! Reading one blob of a run.

use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::{ExecutionId, InstanceId};

use super::cache::{Cached, Key};
use super::guide::{BlockPlace, FOOTER_BYTES, Guide, check_footer};
use super::home::{Home, Trouble, corrupt};
use super::manifest::Piece;
use super::row::{ChunkPlace, Grown, Row, Wake, decode_rows, decode_wakes};
use super::seal::{Seal, Section};
use crate::archive::chunk;
use crate::journal::body::BodyError;
use crate::{ProviderError, StoredTurn};

/// A block of rows.
pub(super) type Block = Arc<Vec<Row>>;

/// One blob of a run. It never changes, so whatever was read of it stays right.
#[derive(Debug)]
pub(super) struct Table {
    home: Arc<Home>,
    pub(super) piece: Piece,
    name: String,
    seal: Seal,
    /// Read once, when something is looked for between its first and its last id.
    guide: Mutex<Option<Arc<Guide>>>,
}

impl Table {
    /// With its guide, if that is known.
    pub(super) fn new(home: &Arc<Home>, piece: Piece, guide: Option<Guide>) -> Self {
        let name = home.run(piece.number);
        let seal = Seal::new(home.identity, piece.number);
        let guide = Mutex::new(guide.map(Arc::new));
        Self { home: Arc::clone(home), piece, name, seal, guide }
    }

    /// What is where in it.
    pub(super) fn guide(&self) -> Result<Arc<Guide>, Trouble> {
        let mut guide = self.guide.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guide) = &*guide {
            return Ok(Arc::clone(guide));
        }
        let read = Arc::new(self.read_guide()?);
        *guide = Some(Arc::clone(&read));
        Ok(read)
    }

    fn read_guide(&self) -> Result<Guide, Trouble> {
        let sizes = self.piece.sizes;
        let offset = sizes.turns + sizes.rows + sizes.wake;
        let bytes = self.get(offset, sizes.guide.saturating_add(FOOTER_BYTES as u64))?;
        let at = usize::try_from(sizes.guide).unwrap_or(usize::MAX);
        let (guide, footer) = bytes.split_at_checked(at).unwrap_or((&bytes, &[]));
        check_footer(footer, self.home.identity, self.piece.number, sizes)
            .map_err(|reason| corrupt(&self.name, offset + sizes.guide, reason))?;
        let guide = Guide::decode(guide, self.seal, sizes.rows);
        Ok(guide.ok_or_else(|| corrupt(&self.name, offset, "its index has rotted"))?)
    }

    /// Whether it can have an id at all. Costs nothing.
    pub(super) fn spans(&self, instance: &InstanceId) -> bool {
        self.piece.first <= *instance && *instance <= self.piece.last
    }

    /// Whether it may have an id; seldom, it has not.
    pub(super) fn may_have(&self, instance: &InstanceId) -> Result<bool, Trouble> {
        Ok(self.spans(instance) && self.guide()?.block_of(instance).is_some())
    }

    /// The rows of some instances, which are in order and [spanned](Self::spans). What is close to
    /// each other is read at once.
    pub(super) fn find(&self, instances: &[&InstanceId]) -> Result<Vec<Option<Row>>, Trouble> {
        let guide = self.guide()?;
        let wanted: Vec<Option<usize>> =
            instances.iter().map(|instance| guide.block_of(instance)).collect();
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
                    held = (number, self.blocks_for(&guide, number, &wanted[at..])?);
                    Arc::clone(&held.1[0])
                }
            };
            let row = block.binary_search_by(|row| row.instance.cmp(instance));
            found.push(row.ok().map(|row| block[row].clone()));
        }
        Ok(found)
    }

    /// A block, with those behind it that are wanted too, as far as one request goes.
    fn blocks_for(
        &self,
        guide: &Guide,
        number: usize,
        wanted: &[Option<usize>],
    ) -> Result<Vec<Block>, Trouble> {
        if let Some(block) = self.home.cache.rows(self.key(&guide.blocks[number])) {
            return Ok(vec![block]);
        }
        let limit = self.home.options.stretch_bytes;
        let start = guide.blocks[number].offset;
        let fits = |wanted: &usize| guide.blocks[*wanted].end() - start <= limit;
        let last = wanted.iter().flatten().copied().take_while(fits).last().unwrap_or(number);
        self.read_blocks(guide, number, last, true)
    }

    /// Blocks from one on: those that are known, or about so many bytes of them; at least one.
    pub(super) fn blocks(
        &self,
        guide: &Guide,
        number: usize,
        bytes: u64,
        keep: bool,
    ) -> Result<Vec<Block>, Trouble> {
        let rest = guide.blocks.get(number..).unwrap_or_default();
        let Some(first) = rest.first() else { return Ok(Vec::new()) };
        if let Some(block) = self.home.cache.rows(self.key(first)) {
            return Ok(vec![block]);
        }
        let fits = |block: &&BlockPlace| block.end() - first.offset <= bytes;
        let count = rest.iter().take_while(fits).count().max(1);
        self.read_blocks(guide, number, number + count - 1, keep)
    }

    fn read_blocks(
        &self,
        guide: &Guide,
        first: usize,
        last: usize,
        keep: bool,
    ) -> Result<Vec<Block>, Trouble> {
        let places = &guide.blocks[first..=last];
        let (start, end) = (guide.blocks[first].offset, guide.blocks[last].end());
        let offset = self.piece.sizes.turns + start;
        let bytes = self.get(offset, end - start)?;
        let mut rest = &bytes[..];
        let mut blocks = Vec::with_capacity(places.len());
        for place in places {
            let at = usize::try_from(place.bytes).unwrap_or(usize::MAX);
            let (bytes, behind) = rest.split_at_checked(at).ok_or_else(|| self.cut_off(offset))?;
            rest = behind;
            let block = Arc::new(self.decode_block(place, bytes)?);
            if keep {
                self.home.cache.keep(self.key(place), Cached::Rows(Arc::clone(&block)));
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn decode_block(&self, place: &BlockPlace, bytes: &[u8]) -> Result<Vec<Row>, ProviderError> {
        let at = self.piece.sizes.turns + place.offset;
        let payload = self.seal.open(bytes, Section::Rows, place.offset);
        let payload = payload.ok_or_else(|| self.rotten(at))?;
        decode_rows(payload, self.piece.sizes.turns).map_err(|error| self.malformed(at, error))
    }

    /// What it says of what must wake.
    pub(super) fn wakes(&self) -> Result<Vec<Wake>, Trouble> {
        let sizes = self.piece.sizes;
        if sizes.wake == 0 {
            return Ok(Vec::new());
        }
        let at = sizes.turns + sizes.rows;
        let bytes = self.get(at, sizes.wake)?;
        let payload = self.seal.open(&bytes, Section::Wake, 0).ok_or_else(|| self.rotten(at))?;
        Ok(decode_wakes(payload).map_err(|error| self.malformed(at, error))?)
    }

    /// At most `limit` turns of a row from a number on.
    pub(super) fn turns(
        &self,
        grown: &Grown,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredTurn>, Trouble> {
        let behind = from.saturating_add(limit as u64);
        let wanted = |place: &ChunkPlace| place.end() > from && place.first < behind;
        let places: Vec<ChunkPlace> = grown.places().filter(wanted).collect();
        let mut reader = TurnsReader::new(self, self.home.options.turns_stretch_bytes);
        reader.until = places.last().map_or(0, |last| last.offset + last.bytes);
        let mut turns = Vec::new();
        for place in places {
            let key = Key { offset: place.offset, ..self.key_at(0) };
            let chunk = match self.home.cache.turns(key) {
                Some(chunk) => chunk,
                None => Arc::from(reader.read(place.offset, place.bytes)?),
            };
            let decoded = self.decode_turns(&grown.summary, place, &chunk)?;
            let numbered = (place.first..).zip(decoded);
            let numbered = numbered.filter(|(number, _)| (from..behind).contains(number));
            turns
                .extend(numbered.map(|(number, bytes)| StoredTurn { number, bytes: bytes.into() }));
            if place.end() > behind {
                // The next page will ask for the rest of it.
                self.home.cache.keep(key, Cached::Turns(chunk));
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
        let read = self.home.shelf.get(&self.name, offset, Some(bytes))?;
        let read = read.ok_or_else(|| Trouble::Gone(self.name.clone()))?;
        if read.len() as u64 != bytes {
            return Err(self.cut_off(offset).into());
        }
        Ok(read)
    }

    fn key(&self, place: &BlockPlace) -> Key {
        self.key_at(self.piece.sizes.turns + place.offset)
    }

    fn key_at(&self, offset: u64) -> Key {
        Key { shard: self.home.identity.shard.0, run: self.piece.number, offset }
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
    /// Nothing behind it is wanted.
    until: u64,
    /// Where what is held begins.
    offset: u64,
    held: Vec<u8>,
}

impl<'a> TurnsReader<'a> {
    /// That reads so many bytes at a time, or a chunk that has more.
    pub(super) fn new(table: &'a Table, stretch: u64) -> Self {
        let until = table.piece.sizes.turns;
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
