//! The tour of reenact.

fn main() {}
