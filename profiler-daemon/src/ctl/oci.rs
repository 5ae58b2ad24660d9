//! A profile in Docker's dialect, said in the OCI runtime specification's.
//!
//! Pure. Refuses what cannot be said there rather than change what it means.

use serde_json::Value;

/// What the dialects cannot both say.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OciError {
    /// The profile is no JSON object, or its `syscalls` no list of objects.
    #[error("the daemon's profile is malformed: {0}")]
    Malformed(&'static str),
    /// A part whose effect depends on the container.
    #[error("`{0}` in the profile cannot be said in the OCI format; use --format docker")]
    Conditional(&'static str),
}

/// The `linux.seccomp` object of an OCI configuration.
pub(super) fn from_docker(profile: &Value) -> Result<Value, OciError> {
    let mut profile = profile.clone();
    let top = profile
        .as_object_mut()
        .ok_or(OciError::Malformed("it is no JSON object"))?;
    drop_if_empty(top, "archMap")?;
    top.shift_remove("comment");
    let rules = match top.get_mut("syscalls") {
        Some(Value::Array(rules)) => rules.as_mut_slice(),
        None => &mut [],
        Some(_) => return Err(OciError::Malformed("`syscalls` is no list")),
    };
    for rule in rules {
        let rule = rule
            .as_object_mut()
            .ok_or(OciError::Malformed("a rule is no JSON object"))?;
        rule.shift_remove("comment");
        drop_if_empty(rule, "includes")?;
        drop_if_empty(rule, "excludes")?;
        if let Some(name) = rule.shift_remove("name") {
            rule.insert("names".to_owned(), Value::Array(vec![name]));
        }
    }
    Ok(profile)
}

fn drop_if_empty(
    object: &mut serde_json::Map<String, Value>,
    key: &'static str,
) -> Result<(), OciError> {
    let empty = match object.shift_remove(key) {
        None | Some(Value::Null) => true,
        Some(Value::Object(inner)) => inner.is_empty(),
        Some(Value::Array(inner)) => inner.is_empty(),
        Some(_) => false,
    };
    if empty {
        Ok(())
    } else {
        Err(OciError::Conditional(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OciError, from_docker};

    #[test]
    fn comments_go_and_rules_stay() {
        let docker = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "comment": "x", "includes": {}, "excludes": {}}]
        });
        let oci = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]
        });
        assert_eq!(from_docker(&docker), Ok(oci));
    }

    #[test]
    fn a_condition_is_refused_not_dropped() {
        let docker = json!({"syscalls": [{"names": ["bpf"], "includes": {"caps": ["CAP_BPF"]}}]});
        assert_eq!(from_docker(&docker), Err(OciError::Conditional("includes")));
        assert!(from_docker(&json!([])).is_err());
    }
}
