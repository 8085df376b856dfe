//! The part of HTTP/1.1 that the adapters and the emulator use.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head of a request that is read, in bytes.
const HEAD: usize = 64 * 1024;

/// The largest request that is read, in bytes.
const BODY: usize = 256 * 1024 * 1024;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// What stands between the head and the body.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A whole request.
pub(super) struct Request {
    pub(super) method: String,
    /// The path and the query.
    pub(super) target: String,
    /// Names in lowercase.
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lowercase.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query, as it is sent.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut parameters = query.split('&').filter_map(|part| part.split_once('='));
        parameters.find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// Its bytes, with a header that asks to close the connection after the answer.
    pub(super) fn closing(&self) -> Vec<u8> {
        let line = find(&self.bytes, b"\r\n").map_or(0, |end| end + 2);
        let (line, rest) = self.bytes.split_at(line);
        [line, b"connection: close\r\n", rest].concat()
    }
}

/// The next request; `None` when the client sends none.
pub(super) async fn read(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = find(&bytes, END_OF_HEAD) {
            break end + END_OF_HEAD.len();
        }
        if bytes.len() > HEAD {
            return Err(invalid("the head of a request is too long"));
        }
        if more(client, &mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let (method, target, headers) = parse(&bytes[..head])?;
    let mut request = Request { method, target, headers, bytes };
    let length = body_length(&request)?;
    while request.bytes.len() < head + length {
        if more(client, &mut request.bytes).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(request))
}

async fn more(client: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; READ_BYTES];
    let read = client.read(&mut buffer).await?;
    bytes.extend_from_slice(&buffer[..read]);
    Ok(read)
}

type Head = (String, String, Vec<(String, String)>);

fn parse(head: &[u8]) -> io::Result<Head> {
    let head = std::str::from_utf8(head).map_err(|_| invalid("the head is no text"))?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(invalid("the head does not begin with a method and a target"));
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((method.to_owned(), target.to_owned(), headers))
}

/// The adapters know how much they send before they send it.
fn body_length(request: &Request) -> io::Result<usize> {
    if request.header("transfer-encoding").is_some() {
        return Err(invalid("a request of unknown length"));
    }
    let length = request.header("content-length").unwrap_or("0");
    match length.parse() {
        Ok(length) if length <= BODY => Ok(length),
        _ => Err(invalid("a request of a wrong length")),
    }
}

/// What the service answers when it refuses.
pub(super) fn refusal(status: u16, code: &str, retry_after: Option<u64>) -> Vec<u8> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <Error><Code>{code}</Code><Message>The proxy refuses.</Message></Error>"
    );
    let wait = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
    format!(
        "HTTP/1.1 {status} Refused\r\nconnection: close\r\nx-ms-error-code: {code}\r\n{}\
         content-type: application/xml\r\ncontent-length: {}\r\n\r\n{text}",
        wait.unwrap_or_default(),
        text.len()
    )
    .into_bytes()
}

/// The middle of what is in an answer, or of its head when there is nothing in it.
pub(super) fn middle(answer: &[u8]) -> usize {
    let head = find(answer, END_OF_HEAD).map_or(0, |end| end + END_OF_HEAD.len());
    if head == answer.len() { head / 2 } else { head + (answer.len() - head) / 2 }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
