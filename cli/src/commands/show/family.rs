//! The children of an instance as a tree, and its failure down through them.

use serde_json::Value;

use crate::api::{Api, of};
use crate::failure::Done;
use crate::output::styles::{BAD, FAINT, of_state, paint};
use crate::output::text::printable;
use crate::tool::Tool;

pub(super) async fn tree(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let tree: Value = api.get("api/tree", &of(id)).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&tree);
    }
    let mut lines = Vec::new();
    let root = if tree["root"].is_object() { &tree["root"] } else { &tree };
    branch(root, "", "", &mut lines);
    if tree["is_complete"] == false || tree["truncated"] == true {
        lines.push(paint(FAINT, "there are more than are shown"));
    }
    tool.out.lines(lines)
}

/// A node and what is below it. The first line begins with `first`, the others with `rest`.
fn branch(node: &Value, first: &str, rest: &str, lines: &mut Vec<String>) {
    let text = |field: &str| printable(node[field].as_str().unwrap_or_default());
    let state = text("state");
    let name = paint(FAINT, text("orchestration"));
    lines.push(format!("{first}{}  {name}  {}", text("id"), paint(of_state(&state), &state)));
    let children = node["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, child) in children.iter().enumerate() {
        let is_last = at + 1 == children.len();
        let (first, more) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(child, &format!("{rest}{first}"), &format!("{rest}{more}"), lines);
    }
}

pub(super) async fn failure(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let chain: Value = api.get("api/failure", &of(id)).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&chain);
    }
    let links = chain.as_array().or_else(|| chain["links"].as_array());
    let links = links.map(Vec::as_slice).unwrap_or_default();
    if links.is_empty() {
        return tool.out.line(format_args!("{} has not failed", printable(id)));
    }
    for (depth, link) in links.iter().enumerate() {
        let text = |field: &str| printable(link[field].as_str().unwrap_or_default());
        let room = "   ".repeat(depth);
        let arrow = if depth == 0 { "" } else { "└─ " };
        let room_before = if depth == 0 { String::new() } else { "   ".repeat(depth - 1) };
        tool.out.line(format_args!(
            "{room_before}{arrow}{}  {}",
            text("id"),
            paint(FAINT, text("orchestration"))
        ))?;
        tool.out.line(format_args!("{room}{}", paint(BAD, text("message"))))?;
    }
    Ok(())
}
