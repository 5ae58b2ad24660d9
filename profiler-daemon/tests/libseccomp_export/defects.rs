//! What is known to be wrong in libseccomp, each with the smallest case that shows it.
//!
//! `tests/libseccomp.rs` runs every case against the real library: a defect that does not show any more has to be
//! marked as fixed, and a disagreement that none of these explains fails the test.

use profiler_daemon::seccomp::{
    arch::Arch,
    condition::{
        Condition,
        Operator::{self, Equal, GreaterOrEqual, Less, LessOrEqual, NotEqual},
    },
    facts::libseccomp::Version,
};

use super::sets::NAME;

pub(crate) const ALLOW: u32 = 0x7fff_0000;
pub(crate) const KILL: u32 = 0;
pub(crate) const ERRNO_5: u32 = 0x0005_0005;

/// A known defect.
pub(crate) struct Defect {
    pub(crate) name: &'static str,
    /// How it comes about.
    pub(crate) because: &'static str,
    pub(crate) default: u32,
    pub(crate) rules: &'static [(u32, &'static str, &'static [Condition])],
    /// The call that shows it, its architecture and its arguments.
    pub(crate) call: &'static str,
    pub(crate) arch: Arch,
    pub(crate) args: [u64; 6],
    pub(crate) right: u32,
    /// What the filter answers; `None` if there comes none.
    pub(crate) wrong: Option<u32>,
    /// The first release without it.
    pub(crate) fixed: Option<Version>,
}

const fn on(index: u8, operator: Operator, value: u64) -> Condition {
    Condition {
        index,
        operator,
        value,
        value_two: 0,
    }
}

pub(crate) const STALE_WORD: &str = "stale-word";
pub(crate) const SHARED_CONTINUATION: &str = "shared-continuation";
pub(crate) const LOST_REMAINDER: &str = "lost-remainder";
pub(crate) const ENDLESS: &str = "endless";
pub(crate) const FARTHER_BOUND: &str = "farther-bound";
pub(crate) const MISTAKEN_FOR_EACH_OTHER: &str = "mistaken-for-each-other";
pub(crate) const UNREAD_NUMBER: &str = "unread-number";

pub(crate) const ALL: [Defect; 7] = [
    Defect {
        name: STALE_WORD,
        because: "A comparison reached by several jumps expects its word in the accumulator. Whether it has to be \
                  loaded is decided by one of these jumps; by the others it compares whatever was loaded last.",
        default: ALLOW,
        rules: &[
            (ERRNO_5, NAME, &[on(0, GreaterOrEqual, 1 << 32)]),
            (ERRNO_5, NAME, &[on(0, Less, 5)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [5, 0, 0, 0, 0, 0],
        right: ALLOW,
        wrong: Some(ERRNO_5),
        fixed: None,
    },
    Defect {
        name: SHARED_CONTINUATION,
        because: "All answers by which a condition of several holds (a greater upper half; an equal one and a fitting \
                  lower half) lead to one and the same list of further comparisons. A second rule that shares one of \
                  these answers adds its own further comparisons to the list, and so to the first rule's others.",
        default: ALLOW,
        rules: &[
            (ERRNO_5, NAME, &[on(0, GreaterOrEqual, 1), on(1, Equal, 1)]),
            (ERRNO_5, NAME, &[on(0, GreaterOrEqual, 2), on(1, Equal, 2)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [1, 2, 0, 0, 0, 0],
        right: ALLOW,
        wrong: Some(ERRNO_5),
        fixed: None,
    },
    Defect {
        name: LOST_REMAINDER,
        because: "Where a known rule ends at a comparison that a new rule goes on from, the new one is taken for \
                  covered and joining stops, before the other answer of that comparison is joined.",
        default: ALLOW,
        rules: &[
            (ERRNO_5, NAME, &[on(0, GreaterOrEqual, 2)]),
            (ERRNO_5, NAME, &[on(0, GreaterOrEqual, 1), on(1, Equal, 1)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [1, 1, 0, 0, 0, 0],
        right: ERRNO_5,
        wrong: Some(ALLOW),
        fixed: None,
    },
    Defect {
        name: ENDLESS,
        because: "A list shared as above is reached by both answers when a second rule is joined, and its comparison \
                  is put there twice: the list becomes a ring.",
        default: ALLOW,
        rules: &[
            (ERRNO_5, NAME, &[on(0, Less, 1), on(1, Less, 1)]),
            (ERRNO_5, NAME, &[on(0, Less, 1), on(1, Equal, 2)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [0, 2, 0, 0, 0, 0],
        right: ERRNO_5,
        wrong: None,
        fixed: None,
    },
    Defect {
        name: FARTHER_BOUND,
        because: "GHSA-4q85-33p6-j5g6: of two upper bounds with the same upper half the nearer one's action is to \
                  replace the farther one's where the upper half alone decides, and is written to the wrong field.",
        default: KILL,
        rules: &[
            (ALLOW, NAME, &[on(0, LessOrEqual, 0x1_0000_00ff)]),
            (ERRNO_5, NAME, &[on(0, LessOrEqual, 0x1_0000_0010)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [5, 0, 0, 0, 0, 0],
        right: ERRNO_5,
        wrong: Some(ALLOW),
        fixed: Some(Version::new(2, 6, 1)),
    },
    Defect {
        name: MISTAKEN_FOR_EACH_OTHER,
        because: "Before a rule is joined, rules that it covers and rules that cover it are looked for by comparing \
                  the tests alone, not which answer of them counts, and from any test of it on: `==` and `!=` of one \
                  number are the same test, and one for an upper half is part of `<` too.",
        default: ALLOW,
        rules: &[
            (ERRNO_5, NAME, &[on(1, Equal, 1)]),
            (ERRNO_5, NAME, &[on(0, Equal, 3), on(1, NotEqual, 1)]),
        ],
        call: NAME,
        arch: Arch::X86_64,
        args: [3, 2, 0, 0, 0, 0],
        right: ERRNO_5,
        wrong: Some(ALLOW),
        fixed: None,
    },
    Defect {
        name: UNREAD_NUMBER,
        because: "The number is loaded by the first call of an architecture's section, the first of those with the \
                  fewest comparisons. If that is one which exists for another architecture only, or which i386 makes \
                  through socketcall or ipc alone (accept, send, recv, semop, semtimedop), it is left out, and the \
                  loading with it: every later comparison is with the architecture, and no rule holds.",
        default: KILL,
        rules: &[(ALLOW, "accept", &[]), (ALLOW, "read", &[on(0, Equal, 1)])],
        call: "read",
        arch: Arch::X86,
        args: [1, 0, 0, 0, 0, 0],
        right: ALLOW,
        wrong: Some(KILL),
        fixed: None,
    },
];
