//! What of the aims depends on the allocator, with the system's. See `support/aims.rs` for the options.

use std::process::ExitCode;

#[path = "support/aims.rs"]
mod aims;

fn main() -> ExitCode {
    aims::main(aims::Allocator::System)
}
