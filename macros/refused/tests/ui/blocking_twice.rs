use reenact::prelude::*;

#[activity(blocking, name = "read", blocking)]
fn read(_ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
    Ok(path)
}

struct Files;

#[activities(blocking)]
impl Files {
    #[activity]
    fn read(&self, _ctx: ActivityContext, path: String) -> Result<String, ActivityError> {
        Ok(path)
    }
}

fn main() {}
