//! `reenact`: the command line.

fn main() {}
