use reenact::prelude::*;

#[activity(name = "")]
fn add(a: &u32, b: u32, c: u32) -> u32 {
    a + b + c
}

fn main() {}
