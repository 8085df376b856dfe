use reenact::prelude::*;

struct Account;

#[entity]
impl Account {
    fn close(self) {}

    fn state(&self) {}

    fn rename(&mut self, name: &str) {}

    async fn wait(&mut self, ctx: OrchestrationContext) {}
}

struct Empty;

#[entity]
impl Empty {
    fn new() -> Self {
        Empty
    }
}

#[entity(name = "a@b")]
impl Empty {
    fn get(&self) {}
}

#[entity(version = "1.0.0")]
impl Empty {
    fn get(&self) {}
}

#[entity]
impl Default for Empty {
    fn default() -> Self {
        Empty
    }
}

#[entity]
struct Other;

fn main() {}
