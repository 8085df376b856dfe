//! Tables for people: aligned, as wide as the terminal at most, and cut nowhere else.

use anstyle::Style;

use super::styles::{FAINT, PLAIN, STRONG, paint};
use super::text::{cut, printable, width, wrap};
use crate::limits::MIN_COLUMN;

/// Between two columns.
const GAP: usize = 2;

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    title: &'static str,
    is_number: bool,
    may_shrink: bool,
    width: usize,
}

/// A cell: its text as it is, without any style, and its style.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

/// A table that is written in portions: each portion has columns at least as wide as the one before.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    has_head: bool,
}

impl Column {
    /// Text, which is never cut.
    pub(crate) fn text(title: &'static str) -> Self {
        Self { title, is_number: false, may_shrink: false, width: width(title) }
    }

    /// Text that is cut where the terminal is too narrow.
    pub(crate) fn long(title: &'static str) -> Self {
        Self { may_shrink: true, ..Self::text(title) }
    }

    /// A number, at the right.
    pub(crate) fn number(title: &'static str) -> Self {
        Self { is_number: true, ..Self::text(title) }
    }
}

impl Cell {
    pub(crate) fn new(style: Style, text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), style }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(PLAIN, text)
    }
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), has_head: true }
    }

    /// With one more column.
    pub(crate) fn and(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes the rows so far as lines, after the head if that was not taken before. Without a width,
    /// nothing is cut.
    pub(crate) fn take_lines(&mut self, terminal: Option<usize>) -> Vec<String> {
        for row in &self.rows {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(width(&cell.text));
            }
        }
        if let Some(terminal) = terminal {
            self.shrink(terminal);
        }
        let mut lines = Vec::new();
        if std::mem::take(&mut self.has_head) {
            let head: Vec<_> =
                self.columns.iter().map(|column| Cell::new(STRONG, column.title)).collect();
            lines.push(self.line(&head));
        }
        let rows = std::mem::take(&mut self.rows);
        lines.extend(rows.iter().map(|row| self.line(row)));
        lines
    }

    /// Takes columns from the widest that may be cut, until all fit or none can give any more.
    fn shrink(&mut self, terminal: usize) {
        let gaps = GAP * self.columns.len().saturating_sub(1);
        loop {
            let total: usize = self.columns.iter().map(|column| column.width).sum();
            let over = (total + gaps).saturating_sub(terminal);
            let widest = self.columns.iter_mut().filter(|column| column.may_shrink);
            let Some(widest) = widest.max_by_key(|column| column.width) else { return };
            if over == 0 || widest.width <= MIN_COLUMN {
                return;
            }
            widest.width -= 1;
        }
    }

    fn line(&self, cells: &[Cell]) -> String {
        let mut line = String::new();
        // White space that is due, where more follows it.
        let mut due = 0;
        for (column, cell) in self.columns.iter().zip(cells) {
            let text = cut(&cell.text, column.width);
            let room = column.width - width(&text);
            if !text.is_empty() {
                line.push_str(&" ".repeat(due + if column.is_number { room } else { 0 }));
                line.push_str(&paint(cell.style, &text));
                due = 0;
            }
            due += GAP + if column.is_number && !text.is_empty() { 0 } else { room };
        }
        line
    }
}

/// The value of a field: printable text, of one or several lines, in a style.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    text: String,
    style: Style,
}

impl Value {
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::new(PLAIN, text)
    }
}

/// Lines of a name and a value, aligned; a value that takes several lines stays in its column.
pub(crate) fn fields(pairs: &[(&str, Value)], terminal: Option<usize>) -> Vec<String> {
    let longest = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let room = terminal.map(|terminal| terminal.saturating_sub(longest + GAP).max(MIN_COLUMN));
    let mut lines = Vec::new();
    for (name, value) in pairs {
        let parts = value.text.split('\n').flat_map(|line| match room {
            // What is indented keeps its form.
            Some(room) if width(line) > room && !line.starts_with(' ') => wrap(line, room),
            _ => vec![line.to_owned()],
        });
        for (at, line) in parts.enumerate() {
            let name = if at == 0 { name } else { "" };
            let gap = " ".repeat(longest - width(name) + GAP);
            lines.push(format!("{}{gap}{}", paint(FAINT, name), paint(value.style, line)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances() -> Table {
        let mut table =
            Table::new(vec![Column::long("ID"), Column::text("STATE"), Column::number("EVENTS")]);
        table.row(vec!["order-1".into(), "running".into(), "7".into()]);
        table.row(vec!["a-very-long-id-of-an-order".into(), "failed".into(), "1234".into()]);
        table
    }

    fn bare(lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn columns_are_aligned_and_nothing_is_cut_in_a_pipe() {
        let lines = instances().take_lines(None);
        assert_eq!(
            bare(&lines),
            [
                "ID                          STATE    EVENTS",
                "order-1                     running       7",
                "a-very-long-id-of-an-order  failed     1234",
            ]
        );
    }

    #[test]
    fn long_cells_are_cut_to_the_terminal() {
        let lines = bare(&instances().take_lines(Some(30)));
        assert_eq!(lines[2], "a-very-long-…  failed     1234");
        assert!(lines.iter().all(|line| width(line) <= 30), "{lines:?}");
    }

    #[test]
    fn a_terminal_that_is_too_narrow_gets_more_than_its_width() {
        let lines = bare(&instances().take_lines(Some(10)));
        assert_eq!(lines[1], "order-1   running       7");
    }

    #[test]
    fn no_line_ends_with_white_space() {
        let mut table = Table::new(vec![Column::number("N"), Column::text("A"), Column::text("B")]);
        table.row(vec!["".into(), "a".into(), "".into()]);
        table.row(vec!["10".into(), "".into(), "b".into()]);
        let lines = bare(&table.take_lines(None));
        assert_eq!(lines, [" N  A  B", "    a", "10     b"]);
    }

    #[test]
    fn the_head_comes_once() {
        let mut table = instances();
        table.take_lines(None);
        table.row(vec!["b".into(), "running".into(), "1".into()]);
        assert_eq!(table.take_lines(None).len(), 1);
    }

    #[test]
    fn an_id_cannot_colour_the_table() {
        let mut table = Table::new(vec![Column::text("ID")]);
        table.row(vec!["\u{1b}[31m".into()]);
        assert_eq!(table.take_lines(None)[1], "\\u{1b}[31m");
    }

    #[test]
    fn fields_are_aligned_and_wrapped() {
        let pairs = [("id", "a".to_owned().into()), ("state", "b\nc".to_owned().into())];
        assert_eq!(bare(&fields(&pairs, None)), ["id     a", "state  b", "       c"]);
        let long = [("why", Value::new(STRONG, "it waits for the event Go"))];
        assert_eq!(bare(&fields(&long, Some(20))), ["why  it waits for", "     the event Go"]);
    }
}
