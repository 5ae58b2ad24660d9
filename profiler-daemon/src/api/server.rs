//! The connections: accepting, limits, and an orderly end.
//!
//! What is asked and answered is the handlers' affair.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::UnixStream, sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    handlers::{Desk, Refusal},
    listen::Socket,
    peer::Peer,
    router::router,
};
use crate::collector::command::CommandSender;

/// Connections at a time; watchers hold one each for as long as they watch.
pub const CONNECTION_LIMIT: usize = 64;
/// Bytes of a request's line and headers.
const HEAD_LIMIT: usize = 16 * 1024;
/// Header lines of a request.
const HEADER_LIMIT: usize = 64;
/// How long a client may take over a request's head, and how long it may idle between two.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client that came too late may take to hear it.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(2);
/// How long answers under way may take once the daemon stops.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// Answers until `cancel`, then ends watches, lets answers under way finish, and removes the socket
/// if it is still ours.
///
/// # Errors
/// When the socket can be listened on no longer.
pub async fn serve(
    socket: Socket,
    commands: CommandSender,
    cancel: CancellationToken,
) -> io::Result<()> {
    let app = router(Desk {
        commands,
        cancel: cancel.clone(),
    });
    let full = Router::new().fallback(too_many);
    let seats = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let mut connections = JoinSet::new();
    let outcome = loop {
        let stream = tokio::select! {
            () = cancel.cancelled() => break Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) if passes(&error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                Err(error) => break Err(error),
            },
        };
        if let Ok(seat) = Arc::clone(&seats).try_acquire_owned() {
            let (app, cancel) = (app.clone(), cancel.clone());
            connections.spawn(async move {
                converse(stream, app, cancel).await;
                drop(seat);
            });
        } else {
            let (full, cancel) = (full.clone(), cancel.clone());
            connections.spawn(async move {
                // Whether it listened or not, its time is over.
                let _ =
                    tokio::time::timeout(REFUSAL_PATIENCE, converse(stream, full, cancel)).await;
            });
        }
    };
    // Newcomers should hear "nobody there" at once, not wait for an answer that never comes.
    drop(socket);
    let drained = tokio::time::timeout(DRAIN_PATIENCE, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
        connections.shutdown().await;
    }
    outcome
}

/// Errors of accept that say nothing about the socket itself.
fn passes(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::ECONNABORTED
                | libc::EINTR
        )
    )
}

async fn converse(stream: UnixStream, app: Router, cancel: CancellationToken) {
    let peer = Peer::of(&stream);
    let service = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_LIMIT)
        .max_headers(HEADER_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that hangs up or sends no HTTP is its own affair.
        tracing::debug!(%error, "connection ended early");
    }
}

async fn too_many(_request: Request) -> Response {
    let refusal = Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        format!(
            "{CONNECTION_LIMIT} connections are open already: close a `profilectl watch` and ask again"
        ),
    );
    ([("connection", "close")], refusal).into_response()
}
