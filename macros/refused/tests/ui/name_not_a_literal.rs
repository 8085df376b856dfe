use reenact::prelude::*;

const GREET: &str = "greet";

#[activity(name = GREET)]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
