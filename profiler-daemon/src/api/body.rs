//! Reading a request's body: all of it, in bounded time and memory.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    http::StatusCode,
};

use super::handlers::Refusal;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body of at most so many bytes, which is to be a `what`.
pub(super) async fn whole(body: Body, limit: usize, what: &str) -> Result<Bytes, Refusal> {
    let refused = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "bad_request",
            format!(
                "the body broke off, or is longer than {} MiB, which no {what} is",
                limit >> 20
            ),
        )
    };
    // One that says so itself is turned away before it is sent.
    if body.size_hint().lower() > limit as u64 {
        return Err(refused());
    }
    match tokio::time::timeout(PATIENCE, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(refused()),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "bad_request",
            "the body did not arrive within 10 s",
        )),
    }
}
