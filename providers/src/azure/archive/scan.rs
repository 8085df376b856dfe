//! Going through rows in the order of their ids.

use std::collections::VecDeque;
use std::sync::Arc;

use reenact_core::InstanceId;

use super::row::Row;
use super::shard_paths::Trouble;
use super::table::{Block, Table};

/// The id at which a scan begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) text: &'a str,
    /// Whether the id itself is included, or only those after it.
    pub(super) included: bool,
}

impl Start<'_> {
    fn is_before(self, instance: &InstanceId) -> bool {
        match instance.as_str().cmp(self.text) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => self.included,
            std::cmp::Ordering::Greater => true,
        }
    }
}

/// How to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Bytes of rows that are read at first. Each time, it is twice as many.
    pub(super) first: u64,
    pub(super) most: u64,
    /// Whether somebody may soon ask for the same again.
    pub(super) keep: bool,
}

/// Goes through one run.
#[derive(Debug)]
pub(super) struct Cursor {
    tables: VecDeque<Arc<Table>>,
    /// The next block to read of the first of the tables.
    next: usize,
    held: VecDeque<Block>,
    /// In the first block that is held.
    at: usize,
    stretch: u64,
    pace: Pace,
}

impl Cursor {
    pub(super) fn new(run: &[Arc<Table>], start: Start<'_>, pace: Pace) -> Result<Self, Trouble> {
        let tables = run.iter().filter(|table| start.is_before(&table.info.last));
        let tables: VecDeque<_> = tables.cloned().collect();
        let (held, stretch) = (VecDeque::new(), pace.first);
        let mut cursor = Self { tables, next: 0, held, at: 0, stretch, pace };
        let Some(table) = cursor.tables.front() else { return Ok(cursor) };
        if start.is_before(&table.info.first) {
            return Ok(cursor);
        }
        cursor.next = table.index()?.block_from(start.text);
        while cursor.peek()?.is_some_and(|row| !start.is_before(&row.instance)) {
            cursor.at += 1;
        }
        Ok(cursor)
    }

    fn peek(&mut self) -> Result<Option<&Row>, Trouble> {
        while self.at >= self.held.front().map_or(0, |block| block.len()) {
            self.at = 0;
            if self.held.pop_front().is_none() && !self.fill()? {
                return Ok(None);
            }
        }
        Ok(self.held.front().and_then(|block| block.get(self.at)))
    }

    /// Reads on. Whether there was anything.
    fn fill(&mut self) -> Result<bool, Trouble> {
        while let Some(table) = self.tables.front() {
            let index = table.index()?;
            let blocks = table.blocks(&index, self.next, self.stretch, self.pace.keep)?;
            if !blocks.is_empty() {
                self.next += blocks.len();
                self.stretch = self.stretch.saturating_mul(2).min(self.pace.most);
                self.held.extend(blocks);
                return Ok(true);
            }
            self.tables.pop_front();
            self.next = 0;
        }
        Ok(false)
    }
}

/// Goes through several runs at once.
#[derive(Debug)]
pub(super) struct Merged {
    /// Newest first.
    cursors: Vec<Cursor>,
}

/// All rows of one instance, each with the number of its run; newest first, at least one.
pub(super) type Rows = Vec<(usize, Row)>;

impl Merged {
    /// For runs, newest first.
    pub(super) fn new(
        runs: &[Vec<Arc<Table>>],
        start: Start<'_>,
        pace: Pace,
    ) -> Result<Self, Trouble> {
        let cursors = runs.iter().map(|run| Cursor::new(run, start, pace));
        Ok(Self { cursors: cursors.collect::<Result<_, _>>()? })
    }

    /// The next instance.
    pub(super) fn next(&mut self) -> Result<Option<Rows>, Trouble> {
        let mut first: Option<InstanceId> = None;
        for cursor in &mut self.cursors {
            if let Some(row) = cursor.peek()?
                && first.as_ref().is_none_or(|first| row.instance < *first)
            {
                first = Some(row.instance.clone());
            }
        }
        let Some(first) = first else { return Ok(None) };
        let mut rows = Rows::new();
        for (run, cursor) in self.cursors.iter_mut().enumerate() {
            if let Some(row) = cursor.peek()?.filter(|row| row.instance == first) {
                rows.push((run, row.clone()));
                cursor.at += 1;
            }
        }
        Ok(Some(rows))
    }
}
