//! A rewind is one append: it is stored as a whole or not at all, whenever the host crashes.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_not_fit_into_one_append_is_refused_with_nothing_stored() {
    use reenact::limits::{MAX_PAYLOAD_BYTES, MAX_REWOUND_BYTES, MAX_REWOUND_TURNS};
    let (memory, _) = store();
    let wide = MAX_PAYLOAD_BYTES - 2;
    let cases = [
        ("long", MAX_REWOUND_TURNS, 0, "turns to rewind are over 16000"),
        ("wide", MAX_REWOUND_BYTES / wide + 1, wide, "bytes to rewind are over 33554432"),
    ];
    for (name, many, bytes, _) in cases {
        put_terminated(&memory, name, many, &"x".repeat(bytes)).await;
    }
    let host = host(memory, &Bank::default()).start().await.unwrap();
    for (name, many, _, what) in cases {
        let before = guard(host.get_status(&id(name))).await.unwrap();
        assert_eq!(before.history_length, many as u64 + 2);
        let refused = guard(host.rewind(&id(name), before.history_length - 1, "no")).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
        assert!(refused.to_string().ends_with(what), "{refused}");
        assert_eq!(guard(host.get_status(&id(name))).await.unwrap(), before, "nothing is stored");
    }
    guard(host.shutdown()).await.unwrap();
}

/// Stores an instance on which this many events were raised before it was terminated.
pub(crate) async fn put_terminated(memory: &InMemory, name: &str, many: usize, data: &str) {
    let (instance, shard) = (id(name), ShardId::of(&id(name), memory.shards()));
    let order: reenact::Name = ORDER.try_into().unwrap();
    let (input, data) = (Payload::encode(&1_u64).unwrap(), Payload::encode(data).unwrap());
    let start = Event::ExecutionStarted { name: order.clone(), input, seed: 1, delay: None };
    let raised = Event::ExternalRaised { name: "Data".try_into().unwrap(), data, key: None };
    let end = Event::ExecutionTerminated { reason: "a mistake".into() };
    let events = [start].into_iter().chain(vec![raised; many]).chain([end]);
    let turns = events.zip(0..).map(|(event, number)| {
        let (at, is_last) = (reenact::Timestamp::EPOCH, number == many as u64 + 1);
        let recorded = RecordedTurn { at, events: Arc::new([event]) };
        let summary = InstanceSummary {
            instance: instance.clone(),
            execution: ExecutionId::FIRST,
            name: order.clone(),
            state: if is_last { InstanceState::Terminated } else { InstanceState::Running },
            created_at: at,
            updated_at: at,
            turns: number + 1,
            events: number + 1,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        };
        TurnRecord {
            number,
            bytes: codec::encode_turn(&recorded).unwrap().into(),
            summary,
            has_drawn_id: false,
            keep: 0,
        }
    });
    let turns = turns.collect();
    let lease = memory.leases().acquire(shard, "nobody").await.unwrap();
    let _ =
        memory.histories().append(Batch { shard, epoch: lease.epoch, turns }.into()).await.unwrap();
    memory.leases().release(&lease).await.unwrap();
}

/// Whether before or after the append: the one history or the other, as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewind_is_stored_as_a_whole_or_not_at_all() {
    use AppendFault::{Fatal, Throttled, Unavailable, UnknownAndLost, UnknownButApplied};
    for fault in [Unavailable, Throttled, UnknownButApplied, UnknownAndLost, Fatal] {
        let (bank, (memory, clock)) = (Bank::default(), store());
        let faulty = Faulty::new(memory);
        let host = host(faulty.clone(), &bank).start().await.unwrap();
        let instance = failed_order(&host, "i").await;
        let before = events(&host, instance.id()).await;
        let position = position_of(&host, instance.id(), "ExternalRaised").await;
        bank.works.store(true, Ordering::SeqCst);
        faulty.fail_appends([fault]);
        let rewound = instance.rewind(position, "mended");
        let rewound = crate::kit::pass_time_until(&clock, HOUR, rewound).await;
        if rewound.is_err() {
            let seen =
                crate::kit::pass_time_until(&clock, HOUR, events(&host, instance.id())).await;
            assert!(seen == before || seen.iter().any(|event| event.contains("Rewound")));
            assert_eq!(fault, Fatal, "what can be found out is found out");
            let again = async { while instance.rewind(position, "mended").await.is_err() {} };
            crate::kit::pass_time_until(&clock, HOUR, again).await;
        }
        let result = crate::kit::pass_time_until(&clock, HOUR, instance.result()).await;
        assert_eq!(result.unwrap(), 600, "{fault:?}");
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_crashes_around_a_rewind_goes_on_from_what_is_stored() {
    for pause in [0, 1, 2, 3, 5, 8, 13, 30, 100] {
        let (bank, (memory, _)) = (Bank::default(), store());
        let first = host(memory.clone(), &bank).start().await.unwrap();
        let instance = failed_order(&first, "i").await;
        let position = position_of(&first, instance.id(), "ExternalRaised").await;
        bank.works.store(true, Ordering::SeqCst);
        let rewinding = tokio::spawn(async move { instance.rewind(position, "mended").await });
        // Not for anything to happen: to meet the host at different points.
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        guard(first.abort()).await;
        let acknowledged = guard(rewinding).await.unwrap().is_ok();
        let next = host(memory, &bank).start().await.unwrap();
        let status = guard(next.get_status(&id("i"))).await.unwrap();
        let rewound = status.execution == ExecutionId(2);
        assert!(rewound || !acknowledged, "what was acknowledged is there");
        let instance = next.instance::<u64>(&id("i"));
        if !rewound {
            guard(instance.rewind(position, "mended")).await.unwrap();
        }
        assert_eq!(guard(instance.result()).await.unwrap(), 600);
        guard(next.shutdown()).await.unwrap();
    }
}
