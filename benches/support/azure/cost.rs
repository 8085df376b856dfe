//! What a million instances of five steps cost, in requests: here, out of what was measured, and
//! with the Azure Storage provider of Durable Functions, out of what its documentation and its source
//! say. `providers/AZURE.md` has the sources, and the table that this prints.

use super::rows::Load;
use super::table::{line, thousands};

/// Instances that are compared.
const INSTANCES: f64 = 1e6;

/// Activities of one, one after the other.
const STEPS: f64 = 5.0;

/// Turns of one: its start, and the result of each activity.
const TURNS: f64 = STEPS + 1.0;

/// Events of one: its start, each activity scheduled and completed, its end.
const EVENTS: f64 = 2.0 + 2.0 * STEPS;

const WIDTHS: [usize; 3] = [52, 16, 16];

/// What part of a hub's work costs: what was measured under load, or is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hub {
    /// Turns in one commit, which is one append.
    pub(crate) turns_per_commit: f64,
    /// Commits in one segment.
    pub(crate) commits_per_segment: f64,
    /// Turns that go into the archive with one flush.
    pub(crate) turns_per_flush: f64,
    /// Runs that are merged at a time, and how often what comes in is merged: once for each level.
    pub(crate) runs_per_merge: f64,
    pub(crate) levels: f64,
}

/// A segment is made, leased and begun, and it is looked whether it is the newest; its lease is broken,
/// and it is removed.
const PER_SEGMENT: f64 = 6.0;

/// A flush writes a piece, the manifest and the checkpoint, and lists the segments.
const PER_FLUSH: f64 = 4.0;

/// Of each run that is merged its rows and its turns are read, and its piece is removed.
const PER_MERGED_RUN: f64 = 3.0;

/// Of a merge a piece and the manifest are written.
const PER_MERGE: f64 = 2.0;

impl Hub {
    /// Requests for this many turns.
    pub(crate) fn requests(&self, turns: f64) -> f64 {
        let commits = turns / self.turns_per_commit;
        let segments = commits / self.commits_per_segment;
        let flushes = turns / self.turns_per_flush;
        // Each level is merged from this many runs of the one before.
        let merged: f64 = (1..=self.levels as i32)
            .map(|level| {
                let merges = flushes / self.runs_per_merge.powi(level);
                merges * (PER_MERGE + PER_MERGED_RUN * self.runs_per_merge)
            })
            .sum();
        commits + PER_SEGMENT * segments + PER_FLUSH * flushes + merged
    }
}

/// What one orchestration costs with the Azure Storage provider. An episode is what an orchestrator
/// does from some messages up to the next wait: here one for the start, and one for each result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DurableFunctions {
    /// Messages that one request takes out of a control queue: up to 32, as the documentation says.
    pub(crate) control_messages_per_look: f64,
    /// Whether each episode reads the history first. It does, unless extended sessions are on.
    pub(crate) reads_history: bool,
}

impl DurableFunctions {
    /// Requests for one orchestration of this many activities, one after the other. Looks that find
    /// nothing, leases and retries come on top.
    pub(crate) fn requests(&self, steps: f64) -> f64 {
        let episodes = steps + 1.0;
        // The client: a row in the table of instances, and a message.
        let start = 2.0;
        // Activities are taken one by one out of the queue of work items: put, taken, removed.
        let activities = 3.0 * steps;
        // Each result is put into a control queue; the start has been.
        let results = steps;
        // What wakes an episode is taken, with others, and removed one by one.
        let taken = episodes * (1.0 / self.control_messages_per_look + 1.0);
        // An episode writes its history as one batch, and the row of the instance.
        let written = 2.0 * episodes;
        let read = if self.reads_history { episodes } else { 0.0 };
        start + activities + results + taken + written + read
    }
}

/// Prints the comparison, with what was measured in this run if there is something.
pub(crate) fn print(load: Option<Load>) {
    line(&WIDTHS, ["a million instances of five steps", "requests", "per instance"]);
    if let Some(load) = load {
        row("here, as measured with 1,024 outstanding", load.requests_per_instance);
        let hub = Hub { turns_per_commit: load.turns_per_commit, ..HUB };
        row("here, by the formula, with as many turns per commit", per_instance(&hub));
    }
    for turns_per_commit in [1.0, 4.0, 16.0, 64.0] {
        let hub = Hub { turns_per_commit, ..HUB };
        row(
            &format!("here, by the formula, {turns_per_commit} turns per commit"),
            per_instance(&hub),
        );
    }
    let best = DurableFunctions { control_messages_per_look: 32.0, reads_history: false };
    let usual = DurableFunctions { reads_history: true, ..best };
    let alone = DurableFunctions { control_messages_per_look: 1.0, reads_history: true };
    row("Durable Functions: full batches, extended sessions", best.requests(STEPS));
    row("Durable Functions: full batches", usual.requests(STEPS));
    row("Durable Functions: one message at a time", alone.requests(STEPS));
    println!("  {EVENTS} events and {TURNS} turns of an instance; what is idle comes on top");
}

/// A hub as it is by default. Its shards flush at 4 MiB: an instance of five steps takes about 1 KiB
/// of that.
pub(crate) const HUB: Hub = Hub {
    turns_per_commit: 1.0,
    commits_per_segment: 127.0,
    turns_per_flush: 24_000.0,
    runs_per_merge: 9.0,
    levels: 2.0,
};

fn per_instance(hub: &Hub) -> f64 {
    hub.requests(TURNS)
}

fn row(what: &str, per_instance: f64) {
    let cells = [what.into(), thousands(per_instance * INSTANCES), format!("{per_instance:.3}")];
    line(&WIDTHS, cells);
}
