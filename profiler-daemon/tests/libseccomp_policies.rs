//! Whole policies through libseccomp as runc drives it: the meaning `as-runc` foretells the whole filter, for every call
//! of every architecture, or a listed defect that the model leaves out explains the difference.
//!
//! What runc puts before a filter itself, its answer to newer calls, is no matter of the library: `loaded_filter` has it.

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

use libseccomp_export::{
    Exported, Library, Rule, Set,
    defects::{self, MISTAKEN_FOR_EACH_OTHER, STALE_WORD, UNREAD_NUMBER},
    explain::{foretold, release, width, without_mistaken},
    sets::plain,
};
use oracle::{
    accumulator::ambiguous,
    interpreter::{self, Data, run_noting},
    random::Random,
};
use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    diagram::{Diagrams, Node},
    difference::{Difference, differences},
    facts::libseccomp::{Resolved, Version, resolve},
    filter::{
        program::{Instruction, Program},
        symbolic,
    },
    meaning::{Host, MeaningError, Refused, Runtime, as_runc, libseccomp_tree::Failure},
    policy::{self, Policy},
    summary::arch_of,
};
use testbed::Testbed;

const POLICIES: usize = 1500;

/// Calls of every kind that the library treats in a way of its own.
const NAMES: [&str; 24] = [
    "read",
    "mmap",
    "clone",
    "personality",
    "openat",
    "close",
    // Another number under x32.
    "ioctl",
    "rt_sigaction",
    "preadv",
    // Of one architecture only.
    "socketcall",
    "mmap2",
    "_llseek",
    "arch_prctl",
    "map_shadow_stack",
    "uretprobe",
    // By socketcall or ipc under i386; the last three by them alone.
    "socket",
    "bind",
    "sendmmsg",
    "shmget",
    "accept",
    "semop",
    // Younger than some releases, or no call at all.
    "mseal",
    "listns",
    "no_such_call",
];

const ACTIONS: [Action; 8] = [
    Action::Allow,
    Action::Allow,
    Action::Errno(1),
    Action::Errno(38),
    Action::Trap(0),
    Action::KillThread,
    Action::KillProcess,
    Action::Log,
];

fn conditions(random: &mut Random, small: bool) -> Vec<Condition> {
    let number = |random: &mut Random| {
        if small {
            random.below(4)
        } else {
            random.boundary()
        }
    };
    // Most rules of real profiles have none.
    let count = random.one_of(&[0, 0, 1, 1, 2, 3]);
    (0..count)
        .map(|_| Condition {
            // Often enough one index twice.
            index: random.one_of(&[0, 1, 2, 3, 5]),
            operator: random.one_of(&Operator::ALL),
            value: number(random),
            value_two: number(random),
        })
        .collect()
}

fn random_policy(random: &mut Random) -> Policy {
    let small = random.below(2) == 0;
    let rules = (0..2 + random.below(7)).map(|_| policy::Rule {
        names: (0..=random.below(3))
            .map(|_| random.one_of(&NAMES).to_owned())
            .collect(),
        action: random.one_of(&ACTIONS),
        conditions: conditions(random, small),
    });
    let rules = rules.collect();
    Policy {
        default: random.one_of(&[Action::Errno(1), Action::Allow, Action::KillThread]),
        native: Arch::X86_64,
        arches: random
            .one_of(&[
                &[Arch::X86_64, Arch::X86, Arch::X32][..],
                &[Arch::X86_64, Arch::X86, Arch::X32],
                &[Arch::X86_64, Arch::X32, Arch::X86],
                &[Arch::X86_64, Arch::X86],
                &[Arch::X86_64],
            ])
            .to_vec(),
        rules,
    }
}

/// The policy as runc (and crun) hands it on: a rule for each name, and one for each condition if an argument has
/// several. Names that the library does not know and rules with the default's action are left out by the exporter.
fn handed_on(policy: &Policy, optimize: u32) -> Set {
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let indexes: BTreeSet<u8> = rule.conditions.iter().map(|one| one.index).collect();
        let alternatives: Vec<Vec<Condition>> = if indexes.len() < rule.conditions.len() {
            rule.conditions.iter().map(|one| vec![*one]).collect()
        } else {
            vec![rule.conditions.clone()]
        };
        for name in &rule.names {
            let name = NAMES.into_iter().find(|known| known == name);
            for conditions in &alternatives {
                rules.push(Rule {
                    action: rule.action.to_return(),
                    name: name.expect("one of the list"),
                    conditions: conditions.clone(),
                });
            }
        }
    }
    Set {
        default: policy.default.to_return(),
        arches: policy.arches[1..].to_vec(),
        optimize,
        rules,
    }
}

