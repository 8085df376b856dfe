//! Reads what was exported, an instance at a time, and checks it.

use std::io::BufRead;
use std::sync::Arc;

use reenact_core::limits::MAX_LARGE_HISTORY_BYTES;
use reenact_core::{ExecutionId, InstanceId, codec};
use reenact_providers::limits::MAX_KEPT_EXECUTIONS;
use reenact_providers::{InstanceSummary, StoredTurn};

use super::format::{
    AnyLine, Checksum, EARLIER, FORMAT, INSTANCE, InstanceLine, Total, WHAT, turn_bytes,
};
use super::{TransferError, TransferredExecution, TransferredInstance};

/// The longest line that is read, in bytes: more than the largest turn takes.
const MAX_LINE_BYTES: u64 = 640 * 1024 * 1024;

/// Most bytes of turns of one instance, with room above the limit of a history.
const MAX_INSTANCE_BYTES: u64 = MAX_LARGE_HISTORY_BYTES * 2;

/// What the first line of an export says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The version of reenact that has written it, for people.
    pub reenact: String,
    /// Whether no host worked while it was written.
    pub at_rest: bool,
    /// About how many instances there are: counted before they were written.
    pub instances: u64,
}

/// Reads an export, and checks each instance and the whole. Reading blocks the thread.
pub struct Reader<R> {
    from: R,
    header: Header,
    line: u64,
    total: Total,
    last: Option<InstanceId>,
    has_ended: bool,
}

