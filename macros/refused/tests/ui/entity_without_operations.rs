use reenact::prelude::*;

struct Account;

#[entity]
impl Account {
    fn new() -> Self {
        Account
    }
}

fn main() {}
