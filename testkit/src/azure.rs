//! Azure Storage in memory, and a proxy before an emulator of it that fails as a test says.

pub mod faults;
pub mod shelf;
pub mod storage;
