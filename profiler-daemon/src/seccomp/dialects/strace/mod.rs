//! What strace saw, as a policy that lets just that through: tables of `-c` and plain output.
//!
//! Both may be in one text, as `strace -C` writes them. Any other call gets EPERM. Calls that the
//! kernel makes on a program's behalf are let through too, so that the program runs.

mod output;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use self::output::Event;
use crate::profile::{abi::Abi, kernel_calls::kernel_calls, table as numbers};
use crate::seccomp::{
    action::{Action, EPERM},
    arch::Arch,
    dialects::text::{self, Line, each_line},
    facts::names,
    finding::{Findings, Place, Reading},
    policy::{Policy, Rule},
};

/// What was seen so far.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    arches: BTreeSet<Arch>,
    /// In which mode each process runs, if strace said so.
    modes: BTreeMap<u32, Arch>,
    /// The mode that was told last: that of lines that do not say whose they are, for then there is
    /// one process only.
    last_mode: Option<Arch>,
    /// The program's first execution was seen, so strace started it.
    from_the_start: bool,
    unread: Unread,
}

/// Lines that say nothing that is known here.
#[derive(Default)]
struct Unread {
    count: u64,
    first: Option<Place>,
}

/// Reads what strace wrote on an x86_64 machine: `-c`, `-C`, `-f`, `-ff`, with any of `-t`, `-r`, `-i`, `-n`, `-U`.
#[must_use]
pub fn read(text: &[u8]) -> Reading<Policy> {
    let mut findings = Findings::default();
    let mut seen = Seen::default();
    let mut in_table = false;
    let mut table_arch = Arch::X86_64;
    // What strace writes has no bound of its own, so its lines are not gathered first.
    for line in each_line(text) {
        let Some(line) = line.report(&mut findings) else {
            continue;
        };
        if line.text.is_empty() {
            continue;
        }
        if let Some(arch) = table::mode(line.text) {
            table_arch = arch;
        } else if table::is_header(line.text) {
            in_table = true;
        } else if in_table {
            in_table = read_row(line, table_arch, &mut seen, &mut findings);
        } else {
            table_arch = Arch::X86_64;
            read_event(line, &mut seen, &mut findings);
        }
    }
    finish(seen, findings)
}

/// Takes in a row; false after the last one.
fn read_row(line: Line<'_>, arch: Arch, seen: &mut Seen, findings: &mut Findings) -> bool {
    match table::row(line.text) {
        table::Row::Call(name) => seen.call(name, arch, line, findings),
        table::Row::Rule => {}
        table::Row::Total => return false,
        table::Row::Other => seen.unread.add(line),
    }
    true
}

fn read_event(line: Line<'_>, seen: &mut Seen, findings: &mut Findings) {
    let (process, event) = output::event(line.text);
    let mode = |seen: &Seen| {
        match process {
            Some(process) => seen.modes.get(&process).copied(),
            None => seen.last_mode,
        }
        .unwrap_or(Arch::X86_64)
    };
    match event {
        Event::Call(name) => {
            seen.from_the_start |= name == "execve" && seen.names.is_empty();
            seen.call(name, mode(seen), line, findings);
        }
        Event::Number(number) => {
            let arch = mode(seen);
            match arch.syscall(number) {
                Some(name) => seen.call(name, arch, line, findings),
                None => findings.warning(
                    line.start(),
                    "unknown-number",
                    format!("{} has no known call {number}: it is left out", arch.name()),
                    "",
                ),
            }
        }
        Event::Mode(process, arch) => {
            seen.modes.insert(process, arch);
            seen.last_mode = Some(arch);
        }
        Event::Nothing => {}
        Event::Unknown => seen.unread.add(line),
    }
}

impl Seen {
    fn call(&mut self, name: &str, arch: Arch, line: Line<'_>, findings: &mut Findings) {
        if !names::is_known(name) {
            if names::is_well_formed(name) && findings.has_room() {
                text::report_unknown(name, line, findings);
            }
            self.unread.add(line);
            return;
        }
        // In a file (-o) strace 6.1 does not say in which mode a process runs.
        let untold =
            arch == Arch::X86_64 && arch.number(name).is_none() && Arch::X86.number(name).is_some();
        if untold && self.arches.insert(Arch::X86) {
            findings.note(
                line.start(),
                "mode-untold",
                format!("{name} is a call of i386 only, so this is a 32-bit program, though the text does not say it"),
                "",
            );
        }
        if !untold {
            self.arches.insert(arch);
        }
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
    }
}

impl Unread {
    fn add(&mut self, line: Line<'_>) {
        self.count += 1;
        self.first.get_or_insert(line.start());
    }
}

fn finish(seen: Seen, mut findings: Findings) -> Reading<Policy> {
    let Seen {
        mut names,
        arches,
        from_the_start,
        unread,
        ..
    } = seen;
    if names.is_empty() {
        // Of what is no text that was told.
        if !findings.failed() {
            findings.error(
                unread.first,
                "no-calls",
                "there is no call in this text, so it is not what strace writes",
                "give the output of strace -f -o FILE, or of strace -f -c -o FILE",
            );
        }
        return findings.reading(policy(names, Vec::new()));
    }
    if unread.count > 0 {
        findings.note(
            unread.first,
            "passed-over",
            format!(
                "lines that name no known call are passed over, this one first: {}",
                unread.count
            ),
            "write strace's output to a file with -o, so that the program's own does not get between",
        );
    }
    findings.note(
        None,
        "seen-by-strace",
        if from_the_start {
            "strace knows one run, what it did and no more; and not what a container's runtime calls before it"
        } else {
            "strace can't know what was called before it attached, or in another run, or by a container's runtime"
        },
        "record the container with profilerd, which sees it from its first call",
    );
    let mut all = vec![Arch::X86_64];
    all.extend(arches.into_iter().filter(|arch| *arch != Arch::X86_64));
    for (abi, arch) in [
        (Abi::X86_64, Arch::X86_64),
        (Abi::X32, Arch::X32),
        (Abi::I386, Arch::X86),
    ] {
        if all.contains(&arch) {
            names
                .extend(kernel_calls(abi).filter_map(|call| Some(numbers::name(call)?.to_owned())));
        }
    }
    findings.reading(policy(names, all))
}

fn policy(names: BTreeSet<String>, arches: Vec<Arch>) -> Policy {
    Policy {
        default: Action::Errno(EPERM),
        native: Arch::X86_64,
        arches,
        rules: vec![Rule {
            names: names.into_iter().collect(),
            action: Action::Allow,
            conditions: Vec::new(),
        }],
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
