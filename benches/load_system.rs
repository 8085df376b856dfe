//! The load test with the system's allocator. See `support/load.rs` for the options.

use std::process::ExitCode;

#[path = "support/load.rs"]
mod load;

fn main() -> ExitCode {
    load::main()
}
