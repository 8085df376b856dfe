use reenact::prelude::*;

#[activity(blocking)]
fn by_reference(_ctx: &ActivityContext, path: String) -> Result<String, ActivityError> {
    Ok(path)
}

#[activity(blocking)]
fn without_result(_ctx: ActivityContext, path: String) -> String {
    path
}

#[activity(blocking)]
unsafe fn not_safe(_ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
    Ok(path)
}

#[activity(blocking)]
fn with_a_future(
    _ctx: ActivityContext,
    path: String,
) -> impl Future<Output = Result<String, ActivityError>> {
    async move { Ok(path) }
}

fn main() {}
