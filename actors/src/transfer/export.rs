//! Writes instances as lines of JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::{
    InstanceFilter, InstanceState, InstanceSummary, PageRequest, ProviderError,
};
use serde::Serialize;

use super::format::{
    Checksum, DroppedLine, EndLine, FORMAT, HeaderLine, InstanceLine, Total, TotalLine, WHAT,
    turn_line,
};
use super::left::left_there;
use super::options::ExportOptions;
use super::{Progress, TransferError};
use crate::access::Access;

/// Instances that are listed at a time.
const LISTED_AT_ONCE: usize = 256;

/// Turns that are read at a time.
const TURNS_PER_READ: usize = 256;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Number of instances.
    pub instances: u64,
    /// Number of their turns.
    pub turns: u64,
    /// The checksum of all of them, as it is in the last line.
    pub checksum: String,
    /// What is in the store and was not exported, for people. Empty when there is nothing.
    pub left: Vec<String>,
}

/// Writes all instances that pass a filter, ordered by id, with all that the store knows of them. `progress` is
/// called after each.
///
/// Messages that wait in the queues of a hub, or are in its quarantine, are not part of any instance, and are not
/// exported: an export [at rest](ExportOptions::at_rest) is refused while there are any. What an instance has yet to
/// send is part of its history, and is exported. An instance of which an import was broken off is left out.
///
/// Writing blocks the thread. Cancelled, it leaves a file that is not whole, which an import refuses.
///
/// # Errors
/// [`TransferError::Unwritable`], [`TransferError::Store`]; at rest also [`TransferError::MessagesLeft`] and
/// [`TransferError::InUse`].
pub async fn export(
    access: &Access,
    filter: &InstanceFilter,
    options: ExportOptions,
    to: &mut (impl Write + Send + ?Sized),
    progress: impl FnMut(&Progress) + Send,
) -> Result<Exported, TransferError> {
    let left = left_there(access, options).await?;
    let mut export = Export::begin(access, options, to, progress, left);
    export.header(access.count(filter).await?)?;
    let mut next = Some(PageRequest::new().limit(LISTED_AT_ONCE));
    while let Some(request) = next {
        let page = access.list(filter, &request).await?;
        for summary in page.instances {
            export.add(summary).await?;
        }
        next = page.next.map(|after| request.after(after));
    }
    export.end()
}

