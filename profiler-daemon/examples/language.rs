//! Measures the seccomp language on Docker's default profile: how long it takes to compile, to
//! prove and to sum up, and what the filter costs the kernel for each kind of call.
//!
//! `cargo xtask bench` runs it in release mode. With an argument it measures that filter, as bytes,
//! beside its own: libseccomp's, say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot be made has no other way to fail"
)]

use std::{env, fs, time::Instant};

use profiler_daemon::seccomp::{
    arch::Arch,
    diagram::{Diagrams, Node},
    dialects::docker::{
        docker_default,
        resolve::{Circumstances, Resolved, resolve},
    },
    filter::bitmap::covers,
    filter::compile::compile,
    filter::evaluate::{CallData, run},
    filter::program::Program,
    filter::symbolic,
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
    for path in env::args().skip(1) {
        let other = Program::from_bytes(&fs::read(&path).expect("the filter cannot be read"))
            .expect("not a filter");
        costs(&path, &other, &mut diagrams, root);
        told(&format!("sum up {path}"), || {
            whole_summary(&other);
        });
    }
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
