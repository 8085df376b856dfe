use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext) -> Result<&'static str, ActivityError> {
    Ok("Hello")
}

fn main() {}
