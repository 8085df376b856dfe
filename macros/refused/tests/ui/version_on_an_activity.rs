use reenact::prelude::*;

#[activity(version = "1.2.0")]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
