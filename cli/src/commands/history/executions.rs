//! Which executions of an instance there are.

use reenact::console::dto::{Execution, Executions};
use serde_json::Value;

use crate::api::{Api, of, understood};
use crate::failure::Done;
use crate::output::table::{Column, Table};
use crate::output::text::printable;
use crate::output::times;
use crate::tool::Tool;

/// Writes them as a table, the newest one last.
pub(crate) async fn list(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let there: Value = api.get("api/executions", &of(id)).await?;
    if !tool.out.is_for_people() {
        return tool.out.value(&there);
    }
    let Executions { executions } = understood(there)?;
    let mut table = Table::new(vec![
        Column::number("EXECUTION"),
        Column::text("BEGAN (UTC)"),
        Column::text("ENDED (UTC)"),
        Column::text("HOW"),
        Column::number("EVENTS"),
        Column::long("ORCHESTRATION"),
    ]);
    for one in &executions {
        let ended = one.ended_at.map(|at| times::to_the_millisecond(&at.to_string()));
        table.row(vec![
            one.execution.to_string().into(),
            times::to_the_millisecond(&one.started_at.to_string()).into(),
            ended.unwrap_or_else(|| "-".to_owned()).into(),
            printable(&one.end).into(),
            one.events.to_string().into(),
            printable(&one.orchestration).into(),
        ]);
    }
    tool.out.rows(&mut table)?;
    tool.out.flush()
}

/// In words, which there are beside the newest one; `None` where there is no other.
pub(crate) fn earlier(there: &[Execution]) -> Option<String> {
    let (_, earlier) = there.split_last()?;
    let (first, last) = (earlier.first()?.execution, earlier.last()?.execution);
    Some(match earlier.len() {
        1 => format!("execution {first}"),
        many => format!("{many}: executions {first} to {last}"),
    })
}
