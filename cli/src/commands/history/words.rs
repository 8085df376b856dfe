//! An event in few words: what it is about, from its fields.

use anstyle::Style;
use serde_json::Value;

use crate::output::styles::{BAD, FAINT, GOOD, PLAIN, WARN};
use crate::output::times;

/// Fields that hold what a program gave: they are shown when they are asked for.
const PAYLOADS: [&str; 7] = ["input", "output", "data", "value", "status", "details", "heartbeat"];

/// Fields that say nothing to people.
const LEFT_OUT: [&str; 4] = ["id", "name", "seed", "keys"];

/// The colour of a kind of event.
pub(super) fn style(kind: &str) -> Style {
    match kind {
        _ if kind.ends_with("_failed") || kind.ends_with("_refused") => BAD,
        "execution_terminated" => BAD,
        "task_completed" | "child_completed" | "timer_fired" | "execution_completed" => GOOD,
        "execution_parked" | "execution_suspended" | "cancel_requested" | "execution_cancelled" => {
            WARN
        }
        "execution_rewound" | "execution_forked" => WARN,
        "task_configured" | "version_selected" | "patch_marked" | "messages_delivered" => FAINT,
        _ => PLAIN,
    }
}

/// What it is about: `3 charge`, and what else its fields say.
pub(super) fn of(data: &Value, name: Option<&str>) -> String {
    let mut parts = Vec::new();
    if let Some(id) = data["id"].as_u64() {
        parts.push(format!("{id}"));
    }
    parts.extend(name.or_else(|| data["name"].as_str()).map(str::to_owned));
    let Some(fields) = data.as_object() else { return parts.join(" ") };
    for (field, value) in fields {
        if PAYLOADS.contains(&field.as_str()) || LEFT_OUT.contains(&field.as_str()) {
            continue;
        }
        parts.extend(said(field, value));
    }
    parts.join(" ")
}

/// A field in words; nothing, if it says nothing.
fn said(field: &str, value: &Value) -> Option<String> {
    match (field, value) {
        (_, Value::Null) => None,
        (_, Value::Array(items)) if items.is_empty() => None,
        ("error", error) => Some(format!("\"{}\"", error["message"].as_str().unwrap_or("?"))),
        ("reason", Value::String(text)) if text.is_empty() => None,
        ("reason", Value::String(text)) => Some(format!("\"{text}\"")),
        ("fire_at" | "retry_at", Value::String(at)) => {
            Some(format!("at {}", times::to_the_millisecond(at)))
        }
        ("attempt", number) => Some(format!("attempt {number}")),
        ("instance", Value::String(id)) => Some(format!("as {id}")),
        ("to", Value::String(id)) => Some(format!("to {id}")),
        ("key", Value::String(key)) => Some(format!("key {key}")),
        ("tag", Value::String(tag)) => Some(format!("tag {tag}")),
        ("parent_close", _) => None,
        (_, Value::String(text)) => Some(format!("{field} {text}")),
        (_, Value::Array(items)) => Some(format!("{} {field}", items.len())),
        (_, Value::Object(_)) => None,
        _ => match field.strip_suffix("_ms") {
            Some(field) => Some(format!("{field} {}", times::milliseconds(value.as_f64()?))),
            None => Some(format!("{field} {value}")),
        },
    }
}

/// Its payloads, as JSON in one line.
pub(super) fn payload(data: &Value) -> String {
    let given = PAYLOADS.iter().filter_map(|field| data.get(field)).map(Value::to_string);
    given.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_says_what_it_is_about() {
        let scheduled = json!({"id": 3, "name": "charge", "input": [1]});
        assert_eq!(of(&scheduled, None), "3 charge");
        assert_eq!(payload(&scheduled), "[1]");
        let failed = json!({"id": 3, "attempt": 1, "error": {"message": "declined"},
            "retry_at": "2026-11-29T12:00:00.500000Z"});
        assert_eq!(
            of(&failed, Some("charge")),
            "3 charge attempt 1 \"declined\" at 2026-11-29 12:00:00.500"
        );
        let child = json!({"id": 4, "name": "ship", "instance": "a/4", "parent_close": "terminate",
            "retry": null, "version": null});
        assert_eq!(of(&child, None), "4 ship as a/4");
        assert_eq!(of(&json!({"reason": ""}), None), "");
        assert_eq!(of(&json!({"name": "order", "delay_ms": 1500}), None), "order delay 1.50s");
    }
}
