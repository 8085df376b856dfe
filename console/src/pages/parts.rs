//! The small parts of which pages are made: states, times, ids, long values, notices.

pub(crate) mod gantt;
pub(crate) mod payload;
pub(crate) mod plot;
pub(crate) mod time;

use maud::{Markup, Render, html};

use super::address::Address;
use crate::pages::limits::{MAX_SHOWN_ID_CHARS, MAX_SHOWN_TEXT_CHARS};

/// A state as a sign, a word and a colour.
pub(crate) fn state(word: &str) -> Markup {
    let sign = match word {
        "running" => "▶",
        "completed" => "✓",
        "failed" => "✕",
        "cancelled" => "⊘",
        "terminated" => "■",
        "suspended" => "‖",
        "parked" => "⚠",
        _ => "·",
    };
    html! {
        span.state.{ "s-" (word) } data-state=(word) {
            i aria-hidden="true" { (sign) } (word)
        }
    }
}

/// The id of an instance, as a link to its page.
pub(crate) fn instance(id: &str) -> Markup {
    html! { a.mono href=(Address::instance(id)) title=(id) data-id=(id) { (middle_cut(id)) } }
}

/// A long id without its middle.
pub(crate) fn middle_cut(id: &str) -> String {
    let length = id.chars().count();
    if length <= MAX_SHOWN_ID_CHARS {
        return id.to_owned();
    }
    let keep = MAX_SHOWN_ID_CHARS / 2;
    let start: String = id.chars().take(keep).collect();
    let end: String = id.chars().skip(length - keep).collect();
    format!("{start}…{end}")
}

/// A text that may be long: its beginning, and all of it on demand.
pub(crate) fn text(text: &str) -> Markup {
    let Some(start) = start_of(text, MAX_SHOWN_TEXT_CHARS) else {
        return html! { span.break { (text) } };
    };
    html! {
        details {
            summary.break { (start) "… " span.quiet { "(" (text.len()) " bytes)" } }
            pre { (text) }
        }
    }
}

/// The first `max` characters and no line break, when that is not all.
pub(crate) fn start_of(text: &str, max: usize) -> Option<&str> {
    let end = text.char_indices().nth(max).map(|(at, _)| at);
    let line = text.find('\n');
    match (end, line) {
        (None, None) => None,
        (end, line) => Some(&text[..end.unwrap_or(text.len()).min(line.unwrap_or(text.len()))]),
    }
}

/// Names and values, side by side. What is `None` is left out.
pub(crate) fn facts(facts: &[(&str, Option<Markup>)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                @if let Some(value) = value {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

/// A part of a page with a heading of its own. `id` is stable, for links and tests.
pub(crate) struct Card<'a> {
    /// In the page.
    pub(crate) id: &'a str,
    /// The heading.
    pub(crate) title: &'a str,
    /// Whether it is fetched again when something has changed.
    pub(crate) live: bool,
    /// What stands next to the heading.
    pub(crate) aside: Option<Markup>,
}

impl Card<'_> {
    /// The card around its content, without a margin inside (for tables).
    pub(crate) fn around(&self, content: impl Render) -> Markup {
        html! {
            section.card id=(self.id) aria-labelledby={ (self.id) "-title" } data-live[self.live] {
                header {
                    h2 id={ (self.id) "-title" } { (self.title) }
                    @if let Some(aside) = &self.aside { (aside) }
                }
                (content)
            }
        }
    }

    /// The card around its content, with a margin inside (for texts).
    pub(crate) fn around_text(&self, content: impl Render) -> Markup {
        self.around(html! { div.in { (content) } })
    }
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number with a thin space between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// A word of the API (`task_attempt_failed`) as people read it.
pub(crate) fn words(snake: &str) -> String {
    snake.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_more_than_a_colour() {
        let shown = state("parked").into_string();
        assert!(shown.contains("s-parked") && shown.contains("⚠") && shown.contains("</i>parked"));
    }

    #[test]
    fn an_id_is_data() {
        let shown = instance("<script>alert(1)</script>").into_string();
        assert!(!shown.contains("<script>"));
        assert!(shown.contains("href=\"instance?id=%3Cscript%3Ealert%281%29%3C%2Fscript%3E\""));
    }

    #[test]
    fn a_long_id_loses_its_middle_and_a_long_text_its_end() {
        let id = "x".repeat(200);
        assert!(middle_cut(&id).chars().count() <= MAX_SHOWN_ID_CHARS + 1);
        assert!(instance(&id).into_string().contains(&format!("title=\"{id}\"")));
        let shown = text(&"ü".repeat(MAX_SHOWN_TEXT_CHARS + 1)).into_string();
        assert!(shown.starts_with("<details>"));
        assert!(text("short").into_string().starts_with("<span"));
        assert!(text("two\nlines").into_string().contains("<summary class=\"break\">two…"));
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(1, "event", "events"), "1 event");
    }
}
