//! Azure Storage in memory, and a proxy before an emulator of it that fails as a test says.

pub mod blob_store;
pub mod faults;
pub mod storage;