/// An execution that was read and checked.
struct Read {
    execution: TransferredExecution,
    /// Its checksum, and how many turns it has.
    sum: (String, u64),
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`TransferError::NotAnExport`], [`TransferError::NewerFormat`], [`TransferError::Unreadable`].
    pub fn new(mut from: R) -> Result<Self, TransferError> {
        let none = |reason: &str| TransferError::NotAnExport { reason: reason.to_owned() };
        // A file of something else may have no end of a line.
        let first = read_line(&mut from, 64 * 1024)?.ok_or_else(|| none("it is empty"))?;
        let header: AnyLine = serde_json::from_slice(&first)
            .map_err(|_| none("its first line is no header in JSON"))?;
        if header.kind != "header" || header.what.as_deref() != Some(WHAT) {
            return Err(none("its first line is no header"));
        }
        let found = header.format.ok_or_else(|| none("its header names no format"))?;
        if found > FORMAT {
            return Err(TransferError::NewerFormat { found, supported: FORMAT });
        }
        let header = Header {
            reenact: header.reenact.unwrap_or_default(),
            at_rest: header.at_rest,
            instances: header.instances,
        };
        Ok(Self { from, header, line: 1, total: Total::default(), last: None, has_ended: false })
    }

    /// What its first line says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next instance, which is whole and as it was exported; `None` after the last one, once the counts and
    /// the checksum of the whole were checked.
    ///
    /// # Errors
    /// [`TransferError::Damaged`], [`TransferError::Truncated`], [`TransferError::Unreadable`].
    pub fn next_instance(&mut self) -> Result<Option<TransferredInstance>, TransferError> {
        let mut earlier = Vec::new();
        while !self.has_ended {
            let line = self.next_line()?;
            let Some((is_earlier, summary)) = self.begun(&line)? else {
                if earlier.is_empty() {
                    self.end(&line)?;
                    continue;
                }
                return Err(self.damaged("earlier executions are of no instance".to_owned()));
            };
            self.check_follows(&earlier, &summary)?;
            match self.rest_of(summary)? {
                // All of it comes anew.
                None => earlier.clear(),
                Some(one) if is_earlier => earlier.push(one),
                Some(newest) => return Ok(Some(self.whole(earlier, newest))),
            }
        }
        Ok(None)
    }

    /// An instance, all of which was read.
    fn whole(&mut self, earlier: Vec<Read>, newest: Read) -> TransferredInstance {
        let sums = earlier.iter().chain([&newest]).map(|read| &read.sum);
        self.total.add(sums);
        let TransferredExecution { summary, turns } = newest.execution;
        self.last = Some(summary.instance.clone());
        let earlier = earlier.into_iter().map(|read| read.execution).collect();
        TransferredInstance { summary, turns, earlier }
    }

    /// The execution that a line begins, and whether it is not the newest one; `None` when it is the last line of all.
    fn begun(&self, line: &[u8]) -> Result<Option<(bool, InstanceSummary)>, TransferError> {
        let any: AnyLine = self.parsed(line)?;
        let is_earlier = match &*any.kind {
            INSTANCE => false,
            EARLIER => true,
            "total" => return Ok(None),
            other => {
                return Err(self.damaged(format!("a line of the kind {other:?} is out of place")));
            }
        };
        let parsed: InstanceLine = self.parsed(line)?;
        let summary = parsed.summary().map_err(|reason| self.damaged(reason))?;
        if self.last.as_ref().is_some_and(|last| *last >= summary.instance) {
            return Err(self.damaged(format!("instance `{}` is out of order", summary.instance)));
        }
        Ok(Some((is_earlier, summary)))
    }

    /// An error unless an execution is the next one of those before it.
    fn check_follows(&self, earlier: &[Read], next: &InstanceSummary) -> Result<(), TransferError> {
        let Some(before) = earlier.last().map(|read| &read.execution.summary) else {
            return Ok(());
        };
        let follows =
            before.instance == next.instance && before.execution.next() == Some(next.execution);
        if follows && earlier.len() <= MAX_KEPT_EXECUTIONS as usize {
            return Ok(());
        }
        let ExecutionId(number) = next.execution;
        let reason = format!("execution {number} of instance `{}` is out of place", next.instance);
        Err(self.damaged(reason))
    }

    /// The turns of an execution; `None` when its instance is taken back.
    fn rest_of(&mut self, summary: InstanceSummary) -> Result<Option<Read>, TransferError> {
        let checksum = Checksum::of(&summary);
        let mut checksum = checksum.map_err(|error| self.damaged(error.to_string()))?;
        let (mut turns, mut bytes) = (Vec::new(), 0);
        loop {
            let line = self.next_line()?;
            let any: AnyLine = self.parsed(&line)?;
            match &*any.kind {
                "turn" => {
                    if any.number != turns.len() as u64 {
                        return Err(self.damaged(format!("turn {} is out of place", any.number)));
                    }
                    let decoded = turn_bytes(&any.bytes).map_err(|reason| self.damaged(reason))?;
                    bytes += decoded.len() as u64;
                    if bytes > MAX_INSTANCE_BYTES {
                        return Err(
                            self.damaged("the instance is larger than any can be".to_owned())
                        );
                    }
                    let turn = StoredTurn { number: any.number, bytes: Arc::from(decoded) };
                    checksum.add(&turn);
                    turns.push(turn);
                }
                "dropped" => return Ok(None),
                "end" => {
                    let (sum, count) = (checksum.end(), turns.len() as u64);
                    let is_it = any.id.as_ref() == Some(&summary.instance);
                    if !is_it || any.turns != count || summary.turns != count {
                        return Err(
                            self.damaged(format!("it ends an instance of {} turns", any.turns))
                        );
                    }
                    if any.checksum != sum || turns.is_empty() {
                        let instance = &summary.instance;
                        return Err(
                            self.damaged(format!("the checksum of `{instance}` is another"))
                        );
                    }
                    let summary = with_attributes(summary, &turns);
                    let execution = TransferredExecution { summary, turns };
                    return Ok(Some(Read { execution, sum: (sum, count) }));
                }
                other => {
                    return Err(
                        self.damaged(format!("a line of the kind {other:?} is out of place"))
                    );
                }
            }
        }
    }

    /// Checks the whole by its last line.
    fn end(&mut self, line: &[u8]) -> Result<(), TransferError> {
        let said: AnyLine = self.parsed(line)?;
        let Total { instances, turns, .. } = self.total;
        if (said.instances, said.turns) != (instances, turns) {
            let reason = format!(
                "it counts {} instances and {} turns, and there are {instances} and {turns}",
                said.instances, said.turns
            );
            return Err(self.damaged(reason));
        }
        if said.checksum != self.total.checksum() {
            return Err(self.damaged("the checksum of the whole is another".to_owned()));
        }
        if read_line(&mut self.from, MAX_LINE_BYTES)?.is_some() {
            self.line += 1;
            return Err(self.damaged("something comes after the last line".to_owned()));
        }
        self.has_ended = true;
        Ok(())
    }

    fn next_line(&mut self) -> Result<Vec<u8>, TransferError> {
        let line = read_line(&mut self.from, MAX_LINE_BYTES)?;
        let line = line.ok_or(TransferError::Truncated { line: self.line })?;
        if line.last() != Some(&b'\n') {
            // Cut off within it.
            return Err(TransferError::Truncated { line: self.line });
        }
        self.line += 1;
        Ok(line)
    }

    fn parsed<'a, T: serde::Deserialize<'a>>(&self, line: &'a [u8]) -> Result<T, TransferError> {
        serde_json::from_slice(line).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, reason: String) -> TransferError {
        TransferError::Damaged { line: self.line, reason }
    }
}

/// A line with its end; `None` after the last one.
fn read_line(from: &mut impl BufRead, most: u64) -> Result<Option<Vec<u8>>, TransferError> {
    let mut line = Vec::new();
    let read = std::io::Read::take(from, most).read_until(b'\n', &mut line);
    read.map_err(|source| TransferError::Unreadable { source })?;
    Ok((!line.is_empty()).then_some(line))
}

/// The attributes are those that the turns say, as far as they can be read here.
fn with_attributes(mut summary: InstanceSummary, turns: &[StoredTurn]) -> InstanceSummary {
    let read = turns.iter().map_while(|turn| codec::decode_turn(&turn.bytes).ok());
    read.for_each(|turn| summary.attributes.follow(&turn));
    summary
}
