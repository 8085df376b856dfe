use reenact::prelude::*;

#[activity]
async fn greet<T: ToString>(_ctx: ActivityContext, name: T) -> Result<String, ActivityError> {
    Ok(name.to_string())
}

fn main() {}
