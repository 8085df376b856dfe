//! Finds the console of a host, or opens the store itself: read-only for what only reads, and as a host that
//! starts nothing for what changes something.

mod announced;
mod codec;

use std::path::Path;

use reenact::console::dto::Info;
use reenact::console::{ConsoleOptions, router};
use reenact::providers::OpenError;
use reenact::{Azure, AzureOptions, Client, Connection, Host, HostOptions, Local};

use crate::api::Api;
use crate::api::http::{Http, Token};
use crate::api::way::Way;
use crate::arguments::place::{Chosen, Place, TOKEN_VARIABLE};
use crate::failure::{Code, Done, Failure};
pub(crate) use codec::{Codecs, Readable, readable};

/// The API of a place.
pub(crate) struct Opened {
    pub(crate) api: Api,
    info: Info,
    kept: Kept,
}

/// What this process has opened itself, and gives back.
enum Kept {
    /// Nothing: a console was asked.
    Nothing,
    /// A client of a hub, which has hosts elsewhere.
    Hub,
    /// A directory, to read it.
    Directory,
    /// A directory with a host that does nothing by itself.
    Dormant(Box<Host>),
}

impl Opened {
    /// Whether a host that works is at the other end. One that this process started does no work.
    pub(crate) fn has_host(&self) -> bool {
        matches!(self.kept, Kept::Nothing) && self.info.has_host
    }

    /// Whether what is there can change while it is looked at: a directory that this process has open cannot.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.kept, Kept::Nothing | Kept::Hub)
    }

    /// Gives back what was opened. What was changed is durable before.
    pub(crate) async fn close(self) -> Done {
        match self.kept {
            Kept::Dormant(host) => host.shutdown().await.map_err(Failure::unreachable),
            Kept::Nothing | Kept::Hub | Kept::Directory => Ok(()),
        }
    }
}

/// The API of a place, for what only reads.
pub(crate) async fn reading(place: &Place, quiet: bool) -> Done<Opened> {
    opened(place, true, quiet).await
}

/// The API of a place, for what changes something.
pub(crate) async fn changing(place: &Place, quiet: bool) -> Done<Opened> {
    opened(place, false, quiet).await
}

async fn opened(place: &Place, only_reads: bool, quiet: bool) -> Done<Opened> {
    let directory = match place.chosen(environment)? {
        Chosen::Console(address) => return console(&address, place).await,
        Chosen::Hub { connection, hub } => {
            let client = hub_client(&connection, &hub, place).await?;
            return in_process(client, only_reads, Kept::Hub).await;
        }
        Chosen::Directory(directory) => directory,
    };
    if let Some((api, info)) = announced::console(&directory, quiet).await? {
        return Ok(Opened { api, info, kept: Kept::Nothing });
    }
    if only_reads {
        return in_process(read_only(&directory, place)?, true, Kept::Directory).await;
    }
    let host = dormant(&directory, place).await?;
    in_process(host.client().clone(), false, Kept::Dormant(Box::new(host))).await
}

/// A client for a console that this process serves over a place without a host, and the dormant host that the
/// client is of where changes are allowed.
pub(crate) async fn to_serve(place: &Place, writes: bool) -> Done<(Client, Option<Host>)> {
    match place.chosen(environment)? {
        Chosen::Console(_) => {
            Err(Failure::misused("`console` serves a store, not another console")
                .remedy("open that address in a browser, or give `--store DIR`"))
        }
        Chosen::Hub { connection, hub } => Ok((hub_client(&connection, &hub, place).await?, None)),
        Chosen::Directory(directory) if writes => {
            let host = dormant(&directory, place).await?;
            Ok((host.client().clone(), Some(host)))
        }
        Chosen::Directory(directory) => Ok((read_only(&directory, place)?, None)),
    }
}

/// The console of a place, if it has one: that of an address, or of the host that has the directory open.
pub(crate) async fn console_of(place: &Place, quiet: bool) -> Done<Option<Api>> {
    match place.chosen(environment)? {
        Chosen::Console(address) => Ok(Some(console(&address, place).await?.api)),
        Chosen::Directory(directory) => {
            Ok(announced::console(&directory, quiet).await?.map(|(api, _)| api))
        }
        Chosen::Hub { .. } => Ok(None),
    }
}

