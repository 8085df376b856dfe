use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext, name: Option<&str>) -> Result<String, ActivityError> {
    Ok(name.unwrap_or("nobody").to_string())
}

fn main() {}
