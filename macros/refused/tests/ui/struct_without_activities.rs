use reenact::prelude::*;

struct Payments;

fn main() {
    let _ = Host::builder().activities(Payments);
}
