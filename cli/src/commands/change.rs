//! What changes instances that are there: by their ids, one after the other, or by conditions.

use reenact::console::dto::{Action, Fork as ForkBody, Reason, Rewind as RewindBody, Started};
use serde_json::{Value, json};

use super::bulk;
use super::start::value;
use crate::api::{Api, of};
use crate::arguments::changes::{Chosen, Fork, Rewind, WithReason};
use crate::arguments::filter::Filter;
use crate::confirm::confirm;
use crate::failure::{Code, Done, Failure};
use crate::limits::SAMPLE;
use crate::output::remark;
use crate::output::text::printable;
use crate::tool::Tool;

pub(crate) async fn with_reason(action: Action, given: WithReason, tool: &mut Tool) -> Done {
    let reason = given.reason.unwrap_or_default();
    change(action, given.ids, &given.filter, Some(reason), tool).await
}

pub(crate) async fn chosen(action: Action, given: Chosen, tool: &mut Tool) -> Done {
    change(action, given.ids, &given.filter, None, tool).await
}

async fn change(
    action: Action,
    ids: Vec<String>,
    filter: &Filter,
    reason: Option<String>,
    tool: &mut Tool,
) -> Done {
    if ids.is_empty() {
        let opened = tool.changing().await?;
        bulk::change(&opened.api, action, filter, reason, tool).await?;
        return opened.close().await;
    }
    if ids.len() > 1 || matches!(action, Action::Purge | Action::Terminate) {
        confirm(tool, &question(action, &ids)).await?;
    }
    let body = match reason {
        Some(reason) => value(&Reason { reason })?,
        None => json!({}),
    };
    let opened = tool.changing().await?;
    each(&opened.api, action, &ids, &body, tool).await?;
    opened.close().await
}

/// One after the other; a refusal of one does not stop the others.
async fn each(api: &Api, action: Action, ids: &[String], body: &Value, tool: &mut Tool) -> Done {
    let path = format!("api/{}", action.name());
    let mut failed = 0_usize;
    for id in ids {
        match api.post::<Value>(&path, &of(id), body).await {
            Ok(_) => done(action, id, tool)?,
            Err(failure) if ids.len() == 1 => return Err(failure),
            Err(Failure::Of { what, .. }) => {
                failed += 1;
                tool.out.flush()?;
                remark(format_args!("reenact: {}: {what}", printable(id)));
            }
            Err(other) => return Err(other),
        }
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(Code::Failed, format_args!("{failed} of {} were refused", ids.len())))
}

fn done(action: Action, id: &str, tool: &mut Tool) -> Done {
    if tool.out.is_for_people() {
        tool.out.line(format_args!("{} {}", past(action), printable(id)))
    } else {
        tool.out.value(&json!({"id": id, "action": action.name(), "done": true}))
    }
}

pub(crate) async fn rewind(given: Rewind, tool: &mut Tool) -> Done {
    let id = printable(&given.id);
    confirm(
        tool,
        &format!(
            "{id} goes back to before event {}; what came from there on is superseded.",
            given.to
        ),
    )
    .await?;
    let opened = tool.changing().await?;
    let body = RewindBody { position: given.to, reason: given.reason.unwrap_or_default() };
    let _: Value = opened.api.post("api/rewind", &of(&given.id), &value(&body)?).await?;
    done(Action::Rewind, &given.id, tool)?;
    opened.close().await
}

pub(crate) async fn fork(given: Fork, tool: &mut Tool) -> Done {
    let (id, to) = (printable(&given.id), printable(&given.to));
    let place = match given.before {
        Some(position) => format!("up to before event {position}"),
        None => "but for its end".to_owned(),
    };
    confirm(
        tool,
        &format!("{to} begins with the history of {id}, {place}, and goes on from there."),
    )
    .await?;
    let opened = tool.changing().await?;
    let Fork { before, attach, .. } = given;
    let reason = given.reason.unwrap_or_default();
    let body = ForkBody { to: given.to, before, reason, attach };
    let begun: Started = opened.api.post("api/fork", &of(&given.id), &value(&body)?).await?;
    done(Action::Fork, &begun.id, tool)?;
    opened.close().await
}

/// What is about to be done, and to which.
fn question(action: Action, ids: &[String]) -> String {
    let shown: Vec<_> = ids.iter().take(SAMPLE).map(|id| printable(id)).collect();
    let more = match ids.len().saturating_sub(SAMPLE) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let ends = match action {
        Action::Purge => ", with all of the history, for ever",
        Action::Terminate => " at once, without the code",
        _ => "",
    };
    format!("{} {}{more}{ends}?", imperative(action), shown.join(", "))
}

/// What is asked.
pub(super) fn imperative(action: Action) -> &'static str {
    match action {
        Action::Start => "Start",
        Action::Raise => "Raise on",
        Action::Cancel => "Cancel",
        Action::Suspend => "Suspend",
        Action::Resume => "Resume",
        Action::Terminate => "Terminate",
        Action::Rewind => "Rewind",
        Action::Fork => "Fork",
        Action::Purge => "Purge",
    }
}

/// What was done. A cancel is a request to the code, which may take its time.
pub(super) fn past(action: Action) -> &'static str {
    match action {
        Action::Start => "started",
        Action::Raise => "raised on",
        Action::Cancel => "asked to end:",
        Action::Suspend => "suspended",
        Action::Resume => "resumed",
        Action::Terminate => "terminated",
        Action::Rewind => "rewound",
        Action::Fork => "forked as",
        Action::Purge => "purged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_shows_what_it_is_about() {
        let ids: Vec<_> = (0..7).map(|number| format!("order-{number}")).collect();
        assert_eq!(
            question(Action::Purge, &ids),
            "Purge order-0, order-1, order-2, order-3, order-4 and 2 more, with all of the history, for ever?"
        );
        assert_eq!(
            question(Action::Terminate, &ids[..1]),
            "Terminate order-0 at once, without the code?"
        );
    }
}
