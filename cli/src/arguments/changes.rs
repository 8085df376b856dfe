//! The arguments of the commands that change instances.

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::filter::{Filter, STATES};
use super::moment::duration;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact start greet '\"Ada\"'
  reenact start order @order.json --id order-7
  jq .order mail.json | reenact start order - --id order-7 --delay 2h
  reenact start order @order.json --wait
  reenact start order @order.json --id order-7 --replace failed,terminated

On a directory where no host runs, the instance begins when a host that has the orchestration starts.
That checks the input then; without `--version`, it is of code that has no version.")]
pub(crate) struct Start {
    /// The name of the orchestration
    pub(crate) orchestration: String,
    /// Its input: JSON, `@FILE`, or `-` for the standard input
    pub(crate) input: Option<String>,
    /// The id of the instance; without it, one is made
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The version of the orchestration; without it, the newest
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// It begins so much later
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) delay: Option<Duration>,
    /// Each of its executions fails after this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// All of its executions together fail after this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) total_timeout: Option<Duration>,
    /// An event that it finds when it begins
    #[arg(long, value_name = "NAME[=JSON]")]
    pub(crate) event: Option<String>,
    /// Where there is an instance of the id in one of these states, it makes room: it is terminated, if it has not
    /// ended, and the new one begins. Several with commas
    #[arg(
        long,
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(STATES)
    )]
    pub(crate) replace: Vec<String>,
    /// Where there is an instance of the id, it is taken for the one to be started
    #[arg(long)]
    pub(crate) attach: bool,
    /// An attribute with which it begins, such as `customer=ada`; several times for several
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attr: Vec<String>,
    /// Waits until it has ended; the exit code is 1 if it has not completed
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact raise order-7 Approved true
  reenact raise order-7 Paid @payment.json --key payment-4711")]
pub(crate) struct Raise {
    /// The id of the instance
    pub(crate) id: String,
    /// The name of the event
    pub(crate) name: String,
    /// Its data: JSON, `@FILE`, or `-` for the standard input
    pub(crate) data: Option<String>,
    /// Raised again with the same key, the event counts once
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
The answer is printed as JSON. The exit code is 1 when the update is refused,
invalid or dropped.

Examples:
  reenact update cart-7 add '\"tea\"'
  reenact update cart-7 add @item.json --key click-4711")]
pub(crate) struct Update {
    /// The id of the instance
    pub(crate) id: String,
    /// The name of the update
    pub(crate) name: String,
    /// The request: JSON, `@FILE`, or `-` for the standard input
    pub(crate) data: Option<String>,
    /// Sent again with the same key, the update counts once and has the same answer
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// How long to wait for the answer: at most 50s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
The activity passes its token on: `ctx.token()`.

Examples:
  reenact complete at1-1-feed-3-1-725d859e-order-7 true
  reenact complete \"$TOKEN\" @result.json")]
pub(crate) struct Complete {
    /// The token of the attempt
    pub(crate) token: String,
    /// What the activity returns: JSON, `@FILE`, or `-` for the standard input
    pub(crate) output: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact fail \"$TOKEN\" \"the bank does not answer\"
  reenact fail \"$TOKEN\" \"the account is closed\" --fatal")]
pub(crate) struct Fail {
    /// The token of the attempt
    pub(crate) token: String,
    /// Why it failed, for people
    pub(crate) message: String,
    /// It fails for good: there is no other attempt
    #[arg(long)]
    pub(crate) fatal: bool,
}

/// Instances by their ids, or by conditions.
#[derive(Debug, Args)]
#[command(after_long_help = "\
More than one instance, and every purge: it asks first on a terminal, and needs
`--yes` where it cannot ask. What was shown is what is changed.

Examples:
  reenact resume order-7
  reenact resume order-7 order-8 --yes
  reenact purge --state completed --finished-before 30d --yes")]
pub(crate) struct Chosen {
    /// The ids of the instances
    #[arg(value_name = "ID", conflicts_with = "filter", required_unless_present = "filter")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// Instances, and why they are changed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
More than one instance, and every terminate: it asks first on a terminal, and needs
`--yes` where it cannot ask. What was shown is what is changed.

Examples:
  reenact cancel order-7 --reason \"the customer has called\"
  reenact terminate order-7 --yes
  reenact suspend --name order --state running --yes")]
pub(crate) struct WithReason {
    /// The ids of the instances
    #[arg(value_name = "ID", conflicts_with = "filter", required_unless_present = "filter")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Why; it is in the history for ever
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
The new instance goes on from the end of the copy with the code that its host has
now; the other one stays as it is. `reenact history ID` shows the positions.

Examples:
  reenact fork order-7 order-7-again --before 12 --yes
  reenact fork order-7 what-if --reason \"with the new prices\" --yes")]
pub(crate) struct Fork {
    /// The id of the instance
    pub(crate) id: String,
    /// The id of the new one
    #[arg(value_name = "NEW_ID")]
    pub(crate) to: String,
    /// Copies what stands before the event at this position of the history; otherwise all
    /// but the end
    #[arg(long, value_name = "POSITION")]
    pub(crate) before: Option<u64>,
    /// Why; it is in the history of the new one for ever
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Takes an instance that has the new id already for the fork
    #[arg(long)]
    pub(crate) attach: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
`reenact history ID` shows the positions. What came at and after the position is
superseded; the instance goes on from there with the code that its host has now.

Examples:
  reenact rewind order-7 --to 12 --reason \"the price was wrong\" --yes")]
pub(crate) struct Rewind {
    /// The id of the instance
    pub(crate) id: String,
    /// To before the event at this position of the history
    #[arg(long, value_name = "POSITION", required = true)]
    pub(crate) to: u64,
    /// Why; it is in the history for ever
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
