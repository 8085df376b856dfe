//! Attributes as texts: conditions on them, and values.

use reenact_core::{AttributeError, AttributeValue, Attributes};
use reenact_providers::AttributeFilter;
use serde_json::{Map, Value};

use super::Time;

/// The comparisons, those of two characters first.
const COMPARISONS: [&str; 6] = ["<=", ">=", "^=", "=", "<", ">"];

/// A text is no condition on an attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no condition on an attribute: write a name, one of = < <= > >= ^= (begins with) and a value, such as \
     `customer=ada`, `cents>=100` or `city^=Ber`{why}"
)]
pub struct InvalidCondition {
    text: String,
    why: String,
}

/// Reads a condition such as `customer=ada`.
///
/// A value in double quotes is a text, with the escapes of JSON. Any other is whatever it can be read as: `5` finds
/// the integer 5, the float 5.0 and the text `5`. `<` and `>` compare numbers and times where the value is one, and
/// texts otherwise.
///
/// # Errors
/// [`InvalidCondition`].
pub fn attribute_condition(text: &str) -> Result<AttributeFilter, InvalidCondition> {
    let invalid = |why: String| InvalidCondition { text: text.to_owned(), why: format!("; {why}") };
    let found = text.find(['=', '<', '>', '^']).and_then(|at| {
        let comparison = COMPARISONS.into_iter().find(|sign| text[at..].starts_with(sign))?;
        Some((text[..at].trim(), comparison, text[at + comparison.len()..].trim()))
    });
    let Some((name, comparison, value)) = found else {
        return Err(InvalidCondition { text: text.to_owned(), why: String::new() });
    };
    if comparison == "^=" {
        let prefix = quoted(value).unwrap_or_else(|| value.to_owned());
        let condition = AttributeFilter::prefix(name, prefix);
        return condition.map_err(|error| invalid(error.to_string())).map(|c| c.as_written(text));
    }
    let mut readings = readings(value);
    if comparison != "=" && readings.len() > 1 {
        // The text comes last.
        readings.pop();
    }
    let mut condition: Option<AttributeFilter> = None;
    for value in readings {
        let one = match comparison {
            "=" => AttributeFilter::equal(name, value),
            "<" => AttributeFilter::within(name, ..value),
            "<=" => AttributeFilter::within(name, ..=value),
            ">=" => AttributeFilter::within(name, value..),
            _ => {
                use std::ops::Bound::{Excluded, Unbounded};
                AttributeFilter::within(name, (Excluded(value), Unbounded))
            }
        };
        let one = one.map_err(|error| invalid(error.to_string()))?;
        condition = Some(match condition {
            Some(before) => before.or(one),
            None => one,
        });
    }
    // There is a reading as a text at least.
    let condition = condition.ok_or_else(|| invalid("it has no value".to_owned()))?;
    Ok(condition.as_written(text))
}

/// All that a value can be read as; as a text last.
fn readings(value: &str) -> Vec<AttributeValue> {
    if let Some(text) = quoted(value) {
        return vec![text.into()];
    }
    let mut readings: Vec<AttributeValue> = Vec::new();
    readings.extend(value.parse::<i64>().ok().map(AttributeValue::from));
    readings.extend(
        value.parse::<f64>().ok().filter(|number| !number.is_nan()).map(AttributeValue::from),
    );
    readings.extend(value.parse::<bool>().ok().map(AttributeValue::from));
    readings.extend(value.parse::<Time>().ok().map(|time| AttributeValue::from(time.0)));
    readings.push(value.into());
    readings
}

fn quoted(value: &str) -> Option<String> {
    value.starts_with('"').then(|| serde_json::from_str(value).ok()).flatten()
}

/// Attributes out of JSON: texts, integers, floats and bools are what they are; a timestamp is
/// `{"timestamp": "2026-11-29T23:00:00Z"}`.
///
/// # Errors
/// [`InvalidAttribute`].
pub fn attributes_of_json(values: &Map<String, Value>) -> Result<Attributes, InvalidAttribute> {
    let mut attributes = Attributes::default();
    for (name, value) in values {
        let read =
            value_of_json(value).ok_or_else(|| InvalidAttribute::Value { name: name.clone() })?;
        attributes.set(name, read)?;
    }
    Ok(attributes)
}

