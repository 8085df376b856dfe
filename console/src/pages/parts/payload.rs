//! User values: short ones as they are, long ones pretty-printed on demand, huge ones cut.

use maud::{Markup, html};
use serde_json::Value;

use super::{grouped, start_of};
use crate::pages::limits::{MAX_SHOWN_PAYLOAD_BYTES, MAX_SHOWN_VALUE_CHARS};

/// A value. `id` is unique on the page, so that it stays open when the page is fetched again.
pub(crate) fn value(id: &str, value: &Value) -> Markup {
    let line = value.to_string();
    let Some(start) = start_of(&line, MAX_SHOWN_VALUE_CHARS) else {
        return html! { code.break { (line) } };
    };
    html! {
        details id=(id) {
            summary { code { (start) "…" } " " span.quiet.nowrap { (size(line.len())) } }
            (pretty(value))
        }
    }
}

/// A value that stands open on the page, pretty-printed.
pub(crate) fn pretty(value: &Value) -> Markup {
    // A value of JSON always prints.
    let text = match value {
        Value::String(text) if text.contains('\n') => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    if text.len() <= MAX_SHOWN_PAYLOAD_BYTES {
        return html! { pre { (text) } };
    }
    let mut end = MAX_SHOWN_PAYLOAD_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    html! {
        pre { (text[..end]) "…" }
        p.quiet {
            "The first " (size(end)) " of " (size(text.len())) ". The download of the history has all of it."
        }
    }
}

/// A number of bytes.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", grouped((bytes / 1_048_576) as u64)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_value_stands_on_its_line() {
        assert_eq!(
            value("p", &json!({"a": 1})).into_string(),
            "<code class=\"break\">{&quot;a&quot;:1}</code>"
        );
    }

    #[test]
    fn a_long_value_opens_on_demand_and_a_huge_one_is_cut() {
        let shown = value("p7", &json!(["x".repeat(100), "y"])).into_string();
        assert!(shown.starts_with("<details id=\"p7\"><summary><code>"));
        assert!(shown.contains("<pre>[\n"));
        let shown = value("p", &json!("é".repeat(MAX_SHOWN_PAYLOAD_BYTES))).into_string();
        assert!(shown.contains("The first 63 KiB of 128 KiB"));
        assert!(shown.len() < 2 * MAX_SHOWN_PAYLOAD_BYTES);
    }

    #[test]
    fn a_value_is_data() {
        let shown = value("p", &json!("</code><script>alert(1)</script>")).into_string();
        assert!(!shown.contains("<script>"));
    }
}
