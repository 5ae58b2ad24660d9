//! Every dialect's reader and printer against files that are kept: what real tools wrote, read; and
//! what was read, printed in every other dialect. `UPDATE_GOLDEN=1` writes what comes out now.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    dialects::{lxc, mkseccomp, printed::Leaning, raw, spo, strace, systemd},
    finding::{Finding, Reading},
    policy::{Policy, Rule},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dialects")
}

fn input(name: &str) -> Vec<u8> {
    let file = folder().join(name).with_extension("in");
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn check(name: &str, said: &str) {
    let file = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, said).unwrap();
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        said == kept,
        "{name} is not what was kept; run with UPDATE_GOLDEN=1 if this is meant\n{said}"
    );
}

fn findings(list: &[Finding]) -> String {
    list.iter().fold(String::new(), |mut text, finding| {
        let place = finding
            .place
            .map_or_else(|| "-".to_owned(), |place| place.to_string());
        let _ = writeln!(
            text,
            "{place} {:?} {}: {} | {}",
            finding.level, finding.code, finding.what, finding.mend
        );
        text
    })
}

fn policy_as_text(policy: &Policy) -> String {
    let arches: Vec<&str> = policy.arches.iter().map(|arch| arch.name()).collect();
    let mut text = format!("default {}\non {}\n", policy.default, arches.join(" "));
    for rule in &policy.rules {
        let conditions: Vec<String> = rule.conditions.iter().map(ToString::to_string).collect();
        let when = if conditions.is_empty() {
            String::new()
        } else {
            format!(" if {}", conditions.join(" and "))
        };
        let _ = writeln!(text, "{}{when}: {}", rule.action, rule.names.join(" "));
    }
    text
}

fn reading_as_text(reading: &Reading<Policy>) -> String {
    let policy = reading
        .value
        .as_ref()
        .map_or_else(|| "refused\n".to_owned(), policy_as_text);
    format!("{policy}\n{}", findings(&reading.findings))
}

/// How each kept input is read, by the beginning of its name.
fn read(name: &str) -> Reading<Policy> {
    let text = input(name);
    match name.split('-').next() {
        Some("lxc") => lxc::read(&text, Arch::X86_64),
        Some("systemd") => systemd::read(&text, Arch::X86_64),
        Some("mkseccomp") => mkseccomp::read(&text, Arch::X86_64),
        Some("strace") => strace::read(&text),
        other => panic!("{other:?} is no dialect"),
    }
}

const INPUTS: [&str; 17] = [
    "lxc-1",
    "lxc-2",
    "lxc-2-binary",
    "lxc-2-denied",
    "lxc-2-refused",
    "mkseccomp",
    "strace-32-bit",
    "strace-32-bit-terminal",
    "strace-both",
    "strace-columns",
    "strace-count",
    "strace-file",
    "strace-relative",
    "strace-terminal",
    "strace-x32",
    "systemd-denied",
    "systemd-unit",
];

#[test]
fn what_tools_wrote_is_read_as_it_was() {
    for name in INPUTS {
        check(&format!("{name}.read"), &reading_as_text(&read(name)));
    }
    let kept = fs::read_dir(folder())
        .unwrap()
        .filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            path.extension().is_some_and(|extension| extension == "in") && !name.starts_with("cbpf")
        })
        .count();
    assert_eq!(kept, INPUTS.len(), "an input is kept that is not read");
}

/// A policy with a little of everything that some dialect can't say.
fn everything() -> Policy {
    let condition = |index, operator, value, value_two| Condition {
        index,
        operator,
        value,
        value_two,
    };
    let rule = |names: &str, action, conditions: &[Condition]| Rule {
        names: names.split(' ').map(str::to_owned).collect(),
        action,
        conditions: conditions.to_vec(),
    };
    Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64, Arch::X86],
        rules: vec![
            rule(
                "read write execve exit_group socketcall",
                Action::Allow,
                &[],
            ),
            rule("connect", Action::Log, &[]),
            rule("clone3", Action::Errno(38), &[]),
            rule("mount", Action::Notify, &[]),
            rule("ptrace", Action::KillProcess, &[]),
            rule("acct", Action::KillThread, &[]),
            rule("swapon", Action::Trap(3), &[]),
            rule("swapoff", Action::Trace(2), &[]),
            rule(
                "personality",
                Action::Allow,
                &[condition(0, Operator::Equal, 8, 0)],
            ),
            rule(
                "personality",
                Action::Allow,
                &[condition(0, Operator::Equal, 0x20000, 0)],
            ),
            rule(
                "socket",
                Action::Allow,
                &[
                    condition(0, Operator::NotEqual, 40, 0),
                    condition(1, Operator::MaskedEqual, 0xf, 1),
                ],
            ),
            rule(
                "clone",
                Action::Allow,
                &[
                    condition(0, Operator::Greater, 1, 0),
                    condition(0, Operator::Less, 9, 0),
                ],
            ),
            rule("not-a-name", Action::Allow, &[]),
        ],
    }
}

fn printed(policy: &Policy) -> String {
    type Print = fn(&Policy, Leaning) -> Reading<String>;
    let printers: [(&str, Print); 4] = [
        ("LXC 1", lxc::v1::print),
        ("LXC 2", lxc::v2::print),
        ("systemd", systemd::print),
        ("mkseccomp", mkseccomp::print),
    ];
    let mut text = String::new();
    let mut add = |head: &str, printed: &Reading<String>| {
        let body = printed.value.as_deref().unwrap_or("refused\n");
        let _ = writeln!(
            text,
            "=== {head}\n{body}--- findings\n{}",
            findings(&printed.findings)
        );
    };
    for (name, print) in printers {
        for leaning in [Leaning::Stricter, Leaning::Looser] {
            add(&format!("{name}, {leaning:?}"), &print(policy, leaning));
        }
    }
    add("SPO", &spo::print(policy, "web"));
    text
}

#[test]
fn every_printer_says_what_it_can_and_tells_the_rest() {
    check("everything.printed", &printed(&everything()));
}

#[test]
fn what_was_read_is_printed_in_every_dialect() {
    for name in [
        "strace-count",
        "lxc-2-denied",
        "systemd-denied",
        "mkseccomp",
        "lxc-1",
    ] {
        let policy = read(name).value.unwrap();
        check(&format!("{name}.printed"), &printed(&policy));
    }
}

#[test]
fn classic_bpf_is_read_and_printed() {
    for name in ["cbpf-text", "cbpf-array"] {
        let reading = raw::read_text(&input(name));
        let mut text = findings(&reading.findings);
        if let Some(program) = reading.value {
            text.push_str(&raw::print_decimal(&program));
            text.push_str(&raw::print_array(&program));
            let bytes: Vec<u8> = program.iter().flat_map(|one| one.to_bytes()).collect();
            let _ = writeln!(text, "{} bytes", bytes.len());
            assert_eq!(raw::read_bytes(&bytes).value.as_ref(), Some(&program));
        }
        check(&format!("{name}.read"), &text);
    }
}
