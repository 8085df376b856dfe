use reenact::prelude::*;

struct Greeter;

impl Greeter {
    #[activity]
    async fn greet(&self, _ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(name)
    }
}

fn main() {}
