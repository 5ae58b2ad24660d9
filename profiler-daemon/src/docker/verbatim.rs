//! The requests whose bodies must reach the engine as it told them: inspecting, making and connecting
//! a container that is to be the same as another.
//!
//! bollard's models hold the fields that its version of the API has, and drop the others without a
//! word: a container's MAC address on Docker 20.10, and whatever an engine newer than bollard adds.
//! Here everything stays JSON. Keeps no state, tries nothing twice.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::{client::ClientError, endpoint::Endpoint, lifecycle::LifecycleError};

/// How long one request may take: making a container takes long on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// Bytes of an answer.
const MOST_BYTES: usize = 64 * 1024 * 1024;

type Answer<T> = Result<T, LifecycleError>;

/// A way to ask one engine.
#[derive(Clone, Debug)]
pub struct Verbatim {
    path: String,
}

impl Verbatim {
    /// Prepares to ask the engine. Nothing is opened yet.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        Self {
            path: endpoint.path().to_owned(),
        }
    }

    /// Everything about a container, by name or id.
    ///
    /// # Errors
    /// There is none, or the engine does not answer.
    pub async fn inspect(&self, container: &str) -> Answer<Value> {
        let path = format!("/containers/{}/json", segment(container)?);
        self.ask(Method::GET, &path, None).await
    }

    /// Ids of all containers, those that ended too.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn ids(&self) -> Answer<Vec<String>> {
        let listed = self
            .ask(Method::GET, "/containers/json?all=true", None)
            .await?;
        let ids = listed.as_array().into_iter().flatten();
        Ok(ids
            .filter_map(|one| one["Id"].as_str().map(str::to_owned))
            .collect())
    }

    /// The id of an image, by its reference; none if the engine has no such image.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image_id(&self, reference: &str) -> Answer<Option<String>> {
        // A reference has slashes, which belong to the path here.
        if reference.contains(['?', '#', '%', ' ']) || reference.contains("..") {
            return Ok(None);
        }
        let path = format!("/images/{reference}/json");
        match self.ask(Method::GET, &path, None).await {
            Ok(image) => Ok(image["Id"].as_str().map(str::to_owned)),
            Err(LifecycleError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a container of a body as the API takes it; its id.
    ///
    /// # Errors
    /// The name is taken (409), there is no such image, or what is asked for cannot be.
    pub async fn create(&self, name: &str, body: &Value) -> Answer<String> {
        let path = format!("/containers/create?name={}", segment(name)?);
        let made = self.ask(Method::POST, &path, Some(body)).await?;
        made["Id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| self.unreadable("it made a container and told no id"))
    }

    /// Makes a container a member of one more network.
    ///
    /// # Errors
    /// There is no such network, or the address is taken.
    pub async fn connect(&self, network: &str, container: &str, endpoint: &Value) -> Answer<()> {
        let path = format!("/networks/{}/connect", segment(network)?);
        let body = json!({"Container": container, "EndpointConfig": endpoint});
        self.ask(Method::POST, &path, Some(&body)).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer<Value> {
        let late = LifecycleError::Late {
            deed: "answer",
            seconds: LIMIT.as_secs(),
        };
        tokio::time::timeout(LIMIT, self.exchange(method, path, body))
            .await
            .unwrap_or(Err(late))
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Answer<Value> {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|error| self.unconnected(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.other(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the engine ended early");
            }
        });
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "docker")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(text)))
            .map_err(|error| self.other(&error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.other(&error))?;
        let status = response.status();
        let bytes = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|error| self.unreadable(&error.to_string()))?
            .to_bytes();
        if !status.is_success() {
            return Err(refusal(status, &bytes));
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error.to_string()))
    }

    fn unconnected(&self, error: &std::io::Error) -> LifecycleError {
        use std::io::ErrorKind;
        let path = self.path.clone();
        let error = match error.kind() {
            ErrorKind::NotFound => ClientError::NoSocket { path },
            ErrorKind::ConnectionRefused => ClientError::Refused { path },
            ErrorKind::PermissionDenied => ClientError::Forbidden { path },
            _ => return self.other(error),
        };
        error.into()
    }

    fn other(&self, error: &impl ToString) -> LifecycleError {
        ClientError::Other {
            path: self.path.clone(),
            reason: error.to_string(),
        }
        .into()
    }

    fn unreadable(&self, reason: &str) -> LifecycleError {
        ClientError::Unreadable {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
        .into()
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> LifecycleError {
    let said = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| body["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    match status {
        StatusCode::NOT_FOUND => LifecycleError::Missing { said },
        status => LifecycleError::Refused {
            status: status.as_u16(),
            said,
        },
    }
}

/// A name as a part of a path: what Docker allows in the names of containers and networks, and
/// nothing else, so that no name reaches another request.
fn segment(name: &str) -> Answer<&str> {
    let sound = !name.is_empty()
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if sound {
        Ok(name)
    } else {
        Err(LifecycleError::Missing {
            said: format!("nothing of Docker's can be called {name:?}"),
        })
    }
}
