//! A profile on its way to a container: the text that Docker is given, and whether a runtime would
//! start anything under it.

use super::{
    convert,
    exit::{ExitStatus, Failure},
    operand::{Operand, Subject},
    profile_args::WrittenDialect,
    terminal::Terminal,
};
use crate::{
    audit::loader::loader,
    docker::fresh::Seccomp,
    profile::identity::Runtime,
    seccomp::{
        diagram::Diagrams,
        dialects::{Document, docker::resolve::Circumstances, printed::Leaning},
        meaning::{self, Meaning, MeaningError},
        preflight::{Effect, Obstacle, obstacles},
    },
};

/// What Docker is to be given for a profile, whatever dialect it is in.
///
/// # Errors
/// It has no rules that could be written down.
pub(super) fn seccomp(
    operand: &Operand,
    circumstances: &Circumstances,
    terminal: &Terminal,
) -> Result<Seccomp, Failure> {
    if matches!(operand.subject, Subject::Unconfined) {
        return Ok(Seccomp::Unconfined);
    }
    let text = convert::written(
        operand,
        circumstances,
        WrittenDialect::Docker,
        Leaning::Stricter,
        terminal,
    )?;
    String::from_utf8(text)
        .map(Seccomp::Profile)
        .map_err(|error| Failure::new(ExitStatus::BadInput, format!("{}: {error}", operand.title)))
}

/// What keeps a runtime from starting a container under a profile, as it would load it; the worst
/// first.
///
/// # Errors
/// The profile has no meaning.
pub(super) fn preflight(
    operand: &Operand,
    circumstances: &Circumstances,
    runtime: &Runtime,
    no_new_privileges: bool,
) -> Result<Vec<Obstacle>, Failure> {
    let mut diagrams = Diagrams::new();
    let Some(policy) = operand.policy(circumstances)? else {
        return Ok(Vec::new());
    };
    let (told, mut host) = loader(Some(runtime));
    let Subject::Document(document) = &operand.subject else {
        return Ok(Vec::new());
    };
    if let Document::Profile(profile) = document
        && profile.architectures.is_empty()
        && profile.arch_map.is_empty()
    {
        host = told.without_architectures(host);
    }
    match meaning::diagram(&mut diagrams, &policy, Meaning::AsRunc(host)) {
        Ok(filter) => {
            obstacles(&mut diagrams, filter, runtime, no_new_privileges).map_err(Failure::from)
        }
        Err(MeaningError::Refused(why)) => Ok(vec![Obstacle {
            effect: Effect::Fails,
            what: format!("{} refuses to load the profile: {why}", runtime.name),
            calls: Vec::new(),
        }]),
        Err(error) => Err(Failure::new(
            ExitStatus::BadInput,
            format!("{}: {error}", operand.title),
        )),
    }
}
