//! The way of one host or client to the store: what goes wrong on it, and what the trace says of it.

use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reenact_providers::ProviderError;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::dice::{Dice, FaultKind, mixed};
use super::points::{Moment, Points};
use super::store::Crash;
use super::trace::Trace;
use super::witness::Witness;

/// The longest that a call of the store takes that is not slow, in milliseconds.
const QUICK_MS: u64 = 4;

/// The longest that a slow one takes, in milliseconds.
const SLOW_MS: u64 = 6_000;

/// The latest that a request reaches a service after its caller has given it up, in milliseconds.
const LATE_MS: u64 = 10_000;

/// A host or a client, from its start to its crash.
pub struct Site {
    /// Its number among all of them.
    pub number: u64,
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    pub(super) witness: Witness,
    is_dead: AtomicBool,
    is_cut_off: AtomicBool,
    is_back: Notify,
    /// Until when it reads nothing, in milliseconds since the world began.
    reads_from: AtomicU64,
    /// How it crashes; a client cannot.
    crashes: Option<Crashes>,
    began: Instant,
}

/// How hosts crash in calls of the store.
#[derive(Clone)]
pub(super) struct Crashes {
    /// Notified of the site that is to crash.
    pub(super) asked: mpsc::UnboundedSender<Crash>,
    /// Where they crash, when it is not by chance.
    pub(super) points: Option<Points>,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Append,
    Purge,
    Read,
    Acquire,
    Renew,
    Release,
    Send,
    Receive,
    Acknowledge,
    Join,
    Open,
}

impl Call {
    const fn writes(self) -> bool {
        matches!(self, Self::Append | Self::Purge | Self::Send)
    }

    /// What lets it fail before it has an effect.
    const fn refusal(self) -> Option<FaultKind> {
        match self {
            Self::Append | Self::Purge => Some(FaultKind::AppendRefused),
            Self::Read | Self::Join => Some(FaultKind::ReadFailed),
            Self::Acquire | Self::Renew | Self::Release => Some(FaultKind::LeaseCallFailed),
            Self::Send => Some(FaultKind::SendRefused),
            Self::Acknowledge => Some(FaultKind::AcknowledgeFailed),
            Self::Receive | Self::Open => None,
        }
    }

    /// What hides its outcome.
    const fn unknown(self) -> Option<FaultKind> {
        match self {
            Self::Append | Self::Purge => Some(FaultKind::AppendUnknown),
            Self::Send => Some(FaultKind::SendUnknown),
            _ => None,
        }
    }
}

/// What becomes of a request to a service on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// It is carried out.
    Arrives,
    /// It is carried out, and its answer is lost.
    ArrivesUnanswered,
    /// It is carried out so much later, and its answer is lost.
    ArrivesLate(Duration),
    /// It is lost, and nobody knows.
    Lost,
    /// The service cannot be reached.
    Unreachable,
    /// The service asks for patience.
    Throttled,
}

impl Site {
    /// Sends a request to a service, with all that may go wrong with it.
    pub async fn send_request(&self, writes: bool) -> Request {
        if self.on_the_way().await.is_err() {
            return Request::Unreachable;
        }
        let dice = &self.dice;
        if dice.fault(FaultKind::RequestRefused) {
            return Request::Unreachable;
        }
        if dice.fault(FaultKind::RequestThrottled) {
            return Request::Throttled;
        }
        if dice.fault(FaultKind::RequestLost) {
            return Request::Lost;
        }
        if writes && dice.fault(FaultKind::RequestLate) {
            return Request::ArrivesLate(Duration::from_millis(dice.below("late by", LATE_MS)));
        }
        match dice.fault(FaultKind::AnswerLost) {
            true => Request::ArrivesUnanswered,
            false => Request::Arrives,
        }
    }

    /// The service has answered, and says so in the trace. False when the answer finds nobody.
    pub async fn hear_answer(
        &self,
        operation: &'static str,
        target: &str,
        outcome: &'static str,
        writes: bool,
    ) -> bool {
        let at = self.began.elapsed().as_micros();
        self.trace.add((at, self.number, operation, target, outcome), || {
            format!("{at} site {} {operation} {target} {outcome}", self.number)
        });
        if writes && self.crashes.is_some() && self.dice.fault(FaultKind::CrashAfterWrite) {
            self.crash().await;
        }
        self.on_the_way().await.is_ok()
    }

