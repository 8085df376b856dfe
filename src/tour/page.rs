//! Prints the tour.

use std::fmt;
use std::io::{self, IsTerminal, Stdout, Write};

use reenact::{History, HistoryEvent, Timestamp};

use super::failure::Held;

/// Standard output. A terminal gets progress in place, anything else a few lines of it.
pub(crate) struct Page {
    out: Stdout,
    terminal: bool,
    /// Quarters of the progress that have a line already.
    quarters: usize,
}

impl Page {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        Self { terminal: out.is_terminal(), out, quarters: 0 }
    }

    /// The head of a step.
    pub(crate) fn title(&mut self, number: u32, title: &str) -> Held {
        self.line(format_args!("\n{number}. {title}"))
    }

    /// What happens.
    pub(crate) fn say(&mut self, what: impl fmt::Display) -> Held {
        self.line(format_args!("   {what}"))
    }

    /// An event of a log, with the time since the first one.
    pub(crate) fn event(&mut self, origin: Timestamp, entry: HistoryEvent<'_>) -> Held {
        let HistoryEvent { position, at, event } = entry;
        let millis = at.since(origin).as_micros() as f64 / 1000.0;
        self.line(format_args!("   {position:>5}  {millis:>7.1} ms  {event}"))
    }

    /// A whole log.
    pub(crate) fn history(&mut self, history: &History) -> Held {
        history.to_string().lines().try_for_each(|line| self.say(line))
    }

    /// How far something is. Called again and again, at last with `done == total`.
    pub(crate) fn progress(&mut self, done: usize, total: usize, what: &str) -> Held {
        const WIDTH: usize = 32;
        let total = total.max(1);
        let bar = "#".repeat(done * WIDTH / total);
        let text = format!("   [{bar:<WIDTH$}] {done:>4} of {total} {what}");
        if self.terminal {
            let end = if done == total { "\n" } else { "" };
            write!(self.out, "\r{text}{end}")?;
            self.out.flush()?;
            return Ok(());
        }
        let quarters = done * 4 / total;
        if quarters > self.quarters {
            self.line(text)?;
        }
        self.quarters = if done == total { 0 } else { quarters };
        Ok(())
    }

    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Held {
        Ok(writeln!(self.out, "{text}")?)
    }
}