fn value_of_json(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Bool(is_so) => Some((*is_so).into()),
        Value::Number(number) => {
            let integer = number.as_i64().map(AttributeValue::from);
            integer.or_else(|| Some(number.as_f64().filter(|_| number.is_f64())?.into()))
        }
        Value::Object(members) if members.len() == 1 => {
            let time: Time = members.get("timestamp")?.as_str()?.parse().ok()?;
            Some(time.0.into())
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value of JSON is no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttribute {
    /// It cannot be set.
    #[error(transparent)]
    NotSet(#[from] AttributeError),
    /// It is not of a kind that attributes have.
    #[error(
        "attribute `{name}` must be a text, an integer, a float, a bool, or {{\"timestamp\": \"2026-11-29T23:00:00Z\"}}"
    )]
    Value {
        /// The attribute.
        name: String,
    },
}

/// Reads a value as it is written in a command: `true`, `5`, `1.5`, a time of RFC 3339, and otherwise a text; in double
/// quotes a text in any case. In the form in which the API takes it.
pub fn attribute_as_json(value: &str) -> Value {
    if let Some(text) = quoted(value) {
        return text.into();
    }
    match readings(value).swap_remove(0) {
        AttributeValue::Integer(number) => number.into(),
        // One that JSON has not, as infinity, is a text.
        AttributeValue::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| value.into(), Value::Number)
        }
        AttributeValue::Bool(is_so) => is_so.into(),
        AttributeValue::Timestamp(at) => serde_json::json!({ "timestamp": at.to_string() }),
        AttributeValue::Text(text) => (&*text).into(),
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::{ExecutionId, InstanceId, Name, Timestamp};
    use reenact_providers::{InstanceState, InstanceSummary};
    use serde_json::json;

    use super::*;

    fn summary(name: &str, value: impl Into<AttributeValue>) -> InstanceSummary {
        let mut attributes = Attributes::default();
        attributes.set(name, value).expect("it can be set");
        InstanceSummary {
            instance: InstanceId::new("order-7").expect("an id"),
            execution: ExecutionId::FIRST,
            name: Name::new("order").expect("a name"),
            state: InstanceState::Running,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            turns: 1,
            events: 1,
            wake_at: None,
            attributes,
        }
    }

    fn finds(condition: &str, name: &str, value: impl Into<AttributeValue>) -> bool {
        attribute_condition(condition).expect("a condition").matches(&summary(name, value))
    }

    #[test]
    fn a_value_is_whatever_it_can_be_read_as() {
        assert!(finds("customer=ada", "customer", "ada"));
        assert!(finds("n=5", "n", 5) && finds("n=5", "n", 5.0) && finds("n=5", "n", "5"));
        assert!(finds("n=\"5\"", "n", "5") && !finds("n=\"5\"", "n", 5));
        assert!(finds("open=true", "open", true));
        let at = Timestamp::from_micros(1_795_993_200_000_000);
        assert!(finds("at=2026-11-29T23:00:00Z", "at", at));
        assert!(finds(r#"t="a=\"b\"""#, "t", "a=\"b\""));
        assert!(finds("empty=", "empty", ""));
    }

    #[test]
    fn a_comparison_is_of_numbers_and_times_where_the_value_is_one() {
        assert!(finds("n>=5", "n", 5) && finds("n>4.5", "n", 5.0) && !finds("n>4", "n", "5"));
        assert!(finds("n<5", "n", -1) && !finds("n<5", "n", 5) && finds("n<=5", "n", 5));
        let at = Timestamp::from_micros(1_795_993_200_000_000);
        assert!(finds("at>2026-11-29T22:59:59Z", "at", at));
        assert!(finds("t>b", "t", "c") && !finds("t>b", "t", "b"));
        assert!(finds("t^=Ber", "t", "Berlin") && !finds("t^=Ber", "t", "bern"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["", "customer", "=ada", "a\tb=1", "n^5"] {
            let refused = attribute_condition(text).expect_err("no condition").to_string();
            assert!(refused.starts_with(&format!("`{text}` is no condition")), "{refused}");
        }
    }

    #[test]
    fn a_value_of_a_command_is_read_again_from_json() {
        let at = Timestamp::from_micros(1_795_993_200_000_000);
        let values: [(&str, AttributeValue); 6] = [
            ("ada", "ada".into()),
            ("\"5\"", "5".into()),
            ("-5", (-5).into()),
            ("1.5", 1.5.into()),
            ("true", true.into()),
            ("2026-11-29T23:00:00Z", at.into()),
        ];
        for (text, expected) in values {
            let json = Map::from_iter([("v".to_owned(), attribute_as_json(text))]);
            let read = attributes_of_json(&json).expect("an attribute");
            assert_eq!(read.get("v"), Some(&expected), "{text}");
        }
        for value in [json!(null), json!([1]), json!({"timestamp": 1}), json!(u64::MAX)] {
            let json = Map::from_iter([("v".to_owned(), value)]);
            assert!(matches!(attributes_of_json(&json), Err(InvalidAttribute::Value { .. })));
        }
    }
}
