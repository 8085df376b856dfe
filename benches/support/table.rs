//! Aligned tables, one line at a time.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::io::{self, Write};
use std::time::Duration;

/// Prints a line: the first column to the left, the others to the right, each at its width.
pub(crate) fn line<T: AsRef<str>>(widths: &[usize], cells: impl IntoIterator<Item = T>) {
    let mut text = String::new();
    for (at, (cell, &width)) in cells.into_iter().zip(widths).enumerate() {
        let cell = cell.as_ref();
        match at {
            0 => text.push_str(&format!("{cell:<width$}")),
            _ => text.push_str(&format!(" {cell:>width$}")),
        }
    }
    println!("{}", text.trim_end());
    // Lines are to be seen as they come; a reader that has gone does not matter.
    let _ = io::stdout().flush();
}

/// A whole number with a comma between thousands.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the unit that suits it.
pub(crate) fn time(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    match nanos {
        _ if nanos < 1e4 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.1} us", nanos / 1e3),
        _ if nanos < 1e9 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}
