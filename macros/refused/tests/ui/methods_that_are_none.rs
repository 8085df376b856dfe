use reenact::prelude::*;

struct Payments;

#[activities]
impl Payments {
    #[activity]
    async fn charge(&mut self, _ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
        Ok(cents)
    }

    #[activity(version = "1.0.0")]
    async fn refund(&self, _ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
        Ok(cents)
    }

    #[activity]
    fn total(&self) -> u64 {
        0
    }
}

struct Empty;

#[activities]
impl Empty {
    fn text(&self) {}
}

struct Generic<T>(T);

#[activities]
impl<T> Generic<T> {
    #[activity]
    async fn run(&self, _ctx: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }
}

#[activities]
impl Default for Empty {
    fn default() -> Self {
        Self
    }
}

#[activities]
struct Other;

fn main() {}
