//! Commands from the code of one instance to another: how they leave, and what their answers bring.

use crate::support::instance::{Instance, cancel, code, divergence, instance_id};
use crate::support::messages::{delivered, sent};
use reenact_core::{
    Command, CommandError, DurableFuture, InstanceCommand, MachineConfig, Message, MessageBody,
    MessageKind, NotTaken, OrchestrationCode, OrchestrationContext, SpanKind, TimelineBuilder,
    Viewer,
};

type Answer = DurableFuture<Result<(), CommandError>>;

/// Sends what this makes of its context, and ends with the answer as text.
fn sending(send: fn(&OrchestrationContext) -> Answer) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        Ok(match send(&ctx).await {
            Ok(()) => "taken".to_string(),
            Err(error) => error.to_string(),
        })
    })
}

fn cancelling() -> OrchestrationCode {
    sending(|ctx| ctx.cancel_instance("order-7", "recalled"))
}

fn command_in(message: &Message) -> Command {
    let MessageBody::Command { command } = &message.body else {
        panic!("a command: {message:?}");
    };
    command.clone().into()
}

#[test]
fn each_command_leaves_as_a_message_to_the_other_instance() {
    let reason = || "recalled".to_string();
    let sends: [(OrchestrationCode, Command); 4] = [
        (cancelling(), Command::Cancel { reason: reason() }),
        (
            sending(|ctx| ctx.terminate_instance("order-7", "recalled")),
            Command::Terminate { reason: reason() },
        ),
        (
            sending(|ctx| ctx.suspend_instance("order-7", "recalled")),
            Command::Suspend { reason: reason() },
        ),
        (sending(|ctx| ctx.resume_instance("order-7")), Command::Resume),
    ];
    for (code, command) in sends {
        let mut sender = Instance::start(code, ());
        let message = sender.only_message();
        assert_eq!((message.to.as_str(), message.id.kind), ("order-7", MessageKind::Command));
        assert_eq!(command_in(&message), command);
        sender.apply(delivered(&message));
        assert_eq!(sender.output::<String>(), "taken");
        sender.assert_replays_from_every_point();
    }
}

#[test]
fn the_answer_is_typed_and_says_what_was_not_taken() {
    for (why, text) in [
        (NotTaken::NotFound, "the cancel was not taken: instance `order-7` does not exist"),
        (NotTaken::Finished, "the cancel was not taken: instance `order-7` has finished"),
    ] {
        let mut sender = Instance::start(cancelling(), ());
        let message = sender.only_message().id;
        sender.apply(Command::RefuseMessage { message, why });
        assert_eq!(sender.output::<String>(), text);
        sender.assert_replays_from_every_point();
    }
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        ctx.suspend_instance("order-7", "wait").await?;
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut sender = Instance::start(code, ());
    let message = sender.only_message();
    sender.apply(delivered(&message));
    assert!(sender.apply(delivered(&message)).is_empty());
    let refused = Command::RefuseMessage { message: message.id, why: NotTaken::Finished };
    assert!(sender.apply(refused).is_empty());
    sender.raise("Go", 7);
    assert_eq!(sender.output::<u64>(), 7);
}

#[test]
fn commands_and_events_to_one_instance_keep_their_order() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        drop(ctx.suspend_instance("order-7", "wait"));
        drop(ctx.raise_event("order-7", "Price", &12));
        drop(ctx.resume_instance("order-7"));
        Ok(())
    });
    let sender = Instance::start(code, ());
    let mut outbox = sender.machine.outbox();
    let mut kinds = Vec::new();
    while let Some(message) = outbox.under_way().pop() {
        kinds.push(message.id.kind);
        outbox.settle(&[message.id], 0, sender.now).expect("it is new");
    }
    assert_eq!(kinds, [MessageKind::Command, MessageKind::Event, MessageKind::Command]);
}

#[test]
fn an_id_that_none_can_have_is_refused_before_anything_is_recorded() {
    let sender = Instance::start(sending(|ctx| ctx.resume_instance("")), ());
    let text = sender.output::<String>();
    assert!(text.starts_with("the command cannot be sent: "), "{text}");
    assert_eq!(sent(&sender.actions()), []);
}

#[test]
fn a_cancel_of_the_sender_ends_the_wait_and_not_the_command() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let first = ctx.cancel_instance("order-7", "recalled").await;
        let second = ctx.cancel_instance("order-8", "recalled").await;
        Ok([first, second].map(|answer| matches!(answer, Err(CommandError::Cancelled(_)))))
    });
    let mut sender = Instance::start(code, ());
    sender.apply(cancel("enough"));
    assert_eq!(sender.output::<[bool; 2]>(), [true, true]);
    let left = sender.machine.outbox().under_way();
    assert_eq!(left.iter().map(|message| message.to.as_str()).collect::<Vec<_>>(), ["order-7"]);
}

#[test]
fn another_recipient_or_command_is_another_step_and_other_words_only_where_asked() {
    let made = Instance::start(cancelling(), ());
    let plain = MachineConfig::default();
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let elsewhere = sending(|ctx| ctx.cancel_instance("order-8", "recalled"));
    let other = sending(|ctx| ctx.terminate_instance("order-7", "recalled"));
    let reworded = sending(|ctx| ctx.cancel_instance("order-7", "called back"));
    for (changed, config, found) in [
        (&elsewhere, &plain, "found CommandSent #1 to `order-8`"),
        (&other, &plain, "found CommandSent #1 to terminate: recalled"),
        (&reworded, &strict, "found CommandSent #1 to cancel: called back"),
    ] {
        let divergence = divergence(Instance::try_replay(changed, config, made.turns()));
        assert!(divergence.to_string().ends_with(found), "{divergence}");
    }
    Instance::try_replay(&reworded, &plain, made.turns()).expect("what is recorded counts");
}

#[test]
fn a_long_reason_is_cut_before_it_is_stored() {
    let code = sending(|ctx| {
        ctx.cancel_instance("order-7", "x".repeat(2 * reenact_core::limits::MAX_MESSAGE_BYTES))
    });
    let sender = Instance::start(code, ());
    let MessageBody::Command { command: InstanceCommand::Cancel { reason } } =
        sender.only_message().body
    else {
        panic!("a cancel");
    };
    assert!(reason.len() <= reenact_core::limits::MAX_MESSAGE_BYTES, "{}", reason.len());
}

#[test]
fn a_view_and_a_timeline_know_what_was_asked_of_whom() {
    let sender = Instance::start(cancelling(), ());
    let mut viewer = Viewer::new(instance_id());
    let mut timeline = TimelineBuilder::new(instance_id(), 0, 100);
    for turn in sender.turns() {
        viewer.apply(turn);
        timeline.apply(turn);
    }
    let view = viewer.view(100);
    let under_way: Vec<_> = view.messages.items.iter().map(|message| message.kind).collect();
    assert_eq!(under_way, [MessageKind::Command]);
    let spans = timeline.finish().spans;
    let [span] = &spans[..] else { panic!("one span: {spans:?}") };
    assert_eq!(span.kind, SpanKind::Command);
    assert_eq!(span.instance.as_ref().map(|to| to.as_str()), Some("order-7"));
    assert_eq!(span.reason.as_deref(), Some("cancel: recalled"));
}
