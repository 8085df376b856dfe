//! The file in a store's directory by which a host with its console on is found.

use std::io::ErrorKind;
use std::path::Path;

use reenact::console::Announced;
use reenact::console::dto::Info;

use crate::api::Api;
use crate::api::http::{Http, Token};
use crate::api::way::Way;
use crate::failure::{Code, Done, Failure};
use crate::output::remark;
use crate::output::text::printable;

/// The file.
const FILE: &str = "console.json";

/// The most bytes that the file can have.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The console of the host that has the directory open, if there is one and it answers.
pub(super) async fn console(directory: &Path, quiet: bool) -> Done<Option<(Api, Info)>> {
    let path = directory.join(FILE);
    let text = match std::fs::metadata(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Ok(found) if found.len() > MAX_FILE_BYTES => return stale(&path, "is too large", quiet),
        _ => std::fs::read_to_string(&path),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(Failure::new(
                Code::Refused,
                format_args!("{} is for the user of the host only", path.display()),
            )
            .remedy("run this as that user"));
        }
        Err(error) => return stale(&path, &format!("cannot be read ({error})"), quiet),
    };
    let Ok(announced) = serde_json::from_str::<Announced>(&text) else {
        return stale(&path, "is not what a console writes", quiet);
    };
    let token = Token::new(&announced.token)?;
    let api = Api::new(Way::Http(Http::new(&announced.address, Some(token))?));
    match api.get::<Info>("api/info", &[]).await {
        Ok(info) => Ok(Some((api, info))),
        // Another program may have the address now.
        Err(Failure::Of { .. }) => {
            let ended =
                format!("is left of process {}, which does not answer there", announced.pid);
            stale(&path, &ended, quiet)
        }
        Err(other) => Err(other),
    }
}

/// A file that leads nowhere does not stop anybody.
fn stale(path: &Path, why: &str, quiet: bool) -> Done<Option<(Api, Info)>> {
    if !quiet {
        remark(format_args!(
            "reenact: {} {}; the store is opened instead",
            printable(&path.display().to_string()),
            printable(why)
        ));
    }
    Ok(None)
}
