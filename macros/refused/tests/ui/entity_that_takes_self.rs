use reenact::prelude::*;

struct Account;

#[entity]
impl Account {
    fn close(self) {}

    fn state(&self) {}

    fn rename(&mut self, name: &str) {}

    async fn wait(&mut self, ctx: OrchestrationContext) {}
}

fn main() {}
