//! Two owners of a shard, step by step: each step is one request of `providers/src/azure/medium.rs` (`BlobMedium`).
//!
//! Who may claim the shard is decided by other blobs (`providers/src/azure/members.rs`), which promise nothing: in the model,
//! everybody may claim at any time. An owner that is paused for longer than its lease is one that takes no steps
//! meanwhile; it may crash at any step. A request may arrive with its answer lost, and one that was given up may still
//! arrive later.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::service::{Answer, Block, Checkpoint, Claim, Request, Service};

/// What keeps the log one, and claims. A test takes out one at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// `BlobMedium::take`: a claim breaks the lease of the newest segment.
    pub(super) breaks_the_lease: bool,
    /// `Client::append` names the lease.
    pub(super) needs_the_lease: bool,
    /// `Client::append` names the position.
    pub(super) checks_the_position: bool,
    /// `BlobMedium::fence`: its owner may have gone on to another segment before it lost this one. Without it a claim
    /// ends where it may not begin what comes after (`begins_after_what_it_took`).
    pub(super) looks_again_after_taking: bool,
    /// `BlobMedium::fence`: one that was empty when it was taken may have been begun since.
    pub(super) takes_again_what_was_begun: bool,
    /// `BlobMedium::create`: where a newer segment was read than was taken, its writer can still write.
    pub(super) begins_after_what_it_took: bool,
    /// `BlobMedium::begin`: the name may have been free because others have written and freed it.
    pub(super) looks_for_newer_after_beginning: bool,
    /// `Medium::mark`: the heads of two claims are never the same.
    pub(super) marks_its_heads: bool,
}

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Appends of both together.
    pub(super) appends: u8,
    /// Claims of each.
    pub(super) claims: [u8; 2],
    /// Answers that are lost.
    pub(super) losses: u8,
    /// Requests that are given up and arrive later.
    pub(super) late: u8,
}

/// What an owner does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Nothing,
    /// `fence`, with the segment that it has taken.
    List(Option<(u8, bool)>),
    /// `take`, of one that has something in it or not.
    Break(u8, bool),
    Take(u8, bool),
    /// `Medium::load` and `Medium::open`, when the journal is recovered.
    Load,
    Read(u8),
    /// `begin`.
    Create,
    Lease,
    /// `Client::append`, of a head or of a commit.
    Append(Block),
    /// `Client::ends_with`, after a refusal or without an answer.
    LookBack(Block, bool),
    /// The end of `begin`.
    LookForNewer,
    /// It has begun a segment: the shard is its own, as far as it knows.
    Owns,
    /// `Medium::replace`, and `Medium::remove` of what is below.
    Checkpoint,
    Free(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owner {
    doing: Doing,
    claim: Claim,
    claims_left: u8,
    epoch: u8,
    /// The segment that it may begin, or has begun, and the blocks that it knows in it.
    segment: u8,
    position: u8,
    /// Whether the segment is its first.
    is_first: bool,
    /// All blocks that it knows, and how many of them are in segments before its own.
    known: Vec<Block>,
    before: usize,
    below: u8,
    etag: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    service: Service,
    owners: [Owner; 2],
    late: Vec<Request>,
    /// What was acknowledged to somebody.
    acknowledged: Vec<Block>,
    /// The epochs under which somebody has owned the shard.
    owned: Vec<u8>,
    appends_left: u8,
    losses_left: u8,
    late_left: u8,
}

/// What a search has found.
#[derive(Debug)]
pub(super) enum Found {
    Nothing { states: usize },
    Wrong { what: String, states: usize, trail: Vec<String> },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { states } => write!(f, "nothing in {states} states"),
            Self::Wrong { what, states, trail } => {
                write!(f, "{what}, after {states} states:\n  {}", trail.join("\n  "))
            }
        }
    }
}

