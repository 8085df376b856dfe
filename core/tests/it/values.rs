//! What the code sees live is what replay will see; what could not be read again is refused before it
//! is recorded.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::support::instance::{
    self, Answer, Instance, code, complete, instance_id, name, payload, task, turn,
};
use reenact_core::limits::MAX_PAYLOAD_DEPTH;
use reenact_core::{
    ActivityDefinition, ActivityError, ActivityErrorKind, ChildError, CorrelationId, Event,
    ExecutionId, Machine, MachineConfig, Orchestration, OrchestrationCode, OrchestrationContext,
    OrchestrationError, OrchestrationErrorKind, Payload, PayloadError,
};
use serde::{Deserialize, Serialize};

/// A list in a list in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Nested(Vec<Nested>);

fn nested(levels: usize) -> Nested {
    (1..levels).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]))
}

struct Price;

impl ActivityDefinition for Price {
    type Input = f64;
    type Output = f64;
    const NAME: &'static str = "price";
}

struct Ship;

impl Orchestration for Ship {
    type Input = f64;
    type Output = f64;
    const NAME: &'static str = "ship";

    async fn run(_: OrchestrationContext, weight: f64) -> Result<f64, OrchestrationError> {
        Ok(weight.ln())
    }
}

#[test]
fn a_float_comes_back_bit_for_bit() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    for _ in 0..20_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        #[expect(clippy::cast_precision_loss, reason = "any number in [0, 1) will do")]
        for float in [f64::from_bits(state), (state >> 11) as f64 / (1_u64 << 53) as f64] {
            if float.is_finite() {
                let read: f64 = payload(float).decode().expect("a number");
                assert_eq!(read.to_bits(), float.to_bits(), "{float:e}");
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "half of the bits")]
        let single = f32::from_bits(state as u32);
        if single.is_finite() {
            let read: f32 = payload(single).decode().expect("a number");
            assert_eq!(read.to_bits(), single.to_bits(), "{single:e}");
        }
    }
}

