//! The arguments of the commands about whole stores and hosts.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use super::filter::Filter;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact quarantine
  reenact quarantine requeue ENTRY
  reenact quarantine discard ENTRY --yes")]
pub(crate) struct Quarantine {
    #[command(subcommand)]
    pub(crate) action: Option<QuarantineAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineAction {
    /// Lists the messages, and why each is there
    List,
    /// Puts messages back into their queues
    Requeue {
        /// The entries, as the list shows them
        #[arg(value_name = "ENTRY", required = true)]
        entries: Vec<String>,
    },
    /// Removes messages for ever
    Discard {
        /// The entries, as the list shows them
        #[arg(value_name = "ENTRY", required = true)]
        entries: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact export --store orders.reenact -o orders.jsonl
  reenact export order-7 order-9 -o two.jsonl
  reenact export --state parked > parked.jsonl
  reenact export --azure env --hub orders --at-rest -o orders.jsonl")]
pub(crate) struct Export {
    /// Only these instances
    #[arg(value_name = "ID", conflicts_with = "filter")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The file; without it, the standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Of a hub: no host works on it meanwhile, so that the export can be imported
    #[arg(long)]
    pub(crate) at_rest: bool,
    /// Of a hub: leaves the messages there that are in its queues and in its quarantine
    #[arg(long)]
    pub(crate) leave_messages: bool,
    /// Without the events as JSON, which an import does not need: half the size
    #[arg(long)]
    pub(crate) compact: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
An import that was broken off goes on where it was, with the same command. A damaged
or foreign file is found before anything is brought in.

Examples:
  reenact import orders.jsonl --store new.reenact
  reenact import orders.jsonl --azure env --hub orders
  reenact import orders.jsonl --url http://other-machine:9000

No host may work on the store. A console is one over a store without a host,
as `reenact console --write` serves it.")]
pub(crate) struct Import {
    /// The exported file
    pub(crate) file: PathBuf,
    /// Also what was exported while hosts worked; its instances may wait for each other for ever
    #[arg(long)]
    pub(crate) even_if_hosts_worked: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
The command is a program of yours that has the orchestrations and calls
`reenact::verify::main()`. It gets the path of the file as its last argument, and
replays each history against its code. Without a command, only the file is checked.

Examples:
  reenact verify orders.jsonl -- cargo run --release --bin verify-orders")]
pub(crate) struct Verify {
    /// The exported file
    pub(crate) file: PathBuf,
    /// The command, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
It only reads, unless `--write` is given. On an address that other machines reach,
a token is made and printed once.

Examples:
  reenact console --store orders.reenact
  reenact console --store orders.reenact --listen 127.0.0.1:9000 --write")]
pub(crate) struct Console {
    /// The address and the port; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Lets the pages change instances
    #[arg(long)]
    pub(crate) write: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact metrics --url http://localhost:9000/admin
  reenact metrics --prometheus")]
pub(crate) struct Metrics {
    /// As the text that Prometheus reads
    #[arg(long)]
    pub(crate) prometheus: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Without a host on the directory it reads every journal, the archive and every
history, and changes nothing. Where a console answers, it looks at the histories
through that. The exit code is 1 if it finds something.

Examples:
  reenact doctor --store orders.reenact
  reenact doctor --store orders.reenact --quick
  reenact doctor --url http://localhost:9000/admin")]
pub(crate) struct Doctor {
    /// Not every history: the store and the machine only
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact completions bash > ~/.local/share/bash-completion/completions/reenact
  reenact completions zsh > ~/.zfunc/_reenact
  reenact completions fish > ~/.config/fish/completions/reenact.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_parser = clap::builder::EnumValueParser::<Shell>::new())]
    pub(crate) shell: Shell,
}
