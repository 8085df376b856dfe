//! `start` and `raise`: an instance begins, or gets an event.

use std::time::Duration;

use reenact::console::dto::{
    Raise as RaiseBody, Start as StartBody, StartEvent, Started, StateText, attribute_as_json,
};
use serde_json::Value;

use super::watch;
use crate::api::of;
use crate::arguments::changes::{Raise, Start};
use crate::arguments::payload::payload;
use crate::failure::{Code, Done, Failure};
use crate::output::remark;
use crate::output::text::printable;
use crate::tool::Tool;

pub(crate) async fn start(arguments: Start, tool: &mut Tool) -> Done {
    let event = arguments.event.as_deref().map(event).transpose()?;
    if event.is_some() && arguments.id.is_none() {
        return Err(
            Failure::misused("`--event` needs to know the instance").remedy("add `--id ID`")
        );
    }
    let is_reusing = arguments.attach || !arguments.replace.is_empty();
    if is_reusing && arguments.id.is_none() {
        return Err(Failure::misused("`--attach` and `--replace` need to know the instance")
            .remedy("add `--id ID`"));
    }
    let attributes = arguments.attr.iter().map(|given| attribute(given)).collect::<Done<_>>()?;
    let body = StartBody {
        attributes,
        orchestration: arguments.orchestration,
        input: typed(arguments.input).await?,
        id: arguments.id,
        version: arguments.version,
        delay_ms: millis(arguments.delay, "the delay")?,
        timeout_ms: millis(arguments.timeout, "the time limit")?,
        total_timeout_ms: millis(arguments.total_timeout, "the time limit")?,
        event,
        replace: states(&arguments.replace)?,
        attach: arguments.attach,
    };
    let opened = tool.changing().await?;
    if arguments.wait && !opened.is_live() {
        return Err(Failure::refused(
            "no host runs on this store, so an instance that is started now begins later: it cannot be waited for",
        )
        .remedy("leave `--wait` out, or start the host with its console on; nothing was changed"));
    }
    let started: Started = opened.api.post("api/start", &[], &value(&body)?).await?;
    if !tool.out.is_for_people() {
        tool.out.value(&started)?;
    } else if tool.out.is_terminal() {
        tool.out.line(format_args!("started {}", printable(&started.id)))?;
    } else {
        // For a variable of a script.
        tool.out.line(&started.id)?;
    }
    tool.out.flush()?;
    if !opened.is_live() && !tool.look.quiet {
        remark(format_args!(
            "it begins when a host with `{}` starts, which checks its input then",
            printable(&body.orchestration)
        ));
    }
    if arguments.wait {
        watch::until_done(&opened.api, &started.id, tool).await?;
    }
    opened.close().await
}

/// An attribute as `NAME=VALUE`.
fn attribute(given: &str) -> Done<(String, Value)> {
    match given.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), attribute_as_json(value))),
        None => Err(Failure::misused(format!("`{given}` is no attribute"))
            .remedy("write `--attr NAME=VALUE`, such as `--attr customer=ada`")),
    }
}

pub(crate) async fn raise(arguments: Raise, tool: &mut Tool) -> Done {
    let body =
        RaiseBody { name: arguments.name, data: typed(arguments.data).await?, key: arguments.key };
    let opened = tool.changing().await?;
    let query = of(&arguments.id);
    let answer: Value = opened.api.post("api/raise", &query, &value(&body)?).await?;
    if tool.out.is_for_people() {
        let (name, id) = (printable(&body.name), printable(&arguments.id));
        tool.out.line(format_args!("raised {name} on {id}"))?;
    } else {
        tool.out.value(&answer)?;
    }
    opened.close().await
}

/// What was typed as a payload, or stands where it says.
pub(super) async fn typed(given: Option<String>) -> Done<Value> {
    let read = tokio::task::spawn_blocking(move || payload(given.as_deref())).await;
    read.unwrap_or(Err(Failure::Said(Code::Interrupted)))
}

fn millis(given: Option<Duration>, what: &str) -> Done<Option<u64>> {
    let millis = given.map(|given| u64::try_from(given.as_millis())).transpose();
    millis.map_err(|_| Failure::misused(format!("{what} is too long")))
}

fn states(given: &[String]) -> Done<Vec<StateText>> {
    let parsed = given.iter().map(|state| state.parse().map(StateText).map_err(Failure::misused));
    parsed.collect()
}

/// `NAME` or `NAME=JSON`.
fn event(given: &str) -> Done<StartEvent> {
    let (name, data) = match given.split_once('=') {
        Some((name, data)) => (name, Some(data)),
        None => (given, None),
    };
    Ok(StartEvent { name: name.to_owned(), data: payload(data)? })
}

/// The body of a request.
pub(super) fn value(body: &impl serde::Serialize) -> Done<Value> {
    serde_json::to_value(body).map_err(|error| Failure::new(Code::Failed, error))
}
