//! What was due first happened first, by the log of an instance.

use std::collections::BTreeMap;

use reenact::core::CorrelationId;
use reenact::{Event, History};

/// Nothing has come while a timer was overdue: a host fires what is overdue before it takes in anything else.
pub(crate) fn check(history: &History) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for event in history.events() {
        match event.event {
            Event::ExecutionStarted { delay: Some(delay), .. } => {
                open.insert(CorrelationId::START, event.at + *delay);
            }
            Event::TimerCreated { id, fire_at } => {
                open.insert(*id, *fire_at);
            }
            Event::TimerFired { id } | Event::TimerCancelled { id } => {
                open.remove(id);
            }
            // From here on, timers stand still.
            Event::CancelRequested { .. } | Event::ExecutionParked { .. } => return Ok(()),
            Event::TaskCompleted { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::ExternalRaised { .. }
            | Event::ChildCompleted { .. } => {
                if let Some((id, at)) = open.iter().find(|(_, fire_at)| **fire_at < event.at) {
                    let what = event.event.kind();
                    return Err(format!(
                        "{what} at {} came before {id}, which was due at {at}",
                        event.at
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
