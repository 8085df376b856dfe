//! Forks an instance.

use reenact_core::{
    Attributes, Fork, InstanceId, Payload, RecordedTurn, RemoteFork, Start, TimeLimits,
};

use super::Access;
use super::start::Wanted;
use crate::entity_id::{check_fork, check_start};
use crate::error::{Error, Result};
use crate::reuse::ReusePolicy;

/// How an instance is to be forked.
#[derive(Clone, Debug)]
pub struct ForkRequest {
    /// Which instance.
    pub from: InstanceId,
    /// The id of the fork.
    pub instance: InstanceId,
    /// What stands in the history before the event in this place is copied: neither the turn that holds it nor any
    /// after it. Otherwise all that there is, but for the turn in which it ended.
    pub before: Option<u64>,
    /// Why, for people. Cut at [`MAX_MESSAGE_BYTES`](reenact_core::limits::MAX_MESSAGE_BYTES).
    pub reason: String,
    /// Whether an instance that has the id already is taken for the fork.
    pub or_attach: bool,
}

impl Access {
    /// Begins a new instance with the first turns of the history of another one, which stays as it is. Durable when it
    /// returns: all of the copy is one append. A fork that belongs to another host begins there, as a start does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no instance to fork; [`Error::AlreadyExists`] when the id of the fork is taken;
    /// [`Error::NoSuchPosition`]; [`Error::NotForkable`] when it waits for others there, or holds their locks;
    /// [`Error::Reserved`] for entities; [`Error::OverLimit`] when more would be copied than one append takes;
    /// [`Error::OtherExecution`] when it has gone on as a new execution meanwhile; [`Error::Parked`] while it is
    /// imported; [`Error::UnknownOrchestration`], [`Error::UnknownVersion`], [`Error::Busy`],
    /// [`Error::ShuttingDown`], [`Error::Interrupted`], [`Error::Unreadable`], [`Error::Store`]. By way of another
    /// host: [`Error::Quarantined`], [`Error::Unanswered`].
    ///
    /// Cancelled, it may or may not have begun the fork.
    pub async fn fork(&self, request: ForkRequest) -> Result<()> {
        self.may_change()?;
        let ForkRequest { from, instance, before, reason, or_attach } = request;
        check_fork(&from)?;
        let summary = self.store().summary_now(&from).await?;
        check_start(&instance, &summary.name)?;
        if !or_attach && self.store().find(&instance).await?.is_some() {
            return Err(Error::AlreadyExists { instance });
        }
        let history = self.store().history(&from, None).await?;
        let version = history.turns().first().map(RecordedTurn::version);
        self.orchestration(&summary.name, version.as_ref())?;
        let seed = self.store().seeds.next();
        let now = self.store().clock.now();
        let execution = summary.execution;
        let fork = RemoteFork { from: from.clone(), execution, before, reason: reason.clone() };
        let to = instance.clone();
        let tried = Fork { from: from.clone(), execution, instance: to, before, reason, seed };
        // The host that has the new id looks again.
        drop(history.forked(tried, now).map_err(|why| Error::of_fork(from, why))?);
        let reuse = if or_attach { ReusePolicy::new().or_attach() } else { ReusePolicy::new() };
        let start = Start {
            input: Payload::default(),
            seed,
            delay: None,
            origin: None,
            trace: None,
            limits: TimeLimits::NONE,
            attributes: Attributes::default(),
        };
        let wanted = Wanted {
            name: summary.name,
            version,
            start,
            own_id: true,
            event: None,
            reuse,
            fork: Some(Box::new(fork)),
        };
        self.begin(&instance, wanted).await
    }
}
