//! The parts of a state: what is written, the turn under way, the status.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::pending_drop::Drops;
use super::replayed_items::ReplayedItems;
use crate::action::Action;
use crate::event::Event;
use crate::ids::CorrelationId;
use crate::payload::Payload;

/// How much is in the log, what the turn under way has added included.
#[derive(Default)]
pub(crate) struct Written {
    /// The place of the next event.
    pub(crate) position: u64,
    /// Number of events, without those that were superseded.
    pub(super) events: u64,
    /// Payload bytes of these events.
    pub(crate) bytes: u64,
    /// How many events, and bytes of them, there were when the code ran first.
    pub(super) at_beginning: Option<(u64, u64)>,
}

/// What belongs to the turn under way alone.
pub(crate) struct TurnUnderWay {
    pub(crate) number: u64,
    /// Payload bytes of its events.
    pub(crate) bytes: u64,
    pub(super) events: Vec<Event>,
    pub(crate) actions: Vec<Action>,
    /// What the code has dropped in the poll under way, and is not recorded.
    pub(super) drops: Drops,
    /// At replay: the event that the code is emitting the items of.
    pub(super) replayed_items: Option<Box<ReplayedItems>>,
    /// What was scheduled in the turn, and called off in it.
    pub(super) never_started: BTreeSet<CorrelationId>,
    /// The newest id before the turn.
    pub(super) last_id_before: CorrelationId,
}

/// The status that the code has set last, as it is recorded.
#[derive(Default)]
pub(crate) struct Status {
    pub(super) newest: Option<Payload>,
    /// The turn that set it.
    pub(crate) turn: Option<u64>,
}

/// Room for this many events is kept from turn to turn: an input, and what the code does about it.
const KEPT_EVENTS: usize = 2;

impl TurnUnderWay {
    /// The events of the turn that is over. Their place is kept for the next turn, unless it is large.
    pub(crate) fn take_events(&mut self) -> Arc<[Event]> {
        let events = self.events.drain(..).collect();
        self.events.shrink_to(KEPT_EVENTS);
        events
    }
}

impl Default for TurnUnderWay {
    fn default() -> Self {
        Self {
            number: 0,
            bytes: 0,
            events: Vec::new(),
            actions: Vec::new(),
            drops: Drops::new(),
            replayed_items: None,
            never_started: BTreeSet::new(),
            last_id_before: CorrelationId::START,
        }
    }
}
