//! The endpoints about the filter in force and the audit: the collector gives the evidence, and
//! what comes of it is reckoned here, off its task and off the connections'.

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
use tokio::sync::Semaphore;

use super::{
    body::whole,
    handlers::{Desk, Refusal},
};
use crate::{
    audit::{
        active,
        candidate::Candidate,
        evidence::Evidence,
        report::{Report, ReportError, report},
    },
    collector::command::Command,
};

/// Bytes of a candidate.
const CANDIDATE_LIMIT: usize = 8 * 1024 * 1024;
/// Reckonings at a time: each may need much memory for a filter that is meant to.
static RECKONINGS: Semaphore = Semaphore::const_new(2);

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

/// `GET /v1/containers/{C}/audit`
pub(super) async fn audit(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
    query: Result<Query<EvidenceQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let (Path(container), Query(EvidenceQuery { ptrace })) = (container?, query?);
    audited(&desk, container, ptrace, None).await
}

/// `POST /v1/containers/{C}/audit`
pub(super) async fn audit_candidate(
    State(desk): State<Desk>,
    container: Result<Path<String>, PathRejection>,
    query: Result<Query<EvidenceQuery>, QueryRejection>,
    body: Body,
) -> Result<impl IntoResponse, Refusal> {
    let (Path(container), Query(EvidenceQuery { ptrace })) = (container?, query?);
    let candidate = candidate(body).await?;
    audited(&desk, container, ptrace, Some(candidate)).await
}

async fn candidate(body: Body) -> Result<Candidate, Refusal> {
    let bytes = whole(body, CANDIDATE_LIMIT, "candidate").await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::bad_request(format!(
            "the body is no candidate: {error}; send {{\"title\": …, \"profile\": …}}"
        ))
    })
}

async fn audited(
    desk: &Desk,
    container: String,
    ptrace: bool,
    candidate: Option<Candidate>,
) -> Result<Json<Report>, Refusal> {
    let evidence = evidence(desk, container, ptrace).await?;
    match reckoned(move || report(&evidence, candidate.as_ref())).await? {
        Ok(report) => Ok(Json(report)),
        Err(error @ ReportError::Candidate { .. }) => Err(Refusal::bad_request(error.to_string())),
        Err(error @ ReportError::TooLarge(_)) => Err(Refusal::internal(&error.to_string())),
    }
}

/// What takes its time goes to a thread of its own, and goes on there though its client leaves.
async fn reckoned<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let failed =
        || Refusal::internal("the audit failed; this is a defect of profilerd, please report it");
    let turn = RECKONINGS.acquire().await.map_err(|_| failed())?;
    let thread = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    thread.await.map_err(|_| failed())
}
