//! The arguments of the commands that only read.

use clap::Args;

use super::filter::Filter;
use crate::limits;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact list --state parked,failed
  reenact list --name order --created-after 2h --limit 20
  reenact list --attr customer=ada --attr 'cents>=100'
  reenact list --all --jsonl | jq -r .id")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// So many at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = limits::LISTED, conflicts_with = "all")]
    pub(crate) limit: usize,
    /// All of them, however many there are
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Only ids after this one: where the list before has ended
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
    /// Shows the attributes of each; so does `--attr`
    #[arg(long)]
    pub(crate) attributes: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact count
  reenact count --by-state --name order
  reenact count --by-name
  reenact count --state failed --finished-after 1d
  test \"$(reenact count --state parked)\" = 0")]
pub(crate) struct Count {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How many there are in each state
    #[arg(long)]
    pub(crate) by_state: bool,
    /// How many there are of each orchestration, those with the most first
    #[arg(long, conflicts_with = "by_state")]
    pub(crate) by_name: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact query order-7
  reenact query order-7 cart | jq .items")]
pub(crate) struct Query {
    /// The id of the instance
    pub(crate) id: String,
    /// Only the value of this name, as JSON
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact show order-7
  reenact show order-7 --failure
  reenact show order-7 --tree
  reenact show order-7 --json | jq .state")]
pub(crate) struct Show {
    /// The id of the instance
    pub(crate) id: String,
    /// Its children and their children, with their states
    #[arg(long, conflicts_with = "failure")]
    pub(crate) tree: bool,
    /// Its failure, down through the children that caused it
    #[arg(long)]
    pub(crate) failure: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact history order-7
  reenact history order-7 --payloads --from 100 --limit 20
  reenact history order-7 --state-after 12
  reenact history order-7 --executions
  reenact history order-7 --execution 3
  reenact history order-7 --jsonl > order-7.jsonl")]
pub(crate) struct History {
    /// The id of the instance
    pub(crate) id: String,
    /// The payloads of the events as well
    #[arg(long, short)]
    pub(crate) payloads: bool,
    /// From the event at this position on, or from where a part of the history has ended
    #[arg(long, value_name = "POSITION")]
    pub(crate) from: Option<String>,
    /// So many events at most; all without it
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Not the events: what was open, awaited and buffered after the event at this position
    #[arg(long, value_name = "POSITION", conflicts_with_all = ["payloads", "from", "limit"])]
    pub(crate) state_after: Option<u64>,
    /// Of this execution, where it is kept; of the newest one without it
    #[arg(long, value_name = "N")]
    pub(crate) execution: Option<u32>,
    /// Not the events: which executions there are, when they began and ended, and how
    #[arg(long, conflicts_with_all = ["payloads", "from", "limit", "state_after", "execution"])]
    pub(crate) executions: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact stream chat-1 tokens
  reenact stream chat-1 tokens --from 100 --limit 20
  reenact stream chat-1 tokens --follow")]
pub(crate) struct Stream {
    /// The id of the instance
    pub(crate) id: String,
    /// The name of the stream
    pub(crate) name: String,
    /// From the item with this offset on; without it, from the first that is there
    #[arg(long, value_name = "OFFSET")]
    pub(crate) from: Option<u64>,
    /// So many items at most; all without it
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// The items that come as well, until the instance ends
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  reenact timeline order-7
  reenact timeline order-7 --from 1000 --limit 50
  reenact timeline order-7 --execution 3")]
pub(crate) struct Timeline {
    /// The id of the instance
    pub(crate) id: String,
    /// From the event at this position on
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub(crate) from: u64,
    /// So many lines at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = limits::SPANS)]
    pub(crate) limit: usize,
    /// Of this execution, where it is kept; of the newest one without it
    #[arg(long, value_name = "N")]
    pub(crate) execution: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
On a terminal the page is drawn again whenever something changes, and says how many
instances do not fit; in a pipe, each change is a line. Ctrl-C ends it.

Examples:
  reenact watch
  reenact watch --state parked,failed
  reenact watch --after order-50
  reenact watch order-7 --until-done && echo completed")]
pub(crate) struct Watch {
    /// The id of one instance; without it, a list
    #[arg(conflicts_with = "filter")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Until the instance has ended; the exit code is 1 if it has not completed
    #[arg(long, requires = "id")]
    pub(crate) until_done: bool,
    /// So many instances at most; without it, as many as fit the terminal, and 50 in a pipe
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "id")]
    pub(crate) limit: Option<usize>,
    /// Only ids after this one: where the page before has ended
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub(crate) after: Option<String>,
}
