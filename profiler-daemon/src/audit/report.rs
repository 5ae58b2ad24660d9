//! The audit of a container as it is told: who it is, what is in force, what it does with it, and
//! what a candidate would refuse.
//!
//! Builds, and renders nothing: `profilectl` prints it, as text or as this JSON. Keys are stable.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Comparison, Conditional, Prospect,
    active::{Active, Installer, Source, active},
    candidate::Candidate,
    compare,
    evidence::Evidence,
    foresee,
    loaded::{Gravity, LoadedFinding, loaded},
    loader::Loader,
    rows::{Broken, Judged, Made, Open},
};
use crate::{
    profile::{
        abi::Abi,
        call::CallSet,
        completeness::Completeness,
        identity::Runtime,
        observation::{Observation, Refusal},
        table,
    },
    seccomp::{
        diagram::{Diagrams, TooLarge},
        filter::symbolic::stacked,
    },
};

/// `GET` and `POST …/audit`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The container's full id.
    pub container: String,
    /// Its name, or the beginning of its id.
    pub name: String,
    /// The verdict in a sentence.
    pub verdict: String,
    /// With a candidate: it breaks nothing, and everything was seen.
    pub safe: Option<bool>,
    /// How the filter in force is known.
    pub source: Source,
    /// The same in a sentence; why not, where it is not.
    pub told: String,
    /// The filters in force, the newest first, without their instructions.
    pub layers: Vec<LayerInShort>,
    /// The runtime, as it tells of itself.
    pub runtime: Option<Runtime>,
    /// What is reckoned to load its profile.
    pub loader: Loader,
    /// Where what is loaded is not what was asked for.
    pub findings: Vec<LoadedFinding>,
    /// Refused to the container's own programs.
    pub refused: Vec<Refusal>,
    /// What the filter in force lets through, against what was made; none if it is not known.
    pub active: Option<Compared>,
    /// What the candidate would do.
    pub candidate: Option<Foreseen>,
    /// How complete the recording is.
    pub completeness: Completeness,
    /// The ABIs of which the container made calls, and the machine's own.
    pub abis: BTreeSet<Abi>,
}

/// One filter in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInShort {
    /// The hash of its copy.
    pub hash: Option<String>,
    /// Who installed it.
    pub by: Installer,
    /// For a program's: the executable, if it was seen.
    pub who: Option<String>,
    /// Instructions, where they are known.
    pub instructions: Option<u64>,
}

/// A filter against what was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Made, and always let through.
    pub used: Vec<Made>,
    /// Always let through and never made; what is known from escapes first.
    pub unused: Vec<Open>,
    /// Let through or not by their arguments.
    pub conditional: Vec<Judged>,
    /// Made although the filter refuses them: before it was installed perhaps.
    pub contradicted: Vec<Made>,
}

/// What a candidate would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// What the candidate is called.
    pub profile: String,
    /// Made so far, and refused from then on.
    pub breaks: Vec<Broken>,
    /// Made so far, and from then on refused with some arguments.
    pub may_break: Vec<Judged>,
    /// Still let through, and never made.
    pub open: Vec<Open>,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The candidate cannot be used: where and why.
    #[error("{title}: {why}")]
    Candidate {
        /// What it is called.
        title: String,
        /// Where and why.
        why: String,
    },
    /// A filter is too intricate.
    #[error("the filter in force cannot be compared: {0}")]
    TooLarge(#[from] TooLarge),
}

/// Audits a container.
///
/// # Errors
/// The candidate makes no sense, or a filter is too intricate to be decided exactly.
pub fn report(evidence: &Evidence, candidate: Option<&Candidate>) -> Result<Report, ReportError> {
    let mut diagrams = Diagrams::new();
    let active = active(evidence);
    let observation = &evidence.observation;
    let made = &observation.observed;
    let named: CallSet = Abi::ALL.into_iter().flat_map(table::calls).collect();
    let findings = loaded(&mut diagrams, evidence, &active)?;
    let compared = match active.programs() {
        Ok(programs) => {
            let root = stacked(&mut diagrams, &programs)?;
            let comparison = compare(&mut diagrams, root, made, &named)?;
            Some(Compared::of(comparison, observation))
        }
        Err(_) => None,
    };
    let foreseen = match candidate {
        Some(candidate) => {
            let bad = |why| ReportError::Candidate {
                title: candidate.title.clone(),
                why,
            };
            let root = candidate.diagram(&mut diagrams, evidence).map_err(bad)?;
            let prospect = foresee(&mut diagrams, root, made, &named, &observation.arguments)
                .map_err(|error| bad(error.to_string()))?;
            Some(Foreseen::of(candidate.title.clone(), prospect, observation))
        }
        None => None,
    };
    Ok(Report::of(evidence, active, findings, compared, foreseen))
}

