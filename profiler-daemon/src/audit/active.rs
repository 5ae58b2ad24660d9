//! Which filter is in force for a container, and how that is known.
//!
//! The kernel goes before what anybody says: no filter is in force where it says so, and what was
//! read from it goes before what a configuration asks for. A container's filter is what its runtime
//! installed; filters that its programs installed for themselves hold for some of its processes
//! only, and are listed beside it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    asked_for::in_bundle,
    evidence::{Evidence, FirstProcess},
    loader::{Loader, loader},
};
use crate::{
    profile::{asked::Asked, call::Call, identity::Runtime, observation::Observation, table},
    seccomp::{
        action::Action,
        diagram::Diagrams,
        filter::{
            compile::compile,
            program::{Instruction, Program},
            words::{Words, program},
        },
        meaning::as_runc,
    },
};

/// How the filter in force is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It was copied when it was installed.
    Copied,
    /// The bundle's configuration says it, and what the runtime makes of that is foretold.
    Bundle,
    /// It was read from the kernel by ptrace.
    Ptrace,
    /// There is none.
    None,
    /// It is not known.
    Unknown,
}

/// Who installed a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Installer {
    /// The runtime: it holds for every process of the container.
    Runtime,
    /// A program in the container, for itself and its children.
    Program,
}

/// One filter in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The hash of its copy; none where there is none.
    pub hash: Option<String>,
    /// Who installed it.
    pub by: Installer,
    /// For a program's: an executable of the container that installs filters, if one was seen.
    pub who: Option<String>,
    /// Its instructions; none if they are not known. With [`Source::Bundle`] they mean what the
    /// runtime makes of the bundle, and are not those that it loaded.
    pub instructions: Option<Vec<Words>>,
}

/// The filter in force for a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Active {
    /// How it is known.
    pub source: Source,
    /// The same in a sentence; why not, where it is not known.
    pub told: String,
    /// The filters, the newest first, those of programs too.
    pub layers: Vec<Layer>,
    /// `linux.seccomp` of the bundle, where that is the source.
    pub bundle: Option<Value>,
    /// The runtime, with its version and library.
    pub runtime: Option<Runtime>,
    /// What is reckoned to load profiles, and what of that is assumed.
    pub loader: Loader,
    /// What the engine was asked for, if it told.
    pub asked: Option<Asked>,
}

/// Decides which filter is in force.
#[must_use]
pub fn active(evidence: &Evidence) -> Active {
    let (source, told, layers) = decided(evidence);
    let bundle = match &evidence.process {
        Some(FirstProcess {
            bundle: Ok(bundle), ..
        }) if source == Source::Bundle => bundle.seccomp.clone(),
        _ => None,
    };
    Active {
        source,
        told,
        layers,
        bundle,
        runtime: evidence.identity.runtime.clone(),
        loader: loader(evidence.identity.runtime.as_ref()).0,
        asked: evidence.asked.clone(),
    }
}

type Decided = (Source, String, Vec<Layer>);

fn decided(evidence: &Evidence) -> Decided {
    let process = evidence.process.as_ref();
    if process.and_then(|process| process.filtered) == Some(false) {
        let observation = &evidence.observation;
        return if observation.start_seen && !observation.program_started {
            let told = "it is being started: ask again once its program runs";
            (Source::Unknown, told.to_owned(), Vec::new())
        } else {
            let told = "no filter: the kernel runs none for its first process";
            (Source::None, told.to_owned(), Vec::new())
        };
    }
    let mut failed = None;
    match process.and_then(|process| process.layers.as_ref()) {
        Some(Ok(layers)) => return by_ptrace(evidence, layers),
        Some(Err(why)) => failed = Some(format!("it could not be read by ptrace ({why})")),
        None => {}
    }
    let (source, told, layers) = copied(evidence)
        .or_else(|| by_bundle(evidence))
        .unwrap_or_else(|| untold(evidence));
    let told = match failed {
        Some(failed) => format!("{told}; {failed}"),
        None => told,
    };
    (source, told, layers)
}

fn by_ptrace(evidence: &Evidence, layers: &[Vec<Instruction>]) -> Decided {
    let own = of_the_runtime(&evidence.observation);
    let bundle = evidence
        .process
        .as_ref()
        .and_then(|one| one.bundle.as_ref().ok());
    let mut found = Vec::new();
    for (place, instructions) in layers.iter().enumerate() {
        let copy = evidence
            .copies
            .iter()
            .find(|(_, copy)| *copy == instructions)
            .map(|(hash, _)| hash.clone());
        // Without a copy: the runtime's was the first, if there was to be one.
        let by_runtime = match &copy {
            Some(hash) => own.contains(hash),
            None => {
                place + 1 == layers.len()
                    && bundle.map_or(evidence.identity.unconfined != Some(true), |bundle| {
                        bundle.seccomp.is_some()
                    })
            }
        };
        found.push(layer(evidence, copy, by_runtime, Some(instructions)));
    }
    let told = "the filter in force, read from the kernel by ptrace";
    (Source::Ptrace, told.to_owned(), found)
}

