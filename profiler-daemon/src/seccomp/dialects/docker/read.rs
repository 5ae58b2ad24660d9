//! Reads a profile in Docker's dialect, and the OCI form, which is a part of it.
//!
//! What Docker's reader would refuse or a closed list of words does not have is an error, and
//! there is no profile then. Whether open words are known is for `words`, what they amount to for
//! `lints`.

use super::{
    ActionName, ArchMapping, Argument, Conditions, KernelVersion, Profile, Rule,
    fields::{Fields, members, suggested},
    words,
};
use crate::seccomp::{
    condition::Operator,
    dialects::{
        json::{self, Member, Node, Value},
        placed::Placed,
    },
    facts::spelling::shortened,
    finding::{Findings, Level, Reading},
};

/// Whose fields are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::seccomp) enum Dialect {
    /// Docker's and podman's.
    Docker,
    /// The OCI runtime specification's.
    Oci,
}

const PROFILE: [&str; 9] = [
    "defaultAction",
    "defaultErrnoRet",
    "architectures",
    "flags",
    "listenerPath",
    "listenerMetadata",
    "syscalls",
    // Not in the OCI form.
    "archMap",
    "defaultErrno",
];
const PROFILE_OCI: usize = 7;
const RULE: [&str; 9] = [
    "names", "action", "errnoRet", "args", // Not in the OCI form.
    "name", "comment", "includes", "excludes", "errno",
];
const RULE_OCI: usize = 4;
const ARGUMENT: [&str; 4] = ["index", "value", "valueTwo", "op"];
const CONDITIONS: [&str; 3] = ["caps", "arches", "minKernel"];
const ARCH_MAPPING: [&str; 2] = ["architecture", "subArchitectures"];

/// What to say of Docker's fields in the OCI form.
const DOCKERS: &str = "is Docker's; a runtime that is given it does not see it";

/// Reads a profile. The words in it are checked, what they amount to is not.
#[must_use]
pub fn read(text: &[u8]) -> Reading<Profile> {
    match json::parse(text) {
        Ok(node) => read_object(&node, Dialect::Docker),
        Err(finding) => Reading {
            value: None,
            findings: vec![finding],
        },
    }
}

/// Reads a profile of a tree.
pub(in crate::seccomp) fn read_object(node: &Node<'_>, dialect: Dialect) -> Reading<Profile> {
    let mut reader = Reader {
        dialect,
        findings: Findings::default(),
    };
    let profile = reader.profile(node);
    let mut findings = reader.findings;
    let value = profile.filter(|_| !findings.failed());
    if let Some(profile) = &value {
        words::check(profile, &mut findings);
    }
    Reading {
        value,
        findings: findings.into_list(),
    }
}

struct Reader {
    dialect: Dialect,
    findings: Findings,
}

impl Reader {
    fn fields<'n, 't>(
        &mut self,
        members: &'n [Member<'t>],
        what: &str,
        all: &[&'static str],
        in_oci: usize,
    ) -> Fields<'n, 't> {
        let (known, foreign) = match self.dialect {
            Dialect::Docker => (all, &[][..]),
            Dialect::Oci => all.split_at(in_oci.min(all.len())),
        };
        let foreign: Vec<_> = foreign.iter().map(|name| (*name, DOCKERS)).collect();
        Fields::of(members, what, known, &foreign, &mut self.findings)
    }

    fn profile(&mut self, node: &Node<'_>) -> Option<Profile> {
        let members = members(node, "a profile", &mut self.findings)?;
        let fields = self.fields(members, "a profile", &PROFILE, PROFILE_OCI);
        let found = &mut self.findings;
        let mut profile = Profile {
            default_action: None,
            default_errno_ret: fields.number("defaultErrnoRet", found),
            default_errno: fields.text("defaultErrno", found),
            architectures: fields.strings("architectures", found).unwrap_or_default(),
            arch_map: Vec::new(),
            flags: fields.strings("flags", found),
            listener_path: fields.text("listenerPath", found),
            listener_metadata: fields.text("listenerMetadata", found),
            syscalls: Vec::new(),
        };
        if let Some(word) = fields.text("defaultAction", found) {
            profile.default_action = self.action(&word);
        }
        for line in fields
            .list("archMap", &mut self.findings)
            .unwrap_or_default()
        {
            profile.arch_map.extend(self.arch_mapping(line));
        }
        for rule in fields
            .list("syscalls", &mut self.findings)
            .unwrap_or_default()
        {
            profile.syscalls.extend(self.rule(rule));
        }
        Some(profile)
    }

    fn arch_mapping(&mut self, node: &Node<'_>) -> Option<ArchMapping> {
        let what = "a line of \"archMap\"";
        let members = members(node, what, &mut self.findings)?;
        let fields = self.fields(members, what, &ARCH_MAPPING, ARCH_MAPPING.len());
        let found = &mut self.findings;
        Some(ArchMapping {
            architecture: fields
                .string("architecture", found)
                .unwrap_or_else(|| Placed::at(String::new(), node.place)),
            sub_architectures: fields
                .strings("subArchitectures", found)
                .unwrap_or_default(),
        })
    }

