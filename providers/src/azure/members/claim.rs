//! How a process gets a shard, and gives it up.

use std::sync::Arc;
use std::time::Duration;

use reenact_core::ShardId;

use super::view::{self, Claim, DEAD};
use super::{Members, Session, State};
use crate::azure::port::{Etag, Only, PortError, PortErrorKind};
use crate::medium::MediumError;

/// Lease times after which nobody needs to know any more of a process that it was there.
const LEASE_TIMES_REMEMBERED: u32 = 20;

/// How old a look may be that a claim goes by: those of all shards share one.
const FRESH_FOR: Duration = Duration::from_millis(250);

impl Members {
    /// Claims a shard for this process. One that it has already is no error.
    pub(in crate::azure) async fn claim(
        self: &Arc<Self>,
        shard: ShardId,
        label: &str,
    ) -> Result<(), MediumError> {
        self.state().claiming.insert(shard);
        let claimed = self.claim_now(shard, label).await;
        self.state().claiming.remove(&shard);
        claimed
    }

    async fn claim_now(self: &Arc<Self>, shard: ShardId, label: &str) -> Result<(), MediumError> {
        let failed = PortError::into_medium_error;
        let session = self.begin_session().await.map_err(failed)?;
        if self.state().view.at.is_none_or(|at| at.elapsed() > FRESH_FOR) {
            self.look().await.map_err(failed)?;
        }
        let known = self.state().view.claim(shard).cloned();
        let only = match known {
            None => Only::IfNew,
            Some(claim) if claim.owner == session.id => {
                if self.state().mine.contains(&shard) {
                    return Ok(());
                }
                // To give it up has failed, and may succeed yet: not once this is written.
                Only::IfMatch(claim.etag)
            }
            Some(claim) => {
                self.see_whether_it_is_free(&claim).await?;
                Only::IfMatch(claim.etag)
            }
        };
        let written = view::of_claim(&session.id, label);
        let blob = view::shard_blob(shard);
        match self.client.put(&blob, Vec::new(), &written, &only).await {
            Ok(etag) => {
                let mut state = self.state();
                state.view.set_claim(shard, etag, &written);
                // Unless it was taken for dead in the meantime.
                if state.session.as_ref().is_some_and(|now| now.id == session.id) {
                    state.mine.insert(shard);
                    return Ok(());
                }
                Err(MediumError::Fenced)
            }
            Err(error) if error.is_unmet() => {
                self.state().view.at = None;
                Err(MediumError::Held { by: "another process, since a moment,".to_owned() })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// This life of the process, which the others have heard of lately; begins one if there is none.
    async fn begin_session(self: &Arc<Self>) -> Result<Session, PortError> {
        // Again where it was taken for dead, and begins anew.
        for _ in 0..3 {
            let session = self.state().session.clone();
            if let Some(session) = session.filter(|it| it.renewed.elapsed() < self.lease_time) {
                self.tick_in_background();
                return Ok(session);
            }
            self.beat().await?;
        }
        Err(self.never_alive())
    }

    fn never_alive(&self) -> PortError {
        let reason = "this process is taken for dead again and again".to_owned();
        let kind = PortErrorKind::Unreachable { reason };
        PortError { operation: "join", target: view::PREFIX.to_owned(), kind }
    }

    /// `Held` while the owner of a claim lives. An owner that was silent for too long is declared
    /// dead; once that is written, it is.
    async fn see_whether_it_is_free(&self, claim: &Claim) -> Result<(), MediumError> {
        let Some(owner) = self.state().view.host(&claim.owner).cloned() else { return Ok(()) };
        if owner.is_dead() {
            return Ok(());
        }
        let held = || MediumError::Held { by: format!("{} ({})", claim.label, claim.owner) };
        if !owner.is_silent(self.lease_time) {
            return Err(held());
        }
        let declared = self.declare_dead(&claim.owner, owner.etag).await;
        self.state().view.at = None;
        match declared {
            Ok(()) => Ok(()),
            Err(error) if error.is_unmet() => Err(held()),
            Err(error) => Err(error.into_medium_error()),
        }
    }

    /// Declares a silent process dead, unless it has spoken since.
    async fn declare_dead(&self, id: &str, etag: Etag) -> Result<(), PortError> {
        let (blob, dead) = (view::host_blob(id), view::of_host(None, DEAD));
        self.client.put(&blob, Vec::new(), &dead, &Only::IfMatch(etag)).await?;
        tracing::warn!(target: "reenact::store", parent: None, host = id, "a silent process was taken for dead");
        Ok(())
    }

    /// Removes one of the blobs that the dead have left.
    pub(super) async fn bury(&self) -> Result<(), PortError> {
        let forgotten = {
            let state = self.state();
            let found = state.view.forgotten(self.lease_time * LEASE_TIMES_REMEMBERED);
            found.map(|(id, host)| (id.clone(), host.clone()))
        };
        match forgotten {
            Some((id, host)) if host.is_dead() => {
                self.client.delete(&view::host_blob(&id), false).await
            }
            Some((id, host)) => self.declare_dead(&id, host.etag).await,
            None => Ok(()),
        }
    }

    /// Lets others have a shard at once. One that was lost is no error.
    pub(in crate::azure) async fn give_up(&self, shard: ShardId) -> Result<(), MediumError> {
        let etag = {
            let mut state = self.state();
            let is_mine = state.mine.remove(&shard);
            state.view.claim(shard).filter(|_| is_mine).map(|claim| claim.etag.clone())
        };
        match etag {
            Some(etag) => self.hand_back(shard, etag).await.map_err(PortError::into_medium_error),
            None => Ok(()),
        }
    }

    /// Gives up what this process has in name only: a claim or its end may have failed on the way.
    pub(super) async fn give_up_what_is_left(&self) -> Result<(), PortError> {
        let left: Vec<(ShardId, Etag)> = {
            let State { session, view, mine, claiming, .. } = &*self.state();
            let claims = session.iter().flat_map(|session| view.claims_of(&session.id));
            let is_left = |shard: &ShardId| !mine.contains(shard) && !claiming.contains(shard);
            let left = claims.filter(|(shard, _)| is_left(shard));
            left.map(|(shard, claim)| (shard, claim.etag.clone())).collect()
        };
        for (shard, etag) in left {
            self.hand_back(shard, etag).await?;
        }
        Ok(())
    }

    /// A claim that is another by now is no error.
    async fn hand_back(&self, shard: ShardId, etag: Etag) -> Result<(), PortError> {
        let written = view::of_claim("", "");
        let blob = view::shard_blob(shard);
        match self.client.put(&blob, Vec::new(), &written, &Only::IfMatch(etag)).await {
            Ok(etag) => {
                self.state().view.set_claim(shard, etag, &written);
                Ok(())
            }
            Err(error) if error.is_unmet() => Ok(()),
            Err(error) => Err(error),
        }
    }
}
