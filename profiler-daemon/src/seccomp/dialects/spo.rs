//! Prints a policy as a SeccompProfile of the Kubernetes Security Profiles Operator, in YAML.
//!
//! Source: the operator's v1beta1 types. A writer of our own: the form is a handful of lists, and the
//! same policy must give the same bytes. Must not read YAML.

use std::fmt::Write as _;

use crate::seccomp::{
    action::{Action, EPERM},
    condition::{Condition, Operator},
    facts::spelling::shortened,
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

/// The kind's version that is printed.
pub const API_VERSION: &str = "security-profiles-operator.x-k8s.io/v1beta1";

/// The longest name that Kubernetes takes for an object.
const LONGEST_NAME: usize = 253;

/// Prints a policy as an object of that name.
///
/// An error if Kubernetes takes no such name. The operator has no field
/// for a default errno, and a runtime that is not told one answers EPERM: that is a finding.
#[must_use]
pub fn print(policy: &Policy, name: &str) -> Reading<String> {
    let mut findings = Findings::default();
    if !is_object_name(name) {
        findings.error(
            None,
            "bad-name",
            format!("Kubernetes takes no object named \"{}\"", shortened(name)),
            "give a name of lower case letters, digits, dots and dashes, with a letter or digit at both ends",
        );
    }
    match policy.default {
        Action::Errno(EPERM) | Action::Trace(EPERM) => {}
        Action::Errno(errno) | Action::Trace(errno) => findings.warning(
            None,
            "default-errno-lost",
            format!(
                "the operator has no field for the default's errno {errno}: it will be {EPERM}"
            ),
            "",
        ),
        _ => {}
    }
    for rule in &policy.rules {
        report_trap(rule.action, &mut findings);
        report_duplicate_index(rule, &mut findings);
    }
    if policy
        .rules
        .iter()
        .any(|rule| rule.action == Action::Notify)
    {
        findings.warning(
            None,
            "no-listener",
            "a rule asks a supervisor, and a policy does not say where it listens: no runtime takes the profile so",
            "write the supervisor's socket as listenerPath under spec",
        );
    }
    report_trap(policy.default, &mut findings);
    findings.reading(text(policy, name))
}

/// runc and crun make a rule of every condition if two are on one argument: any of them is enough.
fn report_duplicate_index(rule: &Rule, findings: &mut Findings) {
    let mut indices = rule.conditions.iter().map(|condition| condition.index);
    let mut seen = [false; Condition::MAX_INDEX as usize + 1];
    let twice = indices.any(|index| {
        seen.get_mut(usize::from(index))
            .is_some_and(|seen| std::mem::replace(seen, true))
    });
    if twice {
        findings.warning(
            None,
            "duplicate-index",
            format!(
                "the rule for {} has two conditions on one argument, and runtimes take any one of all its conditions for enough",
                rule.names.join(", ")
            ),
            "write the conditions so that each argument has one",
        );
    }
}

fn report_trap(action: Action, findings: &mut Findings) {
    if let Action::Trap(data @ 1..) = action {
        findings.warning(
            None,
            "action-lost",
            format!("the data {data} of a trap can't be said: it will be 0"),
            "",
        );
    }
}

fn text(policy: &Policy, name: &str) -> String {
    let mut out = format!(
        "apiVersion: {API_VERSION}\nkind: SeccompProfile\nmetadata:\n  name: {}\nspec:\n  defaultAction: {}\n",
        scalar(name),
        policy.default.scmp()
    );
    out.push_str("  architectures:\n");
    for arch in &policy.arches {
        item(&mut out, "  ", arch.scmp());
    }
    let rules: Vec<&Rule> = policy
        .rules
        .iter()
        .filter(|rule| !rule.names.is_empty())
        .collect();
    if !rules.is_empty() {
        out.push_str("  syscalls:\n");
    }
    for rule in rules {
        write_rule(&mut out, rule);
    }
    out
}

fn write_rule(out: &mut String, rule: &Rule) {
    field(out, "  - ", "action", rule.action.scmp());
    if let Action::Errno(errno) | Action::Trace(errno) = rule.action {
        // The operator's field is a text.
        field(out, "    ", "errnoRet", &format!("\"{errno}\""));
    }
    out.push_str("    names:\n");
    for name in &rule.names {
        item(out, "    ", &scalar(name));
    }
    if !rule.conditions.is_empty() {
        out.push_str("    args:\n");
    }
    for condition in &rule.conditions {
        write_condition(out, *condition);
    }
}

fn write_condition(out: &mut String, condition: Condition) {
    field(out, "    - ", "index", &condition.index.to_string());
    field(out, "      ", "value", &condition.value.to_string());
    if condition.operator == Operator::MaskedEqual {
        field(out, "      ", "valueTwo", &condition.value_two.to_string());
    }
    field(out, "      ", "op", condition.operator.scmp());
}

fn item(out: &mut String, indent: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(out, "{indent}- {value}");
}

fn field(out: &mut String, indent: &str, key: &str, value: &str) {
    let _ = writeln!(out, "{indent}{key}: {value}");
}

/// A text as YAML: bare if it can't be taken for anything else, otherwise in JSON's quotes, which
/// YAML takes too.
fn scalar(text: &str) -> String {
    const TAKEN: [&str; 10] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
    ];
    let bare = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte)
        })
        && !TAKEN.contains(&text);
    if bare {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// A DNS subdomain, as Kubernetes wants it.
fn is_object_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.split('.').all(|label| {
            let inner = label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
        })
}

#[cfg(test)]
#[path = "spo_tests.rs"]
mod tests;
