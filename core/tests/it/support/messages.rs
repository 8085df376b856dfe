//! Messages between instances under test.

use reenact_core::{
    Action, ChildError, Command, ExecutionId, InstanceId, Machine, MachineConfig, Message,
    OrchestrationCode, Payload,
};

use crate::support::instance::{Answer, Instance, seconds, start};

/// The messages among actions.
pub(crate) fn sent(actions: &[Action]) -> Vec<Message> {
    let messages = actions.iter().filter_map(|action| match action {
        Action::Send(message) => Some(message.clone()),
        _ => None,
    });
    messages.collect()
}

/// The message has arrived.
pub(crate) fn delivered(message: &Message) -> Command {
    Command::ConfirmDelivery { messages: vec![message.id] }
}

/// The child that a message starts has ended.
pub(crate) fn ended(start: &Message, result: Result<Payload, ChildError>) -> Command {
    let (id, child) = (start.id, start.to.clone());
    let result = result.map_err(Box::new);
    Command::CompleteChild { lineage: id.lineage, id: id.id, child, result }
}

impl Instance {
    /// What is under way to others: one message.
    pub(crate) fn only_message(&self) -> Message {
        let messages = sent(&self.machine.open_actions());
        let [message] = &messages[..] else { panic!("one message: {messages:?}") };
        message.clone()
    }
}

/// An instance under another id than those of the tests.
pub(crate) fn started_as(id: &str, code: &OrchestrationCode) -> (Machine, Vec<Action>) {
    let (id, first) = (InstanceId::new(id).expect("an id"), ExecutionId::FIRST);
    let config = MachineConfig::default();
    let started = Machine::start(code, id, first, config, start(()), seconds(1));
    let (machine, turn) = started.expect("it starts");
    (machine, Answer::of(turn).actions)
}
