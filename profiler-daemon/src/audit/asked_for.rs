//! What a container's engine was asked for, as rules: the profile that it was given, resolved as
//! the engine does, or what it wrote into the bundle for its default.

use std::collections::BTreeSet;

use super::{
    evidence::{Bundle, Evidence},
    loader::loader,
};
use crate::{
    profile::asked::{Asked, AskedProfile},
    seccomp::{
        arch::Arch,
        dialects::docker::{
            self, Profile, capabilities,
            resolve::{Circumstances, Resolved, resolve},
        },
        dialects::oci,
        meaning::Host,
        policy::Policy,
    },
};

/// Rules, and what loads them.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// None: the document has no rules at all, and nothing is loaded for it.
    pub policy: Option<Policy>,
    /// What loads them.
    pub host: Host,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) enum AskedFor {
    /// No filter, for this reason.
    Nothing(&'static str),
    /// The engine's default is no filter.
    DefaultNothing,
    /// A profile of the container's own.
    Own(Rules),
    /// The engine's default, as the bundle has it; none where there is no bundle to read.
    Default(Option<Rules>),
    /// It is not known, or cannot be compared: why, in a sentence.
    Unknown(Option<String>),
}

/// What was asked for.
pub(super) fn asked_for(evidence: &Evidence) -> AskedFor {
    let Some(asked) = &evidence.asked else {
        return AskedFor::Unknown(None);
    };
    let Asked {
        profile,
        engine_default,
        privileged,
        ..
    } = asked;
    match profile {
        AskedProfile::Unconfined => AskedFor::Nothing("seccomp=unconfined"),
        AskedProfile::Own { text: None, bytes } => AskedFor::Unknown(Some(format!(
            "the profile that was asked for has {bytes} bytes, too many to compare with"
        ))),
        AskedProfile::Own {
            text: Some(text), ..
        } => match own(evidence, text) {
            Ok(rules) => AskedFor::Own(rules),
            Err(why) => AskedFor::Unknown(Some(format!(
                "the profile that was asked for cannot be compared: {why}"
            ))),
        },
        _ if *privileged => AskedFor::Nothing("--privileged"),
        AskedProfile::Default if engine_default.as_deref() == Some("unconfined") => {
            AskedFor::DefaultNothing
        }
        AskedProfile::Default | AskedProfile::Builtin => {
            let rules = bundle(evidence).and_then(|bundle| {
                let seccomp = bundle.seccomp.as_ref()?;
                in_bundle(evidence, &seccomp.to_string()).ok()
            });
            AskedFor::Default(rules)
        }
    }
}

fn bundle(evidence: &Evidence) -> Option<&Bundle> {
    evidence.process.as_ref()?.bundle.as_ref().ok()
}

fn own(evidence: &Evidence, text: &str) -> Result<Rules, String> {
    let reading = docker::read(text.as_bytes());
    let profile = reading.value.ok_or("it cannot be read")?;
    rules(evidence, &profile, circumstances(evidence).capabilities)
}

/// The rules of a bundle's `linux.seccomp`.
pub(super) fn in_bundle(evidence: &Evidence, text: &str) -> Result<Rules, String> {
    let reading = oci::read(text.as_bytes());
    let Some(profile) = reading.value else {
        let first = reading.findings.into_iter().next();
        return Err(first.map_or_else(String::new, |finding| finding.what));
    };
    rules(evidence, &profile, BTreeSet::new())
}

/// A container's circumstances, for a profile of which they decide what holds.
pub(super) fn circumstances(evidence: &Evidence) -> Circumstances {
    let usual = Circumstances::usual(Arch::X86_64, evidence.kernel);
    let of_bundle = bundle(evidence).map(|bundle| bundle.capabilities.clone());
    let of_asked = || match &evidence.asked {
        Some(asked) if asked.privileged => Some(capabilities::all()),
        Some(asked) => capabilities::held(&asked.cap_add, &asked.cap_drop).ok(),
        None => None,
    };
    Circumstances {
        capabilities: of_bundle.or_else(of_asked).unwrap_or(usual.capabilities),
        ..usual
    }
}

fn rules(
    evidence: &Evidence,
    profile: &Profile,
    capabilities: BTreeSet<String>,
) -> Result<Rules, String> {
    let circumstances = Circumstances {
        capabilities,
        ..Circumstances::usual(Arch::X86_64, evidence.kernel)
    };
    let policy = match resolve(profile, &circumstances).map_err(|error| error.to_string())? {
        Resolved::Filter(filter) => Some(filter.policy),
        Resolved::Off => None,
    };
    let (loader, mut host) = loader(evidence.identity.runtime.as_ref());
    if profile.architectures.is_empty() && profile.arch_map.is_empty() {
        host = loader.without_architectures(host);
    }
    Ok(Rules { policy, host })
}