    fn rule(&mut self, node: &Node<'_>) -> Option<Rule> {
        let members = members(node, "a rule", &mut self.findings)?;
        let fields = self.fields(members, "a rule", &RULE, RULE_OCI);
        let found = &mut self.findings;
        let names = fields.strings("names", found).unwrap_or_default();
        let name = fields.text("name", found);
        let errno_ret = fields.number("errnoRet", found);
        let errno = fields.text("errno", found);
        let comment = fields.text("comment", found).unwrap_or_default().value;
        let word = fields.text("action", found);
        // One of a wrong type was told already.
        let unsaid = fields
            .get("action")
            .is_none_or(|node| node.value == Value::String("".into()));
        if unsaid {
            found.add(Level::Error, "no-action", Some(node.place), || {
                (
                    "the rule has no action; runc says \"string  is not a valid action for \
                     seccomp\""
                        .to_owned(),
                    "add \"action\": \"SCMP_ACT_ALLOW\"".to_owned(),
                )
            });
        }
        let action = word.and_then(|word| self.action(&word));
        let arguments = fields.list("args", &mut self.findings).unwrap_or_default();
        let mut args = Vec::new();
        for argument in arguments {
            args.extend(self.argument(argument));
        }
        let includes = self.conditions("includes", &fields);
        let excludes = self.conditions("excludes", &fields);
        Some(Rule {
            begins: Placed::at((), node.place),
            name,
            names,
            action: action?,
            errno_ret,
            errno,
            args,
            comment,
            includes,
            excludes,
        })
    }

    fn action(&mut self, word: &Placed<String>) -> Option<Placed<ActionName>> {
        let action = self.word(
            word,
            ActionName::named(word),
            "unknown-action",
            "action",
            &ActionName::ALL.map(ActionName::scmp),
        )?;
        Some(Placed {
            value: action,
            place: word.place,
        })
    }

    fn argument(&mut self, node: &Node<'_>) -> Option<Argument> {
        let what = "a condition of \"args\"";
        let members = members(node, what, &mut self.findings)?;
        let fields = self.fields(members, what, &ARGUMENT, ARGUMENT.len());
        for name in ["index", "value"] {
            if fields.get(name).is_none() {
                let place = Some(node.place);
                self.findings
                    .add(Level::Warning, "missing-field", place, || {
                        (
                            format!("the condition has no \"{name}\", and so it is 0"),
                            format!("add \"{name}\""),
                        )
                    });
            }
        }
        let found = &mut self.findings;
        let number =
            |found: Option<Placed<u64>>| found.unwrap_or_else(|| Placed::at(0, node.place));
        let index = number(fields.number("index", found));
        let value = number(fields.number("value", found));
        let value_two = number(fields.number("valueTwo", found));
        let word = fields
            .string("op", found)
            .unwrap_or_else(|| Placed::at(String::new(), node.place));
        let operator = self.word(
            &word,
            Operator::named(&word),
            "unknown-operator",
            "operator",
            &Operator::ALL.map(Operator::scmp),
        )?;
        Some(Argument {
            index,
            value,
            value_two,
            op: Placed {
                value: operator,
                place: word.place,
            },
        })
    }

    fn conditions(&mut self, name: &'static str, fields: &Fields<'_, '_>) -> Conditions {
        let Some(members) = fields.object(name, &mut self.findings) else {
            return Conditions::default();
        };
        let what = format!("\"{name}\"");
        let fields = self.fields(members, &what, &CONDITIONS, CONDITIONS.len());
        let found = &mut self.findings;
        let caps = fields.strings("caps", found).unwrap_or_default();
        let arches = fields.strings("arches", found).unwrap_or_default();
        let min_kernel = fields.get("minKernel").and_then(|node| {
            let Value::String(text) = &node.value else {
                fields.string("minKernel", found);
                return None;
            };
            match KernelVersion::parse(&shortened(text)) {
                Ok(version) => Some(Placed::at(version, node.place)),
                Err(sentence) => {
                    found.add(Level::Error, "bad-kernel-version", Some(node.place), || {
                        let mend = "write the first two numbers of a version: \"4.8\"";
                        (format!("Docker says \"{sentence}\""), mend.to_owned())
                    });
                    None
                }
            }
        });
        Conditions {
            caps,
            arches,
            min_kernel,
        }
    }

    /// A word of a closed list; `value` is what it stands for.
    fn word<T>(
        &mut self,
        word: &Placed<String>,
        value: Option<T>,
        code: &'static str,
        what: &str,
        all: &[&str],
    ) -> Option<T> {
        if value.is_none() {
            self.findings.add(Level::Error, code, word.place, || {
                let mend = suggested(word, all);
                let quoted = shortened(word);
                (
                    format!(
                        "there is no {what} \"{quoted}\"; runc says \"string {quoted} is not a \
                         valid {what} for seccomp\""
                    ),
                    mend,
                )
            });
        }
        value
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
