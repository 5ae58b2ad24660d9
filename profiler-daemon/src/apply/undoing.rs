//! Carrying out what [`super::recovery`] decides: until a running container bears the name and nothing
//! of the move is left.
//!
//! It is what a failed move ends with, what the guard does when a move was killed, and what the next
//! move begins with. Each thing is decided anew from what there is, so that nothing is assumed of
//! requests that were under way when somebody died.

use std::time::Duration;

use serde_json::Value;

use super::{
    names::Names,
    port::{Port, PortError},
    recovery::{self, Found, Next, One, Role, Stuck},
};
use crate::docker::sameness::differences;

/// How often one thing is tried before it is given up.
const TRIES: u32 = 5;
/// How long is waited between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the engine may be away.
const AWAY: u32 = 60;
/// No move leaves so much to do; more means that somebody works against us.
const MOST_DEEDS: u32 = 64;
/// How often is looked whether the container still runs.
const PACE: Duration = Duration::from_millis(250);
/// What a stop may take beyond the time that the container is given.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// How long a new name may be under way after whoever asked for it has died: the engine only writes
/// it down. Without this a container that is put back could be renamed once more.
const SHORTLY: Duration = Duration::from_millis(500);
/// How long making or renaming a container may be under way after whoever asked for it has died.
const LATE: Duration = Duration::from_secs(10);
/// What the engine gives a container that is configured with none.
const STOP_TIMEOUT: u64 = 10;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// What was done, a sentence each, in order; nothing if there was nothing of a move.
    pub deeds: Vec<String>,
    /// What could not be decided, if anything.
    pub stuck: Option<String>,
    /// The container that bears the name now, and whether it runs.
    pub bearer: Option<One>,
}

