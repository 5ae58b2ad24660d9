//! The endpoints of shadows: a candidate is read and decided here, off the collector's task.
//!
//! Holds no state: a watched shadow ends when its stream is dropped, for the stream holds its lease.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast;

use super::{
    body::whole,
    handlers::{Desk, Refusal, line_of, next_event},
    protocol::{
        Event,
        shadows::{Attach, Origin, ShadowState},
    },
};
use crate::{
    audit::shadow::Shadow,
    collector::command::{
        Command,
        shadows::{Attached, NewShadow, ShadowCommand},
    },
    seccomp::filter::{
        program::Program,
        words::{MOST_TOGETHER, Words, program},
    },
};

/// Bytes of a request's body: some thirty programs of the greatest length.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

pub(super) async fn list(State(desk): State<Desk>) -> Result<impl IntoResponse, Refusal> {
    let ask = |reply| Command::Shadow(ShadowCommand::List { reply });
    Ok(Json(desk.ask(ask).await?))
}

pub(super) async fn show(
    State(desk): State<Desk>,
    name: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(name) = name?;
    desk.look_up(|reply| Command::Shadow(ShadowCommand::Show { name, reply }))
        .await
}

pub(super) async fn detach(
    State(desk): State<Desk>,
    name: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(name) = name?;
    desk.look_up(|reply| Command::Shadow(ShadowCommand::Detach { name, reply }))
        .await
}

pub(super) async fn put(
    State(desk): State<Desk>,
    name: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<impl IntoResponse, Refusal> {
    let Path(name) = name?;
    let mut new = candidate(body).await?;
    new.name = Some(name);
    Ok(Json(attach(&desk, new).await?.state))
}

/// Attaches a candidate for as long as the client listens: first what it would have refused so far,
/// then the event that it is attached, then what comes.
pub(super) async fn watch(State(desk): State<Desk>, body: Body) -> Result<Response, Refusal> {
    let lease = Arc::new(());
    let mut new = candidate(body).await?;
    new.origin = Origin::Watch;
    new.lease = Some(Arc::downgrade(&lease));
    let Attached { state, events } = attach(&desk, new).await?;
    let name = state.name.clone();
    let so_far: Vec<_> = so_far(&state).iter().filter_map(line_of).collect();
    let cancel = desk.cancel;
    let coming = stream::unfold(Some((events, name, cancel, lease)), |all| async {
        let (mut events, name, cancel, lease) = all?;
        let (line, last) = tokio::select! {
            () = cancel.cancelled() => None,
            line = next_line(&mut events, &name) => line,
        }?;
        Some((line, (!last).then_some((events, name, cancel, lease))))
    });
    let lines = stream::iter(so_far).chain(coming).map(Ok::<_, Infallible>);
    Ok((
        [
            (header::CONTENT_TYPE, "application/x-ndjson"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        Body::from_stream(lines),
    )
        .into_response())
}

async fn attach(desk: &Desk, new: NewShadow) -> Result<Attached, Refusal> {
    let ask = |reply| Command::Shadow(ShadowCommand::Attach { new, reply });
    Ok(desk.ask(ask).await??)
}

/// What a body asks for, its programs decided.
async fn candidate(body: Body) -> Result<NewShadow, Refusal> {
    let bytes = whole(body, BODY_LIMIT, "candidate").await?;
    let Attach {
        target,
        profile,
        programs,
    } = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request(format!("the body cannot be read: {error}")))?;
    let deciding = tokio::task::spawn_blocking(move || decided(&programs));
    let shadow = deciding
        .await
        .map_err(|_| Refusal::internal("the candidate could not be decided; this is a defect"))?
        .map_err(Refusal::bad_request)?;
    Ok(NewShadow {
        name: None,
        target,
        profile,
        shadow: Box::new(shadow),
        origin: Origin::Client,
        lease: None,
    })
}

fn decided(programs: &[Vec<Words>]) -> Result<Shadow, String> {
    if programs.iter().map(Vec::len).sum::<usize>() > MOST_TOGETHER {
        return Err(format!(
            "the programs have more than {MOST_TOGETHER} instructions, more than the kernel takes"
        ));
    }
    let programs: Vec<Program> = (1..)
        .zip(programs)
        .map(|(place, words)| {
            program(words).map_err(|error| format!("program {place} is no filter: {error}"))
        })
        .collect::<Result<_, _>>()?;
    Shadow::of_programs(&programs).map_err(|error| error.to_string())
}

/// What was made before anybody listened, as the events that would have told of it.
fn so_far(state: &ShadowState) -> Vec<Event> {
    let events = state.containers.iter().flat_map(|container| {
        container.calls.iter().map(|call| Event::WouldRefuse {
            at_ms: state.attached_ms,
            id: container.id.clone(),
            name: container.name.clone(),
            shadow: state.name.clone(),
            profile: state.profile.clone(),
            abi: call.abi.clone(),
            call: call.name.clone(),
            answer: call.answer.clone(),
            certain: call.certain,
            with: None,
            earlier: call.earlier,
            seen: call.first.clone(),
        })
    });
    events.collect()
}

/// The next line that concerns a shadow, and whether it tells its end; none once the daemon ends.
async fn next_line(events: &mut broadcast::Receiver<Event>, name: &str) -> Option<(Bytes, bool)> {
    loop {
        let event = next_event(events).await?;
        let concerns = match &event {
            Event::WouldRefuse { shadow, .. } | Event::Shadow { shadow, .. } => shadow == name,
            Event::Loss { .. } => true,
            _ => false,
        };
        if concerns && let Some(line) = line_of(&event) {
            let last = matches!(&event, Event::Shadow { change, .. } if change == "detached");
            return Some((line, last));
        }
    }
}
