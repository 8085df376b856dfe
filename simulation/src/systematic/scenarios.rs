//! The scenarios: each is an orchestration or a few, and what their client does.

mod activities;
mod children;
mod control;
mod conversing;
mod events;
mod outside;
mod timers;
mod values;

use std::future::Future;
use std::pin::Pin;

use reenact::HostBuilder;

use super::play::Play;

/// What the client was answered, or what went wrong.
pub(super) type Answers = Result<Vec<String>, String>;

/// A small program with its client.
#[derive(Clone, Copy)]
pub(super) struct Scenario {
    /// Names it in the line that repeats a run.
    pub(super) name: &'static str,
    /// The numbers of hosts that it is run on. There are as many shards.
    pub(super) hosts: &'static [usize],
    /// A host with its code.
    pub(super) host: fn() -> HostBuilder,
    /// Its client.
    pub(super) play: fn(Play) -> Pin<Box<dyn Future<Output = Answers>>>,
}

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    [
        activities::ALL,
        timers::ALL,
        events::ALL,
        children::ALL,
        conversing::ALL,
        control::ALL,
        values::ALL,
        outside::ALL,
    ]
    .concat()
}