/// Writes the instances of these ids, as [`export`] does. Other instances that they wait for or belong to are not
/// exported with them.
///
/// # Errors
/// As [`export`]; and [`Error::NotFound`](crate::Error::NotFound) in [`TransferError::Store`] when there is no
/// instance of an id, before anything is written.
pub async fn export_instances(
    access: &Access,
    ids: &BTreeSet<InstanceId>,
    options: ExportOptions,
    to: &mut (impl Write + Send + ?Sized),
    progress: impl FnMut(&Progress) + Send,
) -> Result<Exported, TransferError> {
    let left = left_there(access, options).await?;
    for id in ids {
        access.summary(id).await?;
    }
    let mut export = Export::begin(access, options, to, progress, left);
    export.header(ids.len() as u64)?;
    for id in ids {
        match access.summary(id).await {
            Ok(summary) => export.add(summary).await?,
            // It was purged since.
            Err(crate::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    export.end()
}

/// An export that is being written.
struct Export<'a, W: ?Sized, P> {
    access: &'a Access,
    writer: Writer<'a, W>,
    is_at_rest: bool,
    progress: P,
    total: Total,
    done: Progress,
    left: Vec<String>,
}

impl<'a, W: Write + Send + ?Sized, P: FnMut(&Progress) + Send> Export<'a, W, P> {
    fn begin(
        access: &'a Access,
        options: ExportOptions,
        to: &'a mut W,
        progress: P,
        left: Vec<String>,
    ) -> Self {
        let is_locked = access.is_read_only() && access.directory().is_some();
        let (total, done) = (Total::default(), Progress::default());
        let writer = Writer { to, readable: options.is_readable() };
        let is_at_rest = options.is_at_rest() || is_locked;
        Self { access, writer, is_at_rest, progress, total, done, left }
    }

    fn header(&mut self, instances: u64) -> Result<(), TransferError> {
        self.done.of = Some(instances);
        self.writer.line(&HeaderLine {
            kind: "header",
            what: WHAT,
            format: FORMAT,
            reenact: env!("CARGO_PKG_VERSION"),
            at_rest: self.is_at_rest,
            instances,
        })
    }

    async fn add(&mut self, summary: InstanceSummary) -> Result<(), TransferError> {
        if summary.state == InstanceState::Importing {
            let instance = summary.instance;
            self.left.push(format!("instance `{instance}`, of which an import was broken off"));
            return Ok(());
        }
        let written = one(self.access, summary, &mut self.writer).await?;
        let Some(Written { executions, bytes }) = written else { return Ok(()) };
        self.total.add(&executions);
        self.done.instances += 1;
        self.done.turns += executions.iter().map(|(_, turns)| turns).sum::<u64>();
        self.done.bytes += bytes;
        (self.progress)(&self.done);
        Ok(())
    }

    fn end(mut self) -> Result<Exported, TransferError> {
        let (instances, turns) = (self.total.instances, self.total.turns);
        let checksum = self.total.checksum();
        let total = TotalLine { kind: "total", instances, turns, checksum: checksum.clone() };
        self.writer.line(&total)?;
        self.writer.to.flush().map_err(unwritable)?;
        Ok(Exported { instances, turns, checksum, left: self.left })
    }
}

/// What was written of an instance.
#[derive(Default)]
struct Written {
    /// Of each execution its checksum, and how many turns it has.
    executions: Vec<(String, u64)>,
    bytes: u64,
}

/// Writes one instance, with the executions that are kept. `None` when it was purged since.
async fn one(
    access: &Access,
    mut summary: InstanceSummary,
    writer: &mut Writer<'_, impl Write + Send + ?Sized>,
) -> Result<Option<Written>, TransferError> {
    let instance = summary.instance.clone();
    loop {
        match all_of(access, &summary, writer).await {
            Ok(written) => return Ok(Some(written)),
            // Its host goes on meanwhile: it was purged, or its next execution has begun.
            Err(TransferError::Store(crate::Error::NotFound { .. })) => {
                writer.line(&DroppedLine { kind: "dropped" })?;
                match access.summary(&instance).await {
                    Ok(newer) if newer.execution != summary.execution => summary = newer,
                    Ok(_) => return Err(ProviderError::NotFound { instance }.into()),
                    Err(crate::Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn all_of(
    access: &Access,
    newest: &InstanceSummary,
    writer: &mut Writer<'_, impl Write + Send + ?Sized>,
) -> Result<Written, TransferError> {
    let mut there = Vec::new();
    if newest.execution > ExecutionId::FIRST {
        there = access.histories().executions(&newest.instance).await?;
        there.retain(|one| one.execution < newest.execution);
    }
    let mut written = Written::default();
    for earlier in &there {
        execution(access, earlier, &InstanceLine::of_earlier(earlier), writer, &mut written)
            .await?;
    }
    execution(access, newest, &InstanceLine::of(newest), writer, &mut written).await?;
    Ok(written)
}

/// Writes an execution, between its lines.
async fn execution(
    access: &Access,
    of: &InstanceSummary,
    first: &InstanceLine,
    writer: &mut Writer<'_, impl Write + Send + ?Sized>,
    written: &mut Written,
) -> Result<(), TransferError> {
    writer.line(first)?;
    let (checksum, bytes) = turns(access, of, writer).await?;
    let end =
        EndLine { kind: "end", id: &of.instance, turns: of.turns, checksum: checksum.clone() };
    writer.line(&end)?;
    written.executions.push((checksum, of.turns));
    written.bytes += bytes;
    Ok(())
}

/// Writes the turns of an execution; their checksum and their bytes.
async fn turns(
    access: &Access,
    of: &InstanceSummary,
    writer: &mut Writer<'_, impl Write + Send + ?Sized>,
) -> Result<(String, u64), TransferError> {
    let mut checksum = Checksum::of(of).map_err(as_unwritable)?;
    let (mut next, mut bytes) = (Some(0), 0);
    while let Some(from) = next.filter(|from| *from < of.turns) {
        let read = access.histories().read(&of.instance, of.execution, from, TURNS_PER_READ);
        let page = read.await?;
        for turn in page.turns.iter().filter(|turn| turn.number < of.turns) {
            checksum.add(turn);
            bytes += turn.bytes.len() as u64;
            writer.turn(turn)?;
        }
        next = page.next;
    }
    Ok((checksum.end(), bytes))
}

struct Writer<'a, W: ?Sized> {
    to: &'a mut W,
    readable: bool,
}

impl<W: Write + ?Sized> Writer<'_, W> {
    fn line(&mut self, line: &impl Serialize) -> Result<(), TransferError> {
        self.text(serde_json::to_string(line).map_err(as_unwritable)?)
    }

    fn turn(&mut self, turn: &reenact_providers::StoredTurn) -> Result<(), TransferError> {
        self.text(turn_line(turn, self.readable).map_err(as_unwritable)?)
    }

    fn text(&mut self, mut line: String) -> Result<(), TransferError> {
        line.push('\n');
        self.to.write_all(line.as_bytes()).map_err(unwritable)
    }
}

fn unwritable(source: io::Error) -> TransferError {
    TransferError::Unwritable { source }
}

/// A value of ours that JSON cannot hold.
fn as_unwritable(error: serde_json::Error) -> TransferError {
    unwritable(io::Error::other(error.to_string()))
}
