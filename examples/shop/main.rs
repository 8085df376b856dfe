//! A shop as a web service: orders with stock, payment, a decision by a person and shipping, and the console of
//! reenact under `/admin`. It ends gracefully on SIGTERM and on Ctrl-C, and goes on where it was when it starts
//! again.
//!
//!     cargo run --example shop --features console
//!
//! Then open http://127.0.0.1:3000/admin/. `--listen ADDRESS` and `--store DIR` choose another address and
//! another directory; `--empty` places no sample orders.

mod orders;
mod samples;
mod web;
mod world;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use reenact::console::{self, ConsoleOptions};
use reenact::prelude::*;
use tokio::net::TcpListener;

use orders::{order, ship};
use world::{Payments, Warehouse, print_label, reserve, restock};

const HELP: &str = r#"A shop on reenact. The console is under /admin/.

Place an order (one of 500.00 or more waits for a decision):
  curl -i localhost:3000/orders -H 'content-type: application/json' \
    -d '{"customer":"ada","item":"desk","quantity":1,"cents":64900}'
Look at it:
  curl localhost:3000/orders/ID
Decide about it:
  curl localhost:3000/orders/ID/decision -H 'content-type: application/json' \
    -d '{"by":"grace","approved":true}'
Call it off:
  curl -X DELETE localhost:3000/orders/ID
"#;

/// What the arguments ask for.
struct Arguments {
    listen: SocketAddr,
    store: PathBuf,
    with_samples: bool,
}

impl Arguments {
    fn read(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            store: PathBuf::from("shop.reenact"),
            with_samples: true,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--listen" => {
                    let text = value()?;
                    read.listen = text.parse().map_err(|_| format!("{text} is no address"))?;
                }
                "--store" => read.store = PathBuf::from(value()?),
                "--empty" => read.with_samples = false,
                other => return Err(format!("{other} is no option of this program")),
            }
        }
        Ok(read)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("shop: {wrong}");
            return ExitCode::from(2);
        }
    };
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(arguments.listen).await?;
    let host = Host::builder()
        .provider(Local::open(&arguments.store)?)
        .orchestration(order)
        .orchestration(ship)
        .activity(reserve)
        .activity(restock)
        .activity(print_label)
        .activities(Payments { account: 4711 })
        .state(Warehouse::stocked())
        .start()
        .await?;
    if arguments.with_samples {
        samples::place(host.client()).await?;
    }

    // Programs of this machine may use the console. If others can reach the address, put your own login in front
    // of it, or set a token: see `ConsoleOptions`.
    let admin = console::router(host.client(), ConsoleOptions::default());
    let router = web::router(host.client().clone()).nest_service("/admin", admin);
    let address = listener.local_addr()?;
    println!("the shop is open on http://{address}/, its console is http://{address}/admin/");

    let ending = host.shutdown_handle();
    let signal = async move {
        until_asked_to_end().await;
        // Requests that wait for an instance are answered, so that the server can end.
        ending.begin();
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(signal).await?;
    host.shutdown().await?;
    println!("the shop is closed; what was begun goes on when it opens again");
    Ok(())
}

/// Returns on SIGTERM and on Ctrl-C.
async fn until_asked_to_end() {
    let interrupted = async {
        // Without a handler, Ctrl-C ends the process at once, and nothing is lost either.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                () = interrupted => {}
            }
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
