//! Asks before something is changed that is hard to undo.

use std::io::{IsTerminal, Write};

use crate::failure::{Code, Done, Failure};
use crate::output::text::printable_lines;
use crate::tool::Tool;

/// Asks whether it is to be done. Without a terminal to ask on, it needs `--yes`.
pub(crate) async fn confirm(tool: &Tool, question: &str) -> Done {
    if tool.look.yes {
        return Ok(());
    }
    let question = printable_lines(question);
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::refused(format_args!("{question} Nobody can be asked here"))
            .remedy("add `--yes` to do it without asking; nothing was changed"));
    }
    let answer = tokio::task::spawn_blocking(move || {
        let mut error = anstream::stderr();
        write!(error, "{question} [y/N] ")?;
        error.flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        std::io::Result::Ok(line)
    })
    .await
    .map_err(|_| Failure::Said(Code::Interrupted))??;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::refused("nothing was changed"))
    }
}
