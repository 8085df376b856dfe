use reenact::prelude::*;

async fn ask(client: Client) -> reenact::Result<()> {
    client.get_status(7).await.map(drop)
}

fn main() {}
