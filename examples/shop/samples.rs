//! Orders that are placed when the shop opens for the first time, so that the console has something to show.

use reenact::{Client, ErrorKind, Result};

use crate::orders::{Order, order};

/// Orders of all kinds: customer, item, quantity, cents.
const SAMPLES: [(&str, &str, &str, u32, u64); 7] = [
    ("order-lamp", "ada", "lamp", 2, 9_800),
    // The bank is busy at first.
    ("order-chairs", "grace", "chair", 4, 23_997),
    // These wait for a decision.
    ("order-desk", "edsger", "desk", 1, 64_900),
    ("order-piano", "clara", "piano", 1, 480_000),
    // Too few in stock.
    ("order-mirrors", "barbara", "mirror", 20, 19_900),
    // The card is declined.
    ("order-declined", "mallory", "lamp", 1, 4_900),
    // The parcel is too heavy: what was paid is given back.
    ("order-heavy", "donald", "chair", 30, 41_000),
];

/// Places them, where they are not there already.
pub(crate) async fn place(client: &Client) -> Result<()> {
    for (id, customer, item, quantity, cents) in SAMPLES {
        let (customer, item) = (customer.to_owned(), item.to_owned());
        let sample = Order { customer, item, quantity, cents };
        match client.start_new(order, sample).id(id).await {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}
