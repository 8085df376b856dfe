//! The log of an execution: turns, each after its length in two bytes.

use std::sync::LazyLock;

use futures_util::FutureExt;
use reenact::prelude::*;
use reenact::providers::{InstanceState, InstanceSummary, StoredTurn};
use reenact::testing::Executor;
use reenact_actors::{Registry, Verifier};
use reenact_core::{
    ExecutionId, InstanceId, Name, RecordedTurn, TimelineBuilder, Timestamp, Viewer, codec,
};

/// Items that a view has of each kind at most.
const SHOWN: usize = 100;

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    Ok(cents)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
    ctx.set_status("charging");
    let charged = ctx.call_activity(charge, cents).await?;
    ctx.publish("charged", &charged);
    ctx.emit("lines", &charged);
    ctx.schedule_timer(std::time::Duration::from_secs(60)).await;
    let approved: bool = ctx.wait_external("Approve").await?;
    if approved { Ok(charged) } else { Err(OrchestrationError::new("it was not approved")) }
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::default();
    registry.add_orchestration::<order>().expect("a name of its own");
    registry.add_activity::<charge>().expect("a name of its own");
    registry
});

/// Decodes the turns, shows them in each view, and replays them: nothing panics, and what is decoded is encoded to
/// what decodes to the same.
pub(super) fn run(input: &[u8]) {
    let stored = split(input);
    let decoded: Vec<_> = stored.iter().map_while(|bytes| codec::decode_turn(bytes).ok()).collect();
    for (bytes, turn) in stored.iter().zip(&decoded) {
        let again = codec::encode_turn(turn).expect("what was read can be written");
        assert_eq!(codec::decode_turn(&again).expect("it can be read"), *turn);
        let _ = codec::status_turn(bytes);
    }
    show(&decoded);
    replay(&stored, decoded.first());
}

fn show(turns: &[RecordedTurn]) {
    let instance = InstanceId::new("order-7").expect("it is valid");
    let (mut viewer, mut timeline) =
        (Viewer::new(instance.clone()), TimelineBuilder::new(instance, 0, SHOWN));
    for turn in turns {
        viewer.apply(turn);
        timeline.apply(turn);
        let _ = viewer.view(SHOWN);
    }
    let _ = timeline.finish();
}

fn replay(stored: &[&[u8]], first: Option<&RecordedTurn>) {
    let summary = InstanceSummary {
        instance: InstanceId::new("order-7").expect("it is valid"),
        execution: ExecutionId::FIRST,
        name: Name::new("order").expect("it is valid"),
        state: InstanceState::Running,
        created_at: first.map_or(Timestamp::EPOCH, |turn| turn.at),
        updated_at: Timestamp::EPOCH,
        turns: stored.len() as u64,
        events: stored.len() as u64,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    let turn = |(number, bytes): (u64, &&[u8])| StoredTurn { number, bytes: (*bytes).into() };
    let turns = (0..).zip(stored).map(turn).collect();
    let verified = Verifier::new(&REGISTRY).unfit(summary, turns).now_or_never();
    // A history that cannot be read does not fit either.
    let _ = verified.expect("nothing is waited for");
}

/// The turns of an input, as far as they are whole.
fn split(mut input: &[u8]) -> Vec<&[u8]> {
    let mut turns = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (turn, rest) = rest.split_at(length);
        turns.push(turn);
        input = rest;
    }
    turns
}

/// Histories of a run to its end, of each beginning of it, and of one that fails.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let run = |approved: bool| {
        let executor = Executor::of(order).expect("it is valid");
        let executor = executor.activity("charge", |cents: u64| Ok(cents));
        executor.event("Approve", &approved).drive_to_completion(&430_u64)
    };
    let joined = |turns: &[RecordedTurn]| {
        let mut joined = Vec::new();
        for turn in turns {
            let bytes = codec::encode_turn(turn).expect("it can be written");
            joined.extend((bytes.len() as u16).to_le_bytes());
            joined.extend(bytes);
        }
        joined
    };
    let mut seeds = Vec::new();
    for approved in [true, false] {
        let run = run(approved).expect("it comes to its end");
        let turns = run.history.turns();
        seeds.extend((1..=turns.len()).map(|count| joined(&turns[..count])));
    }
    seeds
}
