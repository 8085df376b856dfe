//! `show`: one instance, why it waits, what became of it, its children, and its failure down to the cause.

mod family;
mod why;

use reenact::console::dto::{Executions, InstanceDetail, OutcomeOf, Parked, StateAfter};
use serde_json::Value;

use super::history::executions;
use super::list;
use crate::api::{Api, of, understood};
use crate::arguments::reading::Show;
use crate::failure::Done;
use crate::limits::FIELD_NAME;
use crate::output::styles::{BAD, FAINT, STRONG, WARN, of_state, paint};
use crate::output::table::{Value as Shown, fields};
use crate::output::text::{printable, printable_lines, wrap};
use crate::output::times;
use crate::tool::Tool;

/// Where no terminal says how wide it is, sentences have this width.
const SENTENCE_WIDTH: usize = 100;

pub(crate) async fn show(given: Show, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    if given.tree {
        family::tree(&opened.api, &given.id, tool).await?;
    } else if given.failure {
        family::failure(&opened.api, &given.id, tool).await?;
    } else {
        let detail: Value = opened.api.get("api/instance", &of(&given.id)).await?;
        if tool.out.is_for_people() {
            let detail = understood(detail)?;
            let mut lines = lines(&detail, tool);
            lines.extend(kept(&opened.api, &detail, tool).await?);
            tool.out.lines(lines)?;
        } else {
            tool.out.value(&detail)?;
        }
    }
    opened.close().await
}

/// An instance, as a page.
pub(crate) fn lines(detail: &InstanceDetail, tool: &Tool) -> Vec<String> {
    let (row, view) = (&detail.row, &detail.view);
    let now = tool.out.now();
    let at = |at: reenact::console::dto::Time| {
        let at = at.to_string();
        format!("{} ({})", times::second(&at), times::age(&at, now))
    };
    let state = row.state.name();
    let version = view
        .version
        .as_ref()
        .map_or_else(String::new, |version| format!(", version {}", printable(version)));
    let parent = view
        .parent
        .as_ref()
        .map_or_else(String::new, |parent| format!(" by {}", printable(&parent.instance)));
    let mut pairs = vec![
        ("state", Shown::new(of_state(&state), state.clone())),
        ("orchestration", format!("{}{version}", printable(&row.orchestration)).into()),
        ("started", format!("{}{parent}", at(row.created_at)).into()),
        (if row.is_finished { "ended" } else { "last event" }, at(row.updated_at).into()),
        (
            "history",
            format!("{} events in {} turns, execution {}", row.events, row.turns, row.execution)
                .into(),
        ),
    ];
    if let Some(from) = &view.forked_from {
        pairs.push(("fork of", printable(from).into()));
    }
    if let Some(rewound) = &view.rewound {
        let reason = why::words(&rewound.since.reason);
        pairs.push(("rewound", format!("{}; {reason}", at(rewound.since.at)).into()));
    }
    if !row.attributes.is_empty() {
        pairs.push(("attributes", printable(&list::attributes(row)).into()));
    }
    if let Some(status) = &view.status {
        pairs.push(("status", payload(status, tool).into()));
    }
    if !view.published.is_empty() {
        pairs.push(("published", payload(&Value::Object(view.published.clone()), tool).into()));
    }
    pairs.push(("input", payload(&view.input, tool).into()));
    if let Some(unreadable) = &detail.unreadable {
        pairs.push(("unreadable", Shown::new(BAD, printable_lines(unreadable))));
    }
    pairs.extend(view.outcome.as_ref().into_iter().flat_map(|outcome| ending(outcome, tool)));
    let mut lines = vec![paint(STRONG, printable(&row.id))];
    lines.extend(fields(&pairs, tool.out.width()));
    if let Some(parked) = &detail.parked {
        lines.push(String::new());
        lines.extend(why_parked(parked, tool));
    }
    let mut said = why::sentences(view, now);
    if let Some(stalled) = &detail.stalled {
        let (code, since) = (printable(&stalled.code), times::age(&stalled.since.to_string(), now));
        said.push(format!("The code of {code} keeps its thread, since {since}."));
    }
    if !said.is_empty() && !row.is_finished {
        lines.push(String::new());
        lines.extend(paragraphs(&said, tool));
    }
    lines
}

