//! Texts of the host that may quote payloads, for a console that redacts them.

use serde_json::{Map, Value};

/// How the text of a replay that differs begins; the number of the event follows.
const DIFFERS: &str = "nondeterministic at event ";

/// What stands in the place of what is quoted.
const NOT_SHOWN: &str = "(not shown: payloads are redacted)";

/// The beginnings of what differs that say in which payload, each with the field that the payload stands in. The
/// payload follows as JSON, or its beginning.
const OF_PAYLOADS: [(&str, &str); 5] = [
    ("with input", "input"),
    ("with data", "data"),
    ("with output", "output"),
    ("to", "status"),
    ("as", "value"),
];

/// A reason without what a replay expected and found.
pub(crate) fn reason(text: &str) -> String {
    let Some((before, after)) = text.split_once(DIFFERS) else { return text.to_owned() };
    let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    format!("{before}{DIFFERS}{}; what differs is in its parts {NOT_SHOWN}", &after[..digits])
}

/// A side of a mismatch, in words and in its parts. A payload that it quotes as a whole is as `show` has it, which gets
/// its field and the name beside it; all else that it quotes is left out.
pub(crate) fn side(
    mut side: Map<String, Value>,
    show: impl FnOnce(&str, Option<&str>, Value) -> Value,
) -> Map<String, Value> {
    let Some(step) = side.get_mut("step").and_then(Value::as_object_mut) else { return side };
    let name = step.get("Event").and_then(|event| event.get("name")).and_then(Value::as_str);
    let name = name.map(str::to_owned);
    let quoted = match step.get_mut("Event").and_then(|event| event.get_mut("detail")) {
        Some(detail) => detail,
        None => match step.get_mut("OtherType") {
            Some(why) => why,
            None => return side,
        },
    };
    let Some(quote) = quoted.as_str().map(str::to_owned) else { return side };
    let of_payload = OF_PAYLOADS.into_iter().find_map(|(words, field)| {
        let payload = quote.strip_prefix(words)?.strip_prefix(' ')?;
        Some((words, field, serde_json::from_str::<Value>(payload).ok()))
    });
    let instead = match of_payload {
        Some((words, field, Some(payload))) => {
            let shown = show(field, name.as_deref(), payload.clone());
            format!("{words} {}", in_place_of(&payload, shown))
        }
        Some((words, _, None)) => format!("{words} {NOT_SHOWN}"),
        None => NOT_SHOWN.to_owned(),
    };
    *quoted = Value::String(instead.clone());
    if let Some(text) = side.get("text").and_then(Value::as_str) {
        let text = text.replacen(&quote, &instead, 1);
        side.insert("text".to_owned(), Value::String(text));
    }
    side
}

/// What is shown of a payload: as JSON, unless it is a remark in its place.
fn in_place_of(payload: &Value, shown: Value) -> String {
    match shown {
        Value::String(remark) if payload.as_str() != Some(&remark) => remark,
        shown => shown.to_string(),
    }
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
            side(fields, |field, name, payload| match payload {
                Value::Object(_) => json!({"field": field, "name": name}),
                Value::Number(number) => number.into(),
                _ => json!("(a secret)"),
            })
        };
        let event = |detail: &str| json!({"Event": {"kind": "K", "name": "pay", "detail": detail}});
        let shown = of("K `pay` with input \"secret\"", event("with input \"secret\""));
        assert_eq!(shown["text"], "K `pay` with input (a secret)");
        assert!(!Value::Object(shown).to_string().contains("\"secret"));
        let shown = of("K `pay` with data {\"a\":1}", event("with data {\"a\":1}"));
        assert_eq!(shown["text"], "K `pay` with data {\"field\":\"data\",\"name\":\"pay\"}");
        let shown = of("K to 7", event("to 7"));
        assert_eq!(shown["step"]["Event"]["detail"], "to 7");
        // Of one that is cut off, the hook cannot say what may be shown.
        let shown = of("K with output \"sec...", event("with output \"sec..."));
        assert_eq!(shown["text"], format!("K with output {NOT_SHOWN}"));
        let shown = of("K with error: secret", event("with error: secret"));
        assert_eq!(shown["text"], format!("K {NOT_SHOWN}"));
        let other = of("a value of another type (secret)", json!({"OtherType": "secret"}));
        assert!(!Value::Object(other).to_string().contains("secret"));
        let nothing = of("no further step in this turn", json!("Nothing"));
        assert_eq!(nothing["text"], "no further step in this turn");
    }
}
