//! Lets instances come into memory, at a bounded pace and as places are free.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::InstanceId;
use reenact_providers::InstanceSummary;
use tokio::time::Instant;

use super::stashed::{Entering, Stashed};
use super::state::ShardState;
use crate::admission::{Kind, Place};
use crate::message::{Begin, Due, Internal, ShardMessage};
use crate::task::{Task, let_others_run};
use crate::timers::{Timer, TimerMessage};

/// An instance that has waited this long for a place, or for room in memory, comes without: the
/// instances that have the places may wait for it. So few instances of a shard pass the limit in this
/// time.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// An instance with messages waits no longer than this for a place when all places belong to instances
/// that have something under way: they may wait for it.
const WAIT_WHILE_BUSY: Duration = Duration::from_millis(20);

/// How many instances come without a place after that time.
const WITHOUT_PLACE: usize = 16;

/// The time between two looks whether instances still hold too much in memory.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How many due instances are queued before other tasks run.
const IN_A_ROW: usize = 1_024;

impl ShardState {
    /// Brings an instance into memory for a message, or queues it for that.
    pub(super) async fn ask_in(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        mut what: Stashed,
    ) -> Result<(), ActorProcessingErr> {
        let begin = match &what {
            Stashed::Message(message) => message.begin(),
            Stashed::Locate(_) => Begin::Activate,
        };
        let begin = self.queue.begin_of(&instance, begin);
        match what.take_place() {
            None => {
                self.queue.push(instance, begin, what);
                self.admit(myself).await
            }
            place => {
                let entering = Entering { begin, place, coming: None, is_due: false };
                self.enter(myself, instance, entering, vec![what]).await
            }
        }
    }

    /// Adds a message to those that wait for an instance; returns it when there are none.
    pub(super) async fn add_to_queue(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: &InstanceId,
        what: Stashed,
    ) -> Result<Option<Stashed>, ActorProcessingErr> {
        let Some(waiting) = self.queue.waiting_for(instance) else { return Ok(Some(what)) };
        waiting.messages.push(what);
        // The message may bring a place, for which all of them have waited.
        let place = waiting.messages.last_mut().and_then(Stashed::take_place);
        if place.is_some()
            && let Some(waiting) = self.queue.take(instance)
        {
            let entering = Entering { begin: waiting.begin, place, coming: None, is_due: false };
            self.enter(myself, instance.clone(), entering, waiting.messages).await?;
        }
        Ok(None)
    }

    /// Queues instances that are due.
    pub(super) async fn wake(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        due: Vec<Due>,
    ) -> Result<(), ActorProcessingErr> {
        if self.draining {
            return Ok(());
        }
        due.into_iter().for_each(|due| self.queue.push_due(due));
        self.admit(myself).await
    }