impl Report {
    fn of(
        evidence: &Evidence,
        active: Active,
        findings: Vec<LoadedFinding>,
        compared: Option<Compared>,
        candidate: Option<Foreseen>,
    ) -> Self {
        let observation = &evidence.observation;
        let refused = observation.refusals.iter();
        let abis = observation.observed.iter().map(|call| call.abi);
        let mut report = Self {
            container: evidence.identity.id.clone(),
            name: evidence.identity.display_name().to_owned(),
            verdict: String::new(),
            safe: None,
            source: active.source,
            told: active.told,
            layers: active
                .layers
                .into_iter()
                .map(|layer| LayerInShort {
                    hash: layer.hash,
                    by: layer.by,
                    who: layer.who,
                    instructions: layer.instructions.map(|list| list.len() as u64),
                })
                .collect(),
            runtime: active.runtime,
            loader: active.loader,
            findings,
            refused: refused
                .filter(|refusal| !refusal.by_runtime)
                .cloned()
                .collect(),
            active: compared,
            candidate,
            completeness: evidence.completeness.clone(),
            abis: abis.chain([Abi::X86_64]).collect(),
        };
        report.safe = report.candidate.as_ref().map(|candidate| {
            candidate.breaks.is_empty()
                && candidate.may_break.is_empty()
                && report.completeness.complete
        });
        report.verdict = report.worded();
        report
    }

    /// With a candidate: it would refuse something that was made. Without: something was refused,
    /// or is open, or the filter is not known, or it lets other calls through than was asked for.
    #[must_use]
    pub fn finds(&self) -> bool {
        if let Some(candidate) = &self.candidate {
            return !candidate.breaks.is_empty() || !candidate.may_break.is_empty();
        }
        let active = self.active.as_ref();
        let warned = |finding: &LoadedFinding| finding.gravity == Gravity::Warning;
        !self.refused.is_empty()
            || active.is_none_or(|active| !active.unused.is_empty())
            || self.findings.iter().any(warned)
    }

    fn worded(&self) -> String {
        let calls = |count: usize| {
            let noun = if count == 1 { "call" } else { "calls" };
            format!("{count} {noun}")
        };
        let Some(candidate) = &self.candidate else {
            let open = self.active.as_ref().map_or(0, |active| active.unused.len());
            return format!(
                "{} open and never used, {} tried and refused",
                calls(open),
                calls(self.refused.len())
            );
        };
        let title = &candidate.profile;
        if !candidate.breaks.is_empty() {
            let count = calls(candidate.breaks.len());
            format!("not safe to enforce: {title} refuses {count} that the container made")
        } else if !candidate.may_break.is_empty() {
            let count = calls(candidate.may_break.len());
            format!(
                "perhaps not safe to enforce: {title} judges {count} that the container made by \
                 their arguments, which were not all recorded"
            )
        } else if !self.completeness.complete {
            format!("{title} refuses nothing that was seen, but not everything was seen")
        } else {
            format!("safe to enforce: {title} refuses nothing that the container did")
        }
    }
}

impl Compared {
    fn of(comparison: Comparison, observation: &Observation) -> Self {
        let made = |call| Made::of(call, observation);
        Self {
            used: comparison.used.into_iter().map(made).collect(),
            unused: comparison.unused.into_iter().map(Open::from).collect(),
            conditional: judged(comparison.conditional, observation),
            contradicted: comparison
                .contradicted
                .into_iter()
                .map(|one| made(one.call))
                .collect(),
        }
    }
}

impl Foreseen {
    fn of(profile: String, prospect: Prospect, observation: &Observation) -> Self {
        Self {
            profile,
            breaks: prospect
                .breaks
                .into_iter()
                .map(|one| Broken::of(one, observation))
                .collect(),
            may_break: judged(prospect.may_break, observation),
            open: prospect.open.into_iter().map(Open::from).collect(),
        }
    }
}

fn judged(list: Vec<Conditional>, observation: &Observation) -> Vec<Judged> {
    list.into_iter()
        .map(|one| Judged::of(one, observation))
        .collect()
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
