//! Scenarios through the public API, a module for each subject. One program, so that it is linked once and the
//! scenarios run side by side.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod activities;
mod admission;
mod answers;
mod as_json;
mod attributes;
mod backlog;
mod bad_input;
mod blocking;
mod call_update;
mod cancel;
mod child_retry;
mod children;
mod clients;
#[cfg(feature = "console")]
mod console;
mod continue_as_new;
#[cfg(all(feature = "compression", feature = "encryption", feature = "local"))]
mod encoded;
mod ending;
mod endings;
mod entities;
mod events;
mod failing_disk;
mod failures;
mod fencing;
mod from_every_turn;
mod heartbeats;
mod held_threads;
mod host_deaths;
mod hosts;
mod ids;
mod inspect;
mod instance_actors;
mod instance_commands;
mod isolation;
mod kit;
mod linger;
mod local;
mod local_activities;
mod locks;
mod lost_shards;
mod lost_tasks;
mod memory_bound;
mod messages;
mod metrics;
mod offline;
mod outside;
mod pace;
mod parked;
mod parking;
mod passivation;
mod published;
mod races;
mod recovery_order;
mod restart;
mod retention;
mod retry;
mod reuse;
mod rewind;
mod rewind_children;
mod rot;
mod runtimes;
#[cfg(all(unix, feature = "console", feature = "local"))]
mod shop;
mod stalls;
mod start_with_event;
mod state;
mod status;
mod store_faults;
mod story;
mod streams;
mod suspend;
mod tags;
mod threads;
mod time_limits;
mod timers;
mod typed_events;
mod updates;
mod user_panics;
mod values;
mod verify;
mod versions;
mod wide_turns;
