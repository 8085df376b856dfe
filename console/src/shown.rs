//! What leaves the console, as JSON for people: the one place where times, durations and payloads get their form,
//! and where payloads are redacted.

use reenact_core::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::options::{ConsoleOptions, PayloadOf};
use crate::problem::{Problem, ProblemKind};

/// The fields that hold a payload, wherever they stand.
const PAYLOADS: &[&str] = &["input", "output", "data", "value", "status", "details", "heartbeat"];

/// The fields that hold an instant, besides those that end in `_at`.
const TIMES: &[&str] = &["at", "since", "from", "until"];

/// The fields whose text is the name of a variant.
const VARIANTS: &[&str] = &["kind", "parent_close", "why", "state"];

/// Shows values of one instance.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    options: &'a ConsoleOptions,
    instance: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// For values of that instance; of none for what is in quarantine.
    pub(crate) fn of(options: &'a ConsoleOptions, instance: Option<&'a str>) -> Self {
        Self { options, instance }
    }

    /// A value as JSON: names in small letters, times as texts, durations in milliseconds, payloads after the
    /// redaction.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<Value, Problem> {
        let json = serde_json::to_value(value).map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("a value does not encode: {error}"))
        })?;
        Ok(self.walk(json))
    }

    /// One payload, which stands in that field beside that name.
    pub(crate) fn payload(self, field: &str, name: Option<&str>, payload: Value) -> Value {
        self.options.shown(PayloadOf { instance: self.instance, field, name }, payload)
    }

    /// The name of an enum's variant, and what it has.
    pub(crate) fn variant(self, value: &impl Serialize) -> Result<(String, Value), Problem> {
        let json = serde_json::to_value(value).map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("a value does not encode: {error}"))
        })?;
        Ok(match json {
            Value::String(name) => (snake_case(&name), Value::Object(Map::new())),
            Value::Object(one) => match one.into_iter().next() {
                Some((name, fields)) => (snake_case(&name), self.walk(fields)),
                None => (String::new(), Value::Null),
            },
            other => (String::new(), self.walk(other)),
        })
    }

    fn walk(self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.walk(item)).collect(),
            Value::Object(fields) => self.object(fields),
            other => other,
        }
    }

    fn object(self, fields: Map<String, Value>) -> Value {
        let name = fields.get("name").and_then(Value::as_str).map(str::to_string);
        let mut shown = Map::new();
        for (key, value) in fields {
            if PAYLOADS.contains(&key.as_str()) {
                let value = match value {
                    Value::Null => Value::Null,
                    payload => self.payload(&key, name.as_deref(), payload),
                };
                shown.insert(key, value);
            } else if let Some(millis) = duration(&value) {
                shown.insert(format!("{key}_ms"), millis);
            } else if key.ends_with("_at") || TIMES.contains(&key.as_str()) {
                shown.insert(key, time(value));
            } else if VARIANTS.contains(&key.as_str())
                && let Some(text) = value.as_str()
            {
                shown.insert(key, snake_case(text).into());
            } else if key.starts_with(|first: char| first.is_ascii_uppercase()) {
                shown.insert(snake_case(&key), self.walk(value));
            } else {
                shown.insert(key, self.walk(value));
            }
        }
        Value::Object(shown)
    }
}

/// A duration, as serde writes it, in milliseconds.
fn duration(value: &Value) -> Option<Value> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let (seconds, nanos) = (fields.get("secs")?.as_u64()?, fields.get("nanos")?.as_u64()?);
    Some(Value::from(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)))
}

/// An instant, as serde writes it, as a text.
fn time(value: Value) -> Value {
    match value.as_u64() {
        Some(micros) => Timestamp::from_micros(micros).to_string().into(),
        None => value,
    }
}

/// `TaskScheduled` as `task_scheduled`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
