//! Measures what `profilectl run` costs: a start beside a bare fork and exec, and a call under its
//! filter beside libseccomp's for the same document.
//!
//! `cargo xtask bench --only run` runs it in release mode. `--libseccomp PROGRAM` names the built
//! `tests/libseccomp_export/export.c`. With `loop KIND` it is the command that is measured: it makes
//! calls of a kind and says how long one took, in ns.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot be made has no other way to fail"
)]

#[path = "../filters/mod.rs"]
mod filters;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use filters::{libseccomps, policy};
use profiler_daemon::{
    sandbox::{Attempt, Confinement, Decision, Judge, Mode, Request, run},
    seccomp::{
        action::Action,
        diagram::Diagrams,
        filter::{
            compile::compile,
            program::{Instruction, Program, code},
        },
        meaning::exact,
    },
};

/// Starts of each kind; the median is told.
const STARTS: usize = 301;

/// Calls in a row, and how often; the least is told, for what is more is the machine's.
const CALLS: u32 = 100_000;
const ROUNDS: usize = 7;

/// What the loops call: let through whatever the arguments, let through for its argument, refused.
const KINDS: [&str; 3] = ["allowed", "conditional", "refused"];

struct Nobody;

impl Judge for Nobody {
    fn judge(&mut self, _: &Attempt, _: &mut dyn FnMut() -> bool) -> Decision {
        Decision::Refuse
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["loop", kind] => println!("{:.0}", a_call(kind)),
        ["--profilectl", profilectl, ..] => {
            starts(Path::new(profilectl));
            calls(words.get(3).map(String::as_str));
        }
        _ => eprintln!("sandbox --profilectl PROGRAM [--libseccomp PROGRAM]"),
    }
}

fn docker_default() -> Program {
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy()).unwrap();
    compile(&diagrams, root).unwrap()
}

fn confined(program: &Program, mode: Mode, plain: bool) -> Confinement {
    Confinement::new(program.clone(), mode, plain).unwrap()
}

fn starts(profilectl: &Path) {
    let program = docker_default();
    let command: [OsString; 1] = ["/bin/true".into()];
    let within = |mode, plain| {
        let confinement = confined(&program, mode, plain);
        median(|| {
            let request = Request {
                command: &command,
                confinement: &confinement,
                user: None,
                drop_capabilities: false,
            };
            let outcome = run(&request, &mut Nobody).expect("it starts");
            assert_eq!(outcome.status, Some(0));
        })
    };
    let process = |program: &Path, words: &[&str]| {
        median(|| {
            let status = Command::new(program)
                .args(words)
                .stderr(Stdio::null())
                .status()
                .expect("it starts");
            assert!(status.success());
        })
    };
    let bare = process(Path::new("/bin/true"), &[]);
    let filter = env::temp_dir().join(format!("profilectl-bench-{}", std::process::id()));
    fs::write(&filter, program.to_bytes()).expect("a file");
    let file = filter.display().to_string();
    let rows = [
        ("bare: fork, exec and wait", bare),
        ("the executor, plain filter", within(Mode::Enforce, true)),
        ("the executor, supervised", within(Mode::Enforce, false)),
        (
            "profilectl run, docker-default",
            process(
                profilectl,
                &["run", "--profile", "docker-default", "--", "/bin/true"],
            ),
        ),
        (
            "profilectl run, its filter as a file",
            process(profilectl, &["run", "--profile", &file, "--", "/bin/true"]),
        ),
    ];
    let _ = fs::remove_file(&filter);
    println!("starting /bin/true under docker-default, median of {STARTS}");
    println!("| start | ms | more than bare |");
    println!("| --- | --- | --- |");
    for (name, took) in rows {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!("| {name} | {:.2} | {:.2} |", ms(took), ms(took) - ms(bare));
    }
    println!();
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[STARTS / 2]
}

fn calls(exporter: Option<&str>) {
    let allow = Instruction::plain(code::RET_K, Action::Allow.to_return());
    let ours = docker_default();
    let mut rows = vec![
        (
            "a filter that allows all".to_owned(),
            confined(&Program::new(vec![allow]).unwrap(), Mode::Enforce, true),
        ),
        (
            "profilectl's, plain".to_owned(),
            confined(&ours, Mode::Enforce, true),
        ),
        (
            "profilectl's, supervised".to_owned(),
            confined(&ours, Mode::Enforce, false),
        ),
    ];
    for (name, program) in exporter
        .map(|exporter| libseccomps(exporter, &policy()))
        .unwrap_or_default()
    {
        rows.push((name, confined(&program, Mode::Enforce, true)));
    }
    println!("a call under docker-default, ns, least of {ROUNDS} rounds of {CALLS}");
    println!("| filter | getppid, allowed | personality, by argument | keyctl, refused |");
    println!("| --- | --- | --- | --- |");
    for (name, confinement) in rows {
        let cells: Vec<String> = KINDS.iter().map(|kind| under(&confinement, kind)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// What the loop says that runs under a filter.
fn under(confinement: &Confinement, kind: &str) -> String {
    let own: PathBuf = env::current_exe().expect("our own path");
    // The loop's output goes to a file by way of a shell, for the executor gives it ours.
    let file = env::temp_dir().join(format!("profilectl-bench-{}", std::process::id()));
    let line = format!("exec \"$0\" loop {kind} > \"$1\"");
    let command: Vec<OsString> = vec![
        "/bin/sh".into(),
        "-c".into(),
        line.into(),
        own.into(),
        file.clone().into(),
    ];
    let request = Request {
        command: &command,
        confinement,
        user: None,
        drop_capabilities: false,
    };
    let outcome = run(&request, &mut Nobody).expect("it starts");
    let said = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(&file);
    match outcome.status {
        Some(0) => said.trim().to_owned(),
        other => format!("failed: {other:?}"),
    }
}

/// The time of one call, in ns.
fn a_call(kind: &str) -> f64 {
    // A supervised refusal takes two switches of processes, so fewer do.
    let calls = if kind == "refused" { CALLS / 10 } else { CALLS };
    let call = |nr: libc::c_long, argument: libc::c_ulong| {
        // SAFETY: calls that take numbers alone and change nothing.
        unsafe { libc::syscall(nr, argument, 0, 0, 0, 0) }
    };
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..calls {
            match kind {
                "allowed" => call(libc::SYS_getppid, 0),
                // The kernel takes this for a question, and so does Docker's default.
                "conditional" => call(libc::SYS_personality, 0xffff_ffff),
                _ => call(libc::SYS_keyctl, 0),
            };
        }
        least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    least
}
