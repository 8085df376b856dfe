//! Where the instances are: a directory, a hub in Azure Storage, or the console of a running host.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use crate::failure::{Done, Failure};

/// The directory of a store.
pub(crate) const STORE_VARIABLE: &str = "REENACT_STORE";
/// The name of a hub.
pub(crate) const HUB_VARIABLE: &str = "REENACT_HUB";
/// The address of a console.
pub(crate) const URL_VARIABLE: &str = "REENACT_URL";
/// The token of a console.
pub(crate) const TOKEN_VARIABLE: &str = "REENACT_TOKEN";
/// The path of the file with the keys of an encrypted store.
pub(crate) const KEYS_VARIABLE: &str = "REENACT_KEYS";
/// Where the Azure CLI and others look for a connection string as well.
pub(crate) const CONNECTION_VARIABLE: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// The place, as it was given.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Where")]
#[group(id = "place", multiple = true)]
pub(crate) struct Place {
    /// The directory of a store; also REENACT_STORE
    #[arg(long, short, global = true, value_name = "DIR", conflicts_with_all = ["azure", "url"])]
    pub(crate) store: Option<PathBuf>,
    /// An account of Azure Storage: `env`, `emulator`, or its connection string
    ///
    /// `env` takes the connection string from AZURE_STORAGE_CONNECTION_STRING, so that no list of
    /// processes shows it. `emulator` is one that runs on its own ports.
    #[arg(long, global = true, value_name = "CONNECTION", conflicts_with = "url")]
    pub(crate) azure: Option<String>,
    /// The hub in the account; also REENACT_HUB
    #[arg(long, global = true, value_name = "NAME", conflicts_with_all = ["store", "url"])]
    pub(crate) hub: Option<String>,
    /// The address of a console; also REENACT_URL
    #[arg(long, short, global = true, value_name = "ADDRESS")]
    pub(crate) url: Option<String>,
    /// The file with the token of the console; also REENACT_TOKEN has the token itself
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The file with the keys of an encrypted store; also REENACT_KEYS has its path
    ///
    /// A line is the id of a key, a space, and 64 hexadecimal digits. What a command writes is
    /// encrypted with the first key.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "url")]
    pub(crate) keys: Option<PathBuf>,
}

/// One place. No `Debug`: it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    Directory(PathBuf),
    Hub { connection: String, hub: String },
    Console(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("store", &self.store).field("url", &self.url).finish()
    }
}

impl Place {
    /// The one place that was given, by the arguments or else by the environment.
    pub(crate) fn chosen(&self, environment: impl Fn(&str) -> Option<String>) -> Done<Chosen> {
        if let Some(directory) = &self.store {
            return Ok(Chosen::Directory(directory.clone()));
        }
        if let Some(url) = &self.url {
            return Ok(Chosen::Console(url.clone()));
        }
        if let Some(account) = &self.azure {
            let connection = connection(account, &environment)?;
            let hub = self.hub.clone().or_else(|| environment(HUB_VARIABLE)).ok_or_else(|| {
                Failure::misused("`--azure` needs the name of a hub").remedy("add `--hub NAME`")
            })?;
            return Ok(Chosen::Hub { connection, hub });
        }
        if self.hub.is_some() {
            let account = Failure::misused("`--hub` needs an account");
            return Err(
                account.remedy("add `--azure env`, `--azure emulator` or `--azure CONNECTION`")
            );
        }
        match (environment(STORE_VARIABLE), environment(URL_VARIABLE)) {
            (Some(_), Some(_)) => Err(Failure::misused(format_args!(
                "both {STORE_VARIABLE} and {URL_VARIABLE} are set"
            ))
            .remedy("say which one with `--store DIR` or `--url ADDRESS`")),
            (Some(directory), None) => Ok(Chosen::Directory(directory.into())),
            (None, Some(url)) => Ok(Chosen::Console(url)),
            (None, None) => Err(Failure::misused("no store was given").remedy(format_args!(
                "add `--store DIR`, `--azure CONNECTION --hub NAME` or `--url ADDRESS`, or set {STORE_VARIABLE}"
            ))),
        }
    }
}

fn connection(account: &str, environment: impl Fn(&str) -> Option<String>) -> Done<String> {
    match account {
        "emulator" => Ok("UseDevelopmentStorage=true".to_owned()),
        "env" => environment(CONNECTION_VARIABLE).ok_or_else(|| {
            Failure::misused(format_args!("{CONNECTION_VARIABLE} is not set"))
                .remedy("set it to the connection string of the account")
        }),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn an_argument_counts_more_than_the_environment() {
        let environment =
            |name: &str| (name == STORE_VARIABLE).then(|| "of-environment".to_owned());
        let given = Place { url: Some("http://localhost".to_owned()), ..Place::default() };
        assert!(
            given
                .chosen(environment)
                .is_ok_and(|at| at == Chosen::Console("http://localhost".into()))
        );
        let chosen = Place::default().chosen(environment);
        assert!(chosen.is_ok_and(|at| at == Chosen::Directory("of-environment".into())));
    }

    #[test]
    fn the_connection_string_comes_from_the_environment() {
        let place = Place {
            azure: Some("env".to_owned()),
            hub: Some("orders".to_owned()),
            ..Place::default()
        };
        let secret = |name: &str| (name == CONNECTION_VARIABLE).then(|| "secret".to_owned());
        let expected = Chosen::Hub { connection: "secret".to_owned(), hub: "orders".to_owned() };
        assert!(place.chosen(secret).is_ok_and(|at| at == expected));
        assert!(place.chosen(nothing).is_err());
    }

    #[test]
    fn no_place_and_half_a_place_are_refused() {
        let hub_only = Place { hub: Some("h".to_owned()), ..Place::default() };
        let account_only = Place { azure: Some("emulator".to_owned()), ..Place::default() };
        for place in [Place::default(), hub_only, account_only] {
            assert!(place.chosen(nothing).is_err_and(|failure| failure.code() == 2));
        }
        let both =
            |name: &str| matches!(name, STORE_VARIABLE | URL_VARIABLE).then(|| "x".to_owned());
        assert!(Place::default().chosen(both).is_err());
    }
}