    pub(super) fn new(
        number: u64,
        dice: Dice,
        (trace, witness): (Trace, Witness),
        crashes: Option<Crashes>,
        began: Instant,
    ) -> Self {
        let (is_dead, is_cut_off) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            number,
            dice,
            trace,
            witness,
            is_dead,
            is_cut_off,
            is_back: Notify::new(),
            reads_from: AtomicU64::new(0),
            crashes,
            began,
        }
    }

    /// From now on no call of it has an effect.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.cut_off(false);
    }

    /// Cuts it off from the store, or lets it back.
    pub(super) fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::SeqCst);
        // In the order in which they came. A channel of tokio's would wake them in a random order.
        self.is_back.notify_waiters();
    }

    /// For so long, none of its reads succeeds.
    pub(super) fn stop_reading(&self, time: Duration) {
        let until = (self.began.elapsed() + time).as_millis() as u64;
        self.reads_from.fetch_max(until, Ordering::SeqCst);
    }

    fn reads_nothing(&self) -> bool {
        let now = self.began.elapsed().as_millis() as u64;
        now < self.reads_from.load(Ordering::SeqCst) && !self.dice.is_calm()
    }

    /// Whether it has not crashed.
    pub fn is_alive(&self) -> bool {
        !self.is_dead.load(Ordering::SeqCst)
    }

    /// Makes a call, in which everything may go wrong that can.
    pub(super) async fn call<T>(
        &self,
        call: Call,
        about: impl Hash,
        ask: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let about = mixed(about);
        self.on_the_way().await?;
        let number = self.points().map(Points::call);
        self.crash_if(Moment::Before, number).await?;
        let cannot_read = call == Call::Read && self.reads_nothing();
        if cannot_read || call.refusal().is_some_and(|kind| self.dice.fault(kind)) {
            self.note(call, about, "refused");
            return Err(unavailable());
        }
        if call == Call::Append && self.dice.fault(FaultKind::AppendLost) {
            self.note(call, about, "lost");
            return Err(unknown());
        }
        let result = ask.await;
        self.note(call, about, result.as_ref().map_or_else(name_of, |_| "ok"));
        self.crash_if(Moment::Unanswered, number).await?;
        if call.writes() && self.crashes.is_some() && self.dice.fault(FaultKind::CrashAfterWrite) {
            self.crash().await;
        }
        self.on_the_way().await?;
        if result.is_ok() && call.unknown().is_some_and(|kind| self.dice.fault(kind)) {
            return Err(unknown());
        }
        // Its caller has the answer, and may go on for a moment.
        if self.is_crash(Moment::Answered, number) {
            self.begin_crash();
        }
        result
    }

    fn points(&self) -> Option<&Points> {
        self.crashes.as_ref().and_then(|crashes| crashes.points.as_ref())
    }

    fn is_crash(&self, moment: Moment, number: Option<u64>) -> bool {
        let Some((points, number)) = self.points().zip(number) else { return false };
        self.is_alive() && points.is_crash(moment, number)
    }

    async fn crash_if(&self, moment: Moment, number: Option<u64>) -> Result<(), ProviderError> {
        if !self.is_crash(moment, number) {
            return Ok(());
        }
        self.crash().await;
        Err(ProviderError::Closed)
    }

    /// A call takes its time, and others come in between.
    async fn on_the_way(&self) -> Result<(), ProviderError> {
        for _ in 0..self.dice.below("yields", 4) {
            tokio::task::yield_now().await;
        }
        let longest = if self.dice.fault(FaultKind::Slow) { SLOW_MS } else { QUICK_MS };
        let takes = self.dice.below("latency", longest);
        // tokio's timers end a millisecond late at most.
        if takes > 0 {
            sleep(Duration::from_millis(takes)).await;
        }
        while self.is_cut_off.load(Ordering::SeqCst) {
            self.is_back.notified().await;
        }
        if self.is_alive() { Ok(()) } else { Err(ProviderError::Closed) }
    }

    /// The host ends here, and its caller never goes on.
    async fn crash(&self) {
        self.begin_crash();
        tokio::task::yield_now().await;
    }

    fn begin_crash(&self) {
        self.die();
        if let Some(crashes) = &self.crashes {
            // A world that has ended needs no crash.
            let _ = crashes.asked.send(Crash::Site(self.number));
        }
    }

    pub(super) fn note(&self, call: Call, about: u64, result: &'static str) {
        let at = self.began.elapsed().as_micros();
        self.trace.add((at, self.number, call, about, result), || {
            format!("{at} site {} {call:?} {about:016x} {result}", self.number)
        });
    }
}

fn name_of(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Fenced { .. } => "fenced",
        ProviderError::Conflict { .. } => "conflict",
        ProviderError::NotFound { .. } => "not found",
        ProviderError::TooLarge { .. } => "too large",
        ProviderError::Throttled { .. } => "throttled",
        ProviderError::Closed => "closed",
        _ => "failed",
    }
}

pub(super) fn unavailable() -> ProviderError {
    ProviderError::Unavailable { reason: "the simulated store is away".into(), source: None }
}

fn unknown() -> ProviderError {
    let reason = "the answer of the simulated store was lost".into();
    ProviderError::Unknown { reason, source: None }
}
