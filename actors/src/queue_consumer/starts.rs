//! Handles the start of an instance from a queue.

use reenact_core::{
    Attributes, PayloadError, ReceivedTrace, RemoteFork, RemoteStart, Start, StartOption,
    TimeLimits,
};
use reenact_providers::Delivery;

use super::handle::{MessageHandler, Trace, external, keys, refused, refused_with, verdict_of};
use super::verdict::Verdict;
use crate::error::Error;
use crate::message::{Internal, StartMessage};
use crate::panic::catch;
use crate::reuse::ReusePolicy;

impl MessageHandler {
    /// The instance that this start began may be purged by now: it does not begin again.
    pub(super) async fn start(
        &self,
        delivery: &Delivery,
        start: RemoteStart,
        options: &[StartOption],
        trace: Trace,
    ) -> Verdict {
        let key = &delivery.message.key;
        if keys(&self.begun).contains(key) {
            return Verdict::Done;
        }
        let verdict = self.begin(delivery, start, options, trace).await;
        if verdict == Verdict::Done {
            keys(&self.begun).remember(key);
        }
        verdict
    }

    async fn begin(
        &self,
        delivery: &Delivery,
        start: RemoteStart,
        options: &[StartOption],
        trace: Trace,
    ) -> Verdict {
        let RemoteStart { name, version, input, seed, not_before, event } = start;
        let code = match self.host.registry.orchestration(&name, version.as_ref()) {
            Ok(code) => code,
            Err(unknown) => return refused(unknown),
        };
        let checked = catch(|| code.check_input(&input))
            .unwrap_or_else(|panic| Err(PayloadError::Decode(format!("it panicked: {panic}"))));
        let fork = fork_of(options);
        // The input of a fork is in the history that it copies.
        if let (Err(source), None) = (checked, &fork) {
            let what = format!("the input of orchestration `{name}`");
            return refused_with(&Error::InvalidPayload { what, source });
        }
        let key = event.as_ref().map(|event| event.key.clone());
        let event = event.map(|event| external(event, trace.clone()));
        let trace = trace.map(|context| Box::new(ReceivedTrace::of_caller(*context)));
        let (limits, attributes) = (limits_of(options), attributes_of(options));
        let start = Start { input, seed, delay: None, origin: None, trace, limits, attributes };
        // An earlier delivery may have started the instance, so the id is never assumed to be free.
        let (own_id, place) = (true, None);
        let message = |reply| {
            let message = StartMessage {
                name,
                version,
                start,
                not_before,
                own_id,
                place,
                event,
                reuse: reuse_of(options),
                fork,
                instead_of: Vec::new(),
                reply,
            };
            Internal::Start(Box::new(message)).into()
        };
        match (self.ask(&delivery.message.to, message).await, key) {
            // The sender finds out whose start has the id.
            (Err(Error::AlreadyExists { .. }), _) => Verdict::Done,
            (answer, Some(key)) => self.of_an_event(delivery, answer, &key).await,
            (answer, None) => verdict_of(delivery, answer),
        }
    }
}

fn reuse_of(options: &[StartOption]) -> ReusePolicy {
    let mut reuse = options.iter().filter_map(|option| match option {
        StartOption::Reuse(reuse) => Some(ReusePolicy::from(*reuse)),
        StartOption::Limits(_) | StartOption::Attributes(_) | StartOption::Fork(_) => None,
    });
    reuse.next_back().unwrap_or_default()
}

fn fork_of(options: &[StartOption]) -> Option<Box<RemoteFork>> {
    options.iter().rev().find_map(|option| match option {
        StartOption::Fork(fork) => Some(fork.clone()),
        StartOption::Reuse(_) | StartOption::Limits(_) | StartOption::Attributes(_) => None,
    })
}

fn limits_of(options: &[StartOption]) -> TimeLimits {
    let mut limits = options.iter().filter_map(|option| match option {
        StartOption::Limits(limits) => Some(*limits),
        StartOption::Reuse(_) | StartOption::Attributes(_) | StartOption::Fork(_) => None,
    });
    limits.next_back().unwrap_or_default()
}

fn attributes_of(options: &[StartOption]) -> Attributes {
    let mut given = options.iter().filter_map(|option| match option {
        StartOption::Attributes(attributes) => Some(attributes.clone()),
        StartOption::Reuse(_) | StartOption::Limits(_) | StartOption::Fork(_) => None,
    });
    given.next_back().unwrap_or_default()
}
