//! Whether the filter that is loaded for a container means what its profile says, and if not, why.

use std::{collections::BTreeMap, fs};

use crate::{
    audit::{
        active::{Active, Source, active},
        evidence::{Evidence, FirstProcess},
        loaded::{LoadedFinding, loaded},
    },
    kernel::loaded_filters,
    profile::{completeness::Completeness, identity::Identity, observation::Observation},
    seccomp::{diagram::Diagrams, filter::program::Instruction},
};

/// What was found of a loaded filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// It was read, and means what was asked for, but for these differences; none are none.
    Read {
        /// How it was read, in a sentence.
        told: String,
        /// Where it is not what was asked for.
        findings: Vec<LoadedFinding>,
    },
    /// It could not be read or compared, and why.
    Unknown(String),
}

/// What is known of a container before its filter is.
pub(super) struct Subject<'a> {
    pub(super) identity: &'a Identity,
    /// The first two numbers of the kernel's version.
    pub(super) kernel: (u32, u32),
}

impl Subject<'_> {
    /// The filter as an observer copied it; none: as the kernel has it, which stops the container's
    /// first process for a moment.
    pub(super) fn proof(&self, copied: Option<Active>, observed: &str) -> Proof {
        let evidence = self.evidence(copied.is_none());
        let active = match copied {
            Some(active) => active,
            None => match self.by_ptrace(&evidence) {
                Ok(active) => active,
                Err(why) => return Proof::Unknown(format!("{why} ({observed})")),
            },
        };
        let mut diagrams = Diagrams::new();
        match loaded(&mut diagrams, &evidence, &active) {
            Ok(findings) => Proof::Read {
                told: active.told,
                findings,
            },
            Err(error) => Proof::Unknown(error.to_string()),
        }
    }

    fn by_ptrace(&self, evidence: &Evidence) -> Result<Active, String> {
        let Some(process) = &evidence.process else {
            return Err("the container ended before its filter could be read".to_owned());
        };
        if let Some(Err(why)) = &process.layers {
            return Err(format!("its filter cannot be read by ptrace: {why}"));
        }
        let active = active(evidence);
        if active.source == Source::Unknown {
            return Err(active.told);
        }
        Ok(active)
    }

    fn evidence(&self, ptrace: bool) -> Evidence {
        let process = self.identity.pid.filter(|_| ptrace).map(|pid| {
            let read = loaded_filters(pid).map_err(|error| error.to_string());
            let layers = read.map(|layers| layers.into_iter().map(Instruction::list).collect());
            FirstProcess {
                pid,
                filtered: filtered(pid),
                filters: None,
                bundle: Err("it was not looked for".to_owned()),
                layers: Some(layers),
            }
        });
        Evidence {
            identity: self.identity.clone(),
            asked: self.identity.asked.as_deref().cloned(),
            // Its program runs, as far as this matters: it was started, and not just made.
            observation: Observation {
                program_started: true,
                ..Observation::default()
            },
            completeness: Completeness::default(),
            copies: BTreeMap::new(),
            // One that has no filter to show is gone.
            process: process.filter(|process| process.filtered.is_some()),
            kernel: self.kernel,
        }
    }
}

fn filtered(pid: u32) -> Option<bool> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mode = text
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"))?;
    Some(mode.trim() != "0")
}
