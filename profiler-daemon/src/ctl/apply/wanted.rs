//! Which profile a container is to be moved to, and whether it can be started under it at all.

use serde_json::Value;

use super::{args::ApplyArgs, capabilities};
use crate::{
    api::{client::Client, protocol::Export},
    apply::{facts::Facts, real::Real},
    ctl::{
        circumstances::circumstances,
        enforced::{preflight, seccomp},
        exit::{ExitStatus, Failure},
        operand::{self, Operand, load},
        profile_args::CircumstancesArgs,
        show::shortfalls,
        terminal::Terminal,
        wording::counted,
    },
    docker::fresh::Seccomp,
    profile::compose::Options,
    seccomp::{
        arch::Arch,
        dialects::docker::resolve::Circumstances,
        preflight::{Effect, Obstacle},
    },
};

/// A profile that the container can be moved to.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What to call it.
    pub title: String,
    /// Its text in Docker's dialect, in one line.
    pub text: String,
    /// What is worth knowing of it.
    pub remarks: Vec<String>,
}

/// Why it cannot be moved to it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// What the profile is called.
    pub title: String,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// The profile that is asked for, or the container's own.
pub(super) async fn wanted(
    args: &ApplyArgs,
    facts: &Facts,
    container: &Value,
    real: &Real,
    client: &Client,
    terminal: &Terminal,
) -> Result<Result<Wanted, Refused>, Failure> {
    let described = CircumstancesArgs {
        cap_add: capabilities(container, "CapAdd"),
        cap_drop: capabilities(container, "CapDrop"),
        ..CircumstancesArgs::default()
    };
    let circumstances = circumstances(&described)?;
    let (operand, mut remarks) = match &args.profile {
        Some(name) => (load(name, client, circumstances.arch).await?, Vec::new()),
        None => {
            let export = client.export(&facts.id, Options::default()).await?;
            let title = format!("the profile of {}", facts.name);
            let operand = operand::exported(&title, &export.profile, Arch::X86_64)?;
            (operand, vec![complete(args, facts, &export)?])
        }
    };
    operand.warn(terminal);
    let bad = |what: &str| Failure::new(ExitStatus::BadInput, format!("{}: {what}", operand.title));
    let Seccomp::Profile(text) = seccomp(&operand, &circumstances, terminal)? else {
        return Err(bad(
            "under it nothing is refused; `apply` does not take a container's filter away",
        ));
    };
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| bad(&format!("it cannot be written for Docker: {error}")))?;
    let title = operand.title.clone();
    let mut reasons = Vec::new();
    for obstacle in obstacles(&operand, &circumstances, facts, real).await? {
        let calls = obstacle.calls.join(", ");
        let told = if calls.is_empty() {
            obstacle.what
        } else {
            format!("{}: {calls}", obstacle.what)
        };
        match obstacle.effect {
            // A container that starts by luck is gone at the next restart.
            Effect::Fails | Effect::ByChance => reasons.push(told),
            Effect::MayFail => remarks.push(told),
        }
    }
    if !reasons.is_empty() {
        return Ok(Err(Refused { title, reasons }));
    }
    remarks.push("the container's runtime is known to start under it".to_owned());
    Ok(Ok(Wanted {
        title,
        text: document.to_string(),
        remarks,
    }))
}

/// What keeps the container's own runtime from starting it under the profile.
async fn obstacles(
    operand: &Operand,
    circumstances: &Circumstances,
    facts: &Facts,
    real: &Real,
) -> Result<Vec<Obstacle>, Failure> {
    let engine = real.lifecycle().facts().await?;
    let identity = real.lifecycle().identity(&facts.id, &engine).await?;
    let Some(runtime) = &identity.runtime else {
        return Ok(Vec::new());
    };
    let no_new_privileges = identity.no_new_privileges.unwrap_or_default();
    preflight(operand, circumstances, runtime, no_new_privileges)
}

/// What the observation comes to; a profile that may lack something is applied on request only.
fn complete(args: &ApplyArgs, facts: &Facts, export: &Export) -> Result<String, Failure> {
    // A container that runs has not been seen to stop, and is to be moved while it runs.
    let verdict = &export.completeness;
    let lacking = verdict
        .shortfalls
        .iter()
        .any(|shortfall| shortfall.code != "stop_not_seen");
    if lacking && !args.incomplete {
        return Err(Failure::new(
            ExitStatus::Incomplete,
            format!(
                "{}: its profile may lack calls that it needs; nothing was changed (--incomplete \
                 applies it all the same):\n{}",
                facts.name,
                shortfalls(verdict).trim_end()
            ),
        ));
    }
    Ok(format!(
        "its profile allows {} ({} observed, {} for the runtime and kernel)",
        counted(export.allowed, "call", "calls"),
        export.observed,
        export.baseline
    ))
}
