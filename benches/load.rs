//! The load test, with an allocator that is made for many threads: what a program gets that chose one.
//! See `support/load.rs` for the options, and `load_system.rs` for the system's allocator.

use std::process::ExitCode;

#[path = "support/load.rs"]
mod load;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    load::main()
}
