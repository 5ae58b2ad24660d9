//! The endpoints about the filter in force and the audit: the collector gives the evidence, and
//! what comes of it is reckoned here, off its task and off the connections'.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::IntoResponse,
};
use serde::Deserialize;

use super::handlers::{Desk, Refusal};
use crate::{
    audit::{active, evidence::Evidence},
    collector::command::Command,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceQuery {
    #[serde(default)]
    ptrace: bool,
}

/// `GET /v1/containers/{C}/active`
pub(super) async fn active(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
    query: Result<Query<EvidenceQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let (Path(container), Query(EvidenceQuery { ptrace })) = (container?, query?);
    let evidence = evidence(&desk, container, ptrace).await?;
    reckoned(move || active::active(&evidence)).await.map(Json)
}

async fn evidence(desk: &Desk, container: String, ptrace: bool) -> Result<Evidence, Refusal> {
    let answer = desk.ask(|reply| Command::Evidence {
        container,
        ptrace,
        reply,
    });
    Ok(answer.await??)
}

/// What takes its time goes to a thread of its own.
async fn reckoned<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Refusal::internal("the audit failed; this is a defect of profilerd, please report it")
    })
}
