//! A shard that others write: claimed, given up, and read without being owned.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::follower::Follower;
use super::{Layers, ReadShard, Shard};
use crate::ProviderError;
use crate::archive::Archive;
use crate::journal::JournalError;
use crate::journaled::error::ReadError;
use crate::medium::{Medium, MediumError, Standing};

/// What is known of a shard that others write is good for so long: a reader that reads meanwhile causes no
/// request. Each look that shows nothing new makes it twice as long, up to [`LONGEST_FRESH`].
const FRESH_FOR: Duration = Duration::from_millis(100);

/// The longest time for which what is known of a shard that others write is good.
const LONGEST_FRESH: Duration = Duration::from_secs(1);

/// Bytes that are kept of what others have written since the journal was read anew.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How often a journal is read anew whose owner frees parts of it at the same time.
const MAX_TRIES: u32 = 4;

/// How much is to be known of what others have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What was known a short while ago.
    Recent,
    /// All that was written before now.
    Anew,
}

impl<M: Medium, A: Archive> Shard<M, A> {
    /// Makes this process the writer, for a reader that reads the journal next in order to write on.
    pub(crate) fn claim(&self, owner: &str) -> Result<(), ProviderError> {
        self.medium.claim(owner).map_err(|error| self.failed(error, "claimed"))
    }

    /// Nothing is written any more; what is in memory because it was is thrown away.
    pub(crate) fn step_down(&self) {
        // Nobody but the caller changes that; and who reads is not to be waited for without need.
        if !self.state().is_writing {
            return;
        }
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        state.is_writing = false;
        state.layers = Layers::default();
        state.tips.forget_all();
        *follower = None;
        self.stepped_down.fetch_add(1, Ordering::SeqCst);
        drop(state);
        self.knows_what_was_appended();
    }

    /// How often what was in memory was thrown away.
    pub(crate) fn times_stepped_down(&self) -> u64 {
        self.stepped_down.load(Ordering::SeqCst)
    }

    /// Lets others have the shard at once.
    pub(crate) fn give_up(&self) -> Result<(), ProviderError> {
        self.medium.give_up().map_err(|error| self.failed(error, "given up"))
    }

    /// `Fenced` once it is known that others have taken the shard.
    pub(crate) fn check_claim(&self) -> Result<(), ProviderError> {
        match self.medium.standing() {
            Standing::Held | Standing::Doubtful => Ok(()),
            Standing::Lost => Err(ProviderError::Fenced { shard: self.identity.shard }),
        }
    }

    /// As [`check_claim`](Self::check_claim); `Unavailable` where others may have taken it.
    pub(crate) fn check_standing(&self) -> Result<(), ProviderError> {
        self.check_claim()?;
        if self.medium.standing() == Standing::Doubtful {
            return Err(not_surely_held());
        }
        Ok(())
    }

    /// Whether memory may know less than the log says.
    pub(crate) fn may_lag(&self) -> bool {
        M::SHARED && !self.state().is_writing
    }

    /// Whether what was read counts: nothing of what was in memory was thrown away since then.
    ///
    /// `Unavailable` where nothing `is_there`, and others may have written it meanwhile without that memory knows it.
    pub(crate) fn is_read(
        &self,
        times_stepped_down: u64,
        is_there: bool,
    ) -> Result<bool, ProviderError> {
        let state = self.state();
        if self.times_stepped_down() != times_stepped_down {
            return Ok(false);
        }
        if M::SHARED && state.is_writing && !is_there && self.medium.standing() != Standing::Held {
            return Err(not_surely_held());
        }
        Ok(true)
    }

    /// Reads what others have written since the last look.
    pub(crate) fn catch_up(&self, look: Look) -> Result<(), ProviderError> {
        let asked = Instant::now();
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.may_lag() {
            return Ok(());
        }
        if let Some(mut known) = follower.take() {
            let is_good = match look {
                Look::Recent => known.at.elapsed() < known.fresh_for,
                // Another may have looked while this one waited for its turn.
                Look::Anew => known.at >= asked,
            };
            if is_good || self.read_on(&mut known) {
                *follower = Some(known);
                return Ok(());
            }
        }
        *follower = Some(self.read_anew()?);
        Ok(())
    }

    /// False when the journal must be read anew.
    fn read_on(&self, known: &mut Follower<M>) -> bool {
        if known.read.is_new() || self.state().layers.live.bytes() > known.bytes + KEPT_BYTES {
            return false;
        }
        let (began, before) = (Instant::now(), known.read.end());
        let read = known.read.read_on(|commit| {
            let mut state = self.state();
            if state.is_writing {
                return Ok(());
            }
            for entry in commit.entries {
                let replayed = state.layers.live.replay(entry);
                replayed.map_err(|reason| self.out_of_place(commit.position, &reason))?;
            }
            Ok::<_, ReadError>(())
        });
        known.at = began;
        known.fresh_for = match known.read.end() == before {
            true => (known.fresh_for * 2).min(LONGEST_FRESH),
            false => FRESH_FOR,
        };
        read.is_ok()
    }

    /// Reads the checkpoint and all after it. The owner may free something in the middle of that;
    /// then it is tried again.
    fn read_anew(&self) -> Result<Follower<M>, ProviderError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let began = Instant::now();
            match self.read_journal() {
                Ok(ReadShard { recovered, table }) => {
                    let bytes = table.bytes();
                    let mut state = self.state();
                    if !state.is_writing {
                        state.layers = Layers { live: table, ..Layers::default() };
                    }
                    drop(state);
                    let (read, at, fresh_for) = (recovered, began, FRESH_FOR);
                    return Ok(Follower { read, at, fresh_for, bytes });
                }
                Err(error) if tries == MAX_TRIES => return Err(error.into()),
                Err(error) => {
                    let shard = self.identity.shard;
                    tracing::debug!(target: "reenact::store", parent: None, %shard, %error, "reading a shard of others again");
                }
            }
        }
    }

    fn failed(&self, error: MediumError, doing: &'static str) -> ProviderError {
        JournalError::of_medium(error, self.identity.shard, doing).into()
    }
}

fn not_surely_held() -> ProviderError {
    let reason = "whether the shard is still held is not known".to_owned();
    ProviderError::Unavailable { reason, source: None }
}
