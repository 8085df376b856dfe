use reenact::prelude::*;

#[activity(allow(rand))]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
