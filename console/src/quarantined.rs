//! What a message in quarantine says: its kind, who sent it, and what it carries, after the redaction.

use reenact_core::codec::decode_command;
use reenact_core::{MessageBody, RemoteCommand};
use serde::Serialize;
use serde_json::Value;

use crate::dto::{QuarantinedContent, Sender};
use crate::problem::Problem;
use crate::shown::Shown;

/// What a message says; `None` when it does not decode here, as one of a later version.
pub(crate) fn content(shown: Shown<'_>, bytes: &[u8]) -> Option<QuarantinedContent> {
    let command = decode_command(bytes).ok()?;
    of_command(shown, &command).ok()
}

fn of_command(shown: Shown<'_>, command: &RemoteCommand) -> Result<QuarantinedContent, Problem> {
    match command {
        RemoteCommand::Traced { command, .. } | RemoteCommand::ToInstanceOf { command, .. } => {
            of_command(shown, command)
        }
        RemoteCommand::Tell { from, message } => {
            let from = Some(from.to_string());
            said(shown, &peeled(&message.body), Sender::Instance, from)
        }
        RemoteCommand::Answer { .. } => said(shown, command, Sender::Instance, None),
        RemoteCommand::CompleteTask { .. } | RemoteCommand::RecordHeartbeat { .. } => {
            said(shown, command, Sender::Host, None)
        }
        RemoteCommand::Start(_)
        | RemoteCommand::StartWith { .. }
        | RemoteCommand::RaiseEvent(_)
        | RemoteCommand::Cancel { .. }
        | RemoteCommand::Terminate { .. }
        | RemoteCommand::Suspend { .. }
        | RemoteCommand::Resume
        | RemoteCommand::Rewind { .. }
        | RemoteCommand::Purge { .. } => said(shown, command, Sender::Client, None),
    }
}

/// A message without the trace in which it was sent.
fn peeled(body: &MessageBody) -> MessageBody {
    match body {
        MessageBody::Traced { body, .. }
        | MessageBody::Limited { body, .. }
        | MessageBody::Attributed { body, .. } => peeled(body),
        body => body.clone(),
    }
}

fn said(
    shown: Shown<'_>,
    what: &impl Serialize,
    sender: Sender,
    from: Option<String>,
) -> Result<QuarantinedContent, Problem> {
    let (kind, fields) = shown.variant(what)?;
    let name = fields.get("name").and_then(Value::as_str).map(str::to_owned);
    Ok(QuarantinedContent { kind, sender, from, name, fields })
}
