//! Watching a container that was just started: is it well, and if not, how is that known.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use super::{
    interrupt::Interrupt,
    port::{Port, PortError, RefusedCall},
};

/// How often the engine is asked.
const PACE: Duration = Duration::from_millis(250);
/// How many rounds go by between two questions for refused calls.
const ROUNDS: u32 = 4;
/// Entries of the health check's log that are evidence.
const MOST_CHECKS: usize = 3;

/// What is expected of the container.
#[derive(Clone, Debug)]
pub struct Expected {
    /// It runs for so long.
    pub time: Duration,
    /// Its health check calls it well, after so long at most; none if nothing is expected of it.
    pub healthy_within: Option<Duration>,
    /// Calls that the old container was refused too, by name.
    pub usual_refusals: BTreeSet<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is well.
    Well {
        /// What was not asked, because there was nobody to ask.
        unasked: bool,
    },
    /// It is not.
    Bad(Fault),
    /// Somebody wants it to stop.
    Interrupted,
}

/// What is wrong, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In a sentence without its end.
    pub reason: String,
    /// Lines of evidence.
    pub evidence: Vec<String>,
}

impl Fault {
    /// A fault that needs no evidence.
    #[must_use]
    pub fn plain(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            evidence: Vec::new(),
        }
    }
}

/// Watches a container until it is known to be well or not.
pub async fn watch(
    port: &impl Port,
    id: &str,
    expected: &Expected,
    interrupt: &Interrupt,
) -> Result<Verdict, PortError> {
    let mut waited = Duration::ZERO;
    let mut round = 0_u32;
    let mut unasked = false;
    loop {
        if interrupt.signal().is_some() {
            return Ok(Verdict::Interrupted);
        }
        let Some(container) = port.inspect(id).await? else {
            return Ok(Verdict::Bad(Fault::plain("somebody removed it")));
        };
        let state = judge(&container, expected, waited);
        let last = !matches!(state, State::Wait);
        if last || round.is_multiple_of(ROUNDS) {
            let refused = port.refused(id).await;
            unasked |= refused.is_none();
            let new = beyond(refused.unwrap_or_default(), &expected.usual_refusals);
            let reason = match (state, new.is_empty()) {
                (State::Bad(reason), _) => Some(reason),
                (_, false) => {
                    Some("the profile refuses it calls that the old one was not refused".to_owned())
                }
                (State::Well, true) => return Ok(Verdict::Well { unasked }),
                (State::Wait, true) => None,
            };
            if let Some(reason) = reason {
                let evidence = evidence(port, id, &container, &new).await;
                return Ok(Verdict::Bad(Fault { reason, evidence }));
            }
        }
        tokio::select! {
            () = port.pause(PACE) => {}
            () = interrupt.raised() => {}
        }
        waited += PACE;
        round = round.wrapping_add(1);
    }
}

/// What a look at a container says.
enum State {
    Wait,
    Well,
    Bad(String),
}

fn judge(container: &Value, expected: &Expected, waited: Duration) -> State {
    let state = &container["State"];
    if let Some(how) = ended(container) {
        return State::Bad(how);
    }
    let health = state["Health"]["Status"].as_str();
    match expected.healthy_within {
        Some(_) if health == Some("unhealthy") => State::Bad("its health check fails".to_owned()),
        Some(bound) if health != Some("healthy") => {
            if waited >= bound.max(expected.time) {
                let seconds = bound.as_secs();
                State::Bad(format!(
                    "its health check has not succeeded within {seconds} s"
                ))
            } else {
                State::Wait
            }
        }
        _ if waited >= expected.time => State::Well,
        _ => State::Wait,
    }
}

/// How it ended, if it did; one that was started again has ended, too.
fn ended(container: &Value) -> Option<String> {
    let state = &container["State"];
    let code = &state["ExitCode"];
    let restarted = container["RestartCount"].as_u64().unwrap_or_default();
    if restarted > 0 || state["Restarting"] == true {
        return Some(format!("it ended with {code}, and was started again"));
    }
    (state["Running"] != true).then(|| {
        let said = state["Error"].as_str().unwrap_or_default();
        if said.is_empty() {
            format!("it ended with {code}")
        } else {
            format!("it ended with {code}: {said}")
        }
    })
}

fn beyond(refused: Vec<RefusedCall>, usual: &BTreeSet<String>) -> Vec<RefusedCall> {
    let new = refused.into_iter();
    new.filter(|refused| !usual.contains(&refused.call))
        .collect()
}

async fn evidence(
    port: &impl Port,
    id: &str,
    container: &Value,
    refused: &[RefusedCall],
) -> Vec<String> {
    let mut lines = Vec::new();
    for refused in refused {
        lines.push(format!("refused: {} ({})", refused.call, refused.told));
    }
    let log = container["State"]["Health"]["Log"].as_array();
    let log = log.map(Vec::as_slice).unwrap_or_default();
    for check in log.iter().rev().take(MOST_CHECKS).rev() {
        let output = check["Output"].as_str().unwrap_or_default().trim();
        let code = &check["ExitCode"];
        lines.push(format!("health check: ended with {code}: {output}"));
    }
    let wrote = port.last_words(id).await;
    lines.extend(wrote.lines().map(|line| format!("it wrote: {line}")));
    lines
}
