use reenact::prelude::*;

struct Account;

fn main() {
    let _ = Host::builder().entity::<Account>();
}
