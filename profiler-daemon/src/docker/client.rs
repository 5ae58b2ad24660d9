//! One request to the engine and its answer, each within a time limit.
//! Keeps no state, tries nothing twice.

use std::{error::Error as _, io, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error as BollardError,
    models::{
        ContainerInspectResponse, ContainerSummary, EventMessage, ImageInspect, SystemInfo,
        SystemVersion,
    },
    query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder},
};
use futures_util::Stream;
use thiserror::Error;

use super::{endpoint::Endpoint, event};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No socket at the path.
    #[error("there is no socket at {path}; is Docker running, and is that its socket?")]
    NoSocket {
        /// The path.
        path: String,
    },
    /// The socket's owner is gone.
    #[error("nobody answers at {path}; is Docker running?")]
    Refused {
        /// The path.
        path: String,
    },
    /// No permission on the socket.
    #[error(
        "no permission to use {path}; run profilerd as root, or as a member of the socket's group"
    )]
    Forbidden {
        /// The path.
        path: String,
    },
    /// The engine is there and silent.
    #[error("the engine at {path} did not answer within {seconds} s; is it stuck?")]
    Timeout {
        /// The path.
        path: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The engine knows no such thing.
    #[error("the engine knows no such container or image")]
    NotFound,
    /// An answer that makes no sense to us.
    #[error("the engine at {path} gave an answer that is not understood: {reason}")]
    Unreadable {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else.
    #[error("talking to the engine at {path}: {reason}")]
    Other {
        /// The path.
        path: String,
        /// What happened.
        reason: String,
    },
}

/// A way to ask one engine.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) docker: Docker,
    pub(super) path: String,
    pub(super) limit: Duration,
}

impl Client {
    /// Prepares to ask the engine; an absent socket is noticed here, a deaf one at the first
    /// question. Every answer must be complete within `limit`.
    ///
    /// # Errors
    /// When there is no socket.
    pub fn new(endpoint: &Endpoint, limit: Duration) -> Result<Self, ClientError> {
        let path = endpoint.path().to_owned();
        // bollard counts in whole seconds, and only up to the answer's first byte.
        let seconds = limit.as_secs().max(1);
        let docker = Docker::connect_with_unix(&path, seconds, API_DEFAULT_VERSION)
            .map_err(|error| told(&path, limit, &error))?;
        Ok(Self {
            docker,
            path,
            limit,
        })
    }

    /// The engine's version and parts.
    pub(super) async fn version(&self) -> Result<SystemVersion, ClientError> {
        self.within(self.docker.version()).await
    }

    /// The engine's settings.
    pub(super) async fn info(&self) -> Result<SystemInfo, ClientError> {
        self.within(self.docker.info()).await
    }

    /// All containers, stopped ones too.
    pub(super) async fn list(&self) -> Result<Vec<ContainerSummary>, ClientError> {
        let options = ListContainersOptionsBuilder::default().all(true).build();
        self.within(self.docker.list_containers(Some(options)))
            .await
    }

    /// Everything about one container.
    pub(super) async fn inspect(&self, id: &str) -> Result<ContainerInspectResponse, ClientError> {
        self.within(self.docker.inspect_container(id, None)).await
    }

    /// Everything about an image, by its reference or id.
    pub(super) async fn image(&self, reference: &str) -> Result<ImageInspect, ClientError> {
        self.within(self.docker.inspect_image(reference)).await
    }

    /// The containers' events since a time (nanoseconds since the epoch), and on and on.
    /// The request is made when the stream is first polled.
    pub(super) fn events(
        &self,
        since_ns: u64,
    ) -> impl Stream<Item = Result<EventMessage, ClientError>> + Unpin + use<> {
        use futures_util::StreamExt;
        let since = format!("{}.{:09}", since_ns / NS_PER_S, since_ns % NS_PER_S);
        let filters = std::collections::HashMap::from([
            ("type", vec!["container"]),
            ("event", event::WANTED.to_vec()),
        ]);
        let options = EventsOptionsBuilder::default()
            .since(&since)
            .filters(&filters)
            .build();
        let (docker, path, limit) = (self.docker.clone(), self.path.clone(), self.limit);
        Box::pin(
            docker
                .events(Some(options))
                .map(move |item| item.map_err(|error| told(&path, limit, &error))),
        )
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|error| told(&self.path, self.limit, &error)),
            Err(_) => Err(self.timeout()),
        }
    }

    fn timeout(&self) -> ClientError {
        ClientError::Timeout {
            path: self.path.clone(),
            seconds: self.limit.as_secs(),
        }
    }
}

const NS_PER_S: u64 = 1_000_000_000;

/// bollard's error in our words: what happened, and what to do.
pub(super) fn told(path: &str, limit: Duration, error: &BollardError) -> ClientError {
    let path = path.to_owned();
    match error {
        BollardError::SocketNotFoundError(_) => return ClientError::NoSocket { path },
        BollardError::RequestTimeoutError => {
            let seconds = limit.as_secs();
            return ClientError::Timeout { path, seconds };
        }
        BollardError::DockerResponseServerError {
            status_code: 404, ..
        } => return ClientError::NotFound,
        BollardError::JsonDataError { message, .. } => {
            let reason = message.clone();
            return ClientError::Unreadable { path, reason };
        }
        BollardError::JsonSerdeError { err } => {
            let reason = err.to_string();
            return ClientError::Unreadable { path, reason };
        }
        _ => {}
    }
    // The cause is often several layers down, and hyper's outer ones do not repeat it.
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::NotFound) => return ClientError::NoSocket { path },
            Some(io::ErrorKind::ConnectionRefused) => return ClientError::Refused { path },
            Some(io::ErrorKind::PermissionDenied) => return ClientError::Forbidden { path },
            _ => {}
        }
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    ClientError::Other { path, reason }
}
