//! `reenact-sidecar`: durable orchestrations for programs that use an SDK of Durable Task.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use reenact::console::ConsoleOptions;
use reenact::{AzureOptions, Connection, Host, HostBuilder, HostOptions, InMemory, Local};
use reenact_sidecar::{ServeOptions, Sidecar};

/// Serves the Durable Task protocol, so that programs in Python, JavaScript, .NET, Java and Go have durable
/// orchestrations.
#[derive(Parser)]
#[command(version, group = ArgGroup::new("place").required(true))]
struct Arguments {
    /// Keeps everything in this directory; it is made if it is not there
    #[arg(long, short, value_name = "DIR", group = "place")]
    store: Option<PathBuf>,

    /// Keeps everything in Azure Storage: `emulator`, `env` for the connection string in
    /// AZURE_STORAGE_CONNECTION_STRING, or a connection string
    #[arg(long, value_name = "CONNECTION", group = "place", requires = "hub")]
    azure: Option<String>,

    /// The name of the hub in Azure Storage
    #[arg(long, value_name = "NAME", requires = "azure")]
    hub: Option<String>,

    /// Keeps everything in memory, for tests: all of it is gone at the end
    #[arg(long, group = "place")]
    memory: bool,

    /// The port to serve at; 0 for a free one
    #[arg(long, short, default_value_t = 4001)]
    port: u16,

    /// The address to serve at. One that other machines reach needs a token
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: String,

    /// A file with the token that clients and workers give as the metadata `authorization`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// A file with the certificates for TLS, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// A file with the key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Serves the web console at this address, such as 127.0.0.1:4002
    #[arg(long, value_name = "ADDRESS")]
    console: Option<String>,
}

/// The workers of a sidecar are other processes: what waits for them takes no thread here.
const MAX_ACTIVITIES: usize = 1_000_000;

/// A sidecar runs no code of users that could kill it: who kills it so often is not an instance.
const MAX_HOST_DEATHS: u32 = 1_000;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reenact-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let options = serve_options(&arguments)?;
    let host_options =
        HostOptions::new().max_activities(MAX_ACTIVITIES).max_host_deaths(MAX_HOST_DEATHS);
    let mut host = store(&arguments).await?.options(host_options);
    if let Some(address) = &arguments.console {
        host = host.console(address, ConsoleOptions::new());
    }
    let (sidecar, host) = Sidecar::install(host)?;
    let host = host.start().await?;
    let address = address_of(&arguments.host, arguments.port);
    let server = match sidecar.serve(host.client(), address, options).await {
        Ok(server) => server,
        Err(error) => {
            host.shutdown().await?;
            return Err(error.into());
        }
    };
    if let Some(console) = host.console_addr() {
        println!("console on http://{console}");
    }
    println!("ready on {}", server.address());
    until_asked_to_end().await;
    server.shutdown().await;
    host.shutdown().await?;
    Ok(())
}

async fn store(arguments: &Arguments) -> Result<HostBuilder, Failure> {
    let host = Host::builder();
    if let Some(directory) = &arguments.store {
        return Ok(host.provider(Local::open(directory)?));
    }
    let (Some(account), Some(hub)) = (&arguments.azure, &arguments.hub) else {
        return Ok(host.provider(InMemory::new()));
    };
    let connection = match account.as_str() {
        "emulator" => Connection::parse("UseDevelopmentStorage=true")?,
        "env" => Connection::parse(&std::env::var("AZURE_STORAGE_CONNECTION_STRING").map_err(|_| {
            "AZURE_STORAGE_CONNECTION_STRING is not set; set it to the connection string of the account"
        })?)?,
        text => Connection::parse(text)?,
    };
    Ok(host.provider(AzureOptions::new().connect(&connection, hub).await?))
}

fn serve_options(arguments: &Arguments) -> Result<ServeOptions, Failure> {
    let mut options = ServeOptions::new();
    if let Some(path) = &arguments.token_file {
        let token = std::fs::read_to_string(path)
            .map_err(|why| format!("{} cannot be read: {why}", path.display()))?;
        let token = token.trim();
        if token.is_empty() {
            return Err(format!("{} is empty; write a token into it", path.display()).into());
        }
        options = options.token(token);
    }
    if let (Some(certificate), Some(key)) = (&arguments.tls_certificate, &arguments.tls_key) {
        options = options.tls_files(certificate, key)?;
    }
    Ok(options)
}

/// An address with its port; one of IPv6 in brackets.
fn address_of(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Returns on SIGTERM and on Ctrl-C.
async fn until_asked_to_end() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                biased;
                _ = terminated.recv() => {}
                () = interrupted => {}
            }
            return;
        }
    }
    interrupted.await;
}
