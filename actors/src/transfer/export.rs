//! Writes instances as lines of JSON.

use std::io::{self, Write};

use reenact_providers::{InstanceFilter, InstanceSummary, PageRequest, ProviderError};
use serde::Serialize;

use super::format::{
    Checksum, DroppedLine, EndLine, FORMAT, HeaderLine, InstanceLine, Total, TotalLine, WHAT,
    turn_line,
};
use super::{Progress, TransferError};
use crate::access::Access;

/// Instances that are listed at a time.
const LISTED_AT_ONCE: usize = 256;

/// Turns that are read at a time.
const TURNS_PER_READ: usize = 256;

/// How instances are exported.
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until something is exported with them"]
pub struct ExportOptions {
    at_rest: bool,
    readable: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { at_rest: false, readable: true }
    }
}

impl ExportOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that no host works on the store, and none will until this has ended. That is known of a
    /// directory that was opened to read it only; of any other store the caller has to know it. What is exported
    /// while hosts work is for people and for tests: one instance may be newer than another that waits
    /// for a message from it.
    pub const fn at_rest(mut self) -> Self {
        self.at_rest = true;
        self
    }

    /// Whether each turn also shows its events as JSON, for people and other tools. An import does not read
    /// them. Otherwise the file is about half as large. They are shown by default.
    pub const fn readable(mut self, readable: bool) -> Self {
        self.readable = readable;
        self
    }
}

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
/// exported: [`Exported::left`] says so. What an instance has yet to send is part of its history, and is. End
/// the hosts of a hub when nothing is under way any more.
///
/// Writing blocks the thread. Cancelled, it leaves a file that is not whole, which an import refuses.
///
/// # Errors
/// [`TransferError::Unwritable`], [`TransferError::Store`].
pub async fn export(
    access: &Access,
    filter: &InstanceFilter,
    options: ExportOptions,
    to: &mut (impl Write + Send + ?Sized),
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Exported, TransferError> {
    let count = access.count(filter).await?;
    let is_locked = access.is_read_only() && access.directory().is_some();
    let mut writer = Writer { to, readable: options.readable };
    writer.line(&HeaderLine {
        kind: "header",
        what: WHAT,
        format: FORMAT,
        reenact: env!("CARGO_PKG_VERSION"),
        at_rest: options.at_rest || is_locked,
        instances: count,
    })?;
    let (mut total, mut done) =
        (Total::default(), Progress { of: Some(count), ..Progress::default() });
    let mut next = Some(PageRequest::new().limit(LISTED_AT_ONCE));
    while let Some(request) = next {
        let page = access.list(filter, &request).await?;
        for summary in page.instances {
            let Some((checksum, turns, bytes)) = one(access, summary, &mut writer).await? else {
                continue;
            };
            total.add(&checksum, turns);
            done.instances += 1;
            done.turns += turns;
            done.bytes += bytes;
            progress(&done);
        }
        next = page.next.map(|after| request.after(after));
    }
    let (instances, turns, checksum) = (total.instances, total.turns, total.checksum());
    writer.line(&TotalLine { kind: "total", instances, turns, checksum: checksum.clone() })?;
    writer.to.flush().map_err(unwritable)?;
    Ok(Exported { instances, turns, checksum, left: left(access).await? })
}

/// Writes one instance; its checksum, and how many turns and bytes it has. `None` when it was purged since.
async fn one(
    access: &Access,
    mut summary: InstanceSummary,
    writer: &mut Writer<'_, impl Write + Send + ?Sized>,
) -> Result<Option<(String, u64, u64)>, TransferError> {
    let instance = summary.instance.clone();
    loop {
        writer.line(&InstanceLine::of(&summary))?;
        match turns(access, &summary, writer).await {
            Ok((checksum, bytes)) => {
                let turns = summary.turns;
                let end = EndLine { kind: "end", id: &instance, turns, checksum: checksum.clone() };
                writer.line(&end)?;
                return Ok(Some((checksum, turns, bytes)));
            }
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

/// What of a hub is in no history.
async fn left(access: &Access) -> Result<Vec<String>, TransferError> {
    let mut left = Vec::new();
    match access.quarantined(None, 1).await {
        Err(crate::Error::NotShared) => return Ok(left),
        Err(error) => return Err(error.into()),
        Ok(found) if found.is_empty() => {}
        Ok(_) => left.push(
            "there are messages in quarantine, which are not exported: send them again or discard \
             them first"
                .to_owned(),
        ),
    }
    left.push(
        "messages that wait in the queues of the hub are not exported, and cannot be counted without taking \
         them: let its hosts handle them before they end"
            .to_owned(),
    );
    Ok(left)
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
