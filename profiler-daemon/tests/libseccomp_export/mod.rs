//! The real libseccomp, asked through a small C program: what a name resolves to, and what filter a rule set becomes.

#![allow(
    dead_code,
    reason = "every test file takes in the whole module and uses a part of it"
)]

use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use profiler_daemon::seccomp::{
    arch::Arch,
    condition::{Condition, Operator},
    facts::libseccomp::Version,
};
use serde_json::Value;

use crate::{kernel_oracle::Instruction, testbed::compile_c};

pub(crate) mod defects;
pub(crate) mod explain;
pub(crate) mod sets;

const SOURCE: &str = include_str!("export.c");

/// A library that can be asked.
pub(crate) struct Library {
    command: Vec<PathBuf>,
    /// What it says of itself.
    pub(crate) version: Version,
}

/// A rule on one call.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) action: u32,
    pub(crate) name: &'static str,
    pub(crate) conditions: Vec<Condition>,
}

/// A rule set, as runc hands it to the library.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) default: u32,
    /// Besides the machine's own.
    pub(crate) arches: Vec<Arch>,
    /// 0 for the library's own choice, a linear search; 2 for a tree, as runc from 1.2 on asks for.
    pub(crate) optimize: u32,
    pub(crate) rules: Vec<Rule>,
}

/// What became of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exported {
    Program(Vec<Instruction>),
    /// The rule that was refused, and errno.
    Refused(usize, i32),
    Hang,
}

/// How the library names an architecture.
fn token(arch: Arch) -> u32 {
    match arch {
        Arch::X32 => 0x4000_003e,
        other => other.audit(),
    }
}

/// The library's number of an operator.
fn operator(operator: Operator) -> usize {
    1 + Operator::ALL
        .iter()
        .position(|known| *known == operator)
        .expect("ALL has all")
}

impl Library {
    /// The machine's own library, and the current one that the testbed unpacked for its newer runc.
    pub(crate) fn all() -> [Self; 2] {
        let program = compile_c(SOURCE, &["-lseccomp"]);
        let folder = current();
        let loader = ["usr/lib64", "lib64", "usr/lib/x86_64-linux-gnu"]
            .iter()
            .map(|part| folder.join(part).join("ld-linux-x86-64.so.2"))
            .find(|file| file.is_file())
            .expect("the testbed's current libc has a loader");
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|part| folder.join(part).display().to_string())
            .join(":");
        let current = vec![
            loader,
            "--library-path".into(),
            libraries.into(),
            program.clone(),
        ];
        [Self::at(vec![program]), Self::at(current)]
    }

    fn at(command: Vec<PathBuf>) -> Self {
        let mut library = Self {
            command,
            version: Version::new(0, 0, 0),
        };
        let text = library.ask("");
        let numbers: Vec<u16> = text
            .trim_start_matches("version ")
            .split_whitespace()
            .map(|number| number.parse().expect("a number"))
            .collect();
        library.version = Version::new(numbers[0], numbers[1], numbers[2]);
        library
    }

    fn ask(&self, question: &str) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("question");
        let mut file = File::create(&path).expect("a file");
        file.write_all(question.as_bytes()).expect("room");
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .stdin(File::open(&path).expect("the file"))
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What each name resolves to, by architecture.
    pub(crate) fn resolve(&self, names: &[(Arch, &str)]) -> Vec<i32> {
        let question: String = names
            .iter()
            .map(|(arch, name)| format!("resolve {:x} {name}\n", token(*arch)))
            .collect();
        self.ask(&question)
            .lines()
            .filter_map(|line| line.strip_prefix("number ")?.parse().ok())
            .collect()
    }

    /// What each set becomes.
    pub(crate) fn export(&self, sets: &[Set]) -> Vec<Exported> {
        let mut question = String::new();
        for set in sets {
            let arches = set.arches.iter().map(|arch| format!(" {:x}", token(*arch)));
            let arches: String = arches.collect();
            let count = set.arches.len();
            let (default, optimize) = (set.default, set.optimize);
            write!(question, "set {default:x} {optimize:x} {count:x}{arches}").expect("text");
            for rule in &set.rules {
                let count = rule.conditions.len();
                write!(question, " rule {:x} {} {count:x}", rule.action, rule.name).expect("text");
                for one in &rule.conditions {
                    let operator = operator(one.operator);
                    write!(question, " {:x} {operator:x}", one.index).expect("text");
                    write!(question, " {:x} {:x}", one.value, one.value_two).expect("text");
                }
            }
            question.push_str(" end\n");
        }
        let answer = self.ask(&question);
        let exported: Vec<Exported> = answer.lines().skip(1).map(exported).collect();
        assert_eq!(exported.len(), sets.len());
        exported
    }
}

fn exported(line: &str) -> Exported {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| u32::from_str_radix(word, 16).expect("a number");
    match words[..] {
        ["program", _, ref rest @ ..] => Exported::Program(
            rest.chunks(4)
                .map(|one| {
                    (
                        number(one[0]) as u16,
                        number(one[1]) as u8,
                        number(one[2]) as u8,
                        number(one[3]),
                    )
                })
                .collect(),
        ),
        ["error", "rule", rule, errno] => Exported::Refused(
            rule.parse().expect("a number"),
            -errno.parse::<i32>().expect("a number"),
        ),
        ["hang"] => Exported::Hang,
        _ => panic!("libseccomp's exporter says: {line}"),
    }
}

/// The folder of the testbed's current runc, which has its libraries.
fn current() -> PathBuf {
    let file = std::env::var_os("PROFILER_TESTBED").expect("a testbed");
    let text = std::fs::read_to_string(file).expect("the testbed's description");
    let testbed: Value = serde_json::from_str(&text).expect("JSON");
    let runc = testbed["runtimes"]["runc13"]["path"]
        .as_str()
        .expect("a path");
    let folder = Path::new(runc).ancestors().nth(3).expect("a folder");
    folder.to_owned()
}
