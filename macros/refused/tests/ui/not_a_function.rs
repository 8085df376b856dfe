use reenact::prelude::*;

#[orchestration]
struct Welcome;

fn main() {}
