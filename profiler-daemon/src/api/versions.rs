//! The endpoints of versions.

use axum::{
    Extension,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::IntoResponse,
};

use super::{
    handlers::{Desk, ExportQuery, Refusal, Reply},
    peer::Peer,
};
use crate::{
    api::protocol::versions::{History, VersionExport},
    collector::command::{
        Command,
        versions::{Of, VersionCommand},
    },
    profile::version::Version,
};

type Name = Result<Path<String>, PathRejection>;
type Numbered = Result<Path<(String, u64)>, PathRejection>;
type Asked = Result<Query<ExportQuery>, QueryRejection>;

async fn history(desk: &Desk, of: Of) -> Reply<History> {
    desk.look_up(|reply| Command::Version(VersionCommand::History { of, reply }))
        .await
}

async fn export(desk: &Desk, of: Of, number: u64, query: ExportQuery) -> Reply<VersionExport> {
    desk.look_up(|reply| {
        Command::Version(VersionCommand::Export {
            of,
            number,
            options: query.into(),
            reply,
        })
    })
    .await
}

async fn promote(desk: &Desk, of: Of, number: u64, peer: Peer) -> Reply<Version> {
    desk.look_up(|reply| {
        Command::Version(VersionCommand::Promote {
            of,
            number,
            by: peer.name(),
            reply,
        })
    })
    .await
}

pub(super) async fn of_container(
    State(desk): State<Desk>,
    name: Name,
) -> Result<impl IntoResponse, Refusal> {
    history(&desk, Of::Container(name?.0)).await
}

pub(super) async fn of_image(
    State(desk): State<Desk>,
    name: Name,
) -> Result<impl IntoResponse, Refusal> {
    history(&desk, Of::Image(name?.0)).await
}

pub(super) async fn one_of_container(
    State(desk): State<Desk>,
    names: Numbered,
    query: Asked,
) -> Result<impl IntoResponse, Refusal> {
    let (Path((name, number)), Query(query)) = (names?, query?);
    export(&desk, Of::Container(name), number, query).await
}

pub(super) async fn one_of_image(
    State(desk): State<Desk>,
    names: Numbered,
    query: Asked,
) -> Result<impl IntoResponse, Refusal> {
    let (Path((name, number)), Query(query)) = (names?, query?);
    export(&desk, Of::Image(name), number, query).await
}

pub(super) async fn promote_of_container(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    names: Numbered,
) -> Result<impl IntoResponse, Refusal> {
    let Path((name, number)) = names?;
    promote(&desk, Of::Container(name), number, peer).await
}

pub(super) async fn promote_of_image(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    names: Numbered,
) -> Result<impl IntoResponse, Refusal> {
    let Path((name, number)) = names?;
    promote(&desk, Of::Image(name), number, peer).await
}