fn copied(evidence: &Evidence) -> Option<Decided> {
    let observation = &evidence.observation;
    let own = of_the_runtime(observation);
    // A runtime installs one at each start; the newest is the one of this run.
    let hash = own.last()?;
    let instructions = evidence.copies.get(hash)?;
    let mut layers = programs(evidence);
    layers.push(layer(
        evidence,
        Some(hash.clone()),
        true,
        Some(instructions),
    ));
    let told = format!("the filter in force, copied when it was installed ({hash})");
    Some((Source::Copied, told, layers))
}

fn by_bundle(evidence: &Evidence) -> Option<Decided> {
    let process = evidence.process.as_ref()?;
    let bundle = process.bundle.as_ref().ok()?;
    let mut layers = programs(evidence);
    let Some(seccomp) = &bundle.seccomp else {
        let told = "no filter of the runtime's: its OCI bundle asks for none";
        return Some((Source::None, told.to_owned(), layers));
    };
    let text = seccomp.to_string();
    let (loader, _) = loader(evidence.identity.runtime.as_ref());
    let foretold = in_bundle(evidence, &text).and_then(|rules| {
        let mut diagrams = Diagrams::new();
        let root = match &rules.policy {
            Some(policy) => as_runc::diagram(&mut diagrams, policy, rules.host)
                .map_err(|error| error.to_string())?,
            None => diagrams.answer(Action::Allow),
        };
        compile(&diagrams, root).map_err(|error| error.to_string())
    });
    let program = match foretold {
        Ok(program) => program,
        Err(why) => {
            let told = format!("its OCI bundle has a filter that cannot be foretold: {why}");
            return Some((Source::Unknown, told, layers));
        }
    };
    layers.push(layer(evidence, None, true, Some(program.instructions())));
    let mut told = format!(
        "its OCI bundle, as {} with libseccomp {} loads it",
        loader.name, loader.libseccomp
    );
    if let Some(assumed) = loader.assumed {
        told = format!("{told} ({assumed})");
    }
    Some((Source::Bundle, told, layers))
}

fn untold(evidence: &Evidence) -> Decided {
    let layers = programs(evidence);
    if evidence.identity.unconfined == Some(true) {
        let told = "no filter: the engine asked for none";
        return (Source::None, told.to_owned(), layers);
    }
    let own = of_the_runtime(&evidence.observation);
    let mut told = match own.last() {
        Some(hash) => {
            format!("no copy was kept of its filter {hash}: start it while profilerd runs")
        }
        None => "its filter is not known, for it was installed before profilerd recorded: restart \
                 it, or compare a candidate with --candidate"
            .to_owned(),
    };
    if let Some(FirstProcess {
        bundle: Err(why), ..
    }) = &evidence.process
    {
        told = format!("{told} ({why})");
    }
    (Source::Unknown, told, layers)
}

/// Hashes of the filters that the runtime installed, the oldest first.
#[must_use]
pub fn of_the_runtime(observation: &Observation) -> Vec<String> {
    let own = &observation.runtime_filters;
    let all = observation.filters.iter();
    all.filter(|hash| own.contains(*hash)).cloned().collect()
}

/// Filters that programs in the container installed, the newest first.
fn programs(evidence: &Evidence) -> Vec<Layer> {
    let own = of_the_runtime(&evidence.observation);
    let all = evidence.observation.filters.iter().rev();
    all.filter(|hash| !own.contains(*hash))
        .map(|hash| {
            let copy = evidence.copies.get(hash).map(Vec::as_slice);
            layer(evidence, Some(hash.clone()), false, copy)
        })
        .collect()
}

fn layer(
    evidence: &Evidence,
    hash: Option<String>,
    by_runtime: bool,
    instructions: Option<&[Instruction]>,
) -> Layer {
    Layer {
        hash,
        by: if by_runtime {
            Installer::Runtime
        } else {
            Installer::Program
        },
        who: if by_runtime {
            None
        } else {
            installer(&evidence.observation)
        },
        instructions: instructions.map(|list| list.iter().copied().map(Words::from).collect()),
    }
}

/// Who was first seen to call `seccomp` in the container.
fn installer(observation: &Observation) -> Option<String> {
    let is_seccomp = |call: &Call| table::name(*call) == Some("seccomp");
    let mut sightings = observation.sightings.iter();
    let (_, first) = sightings.find(|(call, _)| is_seccomp(call))?;
    first.exe.clone()
}

/// Why the filters in force cannot be reckoned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActiveError {
    /// They are not known.
    #[error("{0}")]
    Unknown(String),
    /// A copy is no filter, or too intricate.
    #[error("the filter in force cannot be read: {0}")]
    Unreadable(String),
}

impl Active {
    /// The runtime's filters as programs, the newest first.
    ///
    /// # Errors
    /// They are not known, or are none.
    pub fn programs(&self) -> Result<Vec<Program>, ActiveError> {
        if self.source == Source::Unknown {
            return Err(ActiveError::Unknown(self.told.clone()));
        }
        self.layers
            .iter()
            .filter(|layer| layer.by == Installer::Runtime)
            .map(|layer| {
                let words = layer
                    .instructions
                    .as_ref()
                    .ok_or_else(|| ActiveError::Unknown(self.told.clone()))?;
                program(words).map_err(|error| ActiveError::Unreadable(error.to_string()))
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "active_tests.rs"]
mod tests;