/// Goes through all states that can be reached.
pub(super) fn explore(rules: &Rules, bounds: &Bounds) -> Found {
    let mut seen = HashSet::new();
    // Each with the place of the one that it came from.
    let mut states = vec![(State::new(bounds), 0)];
    let mut at = 0;
    while at < states.len() {
        let state = states[at].0.clone();
        if let Err(what) = state.check() {
            return Found::Wrong { what, states: states.len(), trail: trail(&states, at) };
        }
        for state in state.successors(rules) {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                states.push((state, at));
            }
        }
        at += 1;
    }
    Found::Nothing { states: states.len() }
}

/// What both owners were about to do on the way to a state.
fn trail(states: &[(State, usize)], mut at: usize) -> Vec<String> {
    let mut trail = Vec::new();
    while at != 0 {
        let (state, before) = &states[at];
        let [one, other] = &state.owners;
        trail.push(format!("{:?} / {:?}, late {:?}", one.doing, other.doing, state.late));
        at = *before;
    }
    trail.reverse();
    trail
}

impl State {
    fn new(bounds: &Bounds) -> Self {
        let owner = |claims_left| Owner {
            doing: Doing::Nothing,
            claim: 0,
            claims_left,
            epoch: 0,
            segment: 0,
            position: 0,
            is_first: true,
            known: Vec::new(),
            before: 0,
            below: 0,
            etag: 0,
        };
        Self {
            service: Service::default(),
            owners: bounds.claims.map(owner),
            late: Vec::new(),
            acknowledged: Vec::new(),
            owned: Vec::new(),
            appends_left: bounds.appends,
            losses_left: bounds.losses,
            late_left: bounds.late,
        }
    }

    /// What must hold in each state.
    fn check(&self) -> Result<(), String> {
        let (mut newest, mut commits) = (0, Vec::new());
        let log = self.service.log();
        for block in &log {
            let (Block::Head { epoch, .. } | Block::Commit { epoch, .. }) = block;
            if *epoch < newest {
                return Err(format!("an epoch goes back: {log:?}"));
            }
            newest = *epoch;
            if let Block::Commit { index, .. } = block {
                if usize::from(*index) != commits.len() {
                    return Err(format!("a commit does not follow on the one before: {log:?}"));
                }
                commits.push(*block);
            }
        }
        for (at, block) in self.acknowledged.iter().enumerate() {
            if !commits.contains(block) {
                return Err(format!("{block:?} was acknowledged, and is not there: {log:?}"));
            }
            if self.acknowledged[..at].contains(block) {
                return Err(format!("two were told that {block:?} is theirs"));
            }
        }
        for (at, epoch) in self.owned.iter().enumerate() {
            if self.owned[..at].contains(epoch) {
                return Err(format!("two have owned the shard under epoch {epoch}"));
            }
        }
        Ok(())
    }

    fn successors(&self, rules: &Rules) -> Vec<Self> {
        let mut all = Vec::new();
        for who in 0..self.owners.len() {
            self.begin_something(who, rules, &mut all);
            if let Some(request) = self.owners[who].request() {
                self.send(who, &request, rules, &mut all);
            }
            if self.owners[who].doing != Doing::Nothing {
                // It crashes.
                let mut next = self.clone();
                next.owners[who].stop();
                all.push(next);
            }
        }
        for at in 0..self.late.len() {
            let mut next = self.clone();
            let request = next.late.remove(at);
            next.service.carry_out(&request, rules);
            all.push(next);
        }
        all
    }

    /// A request arrives and is answered; it arrives, and its answer does not; it does not arrive, or not yet.
    fn send(&self, who: usize, request: &Request, rules: &Rules, all: &mut Vec<Self>) {
        let mut next = self.clone();
        let answer = next.service.carry_out(request, rules);
        let mut lost = next.clone();
        next.hear(who, answer, rules);
        all.push(next);
        if self.losses_left > 0 {
            lost.losses_left -= 1;
            lost.owners[who].hear_nothing();
            all.push(lost);
        }
        if self.late_left > 0 {
            let mut late = self.clone();
            late.late_left -= 1;
            late.late.push(request.clone());
            late.owners[who].hear_nothing();
            all.push(late);
        }
    }