/// How many executions are kept before the newest one; nothing where there is none, or can be none.
async fn kept(api: &Api, detail: &InstanceDetail, tool: &Tool) -> Done<Vec<String>> {
    if detail.row.execution == 1 {
        return Ok(Vec::new());
    }
    let there: Executions = understood(api.get("api/executions", &of(&detail.row.id)).await?)?;
    let earlier = executions::earlier(&there.executions);
    let pairs = earlier.map(|earlier| ("kept", Shown::from(earlier)));
    Ok(fields(&pairs.into_iter().collect::<Vec<_>>(), tool.out.width()))
}

/// Sentences, each as a paragraph of the width of the terminal.
fn paragraphs(said: &[String], tool: &Tool) -> Vec<String> {
    let width = tool.out.width().unwrap_or(SENTENCE_WIDTH).saturating_sub(2);
    let mut lines = Vec::new();
    for sentence in said {
        let mut parts = wrap(sentence, width).into_iter();
        lines.extend(parts.next().map(|first| format!("• {first}")));
        lines.extend(parts.map(|rest| format!("  {rest}")));
    }
    lines
}

/// How it has ended; nothing while it has not.
pub(crate) fn outcome(detail: &InstanceDetail, tool: &Tool) -> Vec<String> {
    let pairs = detail.view.outcome.as_ref().map(|outcome| ending(outcome, tool));
    fields(&pairs.unwrap_or_default(), tool.out.width())
}

fn ending(outcome: &OutcomeOf, tool: &Tool) -> Vec<(&'static str, Shown)> {
    let mut pairs = Vec::new();
    if let Some(output) = &outcome.output {
        pairs.push(("output", payload(output, tool).into()));
    }
    if let Some(error) = &outcome.error {
        pairs.push(("failure", Shown::new(BAD, printable_lines(&error.message))));
        pairs.extend(
            error
                .sources
                .iter()
                .map(|source| ("caused by", Shown::new(BAD, printable_lines(source)))),
        );
        if !error.details.is_null() {
            pairs.push(("details", payload(&error.details, tool).into()));
        }
    }
    if let Some(reason) = &outcome.reason {
        pairs.push(("reason", printable_lines(reason).into()));
    }
    pairs
}

/// Why it cannot go on, with expected and found where these differ.
fn why_parked(parked: &Parked, tool: &Tool) -> Vec<String> {
    let since = parked.since.map(|at| times::age(&at.to_string(), tool.out.now()));
    let since = since.map_or_else(String::new, |since| format!(", {since}"));
    let said = format!("It is parked{since}: {}.", why::words(&parked.reason));
    let mut lines = paragraphs(&[said], tool);
    if let Some(mismatch) = &parked.mismatch {
        let pairs = [
            ("at event", mismatch.position.to_string().into()),
            ("expected", Shown::new(WARN, printable_lines(&mismatch.expected.text))),
            ("found", Shown::new(BAD, printable_lines(&mismatch.found.text))),
        ];
        let width = tool.out.width().map(|width| width.saturating_sub(2));
        lines.extend(fields(&pairs, width).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// A payload: on one line where it is short, indented otherwise.
fn payload(payload: &Value, tool: &Tool) -> String {
    let short = payload.to_string();
    let room = tool.out.width().unwrap_or(SENTENCE_WIDTH).saturating_sub(FIELD_NAME);
    if short.chars().count() <= room {
        return printable(&short);
    }
    printable_lines(&serde_json::to_string_pretty(payload).unwrap_or(short))
}

/// What was open, awaited and buffered after an event.
pub(super) async fn state_after(
    api: &Api,
    (id, execution): (&str, Option<u32>),
    position: u64,
    tool: &mut Tool,
) -> Done {
    let mut query = of(id).to_vec();
    query.extend(execution.map(|execution| ("execution", execution.to_string())));
    query.push(("after", position.to_string()));
    let state: Value = api.get("api/state", &query).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&state);
    }
    let state: StateAfter = understood(state)?;
    let at = state.at.to_string();
    let kind = state.event.map_or_else(String::new, |event| format!(" {}", printable(&event.kind)));
    let title = format!("{} after event {position}{kind}", printable(id));
    tool.out.line(paint(STRONG, title))?;
    tool.out.line(paint(FAINT, times::to_the_millisecond(&at)))?;
    // How long ago things were is meant as seen from then.
    let then = humantime::parse_rfc3339_weak(&at).unwrap_or_else(|_| tool.out.now());
    let mut said = why::sentences(&state.view, then);
    if let Some(parked) = &state.view.parked {
        said.insert(0, format!("It was parked: {}.", why::words(&parked.reason)));
    }
    if said.is_empty() {
        said.push("Nothing was open.".to_owned());
    }
    let lines = paragraphs(&said, tool);
    tool.out.lines(lines)
}
