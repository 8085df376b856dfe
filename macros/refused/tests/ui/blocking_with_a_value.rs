use reenact::prelude::*;

#[activity(blocking = true)]
fn read(_ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
    Ok(path)
}

#[activity(name = "write", blocking("threads"))]
fn write(_ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
    Ok(path)
}

fn main() {}
