use reenact::prelude::*;

#[activity]
async fn greet(name: String, _ctx: ActivityContext) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
