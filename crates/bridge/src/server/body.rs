//! Reads request bodies.

use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::request::header;
use super::response::Failure;

/// The maximum number of bytes of a refused body that are read and discarded.
const MAX_DISCARDED_BYTES: usize = 64 << 20;

/// The timeout for discarding it.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a whole body. A body that is too long stays in `body`.
pub async fn read<B>(head: &Parts, body: &mut Option<B>, limit: u64, limit_of_time: Duration) -> Result<Bytes, Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    let too_long = || Failure::new(413, format!("ERR max request size exceeded, the limit is {limit} bytes"));
    let declared = header(&head.headers, CONTENT_LENGTH.as_str()).and_then(|length| std::str::from_utf8(length).ok());
    if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    let Some(unread) = body.as_mut() else { return Ok(Bytes::new()) };
    let limited = Limited::new(unread, usize::try_from(limit).unwrap_or(usize::MAX));
    match timeout(limit_of_time, limited.collect()).await {
        Ok(Ok(bytes)) => {
            *body = None;
            Ok(bytes.to_bytes())
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => {
            *body = None;
            Err(Failure::new(400, "ERR the body of the request was cut off").and_close())
        }
        Err(_) => {
            *body = None;
            Err(Failure::new(408, "ERR the body of the request did not arrive in time").and_close())
        }
    }
}

/// Reads the rest of a refused body and discards it, within limits.
pub async fn discard<B: HttpBody<Data = Bytes> + Unpin>(body: B) {
    // The connection closes if more remains.
    let _ = timeout(DISCARD_TIMEOUT, discard_all(body)).await;
}

async fn discard_all<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED_BYTES {
            return;
        }
    }
}
