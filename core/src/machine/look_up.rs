//! What is open under an id, for shells that count what ends; and what the code shows.

use alloc::vec::Vec;

use super::Machine;
use crate::attributes::Attributes;
use crate::correlation_buffer::Scheduled;
use crate::ids::{CorrelationId, Name};
use crate::published::PublishedValues;
use crate::streams::StreamBounds;
use crate::time::Timestamp;

impl Machine {
    /// When the timer fires that is open under that id; `None` when no timer is.
    pub fn timer_fires_at(&self, id: CorrelationId) -> Option<Timestamp> {
        self.look_up(id, |scheduled| {
            if let Scheduled::Timer { fire_at, .. } = scheduled { Some(*fire_at) } else { None }
        })
    }

    /// The name of the activity that is open under that id; `None` when no activity is.
    pub fn activity_name(&self, id: CorrelationId) -> Option<Name> {
        self.look_up(id, |scheduled| {
            if let Scheduled::Task { name, .. } = scheduled { Some(name.clone()) } else { None }
        })
    }

    /// The number of the turn that has the newest status, if there is one: the code has set it there, or
    /// it was carried over from the execution before.
    pub fn status_turn(&self) -> Option<u64> {
        self.shared.lock().status.turn
    }

    /// The values that the code has published, those of turns that are not durable yet included.
    pub fn published(&self) -> PublishedValues {
        self.shared.lock().published.clone()
    }

    /// What is known of the streams, in the order of their names, with the items of turns that are not durable yet.
    pub fn streams(&self) -> Vec<StreamBounds> {
        self.shared.lock().streams.bounds()
    }

    /// The attributes of the instance, those of turns that are not durable yet included.
    pub fn attributes(&self) -> Attributes {
        self.shared.lock().attributes.clone()
    }

    /// Whether that wait for an event of that name is there, and the code has not taken its event, whether there
    /// is one or not.
    pub fn has_wait(&self, name: &Name, id: CorrelationId) -> bool {
        !self.has_ended() && self.shared.lock().buffer.has_wait(name, id)
    }

    /// The place in the log after its last event.
    pub fn position(&self) -> u64 {
        self.shared.lock().written.position
    }

    /// The runs of executions before this one of which messages are still to be sent.
    pub fn earlier_senders(&self) -> Vec<u64> {
        self.shared.lock().outbox.earlier_senders()
    }

    /// The attempts whose [start](crate::Event::TaskStarted) is recorded and that have no end, by the id of
    /// their activity. They run, or have gone with their host.
    pub fn started_tasks(&self) -> Vec<(CorrelationId, u32)> {
        if self.has_ended() {
            return Vec::new();
        }
        self.shared.lock().buffer.all_started()
    }

    /// Whether that attempt of an activity is under way, or the next.
    pub fn is_attempt(&self, id: CorrelationId, attempt: u32) -> bool {
        !self.has_ended() && self.shared.lock().buffer.is_attempt(id, attempt)
    }

    /// The activities that are open, and how many hosts are known to have died while each ran.
    pub fn deaths_of_tasks(&self) -> Vec<(CorrelationId, u32)> {
        if self.has_ended() {
            return Vec::new();
        }
        self.shared.lock().buffer.all_deaths()
    }

    fn look_up<T>(&self, id: CorrelationId, what: fn(&Scheduled) -> Option<T>) -> Option<T> {
        if self.has_ended() {
            return None;
        }
        self.shared.lock().buffer.open(id).and_then(what)
    }
}