/// The rules on each number of an architecture, and on each name that has none there.
fn by_call(set: &Set, arch: Arch, version: Version) -> BTreeMap<Result<u32, &'static str>, Set> {
    let mut numbers: BTreeMap<Result<u32, &str>, Set> = BTreeMap::new();
    let mut add = |call: Result<u32, &'static str>, rule: Rule| {
        let entry = numbers.entry(call).or_insert_with(|| Set {
            rules: Vec::new(),
            ..set.clone()
        });
        entry.rules.push(rule);
    };
    for rule in &set.rules {
        if resolve(version, Arch::X86_64, rule.name) == Resolved::Unknown
            || rule.action == set.default
        {
            continue;
        }
        match resolve(version, arch, rule.name) {
            Resolved::Number(nr) => add(Ok(nr), rule.clone()),
            Resolved::Multiplexed { through, call } => {
                let mut other = rule.clone();
                other.conditions.retain(|condition| condition.index != 0);
                other.conditions.push(Condition {
                    index: 0,
                    operator: Operator::Equal,
                    value: u64::from(call),
                    value_two: 0,
                });
                add(Ok(arch.number(through).expect("i386 has both")), other);
                if let Some(nr) = arch.number(rule.name) {
                    add(Ok(nr), rule.clone());
                }
            }
            Resolved::Elsewhere => add(Err(rule.name), rule.clone()),
            Resolved::Unknown => {}
        }
    }
    numbers
}

/// One policy, and what became of it.
struct Case<'a> {
    policy: &'a Policy,
    set: Set,
    library: &'a Library,
    /// As the product's tables know the library.
    version: Version,
}

impl Case<'_> {
    fn calls(&self) -> impl Iterator<Item = (Arch, Set)> {
        let arches = self.policy.arches.iter();
        arches.flat_map(|arch| {
            let calls = by_call(&self.set, *arch, self.version);
            calls.into_values().map(|set| (*arch, set))
        })
    }

    /// Every failure that some call's rules come to, taken for one another or not.
    fn failures(&self, mistaken: bool) -> Vec<Failure> {
        let mut diagrams = Diagrams::new();
        let release = release(self.library);
        let mut found = Vec::new();
        for (arch, set) in self.calls() {
            let rules = plain(&set);
            found.extend(foretold(&mut diagrams, set.default, &rules, width(arch), release).err());
            if mistaken {
                let trees = without_mistaken(&mut diagrams, &set, arch, release);
                found.extend(trees.into_iter().filter_map(Result::err));
            }
        }
        found
    }

    /// What explains the outcome; nothing if it is as foretold.
    fn judge(&self, exported: Exported) -> Result<BTreeSet<&'static str>, String> {
        let mut diagrams = Diagrams::new();
        let host = Host {
            runtime: Runtime::Crun,
            libseccomp: self.version,
        };
        let model = as_runc::diagram(&mut diagrams, self.policy, host);
        let failure = match &exported {
            Exported::Program(_) => None,
            Exported::Refused(_, libc::EEXIST) => Some(Failure::Exists),
            Exported::Hang => Some(Failure::Endless),
            other => return Err(format!("{other:?}")),
        };
        let root = match (exported, &model) {
            (Exported::Program(program), Ok(root)) => {
                return self.compare(&mut diagrams, &program, *root);
            }
            (_, root) => root,
        };
        let kind = match root {
            Err(MeaningError::Refused(Refused::Conflict(_))) => Some(Failure::Exists),
            Err(MeaningError::Refused(Refused::Endless(_))) => Some(Failure::Endless),
            Err(MeaningError::TooLarge(_)) => return Err("too large".to_owned()),
            Ok(_) => None,
        };
        // Of several calls that fail, the library meets another one first than the model does.
        if failure.is_some_and(|failure| self.failures(false).contains(&failure)) && kind.is_some()
        {
            return Ok(BTreeSet::new());
        }
        let mistaken = match failure {
            Some(failure) => self.failures(true).contains(&failure),
            None => self.calls().any(|(arch, set)| {
                let trees = without_mistaken(&mut diagrams, &set, arch, release(self.library));
                trees.iter().any(Result::is_ok)
            }),
        };
        if mistaken {
            return Ok(BTreeSet::from([MISTAKEN_FOR_EACH_OTHER]));
        }
        Err(format!("the library: {failure:?}, the model: {model:?}"))
    }

    fn compare(
        &self,
        diagrams: &mut Diagrams,
        program: &[interpreter::Instruction],
        model: Node,
    ) -> Result<BTreeSet<&'static str>, String> {
        let instructions = program
            .iter()
            .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k });
        let sound = Program::new(instructions.collect()).expect("a filter");
        let whole = symbolic::diagram(diagrams, &sound).expect("no maze");
        let found = differences(diagrams, model, whole).expect("few ranges");
        let mut reasons = BTreeSet::new();
        for one in found {
            let reason = self.explained(diagrams, program, &one);
            reasons.insert(reason.ok_or_else(|| format!("{one:x?}"))?);
        }
        Ok(reasons)
    }

    fn explained(
        &self,
        diagrams: &mut Diagrams,
        program: &[interpreter::Instruction],
        one: &Difference,
    ) -> Option<&'static str> {
        let data = Data {
            nr: one.first,
            arch: one.first_audit,
            args: one.witness.args,
        };
        let places = ambiguous(program);
        let (mut stale, mut read) = (false, false);
        run_noting(program, &data, |at, _| {
            stale |= places.contains(&at);
            read |= program[at] == (0x20, 0, 0, 0);
        });
        if !read {
            // No rule of the section holds, and one of them makes no code there.
            let leaves_out = self.set.rules.iter().any(|rule| {
                let arches = self.policy.arches.iter();
                arches
                    .filter(|arch| arch.audit() == one.first_audit)
                    .any(|arch| arch.number(rule.name).is_none())
            });
            let silent = one.answers == self.policy.default;
            return (leaves_out && silent).then_some(UNREAD_NUMBER);
        }
        if stale {
            return Some(STALE_WORD);
        }
        let arch = arch_of(one.first_audit, one.first)?;
        let set = by_call(&self.set, arch, self.version).remove(&Ok(one.first))?;
        let trees = without_mistaken(diagrams, &set, arch, release(self.library));
        trees
            .contains(&Ok(one.after))
            .then_some(MISTAKEN_FOR_EACH_OTHER)
    }
}

