//! The open activities of a view: what [`OpenActivities`] knows, with since when and on which terms.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use crate::attempts::Attempts;
use crate::event::Event;
use crate::ids::CorrelationId;
use crate::open::{OpenActivities, OpenActivity};
use crate::time::Timestamp;

use super::execution::{Listed, ViewedActivity};

#[derive(Debug, Default)]
pub(super) struct Activities {
    open: OpenActivities,
    facts: BTreeMap<CorrelationId, Facts>,
}

/// Of an activity, what [`OpenActivity`] does not have.
#[derive(Debug)]
struct Facts {
    position: u64,
    since: Timestamp,
    is_local: bool,
    max_attempts: Option<u32>,
    /// Of one with options, for its deadline.
    attempts: Option<Box<Attempts>>,
    heartbeat_at: Option<Timestamp>,
    hosts_died: u32,
    in_doubt: bool,
}

impl Activities {
    /// Goes on with an event, in its place, at its time.
    pub(super) fn follow(&mut self, event: &Event, position: u64, at: Timestamp) {
        self.open.follow(event);
        if matches!(event, Event::TaskScheduled { .. }) {
            let Some(id) = event.correlation() else { return };
            self.facts.insert(id, Facts::new(position, at));
        } else if matches!(event, Event::ExecutionRewound { .. }) {
            let known = self.facts.values_mut().filter_map(|facts| facts.attempts.as_mut());
            known.for_each(|attempts| attempts.begin_anew(at));
        } else if self.open.is_empty() {
            self.facts.clear();
        } else if let Some(id) = event.correlation() {
            self.follow_one(id, event, at);
        }
    }

    fn follow_one(&mut self, id: CorrelationId, event: &Event, at: Timestamp) {
        if self.open.get(id).is_none() {
            self.facts.remove(&id);
            return;
        }
        let Some(facts) = self.facts.get_mut(&id) else { return };
        if let Event::TaskConfigured { options, .. } = event {
            facts.max_attempts = options.retry.as_ref().map(|retry| retry.max_attempts);
            facts.attempts = Some(Box::new(Attempts::new(options.clone(), None, at)));
        } else if matches!(event, Event::TaskLocal { .. }) {
            facts.is_local = true;
        } else {
            // It goes on: no cancel has ended it.
            facts.in_doubt = false;
            if matches!(event, Event::TaskHeartbeat { .. }) {
                facts.heartbeat_at = Some(at);
            } else if let Event::TaskStarted { died, .. } = event {
                facts.hosts_died = *died;
            }
        }
    }

    /// A cancel has come: what is not shielded has ended.
    pub(super) fn doubt(&mut self) {
        self.facts.values_mut().for_each(|facts| facts.in_doubt = true);
    }

    pub(super) fn listed(&self, most: usize) -> Listed<ViewedActivity> {
        let shown = self.open.iter().take(most);
        let items = shown.filter_map(|open| Some(self.facts.get(&open.id)?.shown(open)));
        Listed { items: items.collect(), total: self.open.iter().len() as u64 }
    }
}

impl Facts {
    const fn new(position: u64, since: Timestamp) -> Self {
        Self {
            position,
            since,
            is_local: false,
            max_attempts: None,
            attempts: None,
            heartbeat_at: None,
            hosts_died: 0,
            in_doubt: false,
        }
    }

    fn shown(&self, open: &OpenActivity) -> ViewedActivity {
        ViewedActivity {
            id: open.id,
            name: open.name.clone(),
            position: self.position,
            since: self.since,
            tag: open.tag.clone(),
            local: self.is_local,
            attempt: open.attempt,
            max_attempts: self.max_attempts,
            last_error: open.last_error.clone(),
            begins_at: open.retry_at,
            deadline: self.attempts.as_ref().and_then(|attempts| attempts.deadline()),
            heartbeat: open.heartbeat.clone(),
            heartbeat_at: self.heartbeat_at,
            deferred: open.deferred,
            hosts_died: self.hosts_died,
            in_doubt: self.in_doubt,
        }
    }
}
