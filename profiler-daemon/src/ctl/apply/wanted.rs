//! Which profile a container is to be moved to, and whether it can be started under it at all.

use serde_json::Value;

use super::{args::ApplyArgs, capabilities};
use crate::{
    api::{client::Client, protocol::Export},
    apply::{facts::Facts, real::Real},
    ctl::{
        circumstances::circumstances,
        convert::written,
        exit::{ExitStatus, Failure},
        operand::{self, load},
        profile_args::{CircumstancesArgs, WrittenDialect},
        show::shortfalls,
        terminal::Terminal,
        wording::counted,
    },
    profile::compose::Options,
    seccomp::{arch::Arch, dialects::printed::Leaning},
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
    _real: &Real,
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
    let bytes = written(
        &operand,
        &circumstances,
        WrittenDialect::Docker,
        Leaning::Stricter,
        terminal,
    )?;
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    let document: Value = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("{}: it cannot be written: {error}", operand.title)))?;
    let title = operand.title.clone();
    remarks.retain(|remark| !remark.is_empty());
    Ok(Ok(Wanted {
        title,
        text: document.to_string(),
        remarks,
    }))
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
