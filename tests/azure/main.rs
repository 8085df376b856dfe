//! Hosts on a hub in Azure Storage, on the emulator.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

mod first;
mod kills;
mod poison;

/// An emulator for one test.
async fn emulator() -> reenact::testing::Emulator {
    match reenact::testing::Emulator::start().await {
        Ok(emulator) => emulator,
        // It says what to install.
        Err(error) => panic!("{error}"),
    }
}
