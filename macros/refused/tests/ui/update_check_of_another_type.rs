use reenact::UpdateName;
use reenact::prelude::*;

const ADD: UpdateName<String, usize, String> = UpdateName::new("add");

fn is_item(item: &u64) -> Result<(), String> {
    if *item > 0 { Ok(()) } else { Err("no item".to_string()) }
}

#[orchestration(updates(ADD if is_item))]
async fn cart(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

fn main() {}
