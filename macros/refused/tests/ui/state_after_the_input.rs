use reenact::prelude::*;

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64, fee: State<u64>) -> Result<u64, ActivityError> {
    Ok(cents + *fee)
}

fn main() {}
