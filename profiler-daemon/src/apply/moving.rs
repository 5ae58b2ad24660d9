//! A move, step by step, and the way back if one of them goes wrong.

use std::time::Duration;

use serde_json::Value;

use super::{
    facts::Facts,
    interrupt::Interrupt,
    plan::{Plan, Step},
    port::{Port, PortError},
    undoing::undo,
    watching::{Expected, Fault, Verdict, watch},
};
use crate::docker::{
    blueprint::Blueprint,
    sameness::{asked_profile, differences},
};

/// How long the old container is watched after it was started again.
const BACK: Duration = Duration::from_secs(1);

/// Everything that a move needs to know.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The steps.
    pub plan: &'a Plan,
    /// The container.
    pub facts: &'a Facts,
    /// What the engine tells of it.
    pub container: &'a Value,
    /// What makes the new one.
    pub blueprint: &'a Blueprint,
    /// The text of the profile.
    pub profile: &'a str,
    /// How long a container is watched.
    pub watch: Duration,
}

/// What is told while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A step begins; its place in the plan, from 0.
    Step(usize),
    /// Something worth knowing.
    Remark(String),
    /// Something is undone.
    Undo(String),
}

/// What came of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The container runs under the profile.
    Moved {
        /// The new container's id.
        id: String,
        /// What the old one is called, if it was kept.
        kept: Option<String>,
    },
    /// It does not, and the old one bears its name again, or did all along.
    NotMoved {
        /// Why.
        fault: Fault,
        /// It had been stopped or renamed by then.
        touched: bool,
        /// What was done to get back, a sentence each.
        undone: Vec<String>,
        /// That the old one works: none if it does, or what is wrong with it.
        trouble: Option<String>,
    },
}

/// Why a step did not succeed.
enum Stop {
    Fault(Fault),
    Engine(PortError),
    Interrupted,
}

impl From<PortError> for Stop {
    fn from(error: PortError) -> Self {
        Self::Engine(error)
    }
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Fault(fault) => fault.reason.clone(),
        Stop::Engine(error) => error.said.clone(),
        Stop::Interrupted => "interrupted".to_owned(),
    }
}

/// What came of the steps so far.
struct Progress {
    trial: String,
    new: String,
    expected: Expected,
    unasked: bool,
}

/// Moves a container, or leaves it as it was.
pub async fn perform(
    port: &impl Port,
    order: &Order<'_>,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(Told),
) -> Outcome {
    let refused = port.refused(&order.facts.id).await;
    let unasked = refused.is_none();
    let usual = refused.into_iter().flatten();
    let mut progress = Progress {
        trial: String::new(),
        new: String::new(),
        expected: Expected {
            time: order.watch,
            healthy_within: order.facts.health.filter(|_| order.facts.healthy),
            usual_refusals: usual.map(|refused| refused.call).collect(),
        },
        unasked,
    };
    for (place, &step) in order.plan.steps.iter().enumerate() {
        // The move has succeeded by then: what is left is to tidy up.
        let tidies = step == Step::RemoveOld;
        let done = if interrupt.signal().is_some() && !tidies {
            Err(Stop::Interrupted)
        } else {
            tell(Told::Step(place));
            take(port, order, step, &mut progress, interrupt).await
        };
        match done {
            Ok(()) => {}
            Err(stop) if tidies => tell(Told::Remark(format!(
                "the old one could not be removed ({}); `docker rm {}` does it",
                words(&stop),
                order.plan.names.spent()
            ))),
            Err(stop) => return back(port, order, stop, place, tell).await,
        }
    }
    if progress.unasked {
        tell(Told::Remark(
            "profilerd could not be asked whether calls were refused: what was watched is that it \
             runs, and its health check if it has one"
                .to_owned(),
        ));
    }
    let kept = order.plan.steps.contains(&Step::KeepOld);
    Outcome::Moved {
        id: progress.new,
        kept: kept.then(|| order.plan.names.kept(&order.facts.id)),
    }
}

