use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Option<String> {
    Some(name)
}

fn main() {}
