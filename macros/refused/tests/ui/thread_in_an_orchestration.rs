use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let worker = std::thread::spawn(|| 7);
    Ok(format!("{name} {:?}", worker.join().ok()))
}

fn main() {}
