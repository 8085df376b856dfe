//! A disk in memory that loses, tears and refuses, and an archive on it: for tests and simulations of stores that
//! are made of journals and an archive.

pub mod archive;
pub mod disk;
