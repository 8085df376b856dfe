//! The output: tables for people, JSON for programs; colours and a width only where a terminal reads it.

pub(crate) mod gantt;
pub(crate) mod styles;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod times;

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use self::table::Table;
use crate::failure::{Code, Done, Failure};
use crate::limits::MIN_WIDTH;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    #[default]
    People,
    /// One JSON document.
    Json,
    /// One JSON value on each line.
    JsonLines,
}

/// Where results go.
pub(crate) struct Output {
    out: BufWriter<AutoStream<Stdout>>,
    format: Format,
    is_terminal: bool,
    has_colours: bool,
    width: Option<usize>,
    /// What was written into a list that is not closed yet.
    listed: usize,
}

impl Output {
    pub(crate) fn new(format: Format, color: ColorChoice) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = terminal_size::terminal_size().filter(|_| is_terminal);
        let width = width.map(|(width, _)| usize::from(width.0).max(MIN_WIDTH));
        // JSON is for programs, which want no colours even when they were asked for.
        let color = if format == Format::People { color } else { ColorChoice::Never };
        let color = match color {
            ColorChoice::Auto => AutoStream::choice(&stdout),
            chosen => chosen,
        };
        let has_colours = color != ColorChoice::Never;
        let out = BufWriter::new(AutoStream::new(stdout, color));
        Self { out, format, is_terminal, has_colours, width, listed: 0 }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::People
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The width of the terminal; `None` where no terminal reads the output.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Asks the terminal again how wide it is.
    pub(crate) fn measure(&mut self) {
        if let (true, Some((width, _))) = (self.is_terminal, terminal_size::terminal_size()) {
            self.width = Some(usize::from(width.0).max(MIN_WIDTH));
        }
    }

    /// A line with its colours, or without any.
    pub(crate) fn as_shown(&self, line: &str) -> String {
        if self.has_colours {
            line.to_owned()
        } else {
            anstream::adapter::strip_str(line).to_string()
        }
    }

    /// The height of the terminal.
    pub(crate) fn height(&self) -> Option<usize> {
        let size = terminal_size::terminal_size().filter(|_| self.is_terminal);
        size.map(|(_, height)| usize::from(height.0))
    }

    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    pub(crate) fn line(&mut self, line: impl Display) -> Done {
        Ok(writeln!(self.out, "{line}")?)
    }

    pub(crate) fn lines(&mut self, lines: impl IntoIterator<Item = impl Display>) -> Done {
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Done {
        Ok(self.out.write_all(bytes)?)
    }

    /// The rows of a table so far.
    pub(crate) fn rows(&mut self, table: &mut Table) -> Done {
        let lines = table.take_lines(self.width);
        self.lines(lines)
    }

    /// A value for programs: a document, or one line.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Done {
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(value),
            Format::People | Format::JsonLines => serde_json::to_string(value),
        };
        let text = text.map_err(|error| Failure::new(Code::Failed, error))?;
        self.line(text)
    }

    /// Begins a document with a list that comes in portions. With JSON lines, there are the items only.
    pub(crate) fn begin_list(&mut self, name: &str) -> Done {
        self.listed = 0;
        match self.format {
            Format::Json => Ok(write!(self.out, "{{\"{name}\":[")?),
            _ => Ok(()),
        }
    }

    /// An item of the list.
    pub(crate) fn item(&mut self, item: &impl Serialize) -> Done {
        let text =
            serde_json::to_string(item).map_err(|error| Failure::new(Code::Failed, error))?;
        let comma = if self.listed == 0 { "" } else { "," };
        self.listed += 1;
        match self.format {
            Format::Json => Ok(write!(self.out, "{comma}\n{text}")?),
            _ => self.line(text),
        }
    }

    /// Ends the list, and its document with one more field.
    pub(crate) fn end_list(&mut self, name: &str, last: &impl Serialize) -> Done {
        let text =
            serde_json::to_string(last).map_err(|error| Failure::new(Code::Failed, error))?;
        match self.format {
            Format::Json => self.line(format_args!("\n],\"{name}\":{text}}}")),
            _ => Ok(()),
        }
    }

    /// What was written is there.
    pub(crate) fn flush(&mut self) -> Done {
        Ok(self.out.flush()?)
    }
}

/// A remark for people, on the error output: never among the results.
pub(crate) fn remark(text: impl Display) {
    // When nobody reads it, nothing is lost.
    let _ = writeln!(anstream::stderr(), "{text}");
}
