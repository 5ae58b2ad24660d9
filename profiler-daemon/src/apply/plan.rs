//! The steps of a move, in order, before any of them is done. Pure.

use serde::Serialize;

use super::{facts::Facts, names::Names};

/// A step. Each is one request to the engine, or a time of watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Make and start a container under the profile, beside the one that works.
    StartTrial,
    /// See that it stays well.
    WatchTrial,
    /// Remove it.
    RemoveTrial,
    /// Make the container to come; it is not started.
    Make,
    /// Prove that it is configured as the old one is.
    Compare,
    /// Stop the old one.
    StopOld,
    /// Take its name from the old one.
    NameOld,
    /// Give it to the new one.
    NameNew,
    /// Start the new one.
    StartNew,
    /// See that it stays well.
    WatchNew,
    /// Keep the old one, stopped, under another name: from here on the move has succeeded.
    KeepOld,
    /// Give the old one up: from here on the move has succeeded.
    Commit,
    /// Remove the old one, and none of its volumes.
    RemoveOld,
}

/// How a move is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The names.
    pub names: Names,
    /// What is done.
    pub steps: Vec<Step>,
    /// Why it is done in this way, a sentence each.
    pub reasons: Vec<String>,
}

/// What a person wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// A trial, where it is safe.
    pub trial: bool,
    /// The old container is kept.
    pub keep: bool,
}

impl Plan {
    /// The steps for this container.
    #[must_use]
    pub fn of(facts: &Facts, wishes: Wishes) -> Self {
        let together = facts.exclusive.is_empty();
        let mut reasons = Vec::new();
        let mut steps = Vec::new();
        if together && wishes.trial {
            steps.extend([Step::StartTrial, Step::WatchTrial, Step::RemoveTrial]);
            reasons.push(
                "it holds nothing that only one container can have, so the profile is tried beside \
                 it, without its ports, aliases and labels, and the new one runs before it is stopped"
                    .to_owned(),
            );
        } else if together {
            reasons.push(
                "it holds nothing that only one container can have, so the new one runs before it \
                 is stopped"
                    .to_owned(),
            );
        } else {
            reasons.push(format!(
                "it {}, which only one container at a time can: there is no trial beside it, and it \
                 is stopped before the new one starts",
                facts.exclusive.join(", ")
            ));
        }
        steps.extend([Step::Make, Step::Compare]);
        // The name goes over when the old one no longer answers: renaming a container takes its name
        // out of the network's name service at once.
        if !together {
            steps.push(Step::StopOld);
        }
        steps.extend([Step::NameOld, Step::NameNew, Step::StartNew, Step::WatchNew]);
        if together {
            steps.push(Step::StopOld);
        }
        if wishes.keep {
            steps.push(Step::KeepOld);
        } else {
            steps.extend([Step::Commit, Step::RemoveOld]);
        }
        Self {
            names: Names::of(&facts.name),
            steps,
            reasons,
        }
    }

    /// A step as a sentence without its end.
    #[must_use]
    pub fn told(&self, step: Step, facts: &Facts, watch: u64) -> String {
        let names = &self.names;
        let name = &names.bearer;
        let watched = match facts.health {
            Some(bound) if facts.healthy => format!(
                "for {watch} s and until its health check has answered (at most {} s)",
                bound.as_secs().max(watch)
            ),
            _ => format!("for {watch} s"),
        };
        match step {
            Step::StartTrial => format!("start {} beside {name}, under the profile", names.trial()),
            Step::WatchTrial => format!("watch {} {watched}", names.trial()),
            Step::RemoveTrial => format!("remove {}", names.trial()),
            Step::Make => format!(
                "make {}, the same as {name} with the profile",
                names.coming()
            ),
            Step::Compare => format!("compare it with {name}; nothing else may differ"),
            Step::StopOld => format!(
                "stop the old {name} (the engine gives it {} s)",
                facts.stop_timeout.as_secs()
            ),
            Step::NameOld => format!("rename the old one to {}", names.old()),
            Step::NameNew => format!("rename the new one to {name}"),
            Step::StartNew => format!("start {name} under the profile"),
            Step::WatchNew => format!("watch {name} {watched}"),
            Step::KeepOld => format!("keep the old one, stopped, as {}", names.kept(&facts.id)),
            Step::Commit => format!("rename the old one to {}", names.spent()),
            Step::RemoveOld => "remove the old one, and none of its volumes".to_owned(),
        }
    }
}
