//! The core in a program without std.
//!
//! The panic handler is the check: std brings one of its own, so that std anywhere among the
//! dependencies is a compile error (E0152, duplicate lang item `panic_impl`). To see it fail, add
//! `serde = { version = "1", features = ["std"] }` to the dependencies here, or `extern crate std;`
//! to the core.
#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use reenact_core::{
    Attributes, Command, CorrelationId, ExecutionId, InstanceId, Machine, MachineConfig, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Payload, Start, Timestamp, codec,
};

#[panic_handler]
fn halt(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

async fn orchestration(ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity_by_name("double", &input).await?)
}

/// Starts, stores, reads and replays an instance, and gives its answer.
pub fn run() -> Option<u64> {
    let code = OrchestrationCode::new("orchestration", orchestration).ok()?;
    let (id, first) = (InstanceId::new("instance").ok()?, ExecutionId::FIRST);
    let (config, now) = (MachineConfig::default(), Timestamp::EPOCH);
    let start = Start { input: Payload::encode(&21).ok()?, seed: 0, delay: None, origin: None, trace: None, limits: Default::default(), attributes: Attributes::default() };
    let (_, turn) = Machine::start(&code, id.clone(), first, config.clone(), start, now).ok()?;
    let stored: Vec<u8> = codec::encode_turn(&turn.recorded).ok()?;
    let read = codec::decode_turn(&stored).ok()?;
    let mut machine = Machine::replay(&code, id, first, config, [read]).ok()?;
    let result = Ok(Payload::encode(&42).ok()?);
    machine.apply(Command::CompleteTask { id: CorrelationId(1), attempt: 1, result }, now).ok()?;
    match machine.outcome()? {
        reenact_core::Outcome::Completed(output) => output.decode().ok(),
        _ => None,
    }
}
