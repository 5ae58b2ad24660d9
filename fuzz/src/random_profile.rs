//! Any bytes as a profile: few names and numbers near each other, so that rules meet.

use crate::seccomp::{
    condition::Operator,
    dialects::docker::{ActionName, Argument, Profile, Rule},
};

/// Some of one architecture only, some that i386 makes through others, one that nobody knows.
const NAMES: [&str; 12] = [
    "read",
    "write",
    "execve",
    "socket",
    "clone3",
    "mount",
    "mmap2",
    "getpid",
    "futex",
    "semop",
    "personality",
    "no_such_call",
];

const ARCHES: [&str; 5] = [
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
];

/// Where values change what holds.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    3,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Rules of one profile.
const RULES: usize = 12;

/// Bytes that are chosen by; zeros when they are used up.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        self.0.next().copied().unwrap_or(0).into()
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.next() % list.len()]
    }

    /// Mostly one of [`NUMBERS`], or one of two bytes' worth anywhere.
    fn number(&mut self) -> u64 {
        match self.next() {
            rare if rare % 8 == 7 => (self.next() as u64) << (self.next() % 64),
            usual => NUMBERS[usual % NUMBERS.len()],
        }
    }

    fn argument(&mut self) -> Argument {
        Argument {
            index: (self.next() as u64 % 3).into(),
            value: self.number().into(),
            value_two: self.number().into(),
            op: self.of(&Operator::ALL).into(),
        }
    }

    fn rule(&mut self) -> Rule {
        let shape = self.next();
        let names: Vec<&str> = (0..=shape % 2).map(|_| self.of(&NAMES)).collect();
        let mut rule = Rule::of(self.of(&ActionName::ALL), names);
        if shape & 4 != 0 {
            rule.errno_ret = Some((self.next() as u64 * 17).into());
        }
        rule.args = (0..(shape >> 3) % 4).map(|_| self.argument()).collect();
        rule
    }
}

/// The profile that bytes choose.
#[must_use]
pub fn profile(bytes: &[u8]) -> Profile {
    let mut choices = Choices(bytes.iter());
    let mut profile = Profile {
        default_action: Some(choices.of(&ActionName::ALL).into()),
        ..Profile::default()
    };
    let arches = choices.next();
    for (bit, name) in ARCHES.into_iter().enumerate() {
        if arches >> bit & 1 == 1 {
            profile.architectures.push(name.into());
        }
    }
    while choices.0.len() > 0 && profile.syscalls.len() < RULES {
        profile.syscalls.push(choices.rule());
    }
    profile
}
