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

#[path = "filters/mod.rs"]
mod filters;

use std::{env, fs, time::Instant};

use filters::{libseccomps, policy};
use profiler_daemon::seccomp::{
    arch::Arch,
    diagram::{Diagrams, Node},
    filter::{
        bitmap::covers,
        compile::compile,
        evaluate::{CallData, run},
        program::Program,
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
    if !summed_up.is_empty() {
        println!();
        println!("| step | median, ms |");
        println!("| --- | --- |");
    }
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