/// Undoes what is left of a move. `tell` hears of each thing before it is done. With `orphaned`,
/// somebody may have died with a stop under way, and it is waited for that.
///
/// # Errors
/// The engine went away for more than a minute, or refuses the same thing again and again; the
/// error says which, and what there is.
pub async fn undo(
    port: &impl Port,
    names: &Names,
    orphaned: bool,
    tell: &mut dyn FnMut(&str),
) -> Result<Undone, PortError> {
    let mut deeds = Vec::new();
    if orphaned {
        port.pause(SHORTLY).await;
    }
    let mut awaited = !orphaned;
    let mut looked_again = !orphaned;
    let (mut failures, mut away) = (0, 0);
    for _ in 0..MOST_DEEDS {
        let found = match look(port, names).await {
            Ok(found) => found,
            Err(error) if error.unreachable && away < AWAY => {
                away += 1;
                port.pause(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let next = recovery::next(&found, awaited);
        match next {
            Next::Settled if !looked_again => {
                // Something that was asked for may be made yet.
                port.pause(LATE).await;
                looked_again = true;
                continue;
            }
            Next::Settled => {
                return Ok(Undone {
                    deeds,
                    stuck: None,
                    bearer: found.bearer,
                });
            }
            Next::Stuck(stuck) => {
                return Ok(Undone {
                    deeds,
                    stuck: Some(why(stuck, &found, names)),
                    bearer: found.bearer,
                });
            }
            Next::Await => {
                let told = format!(
                    "see whether {} goes on running: a stop of it may be under way",
                    names.bearer
                );
                tell(&told);
                await_bearer(port, &names.bearer).await?;
                awaited = true;
                continue;
            }
            _ => {}
        }
        let told = sentence(next, names);
        tell(&told);
        match act(port, names, &found, next).await {
            Ok(()) => {
                failures = 0;
                deeds.push(told);
            }
            // What there is is looked at again: it may be done, or no longer to be done.
            Err(error) if error.unreachable && away < AWAY => {
                away += 1;
                port.pause(PAUSE).await;
            }
            Err(error) => {
                failures += 1;
                if failures == TRIES {
                    return Err(PortError {
                        said: format!("cannot {told}: {error}"),
                        ..error
                    });
                }
                port.pause(PAUSE).await;
            }
        }
    }
    Err(PortError::refused(format!(
        "the containers of {}'s move change while they are put in order; is somebody else at work?",
        names.bearer
    )))
}

/// Which containers of a move there are.
///
/// # Errors
/// The engine does not answer.
pub async fn look(port: &impl Port, names: &Names) -> Result<Found, PortError> {
    let bearer = port.inspect(&names.bearer).await?;
    let old = port.inspect(&names.old()).await?;
    let bearer_is_copy = match (&bearer, &old) {
        (Some(bearer), Some(old)) => differences(old, bearer).is_empty(),
        _ => false,
    };
    Ok(Found {
        bearer: bearer.as_ref().map(one),
        old: old.as_ref().map(one),
        new: port.inspect(&names.coming()).await?.as_ref().map(one),
        spent: port.inspect(&names.spent()).await?.as_ref().map(one),
        trial: port.inspect(&names.trial()).await?.as_ref().map(one),
        bearer_is_copy,
    })
}

fn one(container: &Value) -> One {
    let state = &container["State"];
    One {
        id: container["Id"].as_str().unwrap_or_default().to_owned(),
        running: state["Running"] == true || state["Restarting"] == true,
        was_started: state["StartedAt"]
            .as_str()
            .is_some_and(|time| !time.starts_with("0001-")),
    }
}

fn name(role: Role, names: &Names) -> String {
    match role {
        Role::Bearer => names.bearer.clone(),
        Role::New => names.coming(),
        Role::Old => names.old(),
        Role::Spent => names.spent(),
        Role::Trial => names.trial(),
    }
}

fn sentence(next: Next, names: &Names) -> String {
    match next {
        Next::Start(role) => format!("start {}", name(role, names)),
        Next::Stop(role) => format!("stop {}", name(role, names)),
        Next::Rename(from, to) => {
            format!("rename {} to {}", name(from, names), name(to, names))
        }
        Next::Remove(role) => format!("remove {}", name(role, names)),
        Next::Await | Next::Settled | Next::Stuck(_) => "go on".to_owned(),
    }
}

async fn act(port: &impl Port, names: &Names, found: &Found, next: Next) -> Result<(), PortError> {
    let id = |role| {
        let one = match role {
            Role::Bearer => &found.bearer,
            Role::New => &found.new,
            Role::Old => &found.old,
            Role::Spent => &found.spent,
            Role::Trial => &found.trial,
        };
        one.as_ref().map(|one| one.id.as_str()).unwrap_or_default()
    };
    match next {
        Next::Start(role) => port.start(id(role)).await,
        Next::Stop(role) => port.stop(id(role)).await,
        Next::Rename(from, to) => port.rename(id(from), &name(to, names)).await,
        Next::Remove(role) => port.remove(id(role)).await,
        Next::Await | Next::Settled | Next::Stuck(_) => Ok(()),
    }
}

/// Waits for as long as a stop of it may take, or until it has ended.
async fn await_bearer(port: &impl Port, bearer: &str) -> Result<(), PortError> {
    let mut waited = Duration::ZERO;
    loop {
        let Some(container) = port.inspect(bearer).await? else {
            return Ok(());
        };
        let given = container["Config"]["StopTimeout"]
            .as_u64()
            .unwrap_or(STOP_TIMEOUT);
        let bound = Duration::from_secs(given).saturating_add(STOP_GRACE);
        if !one(&container).running || waited >= bound {
            return Ok(());
        }
        port.pause(PACE).await;
        waited += PACE;
    }
}

fn why(stuck: Stuck, found: &Found, names: &Names) -> String {
    let name = &names.bearer;
    match stuck {
        Stuck::ForeignBearer => {
            let old = names.old();
            format!(
                "{old} is left of a move, and {name} is another container, configured otherwise: \
                 somebody has made it since. Remove the one that is not wanted (`docker rm {old}`), \
                 or rename it"
            )
        }
        Stuck::Removed => {
            let left = if found.new.is_some() {
                names.coming()
            } else {
                names.spent()
            };
            format!(
                "there is no {name}: somebody has removed it. {left} is left of a move; rename and \
                 start it, or remove it (`docker rm {left}`)"
            )
        }
    }
}
