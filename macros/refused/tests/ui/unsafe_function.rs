use reenact::prelude::*;

#[activity]
async unsafe fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

fn main() {}
