//! libseccomp against what rules mean: where its filters answer otherwise, a listed defect or a listed custom explains it.

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod kernel_oracle;
mod libseccomp_export;
mod oracle;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::collections::{BTreeMap, BTreeSet};

use kernel_oracle::{Call, Gate, answers};
use libseccomp_export::{
    Exported, Library, Rule, Set,
    defects::{self, ALLOW, Defect, ERRNO_5, KILL},
    explain::{Model, explain, release, without_mistaken},
    sets::{NAME, meant_for, points, random_set, shown},
};
use oracle::{accumulator::ambiguous, interpreter, random::Random};
use profiler_daemon::seccomp::{
    arch::Arch,
    diagram::{Diagrams, Node},
    facts::libseccomp::{Resolved, Version, resolve},
    filter::{
        program::{Instruction, Program},
        symbolic,
    },
    meaning::libseccomp_tree::{Failure, Release},
};
use testbed::Testbed;

#[test]
fn names_resolve_as_the_facts_say() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut names: BTreeSet<&str> =
        ["listns", "rseq_slice_yield", "s390_sthyi", "no_such_call"].into();
    for arch in Arch::ALL {
        names.extend(arch.syscalls().into_iter().map(|(_, name)| name));
    }
    for library in Library::all() {
        let asked: Vec<(Arch, &str)> = Arch::ALL
            .into_iter()
            .flat_map(|arch| names.iter().map(move |name| (arch, *name)))
            .collect();
        let version = match library.version {
            version if version == Version::new(2, 5, 4) => Version::DEBIAN_12,
            version => version,
        };
        let mut wrong = Vec::new();
        for ((arch, name), got) in asked.iter().zip(library.resolve(&asked)) {
            let fits = match resolve(version, *arch, name) {
                Resolved::Number(nr) => got == nr.cast_signed(),
                Resolved::Multiplexed { through, call } => {
                    let base = if through == "ipc" { 200 } else { 100 };
                    got == -(base + i32::from(call))
                }
                Resolved::Elsewhere => got < -1000 || got < -1 && *arch != Arch::X86,
                Resolved::Unknown => got == -1,
            };
            if !fits {
                wrong.push((*arch, *name, got, resolve(version, *arch, name)));
            }
        }
        println!("{:?}: {} answers", library.version, asked.len());
        assert!(wrong.is_empty(), "{:?}: {wrong:?}", library.version);
    }
}

/// How often each explanation was needed, and the shortest set that needed it.
type Found = BTreeMap<&'static str, (usize, String)>;

fn note(found: &mut Found, why: &'static str, set: &Set) {
    let (count, shortest) = found.entry(why).or_default();
    *count += 1;
    let text = shown(set);
    if shortest.is_empty() || text.len() < shortest.len() {
        *shortest = text;
    }
}

/// What a program answers to every call.
fn whole(diagrams: &mut Diagrams, program: &[interpreter::Instruction]) -> Node {
    let instructions = program
        .iter()
        .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k });
    let program = Program::new(instructions.collect()).expect("a filter");
    symbolic::diagram(diagrams, &program).expect("libseccomp's filters are no mazes")
}

