//! A profile that a container is to be audited against, as it travels and as a meaning.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{asked_for::circumstances, evidence::Evidence, loader::loader};
use crate::seccomp::{
    diagram::{Diagrams, Node},
    dialects::{
        Document,
        docker::resolve::{Resolved, resolve},
        read, recognise,
    },
    filter::{
        symbolic::stacked,
        words::{MOST_TOGETHER, Words, program},
    },
    finding::Level,
    meaning::{self, Meaning},
    policy::Policy,
};

/// A candidate, as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// What to call it.
    pub title: String,
    /// A document: the text of a file in any dialect, or a profile as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Value>,
    /// Filters in force together, the newest first, instead of a document. An empty list is no
    /// filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<Vec<Vec<Words>>>,
    /// Which meaning of a document.
    #[serde(default)]
    pub meaning: WhichMeaning,
}

/// Which meaning of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhichMeaning {
    /// What it says.
    #[default]
    Exact,
    /// What the container's own runtime would make of it.
    AsRunc,
}

impl Candidate {
    /// What it means for a container.
    ///
    /// # Errors
    /// A sentence: where and why it cannot be used.
    pub fn diagram(&self, diagrams: &mut Diagrams, evidence: &Evidence) -> Result<Node, String> {
        match (&self.profile, &self.programs) {
            (Some(Value::String(text)), None) => self.document(diagrams, evidence, text),
            (Some(value), None) => self.document(diagrams, evidence, &value.to_string()),
            (None, Some(list)) => {
                if list.iter().map(Vec::len).sum::<usize>() > MOST_TOGETHER {
                    return Err(format!(
                        "programs: the kernel lets no task have more than {MOST_TOGETHER} \
                         instructions"
                    ));
                }
                let mut programs = Vec::new();
                for (place, words) in list.iter().enumerate() {
                    let program = program(words)
                        .map_err(|error| format!("programs[{place}] is no filter: {error}"))?;
                    programs.push(program);
                }
                stacked(diagrams, &programs).map_err(|error| format!("programs: {error}"))
            }
            _ => Err("give either `profile` or `programs`".to_owned()),
        }
    }

    fn document(
        &self,
        diagrams: &mut Diagrams,
        evidence: &Evidence,
        text: &str,
    ) -> Result<Node, String> {
        let circumstances = circumstances(evidence);
        let bytes = text.as_bytes();
        let reading = read(bytes, recognise(bytes), circumstances.arch);
        let Some(document) = reading.value else {
            let errors = reading.findings.iter();
            let first = errors.into_iter().find(|one| one.level == Level::Error);
            return Err(first.map_or_else(
                || "profile: it says nothing".to_owned(),
                |finding| match finding.place {
                    Some(place) => format!("profile:{place}: {}", finding.what),
                    None => format!("profile: {}", finding.what),
                },
            ));
        };
        let policy: Option<Policy> = match document {
            Document::Program(program) => {
                return stacked(diagrams, &[program]).map_err(|error| error.to_string());
            }
            Document::Policy(policy) => Some(policy),
            Document::Profile(profile) => match resolve(&profile, &circumstances) {
                Ok(Resolved::Filter(filter)) => Some(filter.policy),
                Ok(Resolved::Off) => None,
                Err(error) => return Err(format!("profile: {error}")),
            },
        };
        let Some(policy) = policy else {
            return stacked(diagrams, &[]).map_err(|error| error.to_string());
        };
        let meaning = match self.meaning {
            WhichMeaning::Exact => Meaning::Exact,
            WhichMeaning::AsRunc => Meaning::AsRunc(loader(evidence.identity.runtime.as_ref()).1),
        };
        meaning::diagram(diagrams, &policy, meaning).map_err(|error| format!("profile: {error}"))
    }
}
