//! Hosts on a hub in Azure Storage, on the emulator.

#[path = "azure/first.rs"]
mod first;
