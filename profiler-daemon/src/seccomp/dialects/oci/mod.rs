//! The OCI runtime specification's `linux.seccomp`, alone or within a whole `config.json`.
//!
//! It is Docker's dialect without what depends on the container, so it is read into the same type.
//! Must not change what a profile means: what can't be said is refused.

use crate::seccomp::{
    dialects::{
        docker::{Dialect, Indent, Profile, indented, read_object, to_value},
        json::{self, Node, Value},
    },
    finding::{Finding, Level, Reading},
};

/// What cannot be said in the OCI form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OciError {
    /// A part whose effect depends on the container or the host.
    #[error("`{0}` in the profile cannot be said in the OCI format; use --format docker")]
    Conditional(&'static str),
    /// podman's words for errnos, of which runtimes know nothing.
    #[error("`{0}` in the profile is podman's and cannot be said in the OCI format; use `{1}`")]
    Podman(&'static str, &'static str),
}

/// Reads the form, or takes it from a whole configuration.
#[must_use]
pub fn read(text: &[u8]) -> Reading<Profile> {
    let node = match json::parse(text) {
        Ok(node) => node,
        Err(finding) => return refused(finding),
    };
    if !is_configuration(&node) {
        return read_object(&node, Dialect::Oci);
    }
    let seccomp = node
        .member("linux")
        .and_then(|linux| linux.value.member("seccomp"))
        .filter(|seccomp| seccomp.value.value != Value::Null);
    match seccomp {
        Some(seccomp) => read_object(&seccomp.value, Dialect::Oci),
        None => refused(Finding {
            level: Level::Error,
            place: Some(node.place),
            code: "no-seccomp",
            what: "this configuration has no linux.seccomp: its container runs without a filter"
                .to_owned(),
            mend: "give the configuration of a container that has one".to_owned(),
        }),
    }
}

/// True for a whole configuration rather than its part about seccomp.
#[must_use]
pub fn is_configuration(node: &Node<'_>) -> bool {
    node.member("ociVersion").is_some() || node.member("linux").is_some()
}

fn refused(finding: Finding) -> Reading<Profile> {
    Reading {
        value: None,
        findings: vec![finding],
    }
}

/// A profile in the OCI form, as the text of a file.
///
/// # Errors
/// It has parts that cannot be said there.
pub fn print(profile: &Profile, indent: Indent) -> Result<String, OciError> {
    Ok(indented(&to_value(&form(profile)?), indent))
}

/// A profile in the OCI form, as a JSON value.
///
/// # Errors
/// It has parts that cannot be said there.
pub fn value(profile: &Profile) -> Result<serde_json::Value, OciError> {
    Ok(to_value(&form(profile)?))
}

/// The profile without what the form has no field for. Comments go.
fn form(profile: &Profile) -> Result<Profile, OciError> {
    if !profile.arch_map.is_empty() {
        return Err(OciError::Conditional("archMap"));
    }
    if profile.default_errno.is_some() {
        return Err(OciError::Podman("defaultErrno", "defaultErrnoRet"));
    }
    let mut profile = profile.clone();
    for rule in &mut profile.syscalls {
        if !rule.includes.is_empty() {
            return Err(OciError::Conditional("includes"));
        }
        if !rule.excludes.is_empty() {
            return Err(OciError::Conditional("excludes"));
        }
        if rule.errno.is_some() {
            return Err(OciError::Podman("errno", "errnoRet"));
        }
        rule.comment.clear();
        if let Some(name) = rule.name.take() {
            rule.names.insert(0, name);
        }
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::dialects::docker;

    const DOCKER: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"name": "read", "action": "SCMP_ACT_ALLOW", "comment": "x", "includes": {}}
    ]}"#;

    fn dockers(text: &str) -> Profile {
        docker::read(text.as_bytes()).value.unwrap()
    }

    #[test]
    fn comments_go_rules_stay_and_it_reads_back() {
        let text = print(&dockers(DOCKER), Indent::Spaces).unwrap();
        assert!(!text.contains("comment"), "{text}");
        assert!(!text.contains("\"name\""), "{text}");
        let reading = read(text.as_bytes());
        assert_eq!(reading.findings, []);
        assert_eq!(
            print(&reading.value.unwrap(), Indent::Spaces).unwrap(),
            text
        );
    }

    #[test]
    fn a_whole_configuration_is_taken_at_its_places() {
        let text = "{\"ociVersion\": \"1.2.0\", \"linux\": {\"seccomp\":\n\
                    {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": []}}}";
        let reading = read(text.as_bytes());
        let [finding] = &reading.findings[..] else {
            panic!("{reading:?}");
        };
        assert_eq!(finding.code, "foreign-field");
        assert_eq!(finding.place.unwrap().to_string(), "2:37");
        assert!(reading.value.unwrap().default_action.is_some());
        for none in [r#"{"linux": {}}"#, r#"{"linux": {"seccomp": null}}"#] {
            let reading = read(none.as_bytes());
            assert_eq!(reading.value, None);
            assert_eq!(reading.findings[0].code, "no-seccomp");
        }
    }

    #[test]
    fn a_condition_is_refused_not_dropped() {
        let refused = |text: &str| print(&dockers(text), Indent::Spaces).unwrap_err();
        let with_rule = |part: &str| {
            format!(
                r#"{{"defaultAction": "SCMP_ACT_ERRNO",
                    "syscalls": [{{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", {part}}}]}}"#
            )
        };
        assert_eq!(
            refused(&with_rule(r#""includes": {"caps": ["CAP_BPF"]}"#)),
            OciError::Conditional("includes")
        );
        assert_eq!(
            refused(&with_rule(r#""excludes": {"minKernel": "4.8"}"#)),
            OciError::Conditional("excludes")
        );
        assert_eq!(
            refused(&with_rule(r#""errno": "EPERM""#)),
            OciError::Podman("errno", "errnoRet")
        );
    }
}
