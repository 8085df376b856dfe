//! Inputs and event data: JSON, in the argument, in a file or on the standard input.

use std::io::Read;

use serde_json::Value;

use crate::failure::{Code, Done, Failure};
use crate::limits::MAX_PAYLOAD_BYTES;

/// Reads `JSON`, `@FILE` or `-`.
pub(crate) fn payload(given: Option<&str>) -> Done<Value> {
    let text = match given {
        None => return Ok(Value::Null),
        Some("-") => read(std::io::stdin().lock(), "the standard input")?,
        Some(text) => match text.strip_prefix('@') {
            Some(path) => {
                let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
                read(file, path)?
            }
            None => text.to_owned(),
        },
    };
    serde_json::from_str(&text).map_err(|error| {
        let failure = Failure::misused(format_args!("it is not JSON: {error}"));
        match text.trim() {
            plain if !plain.contains(['{', '[', '"', '\n']) => {
                failure.remedy(format_args!("a text needs double quotes: '\"{plain}\"'"))
            }
            _ => failure.remedy("give JSON, `@FILE`, or `-` for the standard input"),
        }
    })
}

fn read(from: impl Read, name: &str) -> Done<String> {
    let mut text = String::new();
    let read = from.take(MAX_PAYLOAD_BYTES + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| unreadable(name, &error))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_PAYLOAD_BYTES) {
        let limit = MAX_PAYLOAD_BYTES / 1024 / 1024;
        return Err(Failure::misused(format_args!("{name} has more than {limit} MiB")));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::Misused, format_args!("{name} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_refused_with_what_was_meant() {
        let Err(Failure::Of { remedy: Some(remedy), .. }) = payload(Some("hello")) else {
            panic!("`hello` is not JSON");
        };
        assert!(remedy.contains("'\"hello\"'"), "{remedy}");
        assert!(payload(Some("{\"a\":")).is_err());
        assert!(payload(Some("@no/such/file")).is_err());
    }

    #[test]
    fn json_is_taken_as_it_is() {
        assert_eq!(payload(Some("[1, 2]")).unwrap(), serde_json::json!([1, 2]));
        assert_eq!(payload(None).unwrap(), Value::Null);
    }
}
