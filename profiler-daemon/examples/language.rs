//! Measures the seccomp language on Docker's default profile: how long it takes to compile, to
//! prove and to sum up, and what the filter costs the kernel for each kind of call.
//!
//! `cargo xtask bench --only language` runs it in release mode. `--libseccomp PROGRAM` names the built
//! `tests/libseccomp_export/export.c`, by which libseccomp's filters for the same rules are measured
//! too; any other argument is a filter to measure, as bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot be made has no other way to fail"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use profiler_daemon::seccomp::{
    arch::Arch,
    condition::Operator,
    diagram::{Diagrams, Node},
    dialects::docker::{
        docker_default,
        resolve::{Circumstances, Resolved, resolve},
    },
    filter::{
        bitmap::covers,
        compile::compile,
        evaluate::{CallData, run},
        program::{Instruction, Program},
        symbolic,
    },
    meaning::exact,
    policy::Policy,
    summary::{Standing, sections, standing},
};

/// Runs of each measurement; the median is told.
const RUNS: usize = 101;

fn main() {
    let policy = policy();
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy).unwrap();
    let program = compile(&diagrams, root).unwrap();

    println!("docker-default, usual capabilities, x86_64 + i386 + x32");
    println!("| step | median, ms |");
    println!("| --- | --- |");
    told("compile: from rules to a filter", || {
        let mut diagrams = Diagrams::new();
        let root = exact::diagram(&mut diagrams, &policy).unwrap();
        compile(&diagrams, root).unwrap();
    });
    told("prove: the filter means what the rules mean", || {
        let mut diagrams = Diagrams::new();
        let root = exact::diagram(&mut diagrams, &policy).unwrap();
        assert_eq!(symbolic::diagram(&mut diagrams, &program), Ok(root));
    });
    told("sum up: every call of every architecture", || {
        whole_summary(&program);
    });
    println!();
    println!(
        "| filter | instructions | run by an allowed call | conditional | refused | in the bitmap |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    costs("profilectl's", &program, &mut diagrams, root);
    let mut summed_up = Vec::new();
    for (name, other) in others(&policy) {
        costs(&name, &other, &mut diagrams, root);
        summed_up.push((name, other));
    }
    println!();
    for (name, other) in summed_up {
        told(&format!("sum up {name}"), || {
            whole_summary(&other);
        });
    }
}

/// The filters that the command line asks for, by name.
fn others(policy: &Policy) -> Vec<(String, Program)> {
    let mut found = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--libseccomp" {
            let exporter = arguments.next().expect("--libseccomp PROGRAM");
            found.extend(libseccomps(&exporter, policy));
        } else {
            let bytes = fs::read(&argument).expect("the filter cannot be read");
            found.push((argument, Program::from_bytes(&bytes).expect("not a filter")));
        }
    }
    found
}

/// What libseccomp makes of the rules, as a linear search and as a tree.
fn libseccomps(exporter: &str, policy: &Policy) -> Vec<(String, Program)> {
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

fn policy() -> Policy {
    let usual = Circumstances::usual(Arch::X86_64, (6, 18));
    match resolve(&docker_default(), &usual) {
        Ok(Resolved::Filter(filter)) => filter.policy,
        other => unreachable!("{other:?}"),
    }
}

fn told(what: &str, mut work: impl FnMut()) {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("| {what} | {:.3} |", times[RUNS / 2]);
}

fn whole_summary(program: &Program) -> usize {
    let mut diagrams = Diagrams::new();
    let root = symbolic::diagram(&mut diagrams, program).unwrap();
    let mut conditional = 0;
    for section in sections(&diagrams, root).unwrap() {
        for range in &section.ranges {
            if let Standing::Conditional(_) = standing(&mut diagrams, range.node).unwrap() {
                conditional += 1;
            }
        }
    }
    conditional
}

/// The mean and the most instructions that a kind of call takes, and how many of the always
/// allowed the kernel's bitmap answers.
fn costs(name: &str, program: &Program, diagrams: &mut Diagrams, root: Node) {
    let (mut allowed, mut conditional, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut covered = 0;
    for (nr, _) in Arch::X86_64.syscalls() {
        let node = diagrams.select_call(root, Arch::X86_64, nr);
        let executed = run(program, &CallData::new(Arch::X86_64, nr, [0; 6])).executed;
        match standing(diagrams, node).unwrap() {
            Standing::Always(action) if action.lets_through() => {
                allowed.push(executed);
                covered += usize::from(covers(program, Arch::X86_64, nr));
            }
            Standing::Always(_) => refused.push(executed),
            Standing::Conditional(_) => conditional.push(executed),
        }
    }
    println!(
        "| {name} | {} | {} | {} | {} | {covered} of {} |",
        program.instructions().len(),
        mean_and_most(&allowed),
        mean_and_most(&conditional),
        mean_and_most(&refused),
        allowed.len(),
    );
}

fn mean_and_most(list: &[u32]) -> String {
    let sum: u32 = list.iter().sum();
    let most = list.iter().max().copied().unwrap_or_default();
    format!(
        "{:.1}, at most {most}",
        f64::from(sum) / f64::from(list.len().max(1) as u32)
    )
}
