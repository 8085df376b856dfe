//! Texts of the host that may quote payloads, for a console that redacts them: without what they quote.

use serde_json::{Map, Value};

/// How the text of a replay that differs begins; the number of the event follows.
const DIFFERS: &str = "nondeterministic at event ";

/// What stands in the place of what is quoted.
const NOT_SHOWN: &str = "(not shown: payloads are redacted)";

/// The beginnings of what differs that say in which payload, and do not quote it.
const OF_PAYLOADS: [&str; 3] = ["with input", "with data", "with output"];

/// A reason without what a replay expected and found.
pub(crate) fn reason(text: &str) -> String {
    let Some((before, after)) = text.split_once(DIFFERS) else { return text.to_owned() };
    let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    format!("{before}{DIFFERS}{}; what differs is in its parts {NOT_SHOWN}", &after[..digits])
}

/// A side of a mismatch without what it quotes, in words and in its parts.
pub(crate) fn side(mut side: Map<String, Value>) -> Map<String, Value> {
    let Some(step) = side.get_mut("step").and_then(Value::as_object_mut) else { return side };
    let quoted = match step.get_mut("Event").and_then(|event| event.get_mut("detail")) {
        Some(detail) => detail,
        None => match step.get_mut("OtherType") {
            Some(why) => why,
            None => return side,
        },
    };
    let Some(quote) = quoted.as_str().map(str::to_owned) else { return side };
    let words = OF_PAYLOADS.into_iter().find(|words| quote.starts_with(words));
    let instead = match words {
        Some(words) => format!("{words} {NOT_SHOWN}"),
        None => NOT_SHOWN.to_owned(),
    };
    *quoted = Value::String(instead.clone());
    if let Some(text) = side.get("text").and_then(Value::as_str) {
        let text = text.replacen(&quote, &instead, 1);
        side.insert("text".to_owned(), Value::String(text));
    }
    side
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_keeps_the_place_and_loses_what_is_quoted() {
        let text = "nondeterministic at event 12: expected TaskScheduled #1 `pay` with input 51, found nothing";
        let kept = reason(text);
        assert!(
            kept.starts_with("nondeterministic at event 12;") && !kept.contains("51"),
            "{kept}"
        );
        assert_eq!(reason("the bank is closed"), "the bank is closed");
    }

    #[test]
    fn a_side_keeps_its_words_and_loses_what_is_quoted() {
        let of = |text: &str, step: Value| {
            let Value::Object(fields) = json!({"text": text, "step": step}) else { unreachable!() };
            side(fields)
        };
        let event = json!({"Event": {"kind": "TaskScheduled", "detail": "with input \"secret\""}});
        let shown = of("TaskScheduled #1 with input \"secret\"", event);
        assert_eq!(shown["text"], format!("TaskScheduled #1 with input {NOT_SHOWN}"));
        assert!(!Value::Object(shown).to_string().contains("secret"));
        let other = of("a value of another type (secret)", json!({"OtherType": "secret"}));
        assert!(!Value::Object(other).to_string().contains("secret"));
        let nothing = of("no further step in this turn", json!("Nothing"));
        assert_eq!(nothing["text"], "no further step in this turn");
    }
}
