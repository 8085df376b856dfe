//! The children of an instance as a tree, and its failure down through them.

use reenact::console::dto::{FailedCall, FailureChain, FailureLink, Tree, TreeNode};
use serde_json::Value;

use crate::api::{Api, of, understood};
use crate::failure::Done;
use crate::output::styles::{BAD, FAINT, STRONG, of_state, paint};
use crate::output::text::printable;
use crate::output::times;
use crate::tool::Tool;

pub(super) async fn tree(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let tree: Value = api.get("api/tree", &of(id)).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&tree);
    }
    let Tree { ancestors, instance, is_cut } = understood(tree)?;
    let mut lines = Vec::new();
    let mut room = String::new();
    for ancestor in &ancestors {
        let row = ancestor.instance.as_ref();
        let name = row.map_or("", |row| row.orchestration.as_str());
        let state = row.map(|row| row.state.name());
        lines.push(format!("{room}{}", node(&ancestor.id, name, state, &ancestor.relation)));
        room = format!("{}└─ ", room.replace("└─ ", "   "));
    }
    let rest = room.replace("└─ ", "   ");
    branch(&instance, &room, &rest, &mut lines);
    if is_cut {
        lines.push(paint(FAINT, "there are more than are shown"));
    }
    tool.out.lines(lines)
}

/// A node and what is below it. The first line begins with `first`, the others with `rest`.
fn branch(of: &TreeNode, first: &str, rest: &str, lines: &mut Vec<String>) {
    let state = of.state.map(|state| state.name());
    let relation = of.call.as_ref().map_or("child", |call| call.relation.as_str());
    lines.push(format!("{first}{}", node(&of.instance, &of.name, state, relation)));
    let shown = u64::try_from(of.children.len()).unwrap_or(u64::MAX);
    let left = of.started.unwrap_or(shown).saturating_sub(shown);
    for (at, child) in of.children.iter().enumerate() {
        let is_last = at + 1 == of.children.len() && left == 0;
        let (first, more) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(child, &format!("{rest}{first}"), &format!("{rest}{more}"), lines);
    }
    if left > 0 {
        lines.push(format!("{rest}└─ {}", paint(FAINT, format_args!("{left} more"))));
    }
}

/// One instance: its id, its orchestration, its state.
fn node(id: &str, name: &str, state: Option<String>, relation: &str) -> String {
    let state =
        state.map_or_else(|| paint(FAINT, "not there"), |state| paint(of_state(&state), &state));
    let detached = if relation == "detached" { ", detached" } else { "" };
    format!("{}  {}  {state}{detached}", printable(id), paint(FAINT, printable(name)))
}

pub(super) async fn failure(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let chain: Value = api.get("api/failure", &of(id)).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&chain);
    }
    let FailureChain { links } = understood(chain)?;
    if links.is_empty() {
        return tool.out.line(format_args!("{} has not failed", printable(id)));
    }
    for (depth, one) in links.iter().enumerate() {
        let lines = link(one, depth, tool);
        tool.out.lines(lines)?;
    }
    Ok(())
}

/// One failure, further to the right the deeper it is.
fn link(link: &FailureLink, depth: usize, tool: &Tool) -> Vec<String> {
    let state = link.state.map_or_else(|| "gone".to_owned(), |state| state.name());
    let when = link.at.map_or_else(String::new, |at| {
        paint(FAINT, format_args!(" {}", times::age(&at.to_string(), tool.out.now())))
    });
    let arrow =
        if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
    let room = "   ".repeat(depth);
    let mut lines = vec![
        format!(
            "{arrow}{}  {}  {}{when}",
            paint(STRONG, printable(&link.instance)),
            paint(FAINT, printable(&link.orchestration)),
            paint(of_state(&state), &state),
        ),
        format!("{room}{}", paint(BAD, printable(&link.message))),
    ];
    let sources =
        link.sources.iter().map(|source| format!("{room}caused by: {}", printable(source)));
    lines.extend(sources);
    if let Some(cause) = &link.cause {
        let named = if cause.is_named { "" } else { ", as it seems" };
        let what = match &cause.what {
            FailedCall::Activity { name, attempts: 0 | 1, .. } => format!("the activity {name}"),
            FailedCall::Activity { name, attempts, .. } => {
                format!("the activity {name}, after {attempts} attempts")
            }
            FailedCall::Child { name, .. } => format!("the child {name}"),
        };
        let what = printable(&what);
        lines.push(format!(
            "{room}{}",
            paint(FAINT, format_args!("by {what}, event {}{named}", cause.position))
        ));
    }
    lines
}
