//! What is compared: nothing, programs that do nothing, ours in parts and whole, and strace.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};
use aya::{Btf, Ebpf, programs::BtfTracePoint};
use profiler_daemon::{
    kernel::{Hooks, Kernel, Selection, Settings},
    profile::{
        abi::Abi,
        arguments::{Place, Recorded},
        call::Call,
    },
    seccomp::deciding,
};

use crate::{crowd::Crowd, loop_of_calls};

const EMPTY: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../profiler-ebpf/prebuilt/x86_64/empty.bpf.o"
));
/// Calls under strace, where each takes as long as a hundred without.
const TRACED_CALLS: u32 = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Bare,
    Empty,
    TwoEmpty,
    Enter,
    EnterAndExit,
    Counting,
    Arguments,
    ArgumentsOfThis,
    Classic,
    Strace,
}

impl Variant {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::Empty,
        Self::Enter,
        Self::TwoEmpty,
        Self::EnterAndExit,
        Self::Counting,
        Self::Arguments,
        Self::ArgumentsOfThis,
        Self::Classic,
        Self::Strace,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Empty => "an empty program on enter",
            Self::TwoEmpty => "empty programs on enter and exit",
            Self::Enter => "enter only",
            Self::EnterAndExit => "enter and exit",
            Self::Counting => "enter and exit, counting",
            Self::Arguments => "enter and exit, others' arguments",
            Self::ArgumentsOfThis => "enter and exit, its arguments",
            Self::Classic => "enter and exit, classic tracepoints",
            Self::Strace => "strace -f -c",
        }
    }

    /// What it is to be compared with, beside bare, and how much more it may take at most.
    pub(crate) fn aim(self) -> Option<(Self, f64)> {
        match self {
            Self::Enter => Some((Self::Empty, 1.4)),
            Self::EnterAndExit => Some((Self::TwoEmpty, 1.3)),
            _ => None,
        }
    }

    /// Nanoseconds per call.
    pub(crate) fn measure(self, crowd: &Crowd) -> Result<f64> {
        match self {
            Self::Bare => Ok(loop_of_calls::quick()),
            Self::Empty => empty(&["sys_enter"]),
            Self::TwoEmpty => empty(&["sys_enter", "sys_exit"]),
            Self::Enter => recorded(crowd, |settings| {
                settings.programs = Selection::EnterOnly;
            }),
            Self::EnterAndExit => recorded(crowd, |_| {}),
            Self::Counting => recorded(crowd, |settings| settings.counting = true),
            Self::Arguments => recorded(crowd, |settings| settings.arguments = deciding::usual()),
            // getppid has none, but a register where one would be.
            Self::ArgumentsOfThis => recorded(crowd, |settings| {
                settings.arguments = vec![Recorded {
                    call: Call::new(Abi::X86_64, 110),
                    places: vec![Place {
                        index: 0,
                        wide: false,
                    }],
                }];
            }),
            Self::Classic => recorded(crowd, |settings| settings.hooks = Hooks::Classic),
            Self::Strace => traced(),
        }
    }
}

fn empty(hooks: &[&str]) -> Result<f64> {
    let btf = Btf::from_sys_fs()?;
    let mut ebpf = Ebpf::load(EMPTY)?;
    for hook in hooks {
        let program: &mut BtfTracePoint = ebpf
            .program_mut(hook)
            .with_context(|| format!("the empty object has no {hook}"))?
            .try_into()?;
        program.load(hook, &btf)?;
        program.attach()?;
    }
    Ok(loop_of_calls::quick())
}

/// Ours. Nothing is pinned: what is left when this returns is nothing.
fn recorded(crowd: &Crowd, change: impl FnOnce(&mut Settings)) -> Result<f64> {
    let mut settings = Settings {
        hooks: Hooks::Btf,
        pin_dir: None,
        ..Settings::default()
    };
    change(&mut settings);
    let (_kernel, _ring) = Kernel::open(&settings)?;
    crowd.call_in_each()?;
    Ok(loop_of_calls::quick())
}

fn traced() -> Result<f64> {
    let output = Command::new("strace")
        .args(["-f", "-c", "-o", "/dev/null"])
        .arg(fs::read_link("/proc/self/exe")?)
        .args(["measure", &TRACED_CALLS.to_string()])
        .output()
        .context("strace can't be started: apt-get install strace")?;
    if !output.status.success() {
        bail!("strace: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .with_context(|| format!("under strace the measured child said {text:?}"))
}
