//! The endpoints of records that leave this host or come to it: a document is read and judged here,
//! off the collector's task.

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::IntoResponse,
};
use serde::Deserialize;

use super::{
    body::whole,
    handlers::{Desk, Refusal},
    protocol::observations::{MOST_BYTES, MOST_NAME, Observations, RecordedContainer},
};
use crate::collector::command::{Command, observations::ObservationsCommand};

pub(super) async fn of_container(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(container) = container?;
    let ask = |reply| Command::Observations(ObservationsCommand::OfContainer { container, reply });
    Ok(Json(document(desk.ask(ask).await??)))
}

pub(super) async fn of_image(
    State(desk): State<Desk>,
    image: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(image) = image?;
    let ask = |reply| Command::Observations(ObservationsCommand::OfImage { image, reply });
    Ok(Json(document(desk.ask(ask).await??)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    /// The name of the file that the document came in.
    #[serde(default)]
    file: Option<String>,
}

pub(super) async fn import(
    State(desk): State<Desk>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Body,
) -> Result<impl IntoResponse, Refusal> {
    let Query(ImportQuery { file }) = query?;
    let file = file.filter(|file| !file.is_empty());
    if file.as_ref().is_some_and(|file| file.len() > MOST_NAME) {
        let long = format!("the file's name is longer than {MOST_NAME} bytes");
        return Err(Refusal::bad_request(long));
    }
    let bytes = whole(body, MOST_BYTES, "document of observations").await?;
    let reading = tokio::task::spawn_blocking(move || Observations::read(&bytes));
    let observations = reading
        .await
        .map_err(|_| Refusal::internal("the document could not be read; this is a defect"))?
        .map_err(|error| Refusal::bad_request(error.to_string()))?;
    desk.look_up(|reply| {
        Command::Observations(ObservationsCommand::Import {
            observations,
            file,
            reply,
        })
    })
    .await
}

/// A document of this host.
fn document(containers: Vec<RecordedContainer>) -> Observations {
    let host = rustix::system::uname();
    Observations::of(
        host.nodename().to_string_lossy().into_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        containers,
    )
}
