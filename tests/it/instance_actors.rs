//! Instances as ractor actors, for host programs that are ractor programs themselves.

use crate::kit::{AppendFault, Faulty, events, guard, id, options, pass_time_until, store, until};
use reenact::actor::{ActorRef, ExternalEvent, InstanceMessage};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, InstanceState};

/// Collects this many texts that come by the event "Say".
#[orchestration]
async fn listening(
    ctx: OrchestrationContext,
    many: usize,
) -> Result<Vec<String>, OrchestrationError> {
    let mut heard = Vec::new();
    while heard.len() < many {
        heard.push(ctx.wait_external("Say").await?);
    }
    Ok(heard)
}

fn host(provider: impl Provider) -> HostBuilder {
    Host::builder().provider(provider).options(options()).orchestration(listening)
}

fn say(what: &str) -> ExternalEvent {
    ExternalEvent::new("Say", what).expect("a good event")
}

/// Sends an event and waits until it is durable.
async fn call(actor: &ActorRef<InstanceMessage>, event: ExternalEvent) -> reenact::Result<()> {
    let asked =
        actor.call(|port| InstanceMessage::RaiseEvent { event, reply: Some(port.into()) }, None);
    guard(asked).await.expect("the actor takes it").expect("the actor answers")
}

#[tokio::test]
async fn an_instance_hears_what_is_cast_to_its_actor() {
    let host = host(store().0).start().await.unwrap();
    let (instance, actor) = guard(host.spawn(listening, 2)).await.unwrap();
    for what in ["a", "b"] {
        actor.cast(InstanceMessage::RaiseEvent { event: say(what), reply: None }).unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_answered_when_the_event_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).start().await.unwrap();
    let (instance, actor) = guard(host.spawn(listening, 1)).await.unwrap();
    faulty.appends.close();
    let came = faulty.appends.came();
    let calling = tokio::spawn(async move { call(&actor, say("a")).await });
    faulty.appends.until_came(came + 1).await;
    assert!(!calling.is_finished());
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Running);

    faulty.appends.let_all_through();
    guard(calling).await.unwrap().unwrap();
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_event_could_not_be_stored_gets_the_error() {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).start().await.unwrap();
    let (instance, actor) = guard(host.spawn(listening, 1)).await.unwrap();
    faulty.fail_appends([AppendFault::Fatal]);
    let refused = call(&actor, say("a")).await.unwrap_err();
    assert!(matches!(refused, Error::Store { .. }), "{refused}");
    assert_eq!(events(&host, instance.id()).await.len(), 2);
}

#[tokio::test]
async fn of_calls_with_one_key_the_first_counts() {
    let host = host(store().0).start().await.unwrap();
    let (instance, actor) = guard(host.spawn(listening, 2)).await.unwrap();
    for what in ["first", "second", "third"] {
        call(&actor, say(what).with_key("one").unwrap()).await.unwrap();
    }
    call(&actor, say("other")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), ["first", "other"]);
}

#[tokio::test]
async fn an_instance_can_be_terminated_through_its_actor() {
    let host = host(store().0).start().await.unwrap();
    let (instance, actor) = guard(host.spawn(listening, 1)).await.unwrap();
    let terminated = actor.call(
        |port| InstanceMessage::Terminate {
            reason: "enough".into(),
            trace: None,
            reply: Some(port.into()),
        },
        None,
    );
    guard(terminated).await.unwrap().expect("the actor answers").unwrap();
    let ended = guard(instance.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Terminated { reason, .. } if reason == "enough"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_actor_of_an_instance_that_has_gone_from_memory_gives_messages_back() {
    let (memory, clock) = store();
    let host = host(memory)
        .options(options().passivate_after(Duration::from_secs(1)))
        .start()
        .await
        .unwrap();
    let (instance, old) = guard(host.spawn(listening, 1)).await.unwrap();
    let emptied = until(|| host.in_memory() == 0);
    pass_time_until(&clock, Duration::from_secs(1), emptied).await;

    let refused = old.cast(InstanceMessage::RaiseEvent { event: say("a"), reply: None });
    let ractor::MessagingErr::SendErr(message) = refused.unwrap_err() else {
        panic!("it gives the message back")
    };
    assert!(matches!(message, InstanceMessage::RaiseEvent { .. }));
    let fresh = guard(instance.actor()).await.unwrap();
    assert_ne!(fresh.get_id(), old.get_id());
    fresh.cast(message).unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_called_is_never_lost_although_the_instance_comes_and_goes() {
    let (memory, clock) = store();
    let host =
        host(memory).options(options().passivate_after(Duration::ZERO)).start().await.unwrap();
    let instance = guard(host.start_new(listening, 200)).await.unwrap();
    let saying = async {
        for number in 0..200 {
            if number % 4 == 0 {
                until(|| host.in_memory() == 0).await;
            }
            loop {
                let actor = instance.actor().await.unwrap();
                let event = say(&number.to_string());
                let message = |port: ractor::RpcReplyPort<_>| InstanceMessage::RaiseEvent {
                    event,
                    reply: Some(port.into()),
                };
                // An error means that the actor has gone and taken nothing: ask for the next.
                if let Ok(answer) = actor.call(message, None).await {
                    answer.expect("the actor answers").unwrap();
                    break;
                }
            }
        }
    };
    pass_time_until(&clock, Duration::from_millis(10), saying).await;
    let heard = guard(instance.result()).await.unwrap();
    assert_eq!(heard, (0..200).map(|number: i32| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_instance_that_cannot_have_an_actor_is_refused_with_its_reason() {
    let host = host(store().0).start().await.unwrap();
    let unknown = guard(host.actor(&id("unknown"))).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
    let finished = guard(host.spawn(listening, 0)).await.unwrap_err();
    assert!(matches!(finished, Error::Finished { .. }), "{finished}");
    let instance = guard(host.start_new(listening, 1)).await.unwrap();
    let actor = guard(instance.actor()).await.unwrap();
    call(&actor, say("a")).await.unwrap();
    let ended = guard(instance.actor()).await.unwrap_err();
    assert!(matches!(ended, Error::Finished { .. }), "{ended}");
}

#[tokio::test]
async fn events_that_cannot_be_are_refused_when_they_are_made() {
    assert!(matches!(ExternalEvent::new("", &()), Err(Error::InvalidName(_))));
    let large = "x".repeat(reenact::limits::MAX_LARGE_PAYLOAD_BYTES);
    assert!(matches!(ExternalEvent::new("Say", &large), Err(Error::InvalidPayload { .. })));
    assert!(matches!(say("a").with_key("\n"), Err(Error::InvalidName(_))));
}

/// Whether a store takes large payloads is not known before it is sent.
#[tokio::test]
async fn an_event_that_is_too_large_for_the_store_is_refused_by_the_instance() {
    let host = host(store().0).start().await.unwrap();
    let instance = guard(host.start_new(listening, 1)).await.unwrap();
    let actor = guard(instance.actor()).await.unwrap();
    let large = "x".repeat(reenact::limits::MAX_PAYLOAD_BYTES);
    let refused = call(&actor, ExternalEvent::new("Say", &large).unwrap()).await.unwrap_err();
    assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
    call(&actor, say("a")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), ["a"]);
}
