//! Random values of all that serde has: whatever becomes of one on its way into a payload, the code sees
//! live what replay will see, and what could not be read again is refused before it is recorded.

mod any;

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::support::instance::{self, Instance, code, task};
use any::Any;
use reenact_core::{
    ActivityDefinition, Event, OrchestrationContext, OrchestrationErrorKind, Outcome, Payload,
    PayloadError,
};

/// Values for each way in.
const VALUES: u64 = 400;

struct Echo;

impl ActivityDefinition for Echo {
    type Input = Any;
    type Output = Any;
    const NAME: &'static str = "echo";
}

/// Names what the code has seen, so that replay would find that it sees something else.
fn digest(seen: &Any) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{seen:?}").hash(&mut hasher);
    format!("saw {:016x}", hasher.finish())
}

fn read_back(seed: u64) -> Result<(Payload, Any), PayloadError> {
    Payload::encode_checked(&Any::random(seed))
}

#[test]
fn among_the_values_are_many_of_each_fate() {
    let (mut same, mut changed, mut unreadable, mut unwritable) = (0, 0, 0, 0);
    for seed in 0..VALUES {
        match read_back(seed) {
            Ok((_, read)) if digest(&read) == digest(&Any::random(seed)) => same += 1,
            Ok(_) => changed += 1,
            Err(PayloadError::NotReadable(_) | PayloadError::TooDeep) => unreadable += 1,
            Err(_) => unwritable += 1,
        }
    }
    let fates = [same, changed, unreadable, unwritable];
    assert!(fates.iter().all(|count| *count >= 10), "{fates:?}");
}

#[test]
fn what_is_read_once_is_read_again_as_the_same() {
    for (payload, read) in (0..VALUES).filter_map(|seed| read_back(seed).ok()) {
        assert_eq!(digest(&payload.decode().expect("again")), digest(&read), "{payload}");
    }
}

#[test]
fn a_side_effect_is_seen_as_it_is_recorded_or_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, seed: u64| {
        let seen = ctx.side_effect(|| Any::random(seed)).await;
        Ok(task(&ctx, &digest(&seen)).await?)
    });
    for seed in 0..VALUES {
        let mut instance = Instance::start(code.clone(), seed);
        match read_back(seed) {
            Ok((_, read)) => {
                let seen = format!("TaskScheduled #2 `{}`", digest(&read));
                assert_eq!(instance.log()[2], seen, "{seed}");
                instance.complete(2, 0);
            }
            Err(why) => {
                assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
                assert!(instance.failure().message().ends_with(&why.to_string()), "{seed}");
            }
        }
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn an_input_of_an_activity_is_recorded_only_if_the_activity_can_read_it() {
    let code = code(async |ctx: OrchestrationContext, seed: u64| {
        let next = match ctx.call_activity(Echo, Any::random(seed)).await {
            Ok(seen) => digest(&seen),
            Err(error) => format!("{:?}", error.kind()),
        };
        Ok(task(&ctx, &next).await?)
    });
    for seed in 0..VALUES {
        let mut instance = Instance::start(code.clone(), seed);
        let input = instance.machine.history().events().find_map(|event| match event.event {
            Event::TaskScheduled { name, input, .. } if name.as_str() == "echo" => {
                Some(input.clone())
            }
            _ => None,
        });
        let expected = match read_back(seed) {
            Ok((payload, read)) => {
                assert_eq!(input, Some(payload), "{seed}");
                let output: Any = input.expect("it was scheduled").decode().expect("an output");
                instance.complete(1, &output);
                digest(&read)
            }
            Err(_) => {
                assert_eq!(input, None, "{seed}");
                "InvalidInput".to_string()
            }
        };
        let last = instance.log().pop().expect("an event");
        assert!(last.ends_with(&format!("`{expected}`")), "{seed}: {last}");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn an_event_is_seen_as_it_is_recorded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let next = match ctx.wait_external::<Any>("Come").await {
            Ok(seen) => digest(&seen),
            Err(_) => "not of the type".to_string(),
        };
        Ok(task(&ctx, &next).await?)
    });
    for seed in 0..VALUES {
        let Ok(data) = Payload::encode(&Any::random(seed)) else { continue };
        let mut instance = Instance::start(code.clone(), ());
        let (name, key) = (instance::name("Come"), None);
        instance.apply(reenact_core::Command::RaiseEvent { name, data, key });
        let expected = read_back(seed).map_or("not of the type".into(), |(_, read)| digest(&read));
        assert!(instance.log()[3].ends_with(&format!("`{expected}`")), "{seed}");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn an_execution_continues_only_with_an_input_that_the_next_one_can_read() {
    let code = code(async |ctx: OrchestrationContext, at: (u64, Any)| {
        ctx.continue_as_new_untyped::<_, ()>(&(at.0, Any::random(at.0)))
    });
    for seed in 0..VALUES {
        let instance = Instance::start(code.clone(), (seed, Any::Unit));
        match (read_back(seed), instance.machine.outcome()) {
            (Ok((_, read)), Some(Outcome::Continued { input })) => {
                let (_, seen): (u64, Any) = input.decode().expect("an input");
                assert_eq!(digest(&seen), digest(&read), "{seed}");
            }
            (_, Some(Outcome::Failed(error))) => {
                use OrchestrationErrorKind::{InvalidInput, InvalidValue};
                assert!(matches!(error.kind(), InvalidInput | InvalidValue), "{seed}: {error}");
            }
            (_, other) => panic!("{seed}: {other:?}"),
        }
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_status_of_any_value_replays() {
    let code = code(async |ctx: OrchestrationContext, seed: u64| {
        ctx.set_status(&Any::random(seed));
        ctx.set_status(&Any::random(seed + 1));
        Ok(task(&ctx, "a").await?)
    });
    for seed in 0..VALUES {
        Instance::start(code.clone(), seed).assert_replays_from_every_point();
    }
}