async fn take(
    port: &impl Port,
    order: &Order<'_>,
    step: Step,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<(), Stop> {
    let names = &order.plan.names;
    let old = order.facts.id.as_str();
    match step {
        Step::StartTrial => {
            let trial = order.blueprint.trial();
            progress.trial = make(port, &names.trial(), &trial).await?;
            start(port, &progress.trial).await
        }
        Step::WatchTrial => watched(port, &progress.trial.clone(), progress, interrupt).await,
        Step::RemoveTrial => Ok(port.remove(&progress.trial).await?),
        Step::Make => {
            progress.new = make(port, &names.coming(), order.blueprint).await?;
            Ok(())
        }
        Step::Compare => compare(port, order, &progress.new).await,
        Step::StopOld => Ok(port.stop(old).await?),
        Step::NameOld => Ok(port.rename(old, &names.old()).await?),
        Step::NameNew => Ok(port.rename(&progress.new, &names.bearer).await?),
        Step::StartNew => start(port, &progress.new).await,
        Step::WatchNew => {
            let new = progress.new.clone();
            watched(port, &new, progress, interrupt).await?;
            in_force(port, &new).await
        }
        Step::KeepOld => Ok(port.rename(old, &names.kept(old)).await?),
        Step::Commit => Ok(port.rename(old, &names.spent()).await?),
        Step::RemoveOld => Ok(port.remove(old).await?),
    }
}

async fn make(port: &impl Port, name: &str, blueprint: &Blueprint) -> Result<String, Stop> {
    let id = port.create(name, &blueprint.body).await?;
    for (network, wishes) in &blueprint.networks {
        port.connect(network, &id, wishes).await?;
    }
    Ok(id)
}

async fn start(port: &impl Port, id: &str) -> Result<(), Stop> {
    let Err(error) = port.start(id).await else {
        return Ok(());
    };
    if error.unreachable || error.unsettled {
        return Err(Stop::Engine(error));
    }
    Err(Stop::Fault(Fault {
        reason: format!("it does not start: {error}"),
        evidence: Vec::new(),
    }))
}

async fn watched(
    port: &impl Port,
    id: &str,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<(), Stop> {
    match watch(port, id, &progress.expected, interrupt).await? {
        Verdict::Well { unasked } => {
            progress.unasked |= unasked;
            Ok(())
        }
        Verdict::Bad(fault) => Err(Stop::Fault(fault)),
        Verdict::Interrupted => Err(Stop::Interrupted),
    }
}

/// The new container is what the old one is, but for the profile, and the old one is still there.
async fn compare(port: &impl Port, order: &Order<'_>, new: &str) -> Result<(), Stop> {
    let gone = |which: &str| Stop::Fault(Fault::plain(format!("somebody removed the {which} one")));
    let made = port.inspect(new).await?.ok_or_else(|| gone("new"))?;
    let old = port.inspect(&order.facts.id).await?;
    let old = old.ok_or_else(|| gone("old"))?;
    let mut found = differences(&old, &made);
    if asked_profile(&made) != Some(order.profile) {
        found.push("HostConfig.SecurityOpt: the engine did not take the profile".to_owned());
    }
    if !found.is_empty() {
        return Err(Stop::Fault(Fault {
            reason: "the engine makes something else of it than the container that there is"
                .to_owned(),
            evidence: found,
        }));
    }
    if old["State"]["Running"] != true {
        return Err(Stop::Fault(Fault::plain(
            "the old one ended while the new one was made",
        )));
    }
    Ok(())
}

/// The kernel runs a filter for it, as far as that can be told from here.
async fn in_force(port: &impl Port, id: &str) -> Result<(), Stop> {
    let container = port.inspect(id).await?.unwrap_or_default();
    let pid = container["State"]["Pid"].as_u64().unwrap_or_default();
    if port.filtered(id, pid).await == Some(false) {
        return Err(Stop::Fault(Fault::plain(format!(
            "the kernel runs no filter for it (/proc/{pid}/status)"
        ))));
    }
    Ok(())
}

/// Undoes what was done, and sees that the old container works.
async fn back(
    port: &impl Port,
    order: &Order<'_>,
    stop: Stop,
    place: usize,
    tell: &mut dyn FnMut(Told),
) -> Outcome {
    let begun = order.plan.steps.get(..=place).unwrap_or_default();
    let touched = begun
        .iter()
        .any(|step| matches!(step, Step::StopOld | Step::NameOld));
    let step = begun.last().copied().unwrap_or(Step::Make);
    let unsettled = matches!(&stop, Stop::Engine(error) if error.unsettled || error.unreachable);
    let fault = match stop {
        Stop::Fault(fault) => fault,
        Stop::Interrupted => Fault::plain("interrupted"),
        Stop::Engine(error) => Fault::plain(format!(
            "the engine did not {}: {error}",
            order.plan.told(step, order.facts, order.watch.as_secs())
        )),
    };
    let mut undo_tell = |what: &str| tell(Told::Undo(what.to_owned()));
    // Once the old one has been given up, what is left of the move is finished, not undone.
    let undone = undo(port, &order.plan.names, unsettled, &mut undo_tell).await;
    let (undone, trouble) = match undone {
        Ok(undone) => {
            let trouble = match undone.stuck {
                Some(stuck) => Some(stuck),
                None => trouble(port, order).await,
            };
            (undone.deeds, trouble)
        }
        Err(error) => (Vec::new(), Some(error.said)),
    };
    Outcome::NotMoved {
        fault,
        touched,
        undone,
        trouble,
    }
}

/// What is wrong with the container that bears the name now, if it is.
async fn trouble(port: &impl Port, order: &Order<'_>) -> Option<String> {
    let name = &order.plan.names.bearer;
    let bearer = match port.inspect(name).await {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return Some(format!("there is no {name} any more")),
        Err(error) => return Some(error.said),
    };
    let expected = Expected {
        time: BACK,
        healthy_within: order.facts.health.filter(|_| order.facts.healthy),
        // What the old one is refused was decided by whoever started it.
        usual_refusals: port
            .refused(&order.facts.id)
            .await
            .into_iter()
            .flatten()
            .map(|refused| refused.call)
            .collect(),
    };
    let id = bearer["Id"].as_str().unwrap_or_default();
    match watch(port, id, &expected, &Interrupt::default()).await {
        Ok(Verdict::Well { .. } | Verdict::Interrupted) => None,
        Ok(Verdict::Bad(fault)) => Some(fault.reason),
        Err(error) => Some(error.said),
    }
}

#[cfg(test)]
#[path = "moving_tests.rs"]
mod tests;