#[test]
fn whole_policies_come_out_as_foretold() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut random = Random::new(7);
    let policies: Vec<Policy> = (0..POLICIES).map(|_| random_policy(&mut random)).collect();
    for library in Library::all() {
        let version = match library.version {
            version if version == Version::new(2, 5, 4) => Version::DEBIAN_12,
            version => version,
        };
        for optimize in [0, 2] {
            let sets: Vec<Set> = policies
                .iter()
                .map(|policy| handed_on(policy, optimize))
                .collect();
            let exported = library.export(&sets);
            let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
            let mut unexplained = Vec::new();
            for ((policy, set), exported) in policies.iter().zip(sets).zip(exported) {
                let case = Case {
                    policy,
                    set,
                    library: &library,
                    version,
                };
                let what = match &exported {
                    Exported::Program(_) => "filters",
                    Exported::Refused(..) => "refused",
                    Exported::Hang => "endless",
                };
                *counted.entry(what).or_default() += 1;
                match case.judge(exported) {
                    Ok(reasons) if reasons.is_empty() => {
                        *counted.entry("as foretold").or_default() += 1;
                    }
                    Ok(reasons) => {
                        for reason in reasons {
                            *counted.entry(reason).or_default() += 1;
                        }
                    }
                    Err(what) => unexplained.push(format!("{what}\n{policy:#?}")),
                }
            }
            println!("{:?}, optimize {optimize}: {counted:?}", library.version);
            unexplained.sort_by_key(String::len);
            assert!(
                unexplained.is_empty(),
                "{} unexplained, the shortest:\n{}",
                unexplained.len(),
                unexplained[0]
            );
            assert!(counted["as foretold"] > POLICIES * 3 / 4);
            assert!(counted.contains_key(STALE_WORD), "{counted:?}");
            // The tree that searches for a number loads it before it.
            let unread = counted.contains_key(UNREAD_NUMBER);
            assert_eq!(unread, optimize == 0, "{counted:?}");
        }
    }
    assert!(defects::ALL.iter().any(|known| known.name == UNREAD_NUMBER));
}