#[test]
fn a_side_effect_gives_what_replay_will_give() {
    #[derive(Serialize, Deserialize)]
    struct Lookup {
        id: u64,
        #[serde(skip)]
        fresh: bool,
    }
    let code = code(async |ctx: OrchestrationContext, ()| {
        let found: Option<Option<u8>> = ctx.side_effect(|| Some(None)).await;
        let lookup = ctx.side_effect(|| Lookup { id: 7, fresh: true }).await;
        task(&ctx, &format!("{found:?} {} {}", lookup.id, lookup.fresh)).await?;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.log()[3], "TaskScheduled #3 `None 7 false`");
    instance.complete(3, 0);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_side_effect_that_does_not_decode_fails_the_instance_at_once() {
    let not_a_number =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.side_effect(|| f64::NAN).await));
    let too_deep = code(async |ctx: OrchestrationContext, ()| {
        ctx.side_effect(|| nested(MAX_PAYLOAD_DEPTH + 1)).await;
        Ok(())
    });
    for (code, why) in
        [(not_a_number, "invalid type: null, expected f64"), (too_deep, "127 levels")]
    {
        let instance = Instance::start(code, ());
        assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
        assert!(instance.failure().message().contains(why), "{}", instance.failure());
        assert_eq!(instance.log().len(), 2, "nothing of it is recorded");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn what_is_nested_as_deep_as_can_be_is_recorded_and_read() {
    let deep = code(async |ctx: OrchestrationContext, ()| {
        let read = ctx.side_effect(|| nested(MAX_PAYLOAD_DEPTH)).await;
        ctx.set_status(&read);
        task(&ctx, "a").await?;
        Ok(())
    });
    let mut instance = Instance::start(deep, ());
    instance.complete(1 + 1, 0);
    instance.output::<()>();
    instance.assert_replays_from_every_point();
    assert!(matches!(Payload::encode(&nested(MAX_PAYLOAD_DEPTH + 1)), Err(PayloadError::TooDeep)));
}

/// It would use up the stack, and end the process.
#[test]
fn a_value_that_is_nested_without_end_is_refused_as_well() {
    let endless = nested(20_000);
    assert_eq!(Payload::encode(&endless), Err(PayloadError::TooDeep));
    // Nor could it be dropped.
    std::mem::forget(endless);
}

#[test]
fn brackets_in_a_text_are_no_depth() {
    let text = format!("\\\"{}\\", "[{".repeat(1_000));
    assert_eq!(payload(&text).decode::<String>(), Ok(text));
}

#[test]
fn an_input_that_does_not_decode_is_refused_and_recorded_as_refused() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let error = ctx.call_activity(Price, f64::NAN).await.expect_err("it is refused");
        assert_eq!(error.kind(), ActivityErrorKind::InvalidInput);
        let deep = ctx.call_activity_by_name::<_, ()>("deep", &nested(300)).await;
        assert_eq!(deep.expect_err("it is refused").kind(), ActivityErrorKind::InvalidInput);
        let child = ctx.call_orchestration(Ship, f64::NAN).await.expect_err("it is refused");
        assert!(matches!(child, ChildError::InvalidInput { .. }), "{child}");
        let event = ctx.raise_event("other", "Deep", &nested(300)).await;
        event.expect_err("it is refused");
        Err::<(), _>(error.into())
    });
    let instance = Instance::start(code, ());
    assert_eq!(
        instance.log()[1..4],
        ["TaskRefused #1 `price`", "TaskRefused #2 `deep`", "CallRefused #3 `ship`"]
    );
    assert_eq!(
        instance.failure().message(),
        "activity `price` #1 failed: the activity's input is not valid: the value does not decode from \
         the JSON that it encodes to: invalid type: null, expected f64 at line 1 column 4"
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn an_output_that_does_not_decode_fails_the_instance() {
    let code = OrchestrationCode::of::<Ship>().expect("a name");
    let (config, start) = (MachineConfig::default(), instance::start(-1.0));
    let now = instance::seconds(1_000);
    let started = Machine::start(&code, instance_id(), ExecutionId::FIRST, config, start, now);
    let (machine, _) = started.expect("it starts");
    let Some(reenact_core::Outcome::Failed(error)) = machine.outcome() else {
        panic!("not failed: {:?}", machine.outcome());
    };
    assert_eq!(error.kind(), OrchestrationErrorKind::InvalidOutput);
}

/// Before they were refused, such inputs were recorded.
#[test]
fn a_history_with_an_input_that_is_refused_now_replays() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let price = ctx.call_activity(Price, f64::NAN).await;
        let deep = ctx.call_activity_by_name::<_, ()>("deep", &nested(200)).await;
        let _sent = ctx.raise_event("other", "Deep", &nested(200));
        ctx.set_status(&nested(200));
        task(&ctx, if price.is_err() && deep.is_err() { "end" } else { "go on" }).await?;
        Ok(())
    });
    let deep = || Payload::from_bytes([b"[".repeat(200), b"]".repeat(200)].concat()).unwrap();
    let scheduled =
        |id, of: &str, input| Event::TaskScheduled { id: CorrelationId(id), name: name(of), input };
    let failed = |id| Event::TaskFailed {
        id: CorrelationId(id),
        error: ActivityError::of_kind(ActivityErrorKind::InvalidInput, "it does not decode"),
    };
    let started = Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: instance::SEED,
        delay: None,
    };
    let (to, event) = (reenact_core::InstanceId::new("other").expect("an id"), name("Deep"));
    let sent = Event::EventSent { id: CorrelationId(3), to, name: event, data: deep() };
    let turns = [
        turn(1, [started, scheduled(1, "price", payload(()))]),
        turn(2, [failed(1), scheduled(2, "deep", deep())]),
        turn(
            3,
            [
                failed(2),
                sent,
                Event::StatusSet { status: deep() },
                scheduled(4, "end", payload(())),
            ],
        ),
    ];
    let config = MachineConfig::default();
    let mut machine = Instance::try_replay(&code, &config, &turns).expect("it replays");
    let ended = machine.apply(complete(4, 0), instance::seconds(9)).map(Answer::of);
    assert!(ended.expect("a turn").outcome.is_some());
}