/// Judges what became of a set; `Err` holds what nothing explains.
fn judge(
    set: &Set,
    exported: Exported,
    release: Release,
    random: &mut Random,
    found: &mut Found,
) -> Result<(), String> {
    let arches = [Arch::X86_64, Arch::X86];
    let mut diagrams = Diagrams::new();
    let mut models = arches.map(|arch| Model::of(&mut diagrams, set, arch, release));
    let failures = models.each_ref().map(|model| model.tree().err());
    let dropped = || arches.map(|arch| without_mistaken(&mut Diagrams::new(), set, arch, release));
    let fails = |why| {
        if failures.contains(&Some(why)) {
            return true;
        }
        let mut trees = dropped().into_iter().flatten();
        trees.any(|tree| tree.is_err_and(|failure| failure == why))
    };
    let program = match exported {
        Exported::Program(program) => program,
        Exported::Hang if fails(Failure::Endless) => {
            note(found, defects::ENDLESS, set);
            return Ok(());
        }
        Exported::Refused(_, libc::EEXIST) if fails(Failure::Exists) => {
            note(found, "custom: one condition has one action", set);
            return Ok(());
        }
        other => return Err(format!("{}: {other:?}, foretold {failures:?}", shown(set))),
    };
    if failures != [None; 2] && dropped().iter().flatten().all(Result::is_err) {
        return Err(format!("{}: a filter, foretold {failures:?}", shown(set)));
    }
    let places = ambiguous(&program);
    let mut reasons = BTreeSet::new();
    let whole = whole(&mut diagrams, &program);
    for (arch, model) in arches.into_iter().zip(&mut models) {
        for args in points(set, random, 80) {
            let why = explain(&mut diagrams, set, arch, &program, &places, model, &args)?;
            reasons.extend(why);
        }
        // Not only at these points: what the model foretells, it foretells for every call.
        let got = diagrams.select_call(whole, arch, arch.number(NAME).expect("a number"));
        if model.tree() != Ok(got)
            && places.is_empty()
            && !model.without(&mut diagrams, set, arch).contains(&got)
        {
            return Err(format!("{}: another filter than foretold", shown(set)));
        }
    }
    for why in reasons {
        note(found, why, set);
    }
    Ok(())
}

#[test]
fn every_disagreement_is_explained() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut random = Random::new(3);
    let mut sets = Vec::new();
    for actions in [
        &[ERRNO_5][..],
        &[ERRNO_5, 0x0005_0006, ALLOW, 0x0003_0000, KILL],
    ] {
        sets.extend((0..3000).map(|_| random_set(&mut random, actions, true)));
        sets.extend((0..1500).map(|_| random_set(&mut random, actions, false)));
    }
    for set in &mut sets {
        set.arches = vec![Arch::X86];
    }
    for library in Library::all() {
        let mut found = Found::new();
        let mut unexplained = Vec::new();
        for (set, exported) in sets.iter().zip(library.export(&sets)) {
            let release = release(&library);
            unexplained.extend(judge(set, exported, release, &mut random, &mut found).err());
        }
        println!("{:?}: {} sets", library.version, sets.len());
        for (why, (count, shortest)) in &found {
            println!("  {count:5} {why}: {shortest}");
        }
        unexplained.sort_by_key(String::len);
        assert!(
            unexplained.is_empty(),
            "{} unexplained, the shortest: {:#?}",
            unexplained.len(),
            &unexplained[..unexplained.len().min(5)]
        );
        // The sets have one call, which every architecture has: `libseccomp_policies` shows the rest.
        let shown = |defect: &&Defect| defect.rules.iter().all(|(_, name, _)| *name == NAME);
        for defect in defects::ALL.iter().filter(shown) {
            let here = defect.fixed.is_none_or(|fixed| library.version < fixed);
            assert_eq!(found.contains_key(defect.name), here, "{}", defect.name);
        }
    }
}

#[test]
fn the_kept_cases_show_their_defects_on_the_kernel_too() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    for library in Library::all() {
        for defect in &defects::ALL {
            let rules = defect.rules.iter();
            let rules = rules.map(|(action, name, conditions)| Rule {
                action: *action,
                name,
                conditions: conditions.to_vec(),
            });
            let set = Set {
                default: defect.default,
                arches: vec![defect.arch],
                optimize: 0,
                rules: rules.collect(),
            };
            assert_eq!(
                meant_for(defect.call, &set, defect.arch, true, &defect.args),
                defect.right,
                "{}",
                defect.name
            );
            let call = Call {
                gate: if defect.arch == Arch::X86 {
                    Gate::Int80
                } else {
                    Gate::Syscall
                },
                nr: defect.arch.number(defect.call).expect("a number"),
                args: defect.args,
            };
            let got = match library.export(&[set]).remove(0) {
                Exported::Program(program) => Some(answers(&program, &[call])[0]),
                other => {
                    assert_eq!(other, Exported::Hang, "{}", defect.name);
                    None
                }
            };
            let fixed = defect.fixed.is_some_and(|fixed| library.version >= fixed);
            let expected = if fixed {
                Some(defect.right)
            } else {
                defect.wrong
            };
            assert_eq!(got, expected, "{} in {:?}", defect.name, library.version);
            assert!(!defect.because.is_empty());
        }
    }
}
