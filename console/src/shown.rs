//! What leaves the console, as JSON for people: the one place where times, durations and payloads get their form,
//! and where payloads are redacted.

use reenact_core::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::options::{ConsoleOptions, PayloadOf};
use crate::problem::{Problem, ProblemKind};
use crate::quotes;

/// The fields that hold a payload, wherever they stand.
const PAYLOADS: &[&str] = &["input", "output", "data", "value", "status", "details", "heartbeat"];

/// The fields that hold a list of payloads.
const LISTS_OF_PAYLOADS: &[&str] = &["values"];

/// The variants that hold a payload: the answer to an update.
const ANSWERS: &[&str] = &["Replied", "Refused"];

/// The fields that hold an instant, besides those that end in `_at`.
const TIMES: &[&str] = &["at", "since", "deadline", "status_since", "begin", "end", "lease_until"];

/// The fields whose text is the name of a variant.
const VARIANTS: &[&str] = &["kind", "parent_close", "why", "relation", "outcome"];

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
        Ok(self.walk(encode(value)?))
    }

    /// A value as JSON, read as that type.
    pub(crate) fn read<T: DeserializeOwned>(self, value: &impl Serialize) -> Result<T, Problem> {
        serde_json::from_value(self.value(value)?).map_err(|error| {
            Problem::new(
                ProblemKind::Internal,
                format!("a value is not as it is described: {error}"),
            )
        })
    }

    /// One payload, which stands in that field beside that name.
    pub(crate) fn payload(self, field: &str, name: Option<&str>, payload: Value) -> Value {
        self.options.shown(PayloadOf { instance: self.instance, field, name }, payload)
    }

    /// A reason, without what it quotes of payloads where these are redacted.
    pub(crate) fn reason(self, text: &str) -> String {
        if self.options.redacts() { quotes::reason(text) } else { text.to_owned() }
    }

    /// A side of a mismatch in words, in the same way.
    pub(crate) fn side(self, side: &impl Serialize) -> Result<String, Problem> {
        let shown = self.value(side)?;
        Ok(shown.get("text").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// The name of an enum's variant, and what it has.
    pub(crate) fn variant(self, value: &impl Serialize) -> Result<(String, Value), Problem> {
        Ok(match encode(value)? {
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

    fn object(self, mut fields: Map<String, Value>) -> Value {
        if self.options.redacts() && fields.contains_key("step") && fields.contains_key("text") {
            fields =
                quotes::side(fields, |field, name, payload| self.payload(field, name, payload));
        }
        let name = fields.get("name").and_then(Value::as_str).map(str::to_string);
        let mut shown = Map::new();
        for (key, value) in fields {
            if PAYLOADS.contains(&key.as_str()) {
                let value = match value {
                    Value::Null => Value::Null,
                    payload => self.payload(&key, name.as_deref(), payload),
                };
                shown.insert(key, value);
            } else if key == "published"
                && let Value::Object(values) = value
            {
                shown.insert(key, self.published(values));
            } else if LISTS_OF_PAYLOADS.contains(&key.as_str())
                && let Value::Array(values) = value
            {
                let each = values.into_iter();
                let each = each.map(|value| self.payload("value", name.as_deref(), value));
                shown.insert(key, each.collect());
            } else if ANSWERS.contains(&key.as_str()) {
                let answer = self.payload("value", name.as_deref(), value);
                shown.insert(snake_case(&key), answer);
            } else if key == "Invalid"
                && let Some(text) = value.as_str()
            {
                shown.insert(snake_case(&key), self.reason(text).into());
            } else if key == "result"
                && let Some(output) = value.get("Ok")
            {
                // Of an attempt or a child that returned a value.
                let output = self.payload("output", name.as_deref(), output.clone());
                shown.insert("output".to_owned(), output);
            } else if key == "result"
                && let Some(error) = value.get("Err")
            {
                shown.insert("error".to_owned(), self.walk(error.clone()));
            } else if key == "reason"
                && let Some(text) = value.as_str()
            {
                shown.insert(key, self.reason(text).into());
            } else if key == "outcome" {
                shown.insert(key, self.outcome(value));
            } else if let Some(millis) = duration(&value) {
                shown.insert(format!("{key}_ms"), millis);
            } else if (key.ends_with("_at") || TIMES.contains(&key.as_str()))
                && let Some(micros) = value.as_u64()
            {
                shown.insert(key, Timestamp::from_micros(micros).to_string().into());
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

impl Shown<'_> {
    /// Published values by their names, which stay as they are.
    fn published(self, values: Map<String, Value>) -> Value {
        let shown = values.into_iter().map(|(name, value)| {
            let value = self.payload("value", Some(&name), value);
            (name, value)
        });
        Value::Object(shown.collect())
    }

    /// How an execution ended: its kind, and beside it what belongs to the kind.
    fn outcome(self, value: Value) -> Value {
        let Value::Object(one) = value else { return value };
        let Some((name, value)) = one.into_iter().next() else { return Value::Null };
        let mut shown = match name.as_str() {
            "Completed" => Map::from_iter([("output".to_string(), value)]),
            "Failed" => Map::from_iter([("error".to_string(), value)]),
            _ => match value {
                Value::Object(fields) => fields,
                _ => Map::new(),
            },
        };
        shown = match self.object(shown) {
            Value::Object(shown) => shown,
            _ => Map::new(),
        };
        shown.insert("kind".to_string(), snake_case(&name).into());
        Value::Object(shown)
    }
}

fn encode(value: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        Problem::new(ProblemKind::Internal, format!("a value does not encode: {error}"))
    })
}

/// A duration, as serde writes it, in milliseconds.
fn duration(value: &Value) -> Option<Value> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let (seconds, nanos) = (fields.get("secs")?.as_u64()?, fields.get("nanos")?.as_u64()?);
    Some(Value::from(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)))
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
