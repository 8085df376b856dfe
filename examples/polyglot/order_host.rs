//! One order process in three languages: its activities are in Rust, Python and JavaScript, and there is an
//! orchestration in each that calls all of them by their names.
//!
//! `cargo run -p reenact-sidecar --example polyglot` runs it. It needs `python3` with `venv`, and `node` with `npm`; the
//! SDKs of Durable Task are installed into `target/polyglot` when they are not there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reenact::prelude::*;
use reenact_sidecar::{ServeOptions, Sidecar};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

type Failure = Box<dyn std::error::Error>;

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    item: String,
    cents: u64,
}

#[activity]
async fn reserve(_ctx: ActivityContext, item: String) -> Result<String, ActivityError> {
    Ok(format!("{item} reserved in Rust"))
}

#[orchestration]
async fn order_in_rust(
    ctx: OrchestrationContext,
    order: Order,
) -> Result<String, OrchestrationError> {
    let reserved = ctx.call_activity(reserve, order.item.clone()).await?;
    let paid: String = ctx.call_activity_by_name("charge", &order.cents).await?;
    let packed: String = ctx.call_activity_by_name("pack", &order.item).await?;
    Ok(format!("Rust: {reserved}, {paid}, {packed}"))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let packages = Packages::installed().await?;
    let directory = packages.folder.join("orders.reenact");
    let host = Host::builder()
        .provider(Local::open(&directory)?)
        .orchestration(order_in_rust)
        .activity(reserve);
    let (sidecar, host) = Sidecar::install(host)?;
    let host = host.start().await?;
    let server = sidecar.serve(host.client(), "127.0.0.1:0", ServeOptions::new()).await?;
    println!("the sidecar serves on {}", server.address());
    // They end with this program.
    let _python = packages.python(&server.address().to_string())?;
    let _javascript = packages.javascript(&server.address().to_string())?;

    for name in ["order_in_rust", "order_in_python", "order_in_javascript"] {
        let order = Order { item: "tea".to_owned(), cents: 430 };
        let instance = host.start_new_by_name::<String>(name, order).await?;
        println!("{}", instance.result().await?);
    }
    server.shutdown().await;
    host.shutdown().await?;
    Ok(())
}

/// Where the SDKs are.
struct Packages {
    folder: PathBuf,
}

impl Packages {
    async fn installed() -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/polyglot");
        let packages = Self { folder };
        if !packages.folder.join("python/bin/python").exists() {
            println!("installing the SDK for Python");
            run(Command::new("python3").args(["-m", "venv"]).arg(packages.folder.join("python")))
                .await?;
            let mut pip = Command::new(packages.folder.join("python/bin/pip"));
            run(pip.args(["install", "--quiet", "durabletask==1.12.0"])).await?;
        }
        if !packages.folder.join("node_modules").exists() {
            println!("installing the SDK for JavaScript");
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
            run(npm.arg(&packages.folder).arg("@microsoft/durabletask-js@0.4.0")).await?;
        }
        Ok(packages)
    }

    fn python(&self, endpoint: &str) -> Result<Child, Failure> {
        let python = Command::new(self.folder.join("python/bin/python"));
        worker(python, "order_worker.py", endpoint)
    }

    fn javascript(&self, endpoint: &str) -> Result<Child, Failure> {
        let mut node = Command::new("node");
        node.env("NODE_PATH", self.folder.join("node_modules"));
        worker(node, "order_worker.js", endpoint)
    }
}

async fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().await.map_err(|why| format!("{command:?}: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn worker(mut command: Command, file: &str, endpoint: &str) -> Result<Child, Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/polyglot").join(file);
    // What a worker logs is of no interest here.
    let command = command.arg(path).env("ENDPOINT", endpoint).stderr(Stdio::null());
    let worker = command.kill_on_drop(true).spawn();
    worker.map_err(|why| format!("{command:?}: {why}").into())
}
