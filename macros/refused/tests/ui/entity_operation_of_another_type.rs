use reenact::prelude::*;

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Account {
    cents: u64,
}

#[entity]
impl Account {
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }
}

async fn call(client: Client) {
    let _ = client.entity::<Account>("ada").deposit("much").await;
}

fn main() {}
