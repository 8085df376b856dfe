//! The time that a client gives a request.

use std::future::Future;
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Response};

/// The server below answers a request that is too late as cancelled. This much earlier it is answered as too late, which
/// is what clients expect.
const EARLIER: Duration = Duration::from_millis(3);

/// The limit of a request; `None` where it has none, or one that cannot be read.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let limit = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3_600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    Some(limit.saturating_sub(EARLIER))
}

/// The answer to a request, if it comes in time.
pub(super) async fn within(
    limit: Option<Duration>,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let Some(limit) = limit else { return answer.await };
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Status::deadline_exceeded("the time of the request is over").into_http(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_in_each_unit() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            of(&headers)
        };
        assert_eq!(read("10S"), Some(Duration::from_millis(9_997)));
        assert_eq!(read("1H"), Some(Duration::from_millis(3_599_997)));
        assert_eq!(read("5000000u"), Some(Duration::from_millis(4_997)));
        assert_eq!(read("1m"), Some(Duration::ZERO));
        for invalid in ["", "S", "10", "10X", "-1S", "\u{e9}"] {
            assert_eq!(read(invalid), None, "{invalid}");
        }
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