/// A client that only reads a store, without a host in between.
pub(crate) async fn store_to_read(place: &Place) -> Done<Client> {
    match place.chosen(environment)? {
        Chosen::Directory(directory) => read_only(&directory, place),
        Chosen::Hub { connection, hub } => hub_client(&connection, &hub, place).await,
        Chosen::Console(_) => Err(Failure::misused("this needs the store itself, not a console")
            .remedy("give `--store DIR` or `--azure CONNECTION --hub NAME`")),
    }
}

/// A variable of the environment; an empty one counts as absent.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn console(address: &str, place: &Place) -> Done<Opened> {
    let token = match &place.token_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::misused(format_args!("{} cannot be read: {error}", path.display()))
            })?;
            Some(Token::new(&text)?)
        }
        None => environment(TOKEN_VARIABLE).map(|text| Token::new(&text)).transpose()?,
    };
    let api = Api::new(Way::Http(Http::new(address, token)?));
    let info = api.get("api/info", &[]).await?;
    Ok(Opened { api, info, kept: Kept::Nothing })
}

/// The router of a console that nobody serves.
async fn in_process(client: Client, only_reads: bool, kept: Kept) -> Done<Opened> {
    // Only this process reaches it.
    let options = ConsoleOptions::new().guarded_by_layer().read_only(only_reads);
    let api = Api::new(Way::InProcess(router(client, options)));
    let info = api.get("api/info", &[]).await?;
    Ok(Opened { api, info, kept })
}

/// A client that only reads a directory.
fn read_only(directory: &Path, place: &Place) -> Done<Client> {
    directory_to_read(directory, place).map(Client::read_only)
}

/// A directory that is not written to.
pub(crate) fn directory_to_read(directory: &Path, place: &Place) -> Done<Readable<Local>> {
    let store = Local::open_read_only(directory).map_err(|error| not_opened(directory, &error))?;
    readable(store, place)
}

/// A directory that is written to. It is made if it is not there.
pub(crate) fn directory_to_write(directory: &Path, place: &Place) -> Done<Readable<Local>> {
    let store = Local::open(directory).map_err(|error| not_opened(directory, &error))?;
    readable(store, place)
}

/// A host on a directory that does nothing by itself.
async fn dormant(directory: &Path, place: &Place) -> Done<Host> {
    // What is no store is not made into one.
    drop(directory_to_read(directory, place)?);
    let store = directory_to_write(directory, place)?;
    let host = Host::builder().provider(store).options(HostOptions::new().dormant());
    host.start().await.map_err(Failure::unreachable)
}

/// A client of a hub, without a host.
async fn hub_client(connection: &str, hub: &str, place: &Place) -> Done<Client> {
    Client::connect(hub_store(connection, hub, place).await?).map_err(Failure::unreachable)
}

/// A hub that is there.
pub(crate) async fn hub_store(connection: &str, hub: &str, place: &Place) -> Done<Readable<Azure>> {
    let connection = Connection::parse(connection).map_err(|error| {
        Failure::misused(format_args!("the connection string is invalid: {error}"))
    })?;
    let opened = AzureOptions::new().must_exist(true).connect(&connection, hub).await;
    let store = opened.map_err(|error| match &error {
        OpenError::NoStore { .. } => Failure::new(Code::Unreachable, &error),
        _ => Failure::new(Code::Unreachable, causes(&error)),
    })?;
    readable(store, place)
}

/// Why a directory was not opened, and what to do.
pub(crate) fn not_opened(directory: &Path, error: &OpenError) -> Failure {
    let directory = directory.display();
    match error {
        OpenError::InUse { holder, .. } => Failure::unreachable(format_args!(
            "{directory} is in use by {holder}, which has announced no console"
        ))
        .remedy(
            "if it serves a console, give its address: `--url`; otherwise switch one on \
             (`Host::builder().console(..)`), or stop it first",
        ),
        OpenError::NoStore { .. } => Failure::unreachable(error)
            .remedy("check the path: the directory of a store has a file `STORE`"),
        _ => Failure::unreachable(causes(error)),
    }
}

/// An error with its causes, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
