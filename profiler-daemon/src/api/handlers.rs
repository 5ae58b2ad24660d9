//! The endpoints: a request becomes a command to the collector, its answer becomes JSON.
//!
//! Holds no state and decides nothing about containers.

use std::{
    convert::Infallible,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;

use super::protocol::{ErrorBody, Event};
use crate::{
    collector::command::{Answer, Command, CommandSender},
    profile::{
        compose::Options,
        origin::{Callers, Phases, Selection},
    },
};

/// How long the collector may take over one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The stable word in [`Event::Loss`] for a watcher that read too slowly.
const LAGGED: &str = "watch_lagged";

/// What every handler gets.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) commands: CommandSender,
    pub(super) cancel: CancellationToken,
}

/// An error on its way out.
pub(super) struct Refusal(StatusCode, ErrorBody);

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorBody {
            code: code.to_owned(),
            message: message.into(),
        };
        Self(status, body)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn internal(message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        let status = match body.code.as_str() {
            "not_found" => StatusCode::NOT_FOUND,
            "ambiguous" | "conflict" => StatusCode::CONFLICT,
            "bad_request" => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, body)
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(format!("the path cannot be read: {rejection}"))
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(format!(
            "the query cannot be read: {}",
            rejection.body_text()
        ))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

pub(super) type Reply<T> = Result<Json<T>, Refusal>;

impl Desk {
    /// Sends a command and waits for what comes back.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Refusal::internal(
                "profilerd is shutting down and answers no more: ask again once it is back",
            )),
            Err(_) => Err(Refusal::internal(
                "profilerd did not answer within 10 s: it may be overloaded; see `profilectl status` and its log",
            )),
        }
    }

    pub(super) async fn look_up<T: Serialize>(
        &self,
        command: impl FnOnce(oneshot::Sender<Answer<T>>) -> Command,
    ) -> Reply<T> {
        Ok(Json(self.ask(command).await??))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    #[serde(default)]
    include_refused: bool,
    #[serde(default)]
    args: bool,
    #[serde(default, deserialize_with = "words")]
    origin: Callers,
    #[serde(default, deserialize_with = "words")]
    phase: Phases,
}

/// A list of words with commas between them.
fn words<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

impl From<ExportQuery> for Options {
    fn from(query: ExportQuery) -> Self {
        Self {
            include_refused: query.include_refused,
            arguments: query.args,
            selection: Selection {
                callers: query.origin,
                phases: query.phase,
            },
        }
    }
}

pub(super) async fn status(State(desk): State<Desk>) -> Result<impl IntoResponse, Refusal> {
    Ok(Json(desk.ask(|reply| Command::Status { reply }).await?))
}

pub(super) async fn list(State(desk): State<Desk>) -> Result<impl IntoResponse, Refusal> {
    Ok(Json(desk.ask(|reply| Command::List { reply }).await?))
}

pub(super) async fn show(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(container) = container?;
    desk.look_up(|reply| Command::Show { container, reply })
        .await
}

pub(super) async fn explain(
    State(desk): State<Desk>,
    names: Result<Path<(String, String)>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path((container, call)) = names?;
    desk.look_up(|reply| Command::Explain {
        container,
        call,
        reply,
    })
    .await
}

pub(super) async fn export(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let (Path(container), Query(query)) = (container?, query?);
    desk.look_up(|reply| Command::Export {
        container,
        options: query.into(),
        reply,
    })
    .await
}

pub(super) async fn filters(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(container) = container?;
    desk.look_up(|reply| Command::Filters { container, reply })
        .await
}

pub(super) async fn export_image(
    State(desk): State<Desk>,
    image: Result<Path<String>, PathRejection>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let (Path(image), Query(query)) = (image?, query?);
    desk.look_up(|reply| Command::ExportImage {
        image,
        options: query.into(),
        reply,
    })
    .await
}

pub(super) async fn explain_image(
    State(desk): State<Desk>,
    image: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(image) = image?;
    desk.look_up(|reply| Command::ExplainImage {
        image,
        call: None,
        reply,
    })
    .await
}

pub(super) async fn workloads(
    State(desk): State<Desk>,
    image: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(image) = image?;
    desk.look_up(|reply| Command::Workloads { image, reply })
        .await
}

pub(super) async fn explain_image_call(
    State(desk): State<Desk>,
    names: Result<Path<(String, String)>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path((image, call)) = names?;
    desk.look_up(|reply| Command::ExplainImage {
        image,
        call: Some(call),
        reply,
    })
    .await
}

pub(super) async fn watch(State(desk): State<Desk>) -> Result<Response, Refusal> {
    let news = desk.ask(|reply| Command::Watch { reply }).await?;
    let lines = stream::unfold((news, desk.cancel), |(mut news, cancel)| async {
        let line = tokio::select! {
            () = cancel.cancelled() => None,
            line = next_line(&mut news) => line,
        }?;
        Some((Ok::<_, Infallible>(line), (news, cancel)))
    });
    Ok((
        [
            (header::CONTENT_TYPE, "application/x-ndjson"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        Body::from_stream(lines),
    )
        .into_response())
}

/// The next event as a line.
async fn next_line(news: &mut broadcast::Receiver<Event>) -> Option<Bytes> {
    loop {
        if let Some(line) = line_of(&next_event(news).await?) {
            return Some(line);
        }
    }
}

/// The next event. News that were overwritten before they could be sent are told as a loss: a
/// watcher must never take a gap for silence.
pub(super) async fn next_event(news: &mut broadcast::Receiver<Event>) -> Option<Event> {
    match news.recv().await {
        Ok(event) => Some(event),
        Err(broadcast::error::RecvError::Lagged(more)) => Some(Event::Loss {
            at_ms: now_ms(),
            cause: LAGGED.to_owned(),
            more,
        }),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

/// An event as a line.
pub(super) fn line_of(event: &Event) -> Option<Bytes> {
    match serde_json::to_vec(event) {
        Ok(mut line) => {
            line.push(b'\n');
            Some(line.into())
        }
        Err(error) => {
            tracing::error!(%error, "an event could not be written as JSON");
            None
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

pub(super) async fn unknown_path(uri: Uri) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!(
            "there is no {} here: docs/api.md lists the paths",
            uri.path()
        ),
    )
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!(
            "{} does not take {method}: docs/api.md lists what does",
            uri.path()
        ),
    )
}
