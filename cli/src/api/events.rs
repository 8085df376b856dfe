//! Server-sent events, from the lines of an answer.

use super::way::Lines;
use crate::failure::Done;
use crate::limits::MAX_LINE_BYTES;

/// One event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerEvent {
    /// Its kind; `message` if it has none.
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// Events as they come.
pub(crate) struct ServerEvents {
    lines: Lines,
    kind: String,
    data: String,
}

impl ServerEvents {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines, kind: String::new(), data: String::new() }
    }

    /// The next event; `None` when the console has ended the stream. Cancelled, it has lost nothing.
    pub(crate) async fn next(&mut self) -> Done<Option<ServerEvent>> {
        while let Some(line) = self.lines.next().await? {
            if let Some(event) = self.apply(&line) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// An empty line ends an event; a line that begins with a colon is a comment.
    fn apply(&mut self, line: &str) -> Option<ServerEvent> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" if self.data.len() + value.len() <= MAX_LINE_BYTES => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "" if line.is_empty() && !(self.data.is_empty() && self.kind.is_empty()) => {
                let kind = std::mem::take(&mut self.kind);
                let kind = if kind.is_empty() { "message".to_owned() } else { kind };
                return Some(ServerEvent { kind, data: std::mem::take(&mut self.data) });
            }
            _ => {}
        }
        None
    }
}
