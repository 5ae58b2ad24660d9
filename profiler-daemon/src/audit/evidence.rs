//! What is known of a container when it is audited, gathered and not yet judged.
//!
//! Values only: who gathers them is for the daemon, and what comes of them for `active` and
//! `report`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    profile::{
        asked::Asked, completeness::Completeness, identity::Identity, observation::Observation,
    },
    seccomp::filter::program::Instruction,
};

/// Everything about one container.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Who it is.
    pub identity: Identity,
    /// What its engine was asked for, if it told.
    pub asked: Option<Asked>,
    /// What was recorded of it.
    pub observation: Observation,
    /// How complete that is.
    pub completeness: Completeness,
    /// Copies of filters that were made when they were installed, by their hash.
    pub copies: BTreeMap<String, Vec<Instruction>>,
    /// Its first process, while it runs.
    pub process: Option<FirstProcess>,
    /// The first two numbers of the kernel's version.
    pub kernel: (u32, u32),
}

/// The process that the runtime started, and what the host tells of it.
#[derive(Clone, Debug)]
pub struct FirstProcess {
    /// In the host's numbering.
    pub pid: u32,
    /// The kernel says whether filters are in force for it; none if it was gone by then.
    pub filtered: Option<bool>,
    /// How many filters are in force for it, where the kernel tells.
    pub filters: Option<u32>,
    /// The bundle that it was started from, or why it is not known.
    pub bundle: Result<Bundle, String>,
    /// The filters in force for it by ptrace, the newest first, or why they could not be read;
    /// none when ptrace was not asked for.
    pub layers: Option<Result<Vec<Vec<Instruction>>, String>>,
}

/// What an OCI bundle's configuration says, as far as it decides the filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// `linux.seccomp`; none: the container was to have no filter.
    pub seccomp: Option<Value>,
    /// `process.noNewPrivileges`.
    pub no_new_privileges: bool,
    /// `process.capabilities.bounding`.
    pub capabilities: BTreeSet<String>,
}

/// Bytes of a bundle's configuration that are read at most.
pub const MOST_CONFIGURATION: u64 = 8 * 1024 * 1024;

impl Bundle {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// A sentence, if it is none.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let whole: Value = serde_json::from_slice(text)
            .map_err(|error| format!("its bundle's config.json cannot be read: {error}"))?;
        if whole.get("ociVersion").is_none() {
            return Err("its bundle's config.json is no OCI configuration".to_owned());
        }
        let at = |place: &str| whole.pointer(place).filter(|value| !value.is_null());
        let capabilities = at("/process/capabilities/bounding").and_then(Value::as_array);
        Ok(Self {
            seccomp: at("/linux/seccomp").cloned(),
            no_new_privileges: at("/process/noNewPrivileges") == Some(&Value::Bool(true)),
            capabilities: capabilities
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bundle;

    #[test]
    fn a_configuration_tells_what_decides_the_filter() {
        let text = br#"{"ociVersion": "1.0.2", "process": {"noNewPrivileges": true,
            "capabilities": {"bounding": ["CAP_KILL", 7]}}, "linux": {"seccomp": {"x": 1}}}"#;
        let bundle = Bundle::read(text).unwrap();
        assert!(bundle.no_new_privileges && bundle.capabilities.contains("CAP_KILL"));
        assert!(bundle.seccomp.is_some());
        for none in [
            r#"{"ociVersion": "1"}"#,
            r#"{"ociVersion": "1", "linux": {"seccomp": null}}"#,
        ] {
            assert_eq!(Bundle::read(none.as_bytes()), Ok(Bundle::default()));
        }
        for bad in ["", "[", "{}", "[1]", "\"ociVersion\""] {
            assert!(Bundle::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
