//! A change of all instances that meet conditions: what was shown is what is changed.

use reenact::console::dto::{Action, BulkPrepared, BulkProgress, InstanceRow};
use serde_json::{Map, Value, json};

use super::change::{imperative, past};
use crate::api::Api;
use crate::arguments::filter::Filter;
use crate::confirm::confirm;
use crate::failure::{Code, Done, Failure};
use crate::limits::SAMPLE;
use crate::output::remark;
use crate::output::text::printable;
use crate::progress::Progress;
use crate::tool::Tool;

pub(super) async fn change(
    api: &Api,
    action: Action,
    filter: &Filter,
    reason: Option<String>,
    tool: &mut Tool,
) -> Done {
    let mut body = json!({ "action": action.name(), "filter": as_object(filter, tool) });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let prepared: BulkPrepared = api.post("api/bulk/prepare", &[], &body).await?;
    let count = prepared.count;
    if count == 0 {
        tool.remark("no instance meets the conditions; nothing was changed");
        return report(0, 0, action, tool);
    }
    confirm(tool, &question(action, count, &prepared.sample, filter)).await?;
    let token = json!({ "token": prepared.token });
    run(api, &token, action, count, tool).await
}

async fn run(api: &Api, token: &Value, action: Action, count: u64, tool: &mut Tool) -> Done {
    let mut lines = api.post_lines("api/bulk/run", token).await?;
    let progress = Progress::new(tool, imperative(action), Some(count));
    let (mut done, mut failed) = (0, 0);
    let mut is_over = false;
    while let Some(line) = lines.next().await? {
        let step: BulkProgress = serde_json::from_str(&line).map_err(|error| {
            Failure::unreachable(format_args!("a line of progress is invalid: {error}"))
        })?;
        (done, failed, is_over) = (step.done, step.failed, step.is_over);
        progress.at(done + failed);
        if let Some(problem) = step.error {
            let id = printable(step.last.as_deref().unwrap_or_default());
            remark(format_args!("reenact: {id}: {}", printable(&problem.detail)));
        }
    }
    drop(progress);
    if !is_over {
        return Err(Failure::unreachable(format_args!("it broke off after {done} of {count}"))
            .remedy("run it again: what is done is not done twice"));
    }
    report(done, failed, action, tool)
}

fn report(done: u64, failed: u64, action: Action, tool: &mut Tool) -> Done {
    if !tool.out.is_for_people() {
        tool.out.value(&json!({"action": action.name(), "done": done, "failed": failed}))?;
    } else if done + failed > 0 {
        let noun = if done == 1 { "instance" } else { "instances" };
        tool.out.line(format_args!("{} {done} {noun}", past(action)))?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(Code::Failed, format_args!("{failed} of {} were refused", done + failed)))
}

/// The conditions as the API takes them in a body.
fn as_object(filter: &Filter, tool: &Tool) -> Value {
    let mut object = Map::new();
    for (name, value) in filter.query(tool.out.now()) {
        if name == "state" {
            let states = object.entry("state").or_insert_with(|| json!([]));
            if let Some(states) = states.as_array_mut() {
                states.push(value.into());
            }
        } else {
            object.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(object)
}

fn question(action: Action, count: u64, sample: &[InstanceRow], filter: &Filter) -> String {
    let shown = sample.iter().take(SAMPLE);
    let ids: Vec<_> = shown
        .map(|row| {
            format!(
                "  {}  {}  {}",
                printable(&row.id),
                printable(&row.orchestration),
                row.state.name()
            )
        })
        .collect();
    let shown = u64::try_from(ids.len()).unwrap_or(0);
    let more = match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let ids = ids.join("\n");
    let noun = if count == 1 { "instance" } else { "instances" };
    let conditions = printable(&filter.describe());
    format!(
        "{count} {noun} with {conditions}:\n{ids}{more}\n{} {count} {noun}?",
        imperative(action)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_the_count_and_a_sample() {
        let filter = Filter { prefix: Some("test-".to_owned()), ..Filter::default() };
        let row = |id: &str| {
            let row = json!({"id": id, "execution": 1, "orchestration": "order", "state": "failed",
                "created_at": "2026-11-29T12:00:00Z", "updated_at": "2026-11-29T12:00:00Z", "turns": 1,
                "events": 1, "is_finished": true, "can_be_purged": true});
            serde_json::from_value::<InstanceRow>(row).unwrap()
        };
        let asked = question(Action::Purge, 3, &[row("test-1"), row("test-2")], &filter);
        assert_eq!(
            asked,
            "3 instances with prefix test-:\n  test-1  order  failed\n  test-2  order  failed\n  and 1 more\n\
             Purge 3 instances?"
        );
    }
}
