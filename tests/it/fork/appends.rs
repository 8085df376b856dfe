//! A fork is one append: it is stored as a whole or not at all, whenever the host crashes.

use super::*;
use crate::rewind::appends::put_terminated;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_not_fit_into_one_append_is_refused_with_nothing_stored() {
    use reenact::limits::{MAX_PAYLOAD_BYTES, MAX_REWOUND_BYTES, MAX_REWOUND_TURNS};
    let (memory, _) = store();
    let wide = MAX_PAYLOAD_BYTES - 2;
    let cases = [
        ("long", MAX_REWOUND_TURNS, 0, "turns to fork are over 16000"),
        ("wide", MAX_REWOUND_BYTES / wide + 1, wide, "bytes to fork are over 33554432"),
    ];
    for (name, many, bytes, _) in cases {
        put_terminated(&memory, name, many, &"x".repeat(bytes)).await;
    }
    let host = host(memory, &Shop::default()).start().await.unwrap();
    for (name, many, _, what) in cases {
        let source = host.instance::<String>(&id(name));
        let fork = format!("{name}-fork");
        let refused = guard(source.fork(&*fork).before(many as u64 + 1)).await.unwrap_err();
        assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
        assert!(refused.to_string().ends_with(what), "{refused}");
        let absent = guard(host.get_status(&id(&fork))).await.unwrap_err();
        assert!(matches!(absent, Error::NotFound { .. }), "{absent}");
        let early = guard(source.fork(&*fork).before(2)).await;
        early.expect("what fits is forked, however long the other one is");
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_is_stored_as_a_whole_or_not_at_all() {
    use AppendFault::{Fatal, Throttled, Unavailable, UnknownAndLost, UnknownButApplied};
    for fault in [Unavailable, Throttled, UnknownButApplied, UnknownAndLost, Fatal] {
        let (shop, (memory, clock)) = (Shop::default(), store());
        shop.works.store(true, Ordering::SeqCst);
        let faulty = Faulty::new(memory);
        let host = host(faulty.clone(), &shop).start().await.unwrap();
        let order = waiting_order(&host, "order-7").await;
        faulty.fail_appends([fault]);
        let forked = order.fork("order-8").into_future();
        let forked = crate::kit::pass_time_until(&clock, HOUR, forked).await;
        if forked.is_err() {
            assert_eq!(fault, Fatal, "what can be found out is found out");
            let again = async { while order.fork("order-8").or_attach().await.is_err() {} };
            crate::kit::pass_time_until(&clock, HOUR, again).await;
        }
        let fork = host.instance::<String>(&id("order-8"));
        let raised = async { while fork.raise_event("Go", 4).key("go").await.is_err() {} };
        crate::kit::pass_time_until(&clock, HOUR, raised).await;
        let result = crate::kit::pass_time_until(&clock, HOUR, fork.result()).await;
        assert_eq!(result.unwrap(), "order-8 600", "{fault:?}");
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_crashes_around_a_fork_has_it_or_not() {
    for pause in [0, 1, 2, 3, 5, 8, 13, 30, 100] {
        let (shop, (memory, _)) = (Shop::default(), store());
        shop.works.store(true, Ordering::SeqCst);
        let first = host(memory.clone(), &shop).start().await.unwrap();
        let order = waiting_order(&first, "order-7").await;
        let forking = tokio::spawn(order.fork("order-8").into_future());
        // Not for anything to happen: to meet the host at different points.
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        guard(first.abort()).await;
        let acknowledged = guard(forking).await.unwrap().is_ok();
        let next = host(memory, &shop).start().await.unwrap();
        let is_there = next.client().get_status(&id("order-8")).await.is_ok();
        assert!(is_there || !acknowledged, "what was acknowledged is there");
        let order = next.instance::<String>(&id("order-7"));
        let fork = guard(order.fork("order-8").or_attach()).await.unwrap();
        guard(fork.raise_event("Go", 4)).await.unwrap();
        assert_eq!(guard(fork.result()).await.unwrap(), "order-8 600");
        let reserved = shop.asked().iter().filter(|key| key.starts_with("reserve")).count();
        assert_eq!(reserved, 1, "{pause}");
        guard(next.shutdown()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_host_dies_there_is_one_fork_and_the_other_one_is_as_it_was() {
    for append in 0.. {
        let (shop, (memory, clock)) = (Shop::default(), store());
        let first = host(memory.clone(), &shop).start().await.unwrap();
        let failed = failed_order(&first, "order-7").await;
        let before = events(&first, failed.id()).await;
        let position = position_of(&first, failed.id(), "TaskFailed").await;
        guard(first.shutdown()).await.unwrap();
        shop.works.store(true, Ordering::SeqCst);

        let faulty = Faulty::new(memory.clone());
        let second = host(faulty.clone(), &shop).start().await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let fork = |host: &Host| {
            let fork = host.client().fork::<String>("order-7", "order-8");
            fork.before(position).or_attach().into_future()
        };
        let course = async { fork(&second).await.unwrap().result().await.unwrap() };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                output = course => {
                    assert_eq!(output, "order-8 600");
                    false
                }
            }
        });
        let died = died.await;
        guard(second.abort()).await;

        let third = host(memory, &shop).start().await.unwrap();
        // A fork is younger than what it has copied, and so is the timer by which its code begins.
        clock.advance(std::time::Duration::from_secs(1));
        let fork = guard(fork(&third)).await.unwrap();
        assert_eq!(guard(fork.result()).await.unwrap(), "order-8 600", "died before {append}");
        assert_eq!(events(&third, failed.id()).await, before);
        let log = events(&third, fork.id()).await;
        let marks = log.iter().filter(|event| event.starts_with("ExecutionForked")).count();
        assert_eq!(marks, 1, "{log:#?}");
        let mut asked = shop.asked();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 3, "an activity that runs again has the same key: {asked:?}");
        guard(third.shutdown()).await.unwrap();
        if !died {
            assert!(append > 1, "there are several steps: {append}");
            break;
        }
    }
}