    /// What an owner may do by itself.
    fn begin_something(&self, who: usize, rules: &Rules, all: &mut Vec<Self>) {
        let owner = &self.owners[who];
        match owner.doing {
            Doing::Nothing if owner.claims_left > 0 => {
                let mut next = self.clone();
                let it = &mut next.owners[who];
                it.claims_left -= 1;
                it.claim = 1 + who as u8 + 2 * it.claims_left;
                it.doing = Doing::List(None);
                all.push(next);
            }
            Doing::Owns => {
                if self.appends_left > 0 {
                    let mut next = self.clone();
                    next.appends_left -= 1;
                    let it = &mut next.owners[who];
                    it.doing = Doing::Append(it.commit(rules));
                    all.push(next);
                }
                // Only a segment with a commit is followed by another, so that there is an end.
                if owner.position > 1 {
                    let mut next = self.clone();
                    let it = &mut next.owners[who];
                    (it.segment, it.position, it.is_first) = (it.segment + 1, 0, false);
                    it.before = it.known.len();
                    it.doing = Doing::Create;
                    all.push(next);
                }
                if owner.below < owner.segment {
                    let mut next = self.clone();
                    next.owners[who].doing = Doing::Checkpoint;
                    all.push(next);
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, who: usize, answer: Answer, rules: &Rules) {
        let owner = &mut self.owners[who];
        let doing = owner.doing.clone();
        let is_acknowledged = match (&doing, &answer) {
            (Doing::Append(block), Answer::Done) => Some(*block),
            (Doing::LookBack(block, _), Answer::Is(true)) => Some(*block),
            _ => None,
        };
        if let Some(block) = is_acknowledged {
            owner.known.push(block);
            owner.position += 1;
            owner.doing = match block {
                Block::Head { .. } if rules.looks_for_newer_after_beginning => Doing::LookForNewer,
                Block::Head { .. } => Doing::Owns,
                Block::Commit { .. } => {
                    self.acknowledged.push(block);
                    Doing::Owns
                }
            };
        } else {
            owner.go_on(doing, answer, rules);
        }
        let owner = &mut self.owners[who];
        if owner.doing == Doing::Owns && owner.position == 1 && owner.is_first {
            owner.is_first = false;
            self.owned.push(owner.epoch);
        }
    }
}

impl Owner {
    fn stop(&mut self) {
        let Self { claims_left, .. } = *self;
        *self = Self {
            doing: Doing::Nothing,
            claim: 0,
            claims_left,
            epoch: 0,
            segment: 0,
            position: 0,
            is_first: true,
            known: Vec::new(),
            before: 0,
            below: 0,
            etag: 0,
        };
    }

    fn mark(&self, rules: &Rules) -> Option<Claim> {
        rules.marks_its_heads.then_some(self.claim)
    }

    fn commit(&self, rules: &Rules) -> Block {
        let commits = self.known.iter().filter(|block| matches!(block, Block::Commit { .. }));
        Block::Commit { epoch: self.epoch, index: commits.count() as u8, mark: self.mark(rules) }
    }

    fn request(&self) -> Option<Request> {
        let (blob, position, lease) = (self.segment, self.position, self.claim);
        Some(match self.doing {
            Doing::Nothing | Doing::Owns => return None,
            Doing::List(_) | Doing::LookForNewer => Request::Newest,
            Doing::Break(number, _) => Request::BreakLease(number),
            Doing::Take(number, _) => Request::AcquireLease(number, lease),
            Doing::Load => Request::LoadCheckpoint,
            Doing::Read(from) => Request::ReadSegments { from },
            Doing::Create => Request::Create(blob),
            Doing::Lease => Request::AcquireLease(blob, lease),
            Doing::Append(block) => Request::Append { blob, position, block, lease },
            Doing::LookBack(block, _) => Request::Read { blob, position, block },
            Doing::Checkpoint => {
                let commits = self.known[..self.before].to_vec();
                Request::ReplaceCheckpoint(Checkpoint { below: blob, commits, etag: self.etag })
            }
            Doing::Free(number) => Request::Delete(number),
        })
    }

    /// Without an answer, a request is made again; of an append it is looked first whether it is there.
    fn hear_nothing(&mut self) {
        match self.doing {
            Doing::Append(block) => self.doing = Doing::LookBack(block, false),
            // Whether it is there is not known: the shard ends.
            Doing::Checkpoint => self.stop(),
            _ => {}
        }
    }

    fn go_on(&mut self, doing: Doing, answer: Answer, rules: &Rules) {
        self.doing = match (doing, answer) {
            (Doing::List(_), Answer::Newest(None)) => {
                self.segment = 1;
                Doing::Load
            }
            (Doing::List(taken), Answer::Newest(Some((number, is_empty)))) => {
                self.segment = if is_empty { number } else { number + 1 };
                let is_taken = taken.is_some_and(|(taken, was_empty)| {
                    let is_same = was_empty == is_empty || !rules.takes_again_what_was_begun;
                    taken == number && is_same
                });
                if is_taken || !rules.breaks_the_lease {
                    Doing::Load
                } else {
                    Doing::Break(number, is_empty)
                }
            }
            (Doing::Break(number, is_empty), Answer::Done) => Doing::Take(number, is_empty),
            (Doing::Take(number, is_empty), Answer::Done) if rules.looks_again_after_taking => {
                Doing::List(Some((number, is_empty)))
            }
            (Doing::Take(..), Answer::Done) => Doing::Load,
            (Doing::Take(number, is_empty), Answer::Unmet) => Doing::Break(number, is_empty),
            (Doing::Load, Answer::Checkpoint(found)) => {
                (self.known, self.below, self.etag) = (found.commits, found.below, found.etag);
                Doing::Read(found.below)
            }
            (Doing::Read(from), Answer::Segments(found)) => {
                return self.recover(from, found, rules);
            }
            (Doing::Create, _) => Doing::Lease,
            (Doing::Lease, Answer::Done) => {
                Doing::Append(Block::Head { epoch: self.epoch, mark: self.mark(rules) })
            }
            (Doing::Append(block), Answer::Unmet) => Doing::LookBack(block, true),
            (Doing::LookBack(block, false), Answer::Is(false)) => Doing::Append(block),
            (Doing::LookForNewer, Answer::Newest(Some((number, _)))) if number == self.segment => {
                Doing::Owns
            }
            (Doing::Checkpoint, Answer::Done) => {
                self.etag += 1;
                let first = self.below.max(1);
                self.below = self.segment;
                if first < self.segment { Doing::Free(first) } else { Doing::Owns }
            }
            (Doing::Free(number), _) if number + 1 < self.segment => Doing::Free(number + 1),
            (Doing::Free(_), _) => Doing::Owns,
            // It has lost the shard, or never had it.
            _ => return self.stop(),
        };
    }

    /// What was read must go on without a gap, up to the segment that may be begun.
    fn recover(&mut self, from: u8, found: Vec<(u8, Vec<Block>)>, rules: &Rules) {
        let mut next = from.max(1);
        for (number, blocks) in found {
            if number != next {
                return self.stop();
            }
            next += 1;
            self.known.extend(blocks);
        }
        if next != self.segment && rules.begins_after_what_it_took {
            return self.stop();
        }
        let epochs = self.known.iter().map(|block| match block {
            Block::Head { epoch, .. } | Block::Commit { epoch, .. } => *epoch,
        });
        self.epoch = epochs.max().unwrap_or(0) + 1;
        (self.segment, self.position, self.before) = (next, 0, self.known.len());
        self.doing = Doing::Create;
    }
}
