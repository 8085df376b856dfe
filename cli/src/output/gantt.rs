//! Spans of time as lines of characters, under one axis.

use anstyle::Style;

use super::styles::{FAINT, paint};
use super::text::{cut, width};

/// Where no terminal says how wide it is.
const WIDTH_IN_A_PIPE: usize = 100;

/// The names of the spans take at most this part of the width, in percent.
const NAMES_PERCENT: usize = 35;

/// The lines have at least this width, however narrow the terminal is.
const MIN_LINE: usize = 20;

/// A span: its name, what is said at its end, and what it consists of.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// Printable text.
    pub(crate) name: String,
    /// Printable text, short.
    pub(crate) note: String,
    pub(crate) style: Style,
    pub(crate) pieces: Vec<Piece>,
}

/// A stretch of time, in microseconds; an instant if it begins where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) sign: char,
    pub(crate) style: Style,
}

/// Draws the spans over the time from `begin` to `end`, in a terminal of that width.
pub(crate) fn draw(
    spans: &[Span],
    (begin, end): (u64, u64),
    terminal: Option<usize>,
) -> Vec<String> {
    let all = terminal.unwrap_or(WIDTH_IN_A_PIPE);
    let longest =
        |text: fn(&Span) -> &str| spans.iter().map(|span| width(text(span))).max().unwrap_or(0);
    let names = longest(|span| &span.name).min(all * NAMES_PERCENT / 100);
    let notes = longest(|span| &span.note).min(all / 4);
    let columns = all.saturating_sub(names + notes + 4).max(MIN_LINE);
    let scale = Scale { begin, end: end.max(begin + 1), columns };
    spans
        .iter()
        .map(|span| {
            let name = cut(&span.name, names);
            let room = " ".repeat(names - width(&name));
            let note = cut(&span.note, notes);
            let bars = scale.line(&span.pieces);
            let line = format!("{}{room}  {bars}", paint(span.style, name));
            if note.is_empty() {
                line.trim_end().to_owned()
            } else {
                format!("{line}  {}", paint(FAINT, note))
            }
        })
        .collect()
}

/// From instants to columns.
#[derive(Clone, Copy)]
struct Scale {
    begin: u64,
    end: u64,
    columns: usize,
}

impl Scale {
    /// The column of an instant.
    fn column(self, at: u64) -> usize {
        let at = at.clamp(self.begin, self.end) - self.begin;
        let columns = u128::try_from(self.columns).unwrap_or(u128::MAX);
        let column = u128::from(at) * columns / u128::from(self.end - self.begin);
        usize::try_from(column).unwrap_or(self.columns).min(self.columns - 1)
    }

    /// The pieces on one line; a later one covers an earlier one. Each has at least one column.
    fn line(self, pieces: &[Piece]) -> String {
        let mut signs = vec![(' ', Style::new()); self.columns];
        for piece in pieces {
            let (first, last) = (self.column(piece.from), self.column(piece.to));
            for sign in &mut signs[first..=last.max(first)] {
                *sign = (piece.sign, piece.style);
            }
        }
        let mut line = String::new();
        for alike in signs.chunk_by(|one, next| one.1 == next.1) {
            let text: String = alike.iter().map(|(sign, _)| sign).collect();
            line.push_str(&paint(alike[0].1, text));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::styles::PLAIN;
    use super::*;

    fn piece(from: u64, to: u64, sign: char) -> Piece {
        Piece { from, to, sign, style: PLAIN }
    }

    fn span(name: &str, pieces: Vec<Piece>) -> Span {
        Span { name: name.to_owned(), note: "1s".to_owned(), style: PLAIN, pieces }
    }

    #[test]
    fn a_span_stands_where_its_time_is() {
        let spans = [
            span("charge", vec![piece(0, 49, '█')]),
            span("Approved", vec![piece(50, 100, '░'), piece(75, 75, '◆')]),
        ];
        let lines: Vec<_> = draw(&spans, (0, 100), Some(40))
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "charge    █████████████               1s",
                "Approved               ░░░░░░◆░░░░░░  1s",
            ]
        );
    }

    #[test]
    fn an_instant_and_a_time_of_nothing_have_a_column() {
        let lines = draw(&[span("now", vec![piece(7, 7, '◆')])], (7, 7), Some(40));
        assert!(lines[0].contains('◆'), "{lines:?}");
    }
}
