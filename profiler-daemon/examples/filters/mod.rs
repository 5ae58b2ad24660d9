//! The filters that are measured: Docker's default profile, as this crate and as libseccomp compile it.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use profiler_daemon::seccomp::{
    arch::Arch,
    condition::Operator,
    dialects::docker::{
        docker_default,
        resolve::{Circumstances, Resolved, resolve},
    },
    filter::program::{Instruction, Program},
    policy::Policy,
};

/// What libseccomp makes of the rules, as a linear search and as a tree.
pub(crate) fn libseccomps(exporter: &str, policy: &Policy) -> Vec<(String, Program)> {
    let question: String = [0, 2].map(|optimize| set(policy, optimize)).concat();
    let mut child = Command::new(exporter)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the exporter starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(question.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default().replace("version ", "");
    let version = version.replace(' ', ".");
    lines
        .zip(["linear", "tree"])
        .map(|(line, kind)| {
            let words = line.strip_prefix("program ").expect("a filter");
            let numbers: Vec<u32> = words
                .split(' ')
                .skip(1)
                .map(|word| u32::from_str_radix(word, 16).expect("a number"))
                .collect();
            let instructions = numbers.chunks(4).map(|one| Instruction {
                code: one[0] as u16,
                jt: one[1] as u8,
                jf: one[2] as u8,
                k: one[3],
            });
            let program = Program::new(instructions.collect()).expect("a filter");
            (format!("libseccomp {version}, {kind}"), program)
        })
        .collect()
}

/// The rules in the exporter's words.
fn set(policy: &Policy, optimize: u32) -> String {
    // The x32 token is x86_64's without the mark for 64 bits.
    let token = |arch: &Arch| match arch {
        Arch::X32 => 0x4000_003e,
        other => other.audit(),
    };
    let others = policy.arches.iter().filter(|arch| **arch != policy.native);
    let tokens: String = others.map(|arch| format!(" {:x}", token(arch))).collect();
    let default = policy.default.to_return();
    let count = policy.arches.len() - 1;
    let mut text = format!("set {default:x} {optimize:x} {count:x}{tokens}");
    for rule in &policy.rules {
        let (action, count) = (rule.action.to_return(), rule.conditions.len());
        for name in &rule.names {
            write!(text, " rule {action:x} {name} {count:x}").unwrap();
            for one in &rule.conditions {
                let operator = match one.operator {
                    Operator::NotEqual => 1,
                    Operator::Less => 2,
                    Operator::LessOrEqual => 3,
                    Operator::Equal => 4,
                    Operator::GreaterOrEqual => 5,
                    Operator::Greater => 6,
                    Operator::MaskedEqual => 7,
                };
                let (value, two) = (one.value, one.value_two);
                write!(text, " {:x} {operator:x} {value:x} {two:x}", one.index).unwrap();
            }
        }
    }
    text.push_str(" end\n");
    text
}

/// Docker's default for the usual container.
pub(crate) fn policy() -> Policy {
    let usual = Circumstances::usual(Arch::X86_64, (6, 18));
    match resolve(&docker_default(), &usual) {
        Ok(Resolved::Filter(filter)) => filter.policy,
        other => unreachable!("{other:?}"),
    }
}
