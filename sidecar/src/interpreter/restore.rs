//! A rewound execution: what its worker has kept of the history is open again.

use std::collections::{BTreeMap, BTreeSet};

use super::effects::watched_child_ended;
use super::{Arrival, Interpreter};
use crate::activities::{Ended, WatchedChild};
use crate::decision::Call;
use crate::events::{Encoded, timestamp_of};
use crate::names::WATCH_CHILD;
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind};

/// The event that a worker turns into a history without the failures.
pub(super) fn rewound(reason: Option<String>) -> Kind {
    Kind::ExecutionRewound(proto::ExecutionRewoundEvent { reason, ..Default::default() })
}

/// What a history has begun and not ended, by its numbers.
#[derive(Default)]
struct Open {
    tasks: BTreeMap<i32, proto::TaskScheduledEvent>,
    children: BTreeMap<i32, proto::SubOrchestrationInstanceCreatedEvent>,
    timers: BTreeMap<i32, proto::TimerCreatedEvent>,
    /// Why it was rewound last.
    reason: Option<String>,
}

impl Interpreter {
    /// Goes on after this history, and asks the worker again.
    pub(super) fn restore(&mut self, history: Vec<Encoded>) {
        let open = Open::of(history.iter().filter_map(|event| event.decode().ok()));
        self.run.replace(history);
        for (id, task) in open.tasks {
            self.call_activity(id, call_of(task));
        }
        for (id, timer) in open.timers {
            let at = timer.fire_at.as_ref().map(timestamp_of).unwrap_or_else(|| self.ctx.now());
            self.set_timer(id, at);
        }
        for (id, child) in open.children {
            self.watch(id, child, open.reason.clone());
        }
        self.is_due = true;
    }

    /// Waits for a child that was called before. One that has failed is rewound as well, and one that is gone is
    /// started anew.
    fn watch(
        &mut self,
        id: i32,
        child: proto::SubOrchestrationInstanceCreatedEvent,
        reason: Option<String>,
    ) {
        self.called.insert(child.instance_id.clone());
        let instance = child.instance_id.clone();
        let call = Call {
            name: child.name,
            version: child.version,
            input: crate::decision::given(child.input),
            tags: child.tags.into_iter().collect(),
            trace: None,
        };
        let start = match self.start_of(id, &call) {
            Ok(start) => start,
            Err(why) => {
                let failure = crate::failure::Failure::new("InvalidInput", why.to_string());
                return self.child_failed(id, failure);
            }
        };
        let watched = WatchedChild { instance, name: call.name, start, reason };
        let ended = self.ctx.schedule_activity_by_name::<_, Ended>(WATCH_CHILD, &watched);
        self.inbox
            .push(Box::pin(async move { Arrival::happened(watched_child_ended(id, ended.await)) }));
    }
}

impl Open {
    fn of(history: impl Iterator<Item = HistoryEvent>) -> Self {
        let mut open = Self::default();
        let mut ended = BTreeSet::new();
        for HistoryEvent { event_id, event_type, .. } in history {
            match event_type {
                Some(Kind::TaskScheduled(task)) => drop(open.tasks.insert(event_id, task)),
                Some(Kind::TimerCreated(timer)) => drop(open.timers.insert(event_id, timer)),
                Some(Kind::SubOrchestrationInstanceCreated(child)) => {
                    open.children.insert(event_id, child);
                }
                Some(Kind::TaskCompleted(done)) => drop(ended.insert(done.task_scheduled_id)),
                Some(Kind::TaskFailed(failed)) => drop(ended.insert(failed.task_scheduled_id)),
                Some(Kind::TimerFired(fired)) => drop(ended.insert(fired.timer_id)),
                Some(Kind::SubOrchestrationInstanceCompleted(done)) => {
                    ended.insert(done.task_scheduled_id);
                }
                Some(Kind::SubOrchestrationInstanceFailed(failed)) => {
                    ended.insert(failed.task_scheduled_id);
                }
                Some(Kind::ExecutionRewound(rewound)) => open.reason = rewound.reason,
                _ => {}
            }
        }
        open.tasks.retain(|id, _| !ended.contains(id));
        open.children.retain(|id, _| !ended.contains(id));
        open.timers.retain(|id, _| !ended.contains(id));
        open
    }
}

fn call_of(task: proto::TaskScheduledEvent) -> Call {
    Call {
        name: task.name,
        version: task.version,
        input: crate::decision::given(task.input),
        tags: task.tags.into_iter().collect(),
        trace: task.parent_trace_context.map(Into::into),
    }
}
