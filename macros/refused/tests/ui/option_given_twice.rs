use reenact::prelude::*;

#[activity(name = "hello", name = "hi")]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
