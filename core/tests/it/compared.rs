//! What replay compares beside kinds and names: what was asked for, with whom, and for how long.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::instance::{Instance, code, divergence, task};
use reenact_core::{
    ChildOptions, MachineConfig, OrchestrationByName, OrchestrationCode, OrchestrationContext,
    ParentClose, RetryPolicy,
};

fn strict() -> MachineConfig {
    MachineConfig { strict: true, ..MachineConfig::default() }
}

/// What replay finds of a history that one code made, and another one is held against.
fn between(made: OrchestrationCode, held: &OrchestrationCode) -> String {
    let config = MachineConfig::default();
    let history = Instance::start(made, ());
    divergence(Instance::try_replay(held, &config, history.turns())).to_string()
}

fn child(options: ChildOptions, input: u32) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| {
        let child = OrchestrationByName::new("ship", options.clone());
        async move { Ok(ctx.call_orchestration_by_name::<_, u64>(child, &input).await?) }
    })
}

fn own_id(id: &str) -> ChildOptions {
    ChildOptions::new().id(id)
}

#[test]
fn another_input_id_or_version_of_a_child_is_another_step() {
    let cases = [
        (child(own_id("s"), 2), "with input 1", "with input 2"),
        (child(own_id("t"), 1), "as `s`", "as `t`"),
        (child(own_id("s").version("1.0.0"), 1), "of the newest version", "of version 1.0.0"),
    ];
    for (changed, expected, found) in cases {
        let of = "ChildScheduled #1 `ship`";
        let text = format!("expected {of} {expected}, found {of} {found}");
        assert_eq!(
            between(child(own_id("s"), 1), &changed),
            format!("nondeterministic at event 1: {text}")
        );
    }
}

#[test]
fn how_a_child_is_called_is_compared_only_when_replay_is_strict() {
    let history = Instance::start(child(own_id("s"), 1), ());
    for (changed, found) in [
        (
            own_id("s").parent_close(ParentClose::Abandon),
            "with the policy Abandon for the end of its parent",
        ),
        (own_id("s").retry(RetryPolicy::new(3)), "with 3 attempts"),
    ] {
        let changed = child(changed, 1);
        Instance::try_replay(&changed, &history.config, history.turns())
            .expect("what is recorded counts");
        let divergence = divergence(Instance::try_replay(&changed, &strict(), history.turns()));
        assert!(divergence.found.to_string().contains(found), "{divergence}");
    }
}

#[test]
fn another_recipient_or_other_data_of_an_event_is_another_step() {
    let sends = |to: &'static str, data: u32| {
        code(move |ctx: OrchestrationContext, ()| async move {
            ctx.raise_event(to, "Paid", &data).await?;
            Ok(())
        })
    };
    for (changed, expected, found) in
        [(sends("b", 1), "to `a`", "to `b`"), (sends("a", 2), "with data 1", "with data 2")]
    {
        let of = "EventSent #1 `Paid`";
        let text = format!("expected {of} {expected}, found {of} {found}");
        assert_eq!(
            between(sends("a", 1), &changed),
            format!("nondeterministic at event 1: {text}")
        );
    }
}

#[test]
fn another_input_of_a_detached_orchestration_is_another_step() {
    let starts = |input: u32| {
        code(move |ctx: OrchestrationContext, ()| async move {
            ctx.start_orchestration_by_name("audit", &input).await?;
            Ok(())
        })
    };
    let found = between(starts(1), &starts(2));
    assert!(found.ends_with("found StartRequested #1 `audit` with input 2"), "{found}");
}

#[test]
fn another_time_limit_is_another_step() {
    let waits = |seconds: u64| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let wait = ctx.wait_external::<()>("Go");
            Ok(ctx.timeout(Duration::from_secs(seconds), wait).await.is_ok())
        })
    };
    let found = between(waits(60), &waits(90));
    assert!(found.contains("expected TimerCreated #2 for 1970-01-01T00:17:40"), "{found}");
}

#[test]
fn code_that_goes_through_a_hash_map_is_found() {
    let prices = code(async |ctx: OrchestrationContext, ()| {
        let items: HashMap<u32, ()> = (0..20).map(|item| (item, ())).collect();
        for item in items.keys() {
            let _: u64 = ctx.call_activity_by_name("price", item).await?;
        }
        Ok(())
    });
    let mut history = Instance::start(prices.clone(), ());
    (1..=10).for_each(|id| drop(history.complete(id, id)));
    let divergence = divergence(Instance::try_replay(&prices, &history.config, history.turns()));
    assert!(divergence.expected.to_string().contains("`price` with input "), "{divergence}");
}

#[test]
fn a_list_in_another_order_is_another_input_and_the_reason_says_what_the_cause_may_be() {
    let gives = |list: [u32; 3]| {
        code(move |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("a", &list).await?)
        })
    };
    let found = between(gives([1, 2, 3]), &gives([3, 2, 1]));
    assert!(
        found.ends_with(
            "found TaskScheduled #1 `a` with input [3,2,1] (only the order of a list differs: is it of a \
             hash map or set?)"
        ),
        "{found}"
    );
}

#[test]
fn of_large_inputs_the_place_is_shown_where_they_differ() {
    let gives = |at: usize| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let mut text = "x".repeat(100_000);
            text.replace_range(at..=at, "y");
            Ok(ctx.call_activity_by_name::<_, u64>("a", &text).await?)
        })
    };
    let found = between(gives(50_000), &gives(70_000));
    assert!(found.len() < 1_000, "{}", found.len());
    assert!(found.contains("…xxxx") && found.contains("xy"), "{found}");
    assert!(found.ends_with("… (100002 bytes)"), "{found}");
}

#[test]
fn what_does_not_decode_any_more_is_said_where_the_code_ends_for_it() {
    #[derive(serde::Deserialize)]
    struct New {
        #[expect(dead_code, reason = "it is to be there")]
        b: u32,
    }
    let old = code(async |ctx: OrchestrationContext, ()| {
        let _: HashMap<String, u32> = ctx.call_activity_by_name("a", &()).await?;
        Ok(task(&ctx, "then").await?)
    });
    let new = code(async |ctx: OrchestrationContext, ()| {
        let _: New = ctx.call_activity_by_name("a", &()).await?;
        Ok(task(&ctx, "then").await?)
    });
    let mut history = Instance::start(old, ());
    history.complete(1, HashMap::from([("a", 1)]));
    let divergence = divergence(Instance::try_replay(&new, &history.config, history.turns()));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 3: expected TaskScheduled #2 `then`, found ExecutionFailed with error: \
         activity `a` #1 failed: the activity's output is not valid: the payload does not decode: missing \
         field `b` at line 1 column 7"
    );
}
