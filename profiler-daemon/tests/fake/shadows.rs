//! Shadows as the fake has them: one on `web`, whose candidate would refuse what it is told to.

use profiler_daemon::{
    api::protocol::{
        ErrorBody, Event,
        shadows::{Origin, ShadowState, ShadowedCall, ShadowedContainer},
    },
    collector::command::shadows::{Attached, NewShadow, ShadowCommand},
    profile::{abi::Abi, observation::Sighting, table},
};
use tokio::sync::broadcast;

const NAME: &str = "watch-1";

fn sighting(now_ms: u64) -> Sighting {
    Sighting {
        at_ms: now_ms - 90 * 60_000,
        exe: Some("/bin/chmod".to_owned()),
        comm: "chmod".to_owned(),
        pid: 4711,
        session: 1,
    }
}

/// Of what `web` made so far the candidate refuses what its own shadow says of these.
fn state(new: &NewShadow, now_ms: u64) -> ShadowState {
    let made = ["accept4", "openat", "chmod"];
    let calls = made.iter().filter_map(|name| {
        let call = table::call(Abi::X86_64, name)?;
        let forecast = new.shadow.forecast(call)?;
        Some(ShadowedCall {
            abi: call.abi.name().to_owned(),
            nr: call.nr,
            name: (*name).to_owned(),
            answer: forecast.answer.to_string(),
            certain: forecast.certain,
            earlier: true,
            first: Some(sighting(now_ms)),
            last_ms: None,
            reports: 0,
        })
    });
    ShadowState {
        name: new.name.clone().unwrap_or_else(|| NAME.to_owned()),
        target: super::data::WEB_ID.to_owned(),
        profile: new.profile.clone(),
        origin: new.origin,
        attached_ms: now_ms,
        containers: vec![ShadowedContainer {
            id: super::data::WEB_ID.to_owned(),
            name: "web".to_owned(),
            running: true,
            calls: calls.collect(),
        }],
    }
}

fn missing<T>(name: &str) -> Result<T, ErrorBody> {
    Err(ErrorBody {
        code: "not_found".to_owned(),
        message: format!("no shadow is called {name:?}"),
    })
}

pub(crate) fn answer(command: ShadowCommand, events: &broadcast::Sender<Event>, now_ms: u64) {
    match command {
        ShadowCommand::Attach { new, reply } => drop(match new.target.as_str() {
            "web" => {
                let subscribed = events.subscribe();
                let state = state(&new, now_ms);
                let calls = state.containers[0].calls.len() as u64;
                if new.origin == Origin::Watch {
                    let attached = Event::Shadow {
                        at_ms: now_ms,
                        shadow: NAME.to_owned(),
                        target: state.target.clone(),
                        profile: new.profile,
                        change: "attached".to_owned(),
                        calls,
                    };
                    events.send(attached).unwrap();
                }
                reply.send(Ok(Attached {
                    state,
                    events: subscribed,
                }))
            }
            other => reply.send(super::missing(other)),
        }),
        ShadowCommand::List { reply } => drop(reply.send(Vec::new())),
        ShadowCommand::Show { name, reply } | ShadowCommand::Detach { name, reply } => {
            drop(reply.send(missing(&name)));
        }
    }
}
