//! Activities that block their thread.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(unreachable_pub, reason = "what a program writes is public")]

use std::sync::Arc;

use reenact::prelude::*;

/// Reads.
#[activity(blocking)]
pub fn read(ctx: ActivityContext, path: String) -> std::io::Result<String> {
    ctx.activity_name();
    std::fs::read_to_string(path)
}

#[activity(name = "files.wait", blocking)]
async fn wait(_ctx: ActivityContext) -> Result<(), ActivityError> {
    std::thread::yield_now();
    Ok(())
}

#[activity(blocking)]
fn with_state(
    _: ActivityContext,
    State(text): State<String>,
    (a, b): (u64, u64),
) -> Result<String, String> {
    Ok(format!("{text}{a}{b}"))
}

#[activity]
async fn quick(_ctx: ActivityContext) -> Result<(), ActivityError> {
    Ok(())
}

struct Files {
    root: String,
}

#[activities]
impl Files {
    #[activity(blocking)]
    fn list(&self, _ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
        Ok(format!("{}/{path}", self.root))
    }

    #[activity(name = "files.size", blocking)]
    fn size(self: Arc<Self>, _ctx: ActivityContext) -> std::io::Result<u64> {
        Ok(self.root.len() as u64)
    }

    #[activity(blocking)]
    async fn sync(&self, _ctx: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }

    #[activity]
    async fn quick(&self, _ctx: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }
}

fn is_blocking<A: Activity>(_activity: A) -> bool {
    A::BLOCKING
}

#[test]
fn blocking_activities_are_marked() {
    assert!(is_blocking(read) && is_blocking(wait) && is_blocking(with_state));
    assert!(!is_blocking(quick));
    assert!(is_blocking(Files::list) && is_blocking(Files::size) && is_blocking(Files::sync));
    assert!(!is_blocking(Files::quick));
    assert_eq!((read::NAME, wait::NAME), ("read", "files.wait"));
    drop(Host::builder().activity(read).activities(Files { root: String::new() }));
}
