//! Building a table: from sorted rows to the bytes of a blob.

use super::manifest::TableInfo;
use super::row::{ChunkSize, EarlierRows, Grown, Row, Wake, encode_rows, encode_wakes};
use super::seal::{Seal, Section};
use super::shard_paths::ShardPaths;
use super::table_index::{BlockPlace, Sizes, TableIndex, encode_footer};
use crate::InstanceSummary;
use crate::archive::hash::hash;
use crate::archive::{Earlier, TurnRun, chunk};
use crate::journal::Identity;

/// A blob that is being made, in memory.
pub(super) struct Builder {
    identity: Identity,
    number: u64,
    seal: Seal,
    block_bytes: usize,
    turns: Vec<u8>,
    /// Closed blocks.
    rows: Vec<u8>,
    /// The block that is not closed yet, and about how many bytes it will have.
    open: Vec<Row>,
    open_bytes: usize,
    blocks: Vec<BlockPlace>,
    hashes: Vec<u64>,
    wakes: Vec<Wake>,
    ends: Option<(reenact_core::InstanceId, reenact_core::InstanceId)>,
    /// Kept from one chunk to the next.
    chunk: Vec<u8>,
}

/// A blob that is made.
pub(super) struct Built {
    pub(super) info: TableInfo,
    pub(super) index: TableIndex,
    pub(super) bytes: Vec<u8>,
}

impl Builder {
    pub(super) fn new(paths: &ShardPaths, number: u64) -> Self {
        Self {
            identity: paths.identity,
            number,
            seal: Seal::new(paths.identity, number),
            block_bytes: paths.options.block_bytes,
            turns: Vec::new(),
            rows: Vec::new(),
            open: Vec::new(),
            open_bytes: 0,
            blocks: Vec::new(),
            hashes: Vec::new(),
            wakes: Vec::new(),
            ends: None,
            chunk: Vec::new(),
        }
    }

    /// About how many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        self.turns.len() + self.rows.len() + self.open_bytes
    }

    /// Adds an instance that was purged, after all that were added.
    pub(super) fn purged(&mut self, instance: reenact_core::InstanceId) {
        self.push(Row::purged(instance));
    }

    /// Adds an instance with some of its turns, after all that were added.
    pub(super) fn grown(
        &mut self,
        begins: bool,
        summary: &InstanceSummary,
        run: &TurnRun,
        earlier: &Earlier,
    ) {
        let instance = summary.instance.clone();
        // What says nothing is not written, so that hosts of before read it.
        let oldest = earlier.oldest_before(run);
        let says_nothing =
            earlier.runs.is_empty() && oldest == Earlier::default().oldest_before(run);
        let grown = self.run(summary, run);
        let earlier = earlier.runs.iter().map(|earlier| self.run(&earlier.summary, &earlier.run));
        let earlier =
            EarlierRows { grown: earlier.collect(), oldest: (!says_nothing).then_some(oldest) };
        self.push(Row { instance, begins, grown: Some(grown), earlier });
    }

    /// Adds turns of an execution.
    fn run(&mut self, summary: &InstanceSummary, run: &TurnRun) -> Grown {
        let offset = self.turns.len() as u64;
        let mut chunks = Vec::new();
        for (first, turns) in chunk::chunks(run) {
            chunk::encode(&mut self.chunk, &summary.instance, run.execution, first, turns);
            self.turns.extend_from_slice(&self.chunk);
            let bytes = self.chunk.len() as u64;
            chunks.push(ChunkSize { turns: turns.len() as u64, bytes });
        }
        let (first, end) = (run.first, run.end());
        Grown { summary: summary.clone(), first, end, offset, chunks }
    }

    fn push(&mut self, row: Row) {
        self.hashes.push(hash(&row.instance));
        self.wakes.extend(row.wake());
        let (_, last) =
            self.ends.get_or_insert_with(|| (row.instance.clone(), row.instance.clone()));
        *last = row.instance.clone();
        self.open_bytes += row.stored_bytes();
        self.open.push(row);
        if self.open_bytes >= self.block_bytes {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let Some(first) = self.open.first() else { return };
        let first = first.instance.clone();
        let offset = self.rows.len();
        encode_rows(&mut self.rows, &self.open);
        self.seal.close(&mut self.rows, offset, Section::Rows, offset as u64);
        let bytes = (self.rows.len() - offset) as u64;
        self.blocks.push(BlockPlace { first, offset: offset as u64, bytes });
        self.open.clear();
        self.open_bytes = 0;
    }

    /// The blob; `None` when nothing was added.
    pub(super) fn finish(mut self) -> Option<Built> {
        self.close_block();
        let (first, last) = self.ends?;
        let mut bytes = self.turns;
        let turns = bytes.len();
        bytes.append(&mut self.rows);
        let rows = bytes.len();
        if !self.wakes.is_empty() {
            encode_wakes(&mut bytes, &self.wakes);
            self.seal.close(&mut bytes, rows, Section::Wake, 0);
        }
        let wake = bytes.len();
        let index = TableIndex::new(self.blocks, &self.hashes);
        index.encode(&mut bytes, self.seal);
        let sizes = Sizes {
            turns: turns as u64,
            rows: (rows - turns) as u64,
            wake: (wake - rows) as u64,
            index: (bytes.len() - wake) as u64,
        };
        encode_footer(&mut bytes, self.identity, self.number, sizes);
        let info = TableInfo { number: self.number, sizes, first, last };
        Some(Built { info, index, bytes })
    }
}
