//! Why an instance waits, in plain sentences.

use std::time::{Duration, SystemTime};

use reenact::console::dto::{
    BufferedEvent, ExecutionState, Listed, OpenActivity, OpenChild, OpenLock, OpenMessage,
    OpenTimer, OpenUpdate, OpenWait, Since, Time,
};

use crate::output::text::printable;
use crate::output::times;

/// The sentences, one for each thing that is open. "Ago" is meant as seen from `now`.
pub(super) fn sentences(view: &ExecutionState, now: SystemTime) -> Vec<String> {
    let mut said = Said { now, sentences: Vec::new() };
    said.since("It is suspended", view.suspended.as_ref());
    said.since("It was asked to end", view.cancel_requested.as_ref());
    said.limit("execution", view.execution_ends_at);
    said.limit("instance", view.total_ends_at);
    said.each(&view.activities, "open activities", Said::activity);
    said.each(&view.children, "open children", Said::child);
    said.each(&view.waits, "waits for events", Said::wait);
    said.each(&view.updates, "updates without an answer", Said::update);
    said.each(&view.locks, "locks", Said::lock);
    said.each(&view.timers, "timers", Said::timer);
    said.each(&view.buffered, "events that nobody has taken", Said::buffered);
    said.each(&view.messages, "messages under way", Said::message);
    said.sentences
}

struct Said {
    now: SystemTime,
    sentences: Vec<String>,
}

impl Said {
    fn each<T>(&mut self, listed: &Listed<T>, plural: &str, say: fn(&Self, &T) -> String) {
        let said: Vec<_> = listed.items.iter().map(|item| say(self, item)).collect();
        let left = listed.total.saturating_sub(u64::try_from(said.len()).unwrap_or(u64::MAX));
        self.sentences.extend(said);
        if left > 0 {
            self.sentences.push(format!("And {left} more {plural}."));
        }
    }

    fn since(&mut self, what: &str, since: Option<&Since>) {
        let Some(since) = since else { return };
        let when = self.ago(since.at);
        self.sentences.push(match since.reason.as_str() {
            "" => format!("{what}, {when}."),
            reason => format!("{what}, {when}: {}.", words(reason)),
        });
    }

    fn limit(&mut self, of: &str, at: Option<Time>) {
        let Some(at) = at else { return };
        self.sentences.push(format!("The time limit of the {of} passes {}.", self.due(at)));
    }

    /// How long ago something was, or how long it is until then.
    fn ago(&self, at: Time) -> String {
        times::age(&at.to_string(), self.now)
    }

    /// `It has waited 2h`; of what has just begun, `It waits`.
    fn waited(&self, since: Time) -> String {
        let time = times::micros_of(self.now).unwrap_or(0).saturating_sub(since.0.as_micros());
        match time {
            0..1_000_000 => "It waits".to_owned(),
            _ => format!("It has waited {}", times::rough(Duration::from_micros(time))),
        }
    }

    /// When something will be.
    fn due(&self, at: Time) -> String {
        format!("{} ({})", times::second(&at.to_string()), self.ago(at))
    }

    fn is_to_come(&self, at: Time) -> bool {
        Some(at.0.as_micros()) > times::micros_of(self.now)
    }

    fn activity(&self, activity: &OpenActivity) -> String {
        let name = printable(&activity.name);
        let attempt = attempt(activity.attempt, activity.max_attempts);
        let mut said = match activity.begins_at {
            Some(at) if self.is_to_come(at) => {
                let due = self.due(at);
                format!("It waits to try the activity {name} again{attempt}, at {due}")
            }
            begun => {
                let waited = self.waited(begun.unwrap_or(activity.since));
                format!("{waited} for the activity {name}{attempt}")
            }
        };
        if activity.deferred {
            said.push_str(", which has returned and is completed from outside");
        }
        if let Some(tag) = &activity.tag {
            said.push_str(&format!(", on a host with the tag {}", printable(tag)));
        }
        if let Some(error) = &activity.last_error {
            said.push_str(&format!("; the attempt before failed: {}", words(&error.message)));
        }
        if let Some(at) = activity.heartbeat_at {
            said.push_str(&format!("; its last heartbeat was {}", self.ago(at)));
        }
        if let Some(deadline) = activity.deadline {
            said.push_str(&format!("; all of it must be over at {}", self.due(deadline)));
        }
        match activity.hosts_died {
            0 => {}
            1 => said.push_str("; a host died while it ran"),
            died => said.push_str(&format!("; {died} hosts died while it ran")),
        }
        ended(said, activity.in_doubt)
    }

    fn child(&self, child: &OpenChild) -> String {
        let (name, instance) = (printable(&child.name), printable(&child.instance));
        let attempt = attempt(child.attempt, None);
        let said = match child.begins_at {
            Some(at) if self.is_to_come(at) => {
                let due = self.due(at);
                format!("It waits to try the child {instance} ({name}) again{attempt}, at {due}")
            }
            _ => format!("{} for the child {instance} ({name}){attempt}", self.waited(child.since)),
        };
        ended(said, child.in_doubt)
    }

    fn wait(&self, wait: &OpenWait) -> String {
        let (name, waited) = (printable(&wait.name), self.waited(wait.since));
        ended(format!("{waited} for the event {name}"), wait.in_doubt)
    }

    fn update(&self, update: &OpenUpdate) -> String {
        let (to, waited) = (printable(&update.to), self.waited(update.since));
        let (what, name) = match &update.operation {
            Some(operation) => ("operation", operation),
            None => ("update", &update.name),
        };
        let said = format!("{waited} for the answer of {to} to the {what} {}", printable(name));
        ended(said, update.in_doubt)
    }

