//! Texts of the protocol as values of JSON, as which the store has them, and back.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// What a text that is no JSON is wrapped in.
const WRAPPED: &str = "durabletask.text";

/// Nothing at all, as a value.
const NOTHING: &str = "null";

/// An optional text of the protocol: an input, an output, the data of an event.
///
/// The protocol has texts, which are JSON by custom. One that is JSON is stored as that value, character by character, so
/// that code in Rust reads it as any other value. No text is stored as `null`. What is neither, and the text `null`
/// itself, is wrapped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(Box<RawValue>);

#[derive(Serialize, Deserialize)]
struct Wrapped {
    #[serde(rename = "durabletask.text")]
    text: String,
}

impl Text {
    pub(crate) fn new(text: Option<String>) -> Self {
        let Some(text) = text else { return Self::nothing() };
        match RawValue::from_string(text.clone()) {
            // White space around the value would be lost.
            Ok(value) if value.get().len() == text.len() && !has_meaning(&value) => Self(value),
            _ => Self::wrapped(text),
        }
    }

    /// A value that code in Rust has written, or that was read from the store.
    pub(crate) const fn from_value(value: Box<RawValue>) -> Self {
        Self(value)
    }

    pub(crate) fn as_json(&self) -> &str {
        self.0.get()
    }

    fn nothing() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    fn wrapped(text: String) -> Self {
        serde_json::value::to_raw_value(&Wrapped { text }).map_or_else(|_| Self::nothing(), Self)
    }

    /// The text as the protocol has it.
    pub(crate) fn into_option(self) -> Option<String> {
        let json = self.0.get();
        if json == NOTHING {
            return None;
        }
        // A list would be read as the fields of a map.
        if json.starts_with('{')
            && json.contains(WRAPPED)
            && let Ok(Wrapped { text }) = serde_json::from_str(json)
        {
            return Some(text);
        }
        Some(String::from(Box::<str>::from(self.0)))
    }
}

/// Whether the value would be read as something else than it is.
fn has_meaning(value: &RawValue) -> bool {
    let json = value.get();
    if json == NOTHING {
        return true;
    }
    json.contains(WRAPPED)
        && matches!(serde_json::from_str(json), Ok(Value::Object(map)) if map.contains_key(WRAPPED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: Option<&str>) -> String {
        serde_json::to_string(&Text::new(text.map(str::to_owned))).unwrap()
    }

    #[test]
    fn json_is_stored_as_it_is() {
        for json in
            ["1", "1.0", "\"a\"", "[1, 2]", r#"{"b": 1, "a": 1e400}"#, "123456789012345678901"]
        {
            assert_eq!(stored(Some(json)), json);
        }
        assert_eq!(stored(None), "null");
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            "",
            " ",
            "null",
            " null",
            "1 ",
            "NaN",
            "hello",
            "\"",
            "[1, 2]",
            "{\"a\":1}",
            "é\u{0}",
            r#"{"durabletask.text":"a"}"#,
            r#"{"durabletask.text":1,"b":2}"#,
            r#"["durabletask.text"]"#,
        ];
        for text in texts {
            let value: Text = serde_json::from_str(&stored(Some(text))).unwrap();
            assert_eq!(value.into_option().as_deref(), Some(text));
        }
        assert_eq!(Text::new(None).into_option(), None);
    }
}
