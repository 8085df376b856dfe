//! Several hosts share one store: each has its part of the shards, instances are reached from
//! wherever somebody asks, and every one of them ends once, whatever hosts come, go and die.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

#[path = "hosts/absent.rs"]
mod absent;
#[path = "hosts/clients.rs"]
mod clients;
#[path = "hosts/messages.rs"]
mod messages;
#[path = "hosts/mixed_up.rs"]
mod mixed_up;
#[path = "hosts/moves.rs"]
mod moves;
#[path = "hosts/quarantine.rs"]
mod quarantine;
#[path = "hosts/scene.rs"]
mod scene;
#[path = "support/kit.rs"]
mod support;
