//! What bytes are given to.

mod console;
mod export;
mod messages;
mod protocol;
mod segment;
mod turns;

/// Something that reads bytes which may be anything.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// What it reads.
    pub reads: &'static str,
    /// Gives it an input. Panics where something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "turns",
        reads: "the log of an execution, one turn after the other: decoded, shown, replayed against code",
        run: turns::run,
        seeds: turns::seeds,
    },
    Target {
        name: "messages",
        reads: "what comes from a queue, and tokens and trace contexts as texts",
        run: messages::run,
        seeds: messages::seeds,
    },
    Target {
        name: "segment",
        reads: "a segment of a journal",
        run: segment::run,
        seeds: segment::seeds,
    },
    Target {
        name: "export",
        reads: "an exported file, which is read and imported",
        run: export::run,
        seeds: export::seeds,
    },
    Target {
        name: "queries",
        reads: "the part of an address of the console after the `?`",
        run: console::run_query,
        seeds: console::query_seeds,
    },
    Target {
        name: "bodies",
        reads: "the body of a request to the console that changes something",
        run: console::run_body,
        seeds: console::body_seeds,
    },
    Target {
        name: "calls",
        reads: "a message of a client or of a worker to the sidecar",
        run: protocol::run_call,
        seeds: protocol::call_seeds,
    },
    Target {
        name: "answers",
        reads: "the answer of a worker to work that the sidecar has given to it",
        run: protocol::run_answer,
        seeds: protocol::answer_seeds,
    },
];
