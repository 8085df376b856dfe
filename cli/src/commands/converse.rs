//! `query`, `update`, `complete` and `fail`: talking to instances, and to their activities.

use reenact::console::dto::{
    AnswerKind, CompleteActivity, FailActivity, Published, Update as UpdateBody, UpdateAnswered,
};
use serde_json::Value;

use super::start::{typed, value};
use crate::api::{of, understood};
use crate::arguments::changes::{Complete, Fail, Update};
use crate::arguments::reading::Query;
use crate::failure::{Code, Done, Failure};
use crate::output::styles::{STRONG, paint};
use crate::output::text::{printable, printable_lines};
use crate::tool::Tool;

pub(crate) async fn query(given: Query, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let mut query = of(&given.id).to_vec();
    query.extend(given.name.clone().map(|name| ("name", name)));
    let published: Value = opened.api.get("api/published", &query).await?;
    if !tool.out.is_for_people() && given.name.is_none() {
        tool.out.value(&published)?;
        return opened.close().await;
    }
    let published: Published = understood(published)?;
    if given.name.is_some() {
        // The value alone, also for a variable of a script.
        for of in published.values {
            written(&of.value, tool)?;
        }
    } else if published.values.is_empty() {
        tool.remark("it has published nothing");
    } else {
        for of in published.values {
            tool.out.line(paint(STRONG, printable(&of.name)))?;
            written(&of.value, tool)?;
        }
    }
    opened.close().await
}

pub(crate) async fn update(given: Update, tool: &mut Tool) -> Done {
    let wait_ms = given.wait.map(|wait| u64::try_from(wait.as_millis())).transpose();
    let body = UpdateBody {
        name: given.name,
        data: typed(given.data).await?,
        key: given.key,
        wait_ms: wait_ms.map_err(|_| Failure::misused("the time to wait is too long"))?,
    };
    let opened = tool.changing().await?;
    if !opened.is_live() {
        return Err(Failure::refused(
            "no host runs on this store, and the code of the instance answers an update",
        )
        .remedy("start the host with its console on, then run this again; nothing was changed"));
    }
    let document: Value = opened.api.post("api/update", &of(&given.id), &value(&body)?).await?;
    let answer: UpdateAnswered = understood(document.clone())?;
    let said = answered(&document, &answer, "update", &body.name, tool);
    tool.out.flush()?;
    opened.close().await?;
    said
}

/// Writes what was answered to an update, or to an operation of an entity; the error when it was not done.
pub(super) fn answered(
    document: &Value,
    answer: &UpdateAnswered,
    what: &str,
    name: &str,
    tool: &mut Tool,
) -> Done {
    if !tool.out.is_for_people() {
        tool.out.value(document)?;
    } else if answer.answer == AnswerKind::Replied {
        written(&answer.value, tool)?;
    }
    let name = printable(name);
    let reason = || printable(answer.why.as_deref().unwrap_or_default());
    let why = match answer.answer {
        AnswerKind::Replied => return Ok(()),
        AnswerKind::Refused => {
            format!("{what} {name} is refused: {}", printable(&answer.value.to_string()))
        }
        AnswerKind::Invalid => {
            format!("{what} {name} is not of the type that the code takes: {}", reason())
        }
        AnswerKind::Failed => format!("{what} {name} was not done: {}", reason()),
        _ => format!("the code has dropped {what} {name} without an answer"),
    };
    Err(Failure::new(Code::Failed, why))
}

pub(crate) async fn complete(given: Complete, tool: &mut Tool) -> Done {
    let body = CompleteActivity { token: given.token, output: typed(given.output).await? };
    outside("api/activity/complete", &value(&body)?, "the activity is completed", tool).await
}

pub(crate) async fn fail(given: Fail, tool: &mut Tool) -> Done {
    let Fail { token, message, fatal } = given;
    let body = FailActivity { token, message, fatal, details: None };
    outside("api/activity/fail", &value(&body)?, "the attempt has failed", tool).await
}

/// Asks for something about an activity, and says that it is done.
async fn outside(path: &str, body: &Value, done: &str, tool: &mut Tool) -> Done {
    let opened = tool.changing().await?;
    let answer: Value = opened.api.post(path, &[], body).await?;
    match tool.out.is_for_people() {
        true => tool.out.line(done)?,
        false => tool.out.value(&answer)?,
    }
    opened.close().await
}

/// A value as JSON, for people on several lines.
fn written(value: &Value, tool: &mut Tool) -> Done {
    if !tool.out.is_for_people() {
        return tool.out.value(value);
    }
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    tool.out.lines(text.lines().map(printable_lines))
}
