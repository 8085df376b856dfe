//! A fork is one append: it is stored as a whole or not at all, whenever the host crashes.

use super::*;

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
