//! `console`: the pages over a store without a host.

use reenact::console::{Console as Server, ConsoleError, ConsoleOptions, Token};

use crate::arguments::place::TOKEN_VARIABLE;
use crate::arguments::stores::Console;
use crate::failure::{Code, Done, Failure};
use crate::open::{self, environment};
use crate::tool::Tool;

pub(crate) async fn console(given: Console, tool: &mut Tool) -> Done {
    let (client, host) = open::to_serve(&tool.place, given.write).await?;
    let mut options = ConsoleOptions::new().read_only(!given.write);
    let token = token(&given)?;
    if let Some(token) = &token {
        options = options.token(token.clone());
    }
    let server = Server::serve(client, given.listen, options).await.map_err(not_served)?;
    let address = format!("http://{}/", server.local_addr());
    if tool.out.is_for_people() {
        let what = if given.write { "reads and changes" } else { "only reads" };
        tool.out.line(&address)?;
        if let Some(token) = &token {
            tool.out.line(format_args!("token {}", token.expose()))?;
        }
        tool.out.flush()?;
        tool.remark(format_args!("the console {what}; Ctrl-C ends it"));
    } else {
        let token = token.as_ref().map(Token::expose);
        tool.out.value(&serde_json::json!({ "address": address, "token": token }))?;
        tool.out.flush()?;
    }
    until_stopped().await;
    server.shutdown().await;
    match host {
        Some(host) => host.shutdown().await.map_err(Failure::unreachable),
        None => Ok(()),
    }
}

/// Callers on other machines need a token.
fn token(given: &Console) -> Done<Option<Token>> {
    let is_misuse = |error: reenact::console::InvalidToken| {
        Failure::misused(format_args!("{TOKEN_VARIABLE}: {error}"))
    };
    match environment(TOKEN_VARIABLE) {
        Some(text) => Token::new(text).map(Some).map_err(is_misuse),
        None if given.listen.ip().is_loopback() => Ok(None),
        None => Token::draw().map(Some).map_err(Failure::unreachable),
    }
}

/// Ctrl-C, or what a supervisor sends.
async fn until_stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without signals it goes on until it is killed.
    let _ = tokio::signal::ctrl_c().await;
}

fn not_served(error: ConsoleError) -> Failure {
    match error {
        ConsoleError::AddressInUse { address } => {
            Failure::new(Code::Unreachable, format_args!("the address {address} is in use"))
                .remedy("choose another with `--listen`, such as 127.0.0.1:0 for any that is free")
        }
        other => Failure::new(Code::Unreachable, other),
    }
}
