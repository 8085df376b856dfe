//! A page on a terminal that is drawn again in its place. What was on the terminal before comes back at the end.

use std::io::Write;

use crate::failure::Done;
use crate::output::styles::{FAINT, paint};
use crate::tool::Tool;

/// The other screen of the terminal, without a cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// Lines of a page that are no rows: the head, what is said below, and an empty one.
const AROUND_ROWS: usize = 3;

/// To the first line; the rest of a line and of the screen are cleared as it is drawn.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// A screen; off where no terminal reads the output.
pub(super) struct Screen {
    is_on: bool,
    #[cfg(unix)]
    resized: Option<tokio::signal::unix::Signal>,
    /// The last page: it stays when the screen goes.
    last: Vec<String>,
}

impl Screen {
    pub(super) fn new(tool: &mut Tool) -> Done<Self> {
        let is_on = tool.out.is_terminal() && tool.out.is_for_people();
        if is_on {
            write(ENTER)?;
        }
        #[cfg(unix)]
        let resized = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())
            .ok()
            .filter(|_| is_on);
        Ok(Self {
            is_on,
            #[cfg(unix)]
            resized,
            last: Vec::new(),
        })
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// How many rows of a table fit, with its head above and a line below.
    pub(super) fn rows(&self, tool: &mut Tool) -> Option<usize> {
        tool.out.measure();
        let height = tool.out.height().filter(|_| self.is_on)?;
        Some(height.saturating_sub(AROUND_ROWS).max(1))
    }

    /// The terminal has another size. Never where there is none, or where the system does not say.
    pub(super) async fn resized(&mut self) {
        #[cfg(unix)]
        if let Some(resized) = &mut self.resized
            && resized.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }

    /// Draws a page, as much of it as fits.
    pub(super) fn draw(&mut self, lines: &[String], tool: &mut Tool) -> Done {
        tool.out.measure();
        let height = tool.out.height().unwrap_or(usize::MAX);
        let mut page = String::from(HOME);
        let shown = if lines.len() < height { lines.len() } else { height.saturating_sub(2) };
        for line in &lines[..shown] {
            page.push_str(&tool.out.as_shown(line));
            page.push_str(CLEAR_LINE);
            page.push_str("\r\n");
        }
        if shown < lines.len() {
            let more = format!("{} more lines do not fit", lines.len() - shown);
            page.push_str(&tool.out.as_shown(&paint(FAINT, more)));
            page.push_str(CLEAR_LINE);
        }
        page.push_str(CLEAR_REST);
        self.last = lines.iter().map(|line| tool.out.as_shown(line)).collect();
        write(page.as_bytes())
    }

    /// Says something below the page, or on the error output.
    pub(super) fn note(&mut self, text: &str, tool: &mut Tool) -> Done {
        if !self.is_on {
            tool.remark(text);
            return Ok(());
        }
        let mut lines = std::mem::take(&mut self.last);
        lines.push(paint(FAINT, text));
        self.draw(&lines, tool)?;
        lines.pop();
        self.last = lines;
        Ok(())
    }
}

/// Not by way of what strips colours: it would strip what moves the cursor as well.
fn write(bytes: &[u8]) -> Done {
    let mut out = std::io::stdout();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_on {
            // When the terminal has gone, there is nothing to give back.
            let last: String = self.last.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let _ = write(LEAVE).and_then(|()| write(last.as_bytes()));
        }
    }
}
