//! A hub of the tour in Azure Storage.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use reenact::Connection;
use reenact::prelude::*;
use reenact::testing::Emulator;

use crate::tour::failure::{Failure, Held};
use crate::tour::page::Page;

/// Where the Azure CLI and others look for a connection string as well.
const ENVIRONMENT: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// A process that was killed is taken for dead after so long, and what it had in hand comes again.
const LEASE_TIME: Duration = Duration::from_secs(3);

/// So few that each of them has something to do.
const SHARDS: u32 = 4;

/// An account of Azure Storage.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// That of an emulator, which the tour starts.
    Emulator,
    /// That of the connection string in the environment.
    Environment,
    /// That of this connection string, which holds a secret and is not printed.
    Of(String),
}

/// A way to a hub, for this process and others.
#[derive(Clone)]
pub(crate) struct Way {
    /// Holds a secret.
    pub(super) connection: String,
    pub(super) hub: String,
}

/// A hub that this tour has made.
pub(crate) struct Hub {
    store: Azure,
    way: Way,
    /// Ends after the store.
    emulator: Option<Emulator>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Emulator => "Emulator",
            Self::Environment => "Environment",
            Self::Of(_) => "Of(***)",
        })
    }
}

impl Account {
    /// What somebody has written: `emulator`, `env`, or a connection string.
    pub(crate) fn of(text: String) -> Self {
        match &*text {
            "emulator" => Self::Emulator,
            "env" => Self::Environment,
            _ => Self::Of(text),
        }
    }
}

impl Way {
    pub(super) async fn open(&self) -> Held<Azure> {
        let options =
            AzureOptions::new().shards(SHARDS).lease_time(LEASE_TIME).visibility_time(LEASE_TIME);
        Ok(options.connect(&Connection::parse(&self.connection)?, &self.hub).await?)
    }
}

impl Hub {
    pub(super) async fn make(account: &Account) -> Held<Self> {
        let emulator = match account {
            Account::Emulator => Some(Emulator::start().await?),
            _ => None,
        };
        let connection = match (account, &emulator) {
            (Account::Of(text), _) => text.clone(),
            (_, Some(emulator)) => emulator.connection_string(),
            _ => std::env::var(ENVIRONMENT)
                .map_err(|_| Failure::new(format!("{ENVIRONMENT} is not set")))?,
        };
        let hub = format!("reenact-tour-{:016x}", RandomState::new().build_hasher().finish());
        let way = Way { connection, hub };
        Ok(Self { store: way.open().await?, way, emulator })
    }

    pub(super) fn store(&self) -> &Azure {
        &self.store
    }

    pub(super) fn way(&self) -> Way {
        self.way.clone()
    }

    pub(super) fn describe(&self, page: &mut Page) -> Held {
        let connection = Connection::parse(&self.way.connection)?;
        page.say(format_args!("Its state is in the hub {}, which is new,", self.way.hub))?;
        page.say(format_args!("at {connection}."))
    }

    /// Says what the service would charge for, and what is left there.
    pub(crate) fn conclude(&self, page: &mut Page) -> Held {
        let all = self.store.transactions();
        page.line(format_args!(
            "\nThe process of the tour has made {} requests to the hub: {} commits and other appends,\n\
             {} blobs written and {} read, {} lists, {} of leases and files, {} of queues.",
            all.total(),
            all.appends,
            all.writes,
            all.reads,
            all.lists,
            all.others,
            all.sends + all.receives + all.settles,
        ))?;
        if self.emulator.is_some() {
            return page.line("The emulator goes, and the hub with it.");
        }
        page.line(format_args!(
            "The hub stays: the container {0}, and the queues whose names begin so. Remove them\n\
             after you have looked into it, with the connection string in {ENVIRONMENT}:\n  \
             cargo run --release -p reenact-cli -- list --azure env --hub {0}",
            self.way.hub
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_understood_and_a_secret_is_not_printed() {
        assert_eq!(Account::of("emulator".to_owned()), Account::Emulator);
        assert_eq!(Account::of("env".to_owned()), Account::Environment);
        let account = Account::of("AccountName=a;AccountKey=c2VjcmV0".to_owned());
        assert_eq!(format!("{account:?}"), "Of(***)");
    }
}
