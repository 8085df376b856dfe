//! The colours: few, the same everywhere, and never the only sign of anything.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const LIVE: Style = AnsiColor::Cyan.on_default();

/// The colour of a state of an instance, by its name in capital or small letters.
pub(crate) fn of_state(state: &str) -> Style {
    match state.to_ascii_lowercase().as_str() {
        "running" => LIVE,
        "completed" => GOOD,
        "failed" | "terminated" => BAD,
        "parked" => WARN.bold(),
        "suspended" | "cancelled" | "importing" => WARN,
        _ => PLAIN,
    }
}

/// The text in a style. What strips the style, if there must be none, is the output.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    if style == PLAIN { text.to_string() } else { format!("{style}{text}{style:#}") }
}
