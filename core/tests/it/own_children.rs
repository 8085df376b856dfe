//! Code lists the children that it has called: the same at every replay.

use crate::support::instance::{Instance, code};
use crate::support::messages::{ended, sent};
use reenact_core::limits::MAX_LISTED_CHILDREN;
use reenact_core::{
    CalledChild, ChildError, ChildOptions, Command, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, OrchestrationError, RetryPolicy,
};

fn named(id: &str) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(id))
}

fn shown(children: &[CalledChild]) -> Vec<String> {
    let each = |child: &CalledChild| format!("{} {:?}", child.instance, child.end);
    children.iter().map(each).collect()
}

/// Lists its children before and after each event, until it has some number of lists.
fn lists(many: usize) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let mut lists = vec![shown(&ctx.children())];
        let first = ctx.schedule_orchestration_by_name::<_, u64>(named("a"), &1);
        let second = ctx.schedule_orchestration_by_name::<_, u64>(named("b"), &2);
        let third = ctx.schedule_orchestration_by_name::<_, u64>(named("c"), &3);
        drop(ctx.start_orchestration_by_name(named("d"), &4));
        lists.push(shown(&ctx.children()));
        let mut third = Some(third);
        while lists.len() < many {
            let () = ctx.wait_external("Look").await?;
            // Dropped, it is cancelled with the next step.
            if lists.len() == 3 {
                drop(third.take());
            }
            lists.push(shown(&ctx.children()));
        }
        drop((first, second));
        Ok(lists)
    })
}

#[test]
fn each_is_listed_with_its_id_and_how_it_ended_from_every_turn_on() {
    let mut parent = Instance::start(lists(5), ());
    let start = |parent: &Instance, id: &str| {
        let starts = sent(&parent.actions());
        starts.into_iter().find(|message| message.to.as_str() == id).expect("it was called")
    };
    let (a, b) = (start(&parent, "a"), start(&parent, "b"));
    parent.apply(ended(&a, Ok(reenact_core::Payload::encode(&1).expect("a number"))));
    parent.raise("Look", ());
    let error = OrchestrationError::new("no wind");
    parent.apply(ended(&b, Err(ChildError::Failed { child: b.to.clone(), error })));
    parent.raise("Look", ());
    parent.raise("Look", ());
    let lists: Vec<Vec<String>> = parent.output();
    assert!(lists[0].is_empty());
    assert_eq!(lists[1], ["a Open", "b Open", "c Open", "d Left"]);
    assert_eq!(lists[2], ["a Completed", "b Open", "c Open", "d Left"]);
    assert_eq!(lists[3], ["a Completed", "b Failed", "c Open", "d Left"]);
    assert_eq!(lists[4], ["a Completed", "b Failed", "c Cancelled", "d Left"]);
    parent.assert_replays_from_every_point();
}

#[test]
fn one_that_is_tried_again_has_the_id_of_its_newest_attempt() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let again = ChildOptions::new().id("a").retry(RetryPolicy::new(2));
        let ship = OrchestrationByName::new("ship", again);
        let child = ctx.schedule_orchestration_by_name::<_, u64>(ship, &1);
        let () = ctx.wait_external("Look").await?;
        let listed = ctx.children();
        drop(child);
        Ok((shown(&listed), listed[0].attempt))
    });
    let mut parent = Instance::start(code, ());
    let start = parent.only_message();
    let error = OrchestrationError::new("no wind");
    parent.apply(ended(&start, Err(ChildError::Failed { child: start.to.clone(), error })));
    parent.raise("Look", ());
    let (listed, attempt): (Vec<String>, u32) = parent.output();
    assert_eq!((listed, attempt), (vec!["a~2 Open".to_string()], 2));
    parent.assert_replays_from_every_point();
}

#[test]
fn of_those_that_have_ended_the_newest_are_listed() {
    let many = MAX_LISTED_CHILDREN + 3;
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        let kept = ctx.schedule_orchestration_by_name::<_, u64>(named("kept"), &0);
        for number in 0..many {
            let child = named(&format!("s{number}"));
            ctx.call_orchestration_by_name::<_, u64>(child, &1).await?;
        }
        let listed = shown(&ctx.children());
        drop(kept);
        Ok((listed.len(), listed[0].clone(), listed[1].clone()))
    });
    let mut parent = Instance::start(code, ());
    for number in 0..many {
        let name = format!("s{number}");
        let open = sent(&parent.machine.open_actions());
        let start = open.into_iter().find(|message| message.to.as_str() == name).expect("called");
        parent.apply(Command::ConfirmDelivery { messages: vec![start.id] });
        parent.apply(ended(&start, Ok(reenact_core::Payload::encode(&1).expect("a number"))));
    }
    let (listed, first, second): (usize, String, String) = parent.output();
    assert_eq!(listed, MAX_LISTED_CHILDREN);
    assert_eq!((first.as_str(), second.as_str()), ("kept Open", "s4 Completed"));
    parent.assert_replays();
}
