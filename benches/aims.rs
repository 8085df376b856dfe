//! All that this library aims at, in one table, with an allocator that is made for many threads. See
//! `support/aims.rs` for the options, and `aims_system.rs` for the system's allocator.

use std::process::ExitCode;

#[path = "support/aims.rs"]
mod aims;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    aims::main(aims::Allocator::Mimalloc)
}