/// Each call of the code makes a map with an order of its own.
fn map() -> HashMap<u32, u32> {
    (0..12).map(|n| (n, n * n)).collect()
}

#[test]
fn a_map_is_the_same_status_and_the_same_input_in_whatever_order() {
    #[derive(Serialize)]
    struct Progress {
        step: &'static str,
        done: HashMap<u32, u32>,
        seen: HashSet<u32>,
    }
    let code = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..4 {
            let seen = (0..12).collect();
            ctx.set_status(&Progress { step: "waiting", done: map(), seen });
            let _: u64 = ctx.call_activity_by_name("a", &map()).await?;
        }
        ctx.set_status(&Progress { step: "done", done: map(), seen: HashSet::new() });
        let _: u64 = ctx.call_orchestration_by_name("child", &map()).await?;
        ctx.continue_as_new_untyped::<_, ()>(&map())
    });
    for _ in 0..20 {
        let mut instance = Instance::start(code.clone(), ());
        (1..=4).for_each(|id| drop(instance.complete(id, 0)));
        let strict = MachineConfig { strict: true, ..MachineConfig::default() };
        for config in [&instance.config, &strict] {
            Instance::try_replay(&code, config, instance.turns()).expect("the same steps");
        }
        let set = instance.log().iter().filter(|event| *event == "StatusSet").count();
        assert!((2..=5).contains(&set), "a set is written in an order of its own: {set}");
    }
}

#[test]
fn a_map_that_is_set_again_is_no_step_whatever_its_order() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..9 {
            ctx.set_status(&map());
            task(&ctx, "a").await?;
        }
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    (1..=9).for_each(|id| drop(instance.complete(id, 0)));
    assert_eq!(instance.log().iter().filter(|event| *event == "StatusSet").count(), 1);
    for turns in 0..=instance.turns().len() {
        let turns = &instance.turns()[..turns];
        Instance::try_replay(&instance.code, &instance.config, turns).expect("the same steps");
    }
}

/// Before maps were compared as maps, one that was set again was recorded again.
#[test]
fn a_history_that_has_the_same_map_twice_replays() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..2 {
            ctx.set_status(&BTreeMap::from([("a", 1), ("b", 2)]));
            task(&ctx, "a").await?;
        }
        Ok(())
    });
    let status = |json: &str| Event::StatusSet {
        status: Payload::from_bytes(json.as_bytes().to_vec()).expect("it is small"),
    };
    let scheduled =
        |id| Event::TaskScheduled { id: CorrelationId(id), name: name("a"), input: payload(()) };
    let started = Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: instance::SEED,
        delay: None,
    };
    let completed = Event::TaskCompleted { id: CorrelationId(1), output: payload(0) };
    let turns = [
        turn(1, [started, status(r#"{"b":2,"a":1}"#), scheduled(1)]),
        turn(2, [completed, status(r#"{"a":1,"b":2}"#), scheduled(2)]),
    ];
    let config = MachineConfig::default();
    let machine = Instance::try_replay(&code, &config, &turns).expect("it replays");
    assert_eq!(machine.status_turn(), Some(1));
}

/// A float was off by a step when it came to the code, and so was what the code made of it.
#[test]
fn a_history_of_floats_that_were_off_by_a_step_replays() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let price: f64 = ctx.call_activity_by_name("price", &()).await?;
        Ok(ctx.call_activity_by_name::<_, u64>("pay", &(price * 3.0)).await?)
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.complete(1, 0.41000000000000003);
    let mut turns = instance.turns().to_vec();
    let next = f64::from_bits(0.41000000000000003_f64.to_bits() + 1);
    let off = Payload::encode(&(next * 3.0)).expect("a number");
    let Event::TaskCompleted { .. } = turns[1].events[0] else { panic!("{turns:?}") };
    let scheduled = Event::TaskScheduled { id: CorrelationId(2), name: name("pay"), input: off };
    turns[1].events = [turns[1].events[0].clone(), scheduled].into();
    Instance::try_replay(&code, &instance.config, &turns).expect("it replays");
}
