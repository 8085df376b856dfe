use reenact::prelude::*;

#[activity]
async fn greet() -> Result<String, ActivityError> {
    Ok("Hello".to_string())
}

fn main() {}