    /// Lets in the instances that can come now: those with messages and those that are due take turns.
    pub(super) async fn admit(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        loop {
            let asked = self.admit_asked(myself).await?;
            let due = self.admit_due(myself).await?;
            if !(asked || due) {
                self.context.is_due_waiting.store(self.queue.is_anyone_due(), Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    /// A place was found for the next instance of its kind, or it comes without one.
    pub(super) async fn place_found(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        kind: Kind,
        place: Option<Place>,
    ) -> Result<(), ActorProcessingErr> {
        match kind {
            Kind::Due => {
                self.waits.due = None;
                self.next_due(myself, place).await?;
            }
            Kind::Asked | Kind::Start => {
                self.waits.asked = None;
                let many = if place.is_none() { WITHOUT_PLACE } else { 1 };
                let mut place = place;
                for _ in 0..many {
                    self.next_asked(myself, place.take()).await?;
                }
            }
        }
        self.admit(myself).await
    }

    async fn admit_asked(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<bool, ActorProcessingErr> {
        if !self.queue.is_anyone_asked() || self.waits.asked.is_some() {
            return Ok(false);
        }
        if !self.waits.asked_limit.has_room() {
            return Ok(false);
        }
        let Some(place) = self.context.host.admission.try_place(Kind::Asked) else {
            self.waits.asked = Some(self.wait_for_place(myself, Kind::Asked));
            return Ok(false);
        };
        self.next_asked(myself, Some(place)).await?;
        Ok(true)
    }

    async fn admit_due(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<bool, ActorProcessingErr> {
        if !self.queue.is_anyone_due()
            || self.waits.due.is_some()
            || !self.waits.due_limit.has_room()
            || self.is_too_much_in_memory(myself)
        {
            return Ok(false);
        }
        if self.context.host.admission.is_closed() {
            // The host ends: the log still says what is due.
            return Ok(false);
        }
        let Some(place) = self.context.host.admission.try_place(Kind::Due) else {
            self.waits.due = Some(self.wait_for_place(myself, Kind::Due));
            return Ok(false);
        };
        self.next_due(myself, Some(place)).await?;
        Ok(true)
    }

    async fn next_asked(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        place: Option<Place>,
    ) -> Result<(), ActorProcessingErr> {
        let Some((instance, waiting)) = self.queue.next_asked() else { return Ok(()) };
        let coming = Some(self.waits.asked_limit.begin_anyhow());
        let entering = Entering { begin: waiting.begin, place, coming, is_due: false };
        self.enter(myself, instance, entering, waiting.messages).await
    }

    async fn next_due(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        place: Option<Place>,
    ) -> Result<(), ActorProcessingErr> {
        let Some((instance, begin)) = self.queue.next_due() else { return Ok(()) };
        let message = match begin {
            Begin::Recover => Internal::Recover,
            Begin::Fresh | Begin::Claim | Begin::Activate | Begin::Resume => Internal::Activate,
        };
        let what = Stashed::Message(message.into());
        if let Some(stashed) = self.stashed.get_mut(&instance) {
            stashed.push(what);
            return Ok(());
        }
        if self.context.host.routes.parked(&instance).is_some() {
            return Ok(());
        }
        // If the instance is in memory by now, any message makes it handle what is due.
        let Some(what) = self.pass_to_actor(&instance, what) else { return Ok(()) };
        if self.context.host.routes.actor(&instance).is_some() {
            self.stashed.insert(instance, vec![what]);
            return Ok(());
        }
        let coming = Some(self.waits.due_limit.begin_anyhow());
        let entering = Entering { begin, place, coming, is_due: true };
        self.enter(myself, instance, entering, vec![what]).await
    }

    /// Begins an actor, and gives it the messages that wait for it.
    async fn enter(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        entering: Entering,
        messages: Vec<Stashed>,
    ) -> Result<(), ActorProcessingErr> {
        self.spawn(myself, instance.clone(), entering).await?;
        let mut messages = messages.into_iter();
        for what in messages.by_ref() {
            if let Some(what) = self.pass_to_actor(&instance, what) {
                // The actor had nothing to do, and is about to end.
                self.stashed.insert(instance, std::iter::once(what).chain(messages).collect());
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether instances hold too much in memory for one that is due to come. If so, idle instances are
    /// asked to leave.
    fn is_too_much_in_memory(&mut self, myself: &ActorRef<ShardMessage>) -> bool {
        if !self.context.host.footprints.is_over() {
            self.waits.looks = None;
            return false;
        }
        match &self.waits.looks {
            None => {
                self.context.host.make_room();
                self.look_again(myself, 1);
                true
            }
            Some((looks, _)) if LOOK_AGAIN * *looks >= LONGEST_WAIT => {
                self.waits.looks = None;
                false
            }
            Some(_) => true,
        }
    }

    /// Looks again whether there is still too much in memory.
    pub(super) async fn look_at_memory(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((looks, _)) = self.waits.looks {
            self.look_again(myself, looks + 1);
        }
        self.admit(myself).await
    }

    fn look_again(&mut self, myself: &ActorRef<ShardMessage>, looks: u32) {
        let myself = myself.clone();
        let next = Task::spawn(async move {
            tokio::time::sleep(LOOK_AGAIN).await;
            // A supervisor that has gone admits nothing.
            let _ = myself.cast(ShardMessage::LookAtMemory);
        });
        self.waits.looks = Some((looks, next));
    }

    fn wait_for_place(&self, myself: &ActorRef<ShardMessage>, kind: Kind) -> Task {
        let (host, myself) = (self.context.host.clone(), myself.clone());
        Task::spawn(async move {
            let began = Instant::now();
            let mut waiting = pin!(host.admission.place(kind, || host.make_room()));
            let found = loop {
                if let Ok(place) = tokio::time::timeout(WAIT_WHILE_BUSY, waiting.as_mut()).await {
                    break place;
                }
                let in_vain = kind == Kind::Asked && host.admission.are_all_busy();
                if in_vain || began.elapsed() >= LONGEST_WAIT {
                    break None;
                }
            };
            // A supervisor that has gone admits nothing.
            let _ = myself.cast(ShardMessage::PlaceFound(kind, found));
        })
    }

    /// Queues the instances whose code has blocked a thread that was given up: their logs must say that
    /// they are parked.
    pub(super) fn park_stalled(&mut self) {
        let at = self.context.now();
        for instance in self.context.host.routes.stalled_in(self.shard) {
            self.queue.push_due(Due { at, instance, is_recovered: false });
        }
    }

    /// Queues the instances that must be in memory now, by the log, and arms the timers of those that are
    /// due later.
    pub(super) async fn recover(
        &mut self,
        recovered: Vec<InstanceSummary>,
        timers: &ActorRef<TimerMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let now = self.context.now();
        let mut recovered = recovered.into_iter();
        while recovered.len() > 0 {
            let mut later = Vec::new();
            for InstanceSummary { instance, wake_at, .. } in recovered.by_ref().take(IN_A_ROW) {
                let at = wake_at.unwrap_or(now);
                if at <= now {
                    self.queue.push_due(Due { at, instance, is_recovered: true });
                } else {
                    later.push((at, Timer { instance, fire: None }));
                }
            }
            timers.cast(TimerMessage::ArmAll(later))?;
            let_others_run().await;
        }
        self.context.is_due_waiting.store(self.queue.is_anyone_due(), Ordering::Relaxed);
        Ok(())
    }
}
