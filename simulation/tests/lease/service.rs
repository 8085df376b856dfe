//! The storage service, as far as a journal sees it: append blobs with leases.

use std::collections::BTreeMap;

use super::model::Rules;

/// A claim: each draws a lease id of its own.
pub(super) type Claim = u8;

/// One block of an append blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Block {
    /// The head of a segment. `mark` says under which claim it was written, if heads say so.
    Head { epoch: u8, mark: Option<Claim> },
    /// A commit, by an owner of this epoch that knew so many before it. Commits of two owners may have the same bytes:
    /// what is in them follows from what is before them. The checksum of a record goes on from that of its head.
    Commit { epoch: u8, index: u8, mark: Option<Claim> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Blob {
    pub(super) lease: Option<Claim>,
    pub(super) blocks: Vec<Block>,
}

/// What was passed on to the archive: the commits of all segments below a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Checkpoint {
    pub(super) below: u8,
    pub(super) commits: Vec<Block>,
    pub(super) etag: u8,
}

/// The blobs of one shard, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Service {
    pub(super) blobs: BTreeMap<u8, Blob>,
    pub(super) checkpoint: Checkpoint,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Request {
    Newest,
    BreakLease(u8),
    AcquireLease(u8, Claim),
    Create(u8),
    Append {
        blob: u8,
        position: u8,
        block: Block,
        lease: Claim,
    },
    /// Whether this block is there.
    Read {
        blob: u8,
        position: u8,
        block: Block,
    },
    LoadCheckpoint,
    ReadSegments {
        from: u8,
    },
    ReplaceCheckpoint(Checkpoint),
    Delete(u8),
}

/// What the service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// A condition of the request is not met, or there is no such blob.
    Unmet,
    /// The number of the newest blob, and whether nothing is in it.
    Newest(Option<(u8, bool)>),
    Is(bool),
    Checkpoint(Checkpoint),
    Segments(Vec<(u8, Vec<Block>)>),
}

impl Service {
    pub(super) fn carry_out(&mut self, request: &Request, rules: &Rules) -> Answer {
        let done = |is_done| if is_done { Answer::Done } else { Answer::Unmet };
        match request {
            Request::Newest => {
                let newest = self.blobs.last_key_value();
                Answer::Newest(newest.map(|(number, blob)| (*number, blob.blocks.is_empty())))
            }
            Request::BreakLease(number) => match self.blobs.get_mut(number) {
                Some(blob) => {
                    blob.lease = None;
                    Answer::Done
                }
                None => Answer::Unmet,
            },
            Request::AcquireLease(number, claim) => match self.blobs.get_mut(number) {
                // The one who has it may take it again.
                Some(blob) if blob.lease.is_none_or(|holder| holder == *claim) => {
                    blob.lease = Some(*claim);
                    Answer::Done
                }
                _ => Answer::Unmet,
            },
            Request::Create(number) => {
                let is_new = !self.blobs.contains_key(number);
                self.blobs.entry(*number).or_default();
                done(is_new)
            }
            Request::Append { blob, position, block, lease } => {
                let Some(blob) = self.blobs.get_mut(blob) else { return Answer::Unmet };
                let is_leased = !rules.needs_the_lease || blob.lease == Some(*lease);
                let is_end = blob.blocks.len() == usize::from(*position);
                if is_leased && (is_end || !rules.checks_the_position) {
                    blob.blocks.push(*block);
                    return Answer::Done;
                }
                Answer::Unmet
            }
            Request::Read { blob, position, block } => {
                let found =
                    self.blobs.get(blob).and_then(|blob| blob.blocks.get(usize::from(*position)));
                Answer::Is(found == Some(block))
            }
            Request::LoadCheckpoint => Answer::Checkpoint(self.checkpoint.clone()),
            Request::ReadSegments { from } => Answer::Segments(self.segments(*from)),
            Request::ReplaceCheckpoint(next) => {
                let is_met = next.etag == self.checkpoint.etag;
                if is_met {
                    self.checkpoint = Checkpoint { etag: next.etag + 1, ..next.clone() };
                }
                done(is_met)
            }
            Request::Delete(number) => done(self.blobs.remove(number).is_some()),
        }
    }

    /// A blob without anything in it is no segment yet.
    fn segments(&self, from: u8) -> Vec<(u8, Vec<Block>)> {
        let begun = self.blobs.range(from..).filter(|(_, blob)| !blob.blocks.is_empty());
        begun.map(|(number, blob)| (*number, blob.blocks.clone())).collect()
    }

    /// The heads and commits that a reader finds now, in order.
    pub(super) fn log(&self) -> Vec<Block> {
        let newer = self.segments(self.checkpoint.below);
        let newer = newer.into_iter().flat_map(|(_, blocks)| blocks);
        self.checkpoint.commits.iter().copied().chain(newer).collect()
    }
}