    fn lock(&self, lock: &OpenLock) -> String {
        let of = printable(&lock.of);
        match lock.given_at {
            _ if lock.lost => {
                format!("It has lost the lock of {of}: it was parked or rewound meanwhile.")
            }
            Some(at) => format!("It holds the lock of {of}, which it got {}.", self.ago(at)),
            None => format!("{} for the lock of {of}.", self.waited(lock.since)),
        }
    }

    fn timer(&self, timer: &OpenTimer) -> String {
        let due = self.due(timer.fire_at);
        let said = match timer.id {
            0 => format!("Its code begins at {due}"),
            _ => format!("It waits for a timer, due at {due}"),
        };
        ended(said, timer.in_doubt)
    }

    fn buffered(&self, event: &BufferedEvent) -> String {
        let (name, came) = (printable(&event.name), self.ago(event.at));
        let said = match event.awaited_by {
            Some(_) => format!("The event {name} came {came}; it is taken when the code runs"),
            None => format!("The event {name} came {came}, and nobody has taken it"),
        };
        ended(said, event.in_doubt)
    }

    fn message(&self, message: &OpenMessage) -> String {
        format!(
            "A message ({}) is under way to {}.",
            printable(&message.kind),
            printable(&message.to)
        )
    }
}

/// Text of others within a sentence.
pub(super) fn words(text: &str) -> String {
    printable(text.trim().trim_end_matches('.'))
}

/// `, attempt 2 of 5`; nothing for the first of one.
fn attempt(attempt: u32, most: Option<u32>) -> String {
    match (attempt, most) {
        (_, Some(most)) => format!(", attempt {attempt} of {most}"),
        (2.., None) => format!(", attempt {attempt}"),
        _ => String::new(),
    }
}

fn ended(mut said: String, in_doubt: bool) -> String {
    if in_doubt {
        said.push_str("; it may have ended with the cancel");
    }
    said.push('.');
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_thing_that_is_open_is_a_sentence() {
        let now = humantime::parse_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let none = json!({"items": [], "total": 0});
        let activity = |name: &str, attempt: u32, begins_at: Option<&str>| {
            json!({"id": 1, "name": name, "position": 1, "since": "2026-11-29T11:55:00Z", "local": false,
                "attempt": attempt, "begins_at": begins_at, "hosts_died": 0, "in_doubt": false})
        };
        let mut again = activity("charge", 2, Some("2026-11-29T12:00:30Z"));
        again["max_attempts"] = json!(5);
        again["last_error"] =
            json!({"kind": "retryable", "message": "declined.", "sources": [], "details": null});
        let view = json!({
            "at": "2026-11-29T11:59:00Z", "events": 9, "turns": 5, "patches": [], "renewals": 0,
            "suspended": {"at": "2026-11-29T11:59:00Z", "position": 8, "reason": "stock is counted."},
            "activities": {"items": [again, activity("pack", 1, None)], "total": 4},
            "timers": {"items": [{"id": 7, "position": 6, "since": "2026-11-29T11:00:00Z",
                "fire_at": "2026-11-29T14:00:00Z", "in_doubt": false}], "total": 1},
            "waits": {"items": [{"id": 8, "name": "Approved", "position": 7,
                "since": "2026-11-29T10:00:00Z", "in_doubt": true}], "total": 1},
            "buffered": none, "children": none, "messages": none,
            "updates": {"items": [
                {"id": 9, "name": "reserve", "to": "stock", "position": 9, "since": "2026-11-29T11:58:00Z",
                    "data": 3, "in_doubt": false},
                {"id": 10, "name": "@op", "operation": "deposit", "to": "@account@ada", "position": 10,
                    "since": "2026-11-29T11:59:30Z", "data": null, "in_doubt": true},
            ], "total": 2},
            "locks": {"items": [
                {"id": 11, "lock": 11, "of": "@account@ada", "position": 11, "since": "2026-11-29T11:00:00Z",
                    "given_at": "2026-11-29T11:30:00Z"},
                {"id": 12, "lock": 11, "of": "@account@bo", "position": 12, "since": "2026-11-29T11:30:00Z"},
                {"id": 13, "lock": 13, "of": "@account@cy", "position": 13, "since": "2026-11-29T11:00:00Z",
                    "given_at": "2026-11-29T11:30:00Z", "lost": true},
            ], "total": 4},
        });
        assert_eq!(
            sentences(&serde_json::from_value(view).unwrap(), now),
            [
                "It is suspended, 1m ago: stock is counted.",
                "It waits to try the activity charge again, attempt 2 of 5, at 2026-11-29 12:00:30 \
                 (in 30s); the attempt before failed: declined.",
                "It has waited 5m for the activity pack.",
                "And 2 more open activities.",
                "It has waited 2h for the event Approved; it may have ended with the cancel.",
                "It has waited 2m for the answer of stock to the update reserve.",
                "It has waited 30s for the answer of @account@ada to the operation deposit; it may have ended with \
                 the cancel.",
                "It holds the lock of @account@ada, which it got 30m ago.",
                "It has waited 30m for the lock of @account@bo.",
                "It has lost the lock of @account@cy: it was parked or rewound meanwhile.",
                "And 1 more locks.",
                "It waits for a timer, due at 2026-11-29 14:00:00 (in 2h).",
            ]
        );
    }
}
