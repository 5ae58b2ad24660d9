//! The client's end of the socket: one typed method an endpoint.
//!
//! Prints nothing, and knows nothing of how answers are shown.

mod images;
mod versions;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use super::protocol::{
    Detail, ErrorBody, Event, Explanation, Export, InstalledFilter, Status, Summary,
    observations::{Imported, Observations},
    shadows::Attach,
};
use crate::{
    audit::{active::Active, candidate::Candidate, report::Report},
    profile::{
        compose::Options,
        origin::{Callers, Phases, Selection},
    },
};

/// How long a connection may take to open.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer may take; the daemon gives itself 10 s.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or not for us.
    #[error("cannot reach profilerd at {}: {reason}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// There is no such container, image or call.
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense to the daemon.
    #[error("{0}")]
    Bad(String),
    /// More than one container is meant.
    #[error("{0}")]
    Ambiguous(String),
    /// The daemon failed, or what answered is no profilerd.
    #[error("{0}")]
    Protocol(String),
}

/// A daemon, by its socket. Every request opens its own connection.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon that listens there. Nothing is opened yet.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// The daemon's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How the daemon is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status").await
    }

    /// All containers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list(&self) -> Result<Vec<Summary>, ClientError> {
        self.get("/v1/containers").await
    }

    /// One container, by name, id or id prefix.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn show(&self, container: &str) -> Result<Detail, ClientError> {
        let container = segment("container", container)?;
        self.get(&format!("/v1/containers/{container}")).await
    }

    /// One call of one container, in every ABI that has it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain(
        &self,
        container: &str,
        call: &str,
    ) -> Result<Vec<Explanation>, ClientError> {
        let container = segment("container", container)?;
        let call = segment("system call", call)?;
        self.get(&format!("/v1/containers/{container}/calls/{call}"))
            .await
    }

    /// The profile of one container.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export(&self, container: &str, options: Options) -> Result<Export, ClientError> {
        let container = segment("container", container)?;
        self.get(&format!(
            "/v1/containers/{container}/profile?{}",
            query(options)
        ))
        .await
    }

    /// The filters that were installed in one container, the oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn filters(&self, container: &str) -> Result<Vec<InstalledFilter>, ClientError> {
        let container = segment("container", container)?;
        self.get(&format!("/v1/containers/{container}/filters"))
            .await
    }

    /// The filter in force for one container; with `ptrace`, as the kernel has it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn active(&self, container: &str, ptrace: bool) -> Result<Active, ClientError> {
        let container = segment("container", container)?;
        self.get(&format!(
            "/v1/containers/{container}/active?ptrace={ptrace}"
        ))
        .await
    }

    /// The audit of one container; with `ptrace`, of the filter as the kernel has it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit(
        &self,
        container: &str,
        ptrace: bool,
        candidate: Option<&Candidate>,
    ) -> Result<Report, ClientError> {
        let container = segment("container", container)?;
        let path = format!("/v1/containers/{container}/audit?ptrace={ptrace}");
        match candidate {
            None => self.get(&path).await,
            Some(candidate) => {
                let answer = self.send(Method::POST, &path, body(candidate)?).await?;
                self.decoded(&path, answer).await
            }
        }
    }

    /// The record of one container, to be brought to another host.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn observations(&self, container: &str) -> Result<Observations, ClientError> {
        let container = segment("container", container)?;
        self.get(&format!("/v1/containers/{container}/observations"))
            .await
    }

    /// Brings a document of another host's records, out of a file of that name. It is sent as it is: the
    /// daemon judges it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn import(
        &self,
        document: Vec<u8>,
        file: Option<&str>,
    ) -> Result<Imported, ClientError> {
        let query =
            file.map(|file| Ok::<_, ClientError>(format!("?file={}", segment("file", file)?)));
        let path = format!("/v1/observations{}", query.transpose()?.unwrap_or_default());
        let answer = self.send(Method::POST, &path, document.into()).await?;
        self.decoded(&path, answer).await
    }

    /// News from now on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn watch(&self) -> Result<Watch, ClientError> {
        let response = self.send(Method::GET, "/v1/watch", Bytes::new()).await?;
        self.stream(response).await
    }

    /// Attaches a candidate for as long as the news of it are listened to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn watch_shadow(&self, attach: &Attach) -> Result<Watch, ClientError> {
        let response = self
            .send(Method::POST, "/v1/shadows", body(attach)?)
            .await?;
        self.stream(response).await
    }

    async fn stream(&self, response: Response<Incoming>) -> Result<Watch, ClientError> {
        if response.status() != StatusCode::OK {
            let status = response.status();
            let body = self.read(response).await?;
            return Err(refusal(status, &body));
        }
        Ok(Watch {
            body: response.into_body(),
            pending: Vec::new(),
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        self.decoded(path, response).await
    }

    async fn decoded<T: DeserializeOwned>(
        &self,
        path: &str,
        response: Response<Incoming>,
    ) -> Result<T, ClientError> {
        let status = response.status();
        let body = self.read(response).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            ClientError::Protocol(format!(
                "profilerd's answer to {path} is not what this version expects ({error}): profilectl and profilerd should have the same version"
            ))
        })
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let whole = Limited::new(response.into_body(), ANSWER_LIMIT).collect();
        match tokio::time::timeout(ANSWER_PATIENCE, whole).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) => Err(ClientError::Protocol(format!(
                "profilerd's answer broke off ({error})"
            ))),
            Err(_) => Err(self.unreachable("it stopped in the middle of an answer")),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        tracing::debug!(socket = %self.socket.display(), path, "{method}");
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error.to_string()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "profilerd")
            .header(header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| ClientError::Bad(format!("cannot ask for {path}: {error}")))?;
        match tokio::time::timeout(ANSWER_PATIENCE, sender.send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_parse() => Err(ClientError::Protocol(format!(
                "what answers at {} speaks no HTTP ({error}); is it another program's socket?",
                self.socket.display()
            ))),
            Ok(Err(error)) => Err(self.unreachable(&format!("it hung up ({error})"))),
            Err(_) => {
                Err(self.unreachable(&format!("no answer within {} s", ANSWER_PATIENCE.as_secs())))
            }
        }
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        match tokio::time::timeout(CONNECT_PATIENCE, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(&why_not(&self.socket, &error))),
            Err(_) => Err(self.unreachable("no connection within 2 s")),
        }
    }

    fn unreachable(&self, reason: &str) -> ClientError {
        ClientError::Unreachable {
            socket: self.socket.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Why a connection failed, and what to do about it.
fn why_not(socket: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let start = "start it with `systemctl start profilerd`, or name its socket with --socket";
    match error.kind() {
        ErrorKind::NotFound => format!("is it running? There is no such socket; {start}"),
        ErrorKind::ConnectionRefused => {
            format!("is it running? Nobody listens on that socket; {start}")
        }
        ErrorKind::PermissionDenied => format!(
            "permission denied; use sudo, or join the group that owns {}",
            socket.display()
        ),
        ErrorKind::InvalidInput => format!("{error}; --socket takes at most 107 bytes"),
        _ => format!("is it running? {error}; {start}"),
    }
}

/// The error that an answer other than 200 stands for.
fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    let message = serde_json::from_slice::<ErrorBody>(body).map_or_else(
        |_| format!("profilerd answered with HTTP status {status}"),
        |body| body.message,
    );
    match status {
        StatusCode::NOT_FOUND => ClientError::NotFound(message),
        StatusCode::CONFLICT => ClientError::Ambiguous(message),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => ClientError::Bad(message),
        _ => ClientError::Protocol(message),
    }
}

fn body(candidate: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(candidate)
        .map(Bytes::from)
        .map_err(|error| ClientError::Bad(format!("the candidate cannot be written: {error}")))
}

/// The query that asks for a profile with these options.
fn query(options: Options) -> String {
    let mut query = format!(
        "include_refused={}&args={}",
        options.include_refused, options.arguments
    );
    // A daemon that does not know these words does what it did before.
    let Selection { callers, phases } = options.selection;
    if callers != Callers::default() {
        query.push_str(&format!("&origin={callers}"));
    }
    if phases != Phases::default() {
        query.push_str(&format!("&phase={phases}"));
    }
    query
}

/// One segment of a path: all but unreserved characters percent-encoded.
fn segment(what: &str, text: &str) -> Result<String, ClientError> {
    use std::fmt::Write;
    if text.is_empty() {
        return Err(ClientError::Bad(format!("the name of the {what} is empty")));
    }
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Ok(encoded)
}

/// News as they come.
#[derive(Debug)]
pub struct Watch {
    body: Incoming,
    pending: Vec<u8>,
}

/// One line of news.
#[derive(Clone, Debug)]
pub struct News {
    /// As it travelled, without the newline.
    pub line: String,
    /// What it says; none when a newer daemon says something that this client does not know.
    pub event: Option<Event>,
}

impl Watch {
    /// The next line; none when the daemon ends the stream.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the stream breaks.
    pub async fn next(&mut self) -> Result<Option<News>, ClientError> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let rest = self.pending.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.pending, rest);
                line.pop();
                let line = String::from_utf8_lossy(&line).into_owned();
                let event = serde_json::from_str(&line).ok();
                return Ok(Some(News { line, event }));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.pending.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => {
                    return Err(ClientError::Protocol(format!(
                        "profilerd broke off the stream ({error})"
                    )));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_segment_holds_no_separator() {
        assert_eq!(segment("image", "nginx").unwrap(), "nginx");
        assert_eq!(
            segment("image", "reg:5000/a b@sha256:c?#%é").unwrap(),
            "reg%3A5000%2Fa%20b%40sha256%3Ac%3F%23%25%C3%A9"
        );
        assert!(segment("image", "").is_err());
    }
}
