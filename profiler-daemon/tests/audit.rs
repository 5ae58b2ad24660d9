//! **Audit** on real containers: what was tried and refused is told, with errno, count and executable, and nothing
//! else is; what a candidate would break is named; the exit status tells which it is.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use profiler_daemon::profile::{abi::Abi, call::Call, table};
use serde_json::{Value, json};
use shown::{Shown, at_probe, bare_probe, read_json, text};
use testbed::{Container, Daemon, Ended, Testbed};

const RUNTIMES: [&str; 3] = ["--runtime=runc11", "--runtime=runc13", "--runtime=crun"];
/// How often the program makes each call.
const TIMES: u64 = 10;

/// keyctl(KEYCTL_GET_KEYRING_ID, session), mount(0, 0, 0), clone3(0, 0), io_uring_setup(0, 0) and
/// unshare(CLONE_NEWUSER), ten times each, and as often clone(SIGCHLD), which is allowed, and a wait for the child.
fn tries() -> PathBuf {
    bare_probe(
        "for (int n = 0; n < 10; n++) {
             sys(250, 0, -3, 0);
             sys(165, 0, 0, 0);
             sys(435, 0, 0, 0);
             sys(425, 0, 0, 0);
             sys(272, 0x10000000, 0, 0);
             long child = sys(56, 17, 0, 0);
             if (child == 0) LEAVE(0);
             if (child < 0 || sys(61, child, 0, 0) != child) return 1;
         }
         return 9;",
        &[],
    )
}

/// Today's default of Docker, where the testbed's engine has that of 20.10: `profilectl` knows it.
fn todays_default(daemon: &Daemon) -> String {
    let file = daemon.file("todays-default.json");
    daemon.ctl_ok(&[
        "convert",
        "docker-default",
        "-o",
        &file.display().to_string(),
    ]);
    format!("--security-opt=seccomp={}", file.display())
}

/// Runs a probe to its end in a container that the daemon then knows all of.
fn record(testbed: &Testbed, daemon: &Daemon, program: &Path, options: &[&str]) -> Container {
    let volume = at_probe(program);
    let mut words = options.to_vec();
    words.extend([volume.as_str(), "pb-busybox", "/probe"]);
    let container = Container::run(testbed, &words);
    assert_eq!(container.wait(), 9, "{options:?}: {}", container.logs());
    Shown::ended(daemon, &container.name);
    container
}

fn audit(daemon: &Daemon, words: &[&str]) -> (Option<i32>, Value) {
    let ended = daemon.ctl(&[&["audit"], words, &["--format", "json"]].concat());
    let value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("audit {}: {error}; {ended}", words.join(" ")));
    (ended.status, value)
}

/// What was refused: call, errno, count and executable, in the order that it is told.
fn refused(audit: &Value) -> Vec<(String, u64, u64, String)> {
    let list = audit["refused"].as_array().expect("a list of refusals");
    list.iter()
        .map(|refusal| {
            let number = |value: &Value| value.as_u64().expect("a number");
            let abi = Abi::named(&text(&refusal["call"]["abi"])).expect("an ABI");
            let nr = u32::try_from(number(&refusal["call"]["nr"])).expect("a call's number");
            assert_eq!(refusal["by_runtime"], false, "{refusal}");
            assert!(number(&refusal["first_ms"]) <= number(&refusal["last_ms"]));
            (
                table::display_name(Call::new(abi, nr)),
                number(&refusal["with"]["errno"]),
                number(&refusal["count"]),
                text(&refusal["exe"]),
            )
        })
        .collect()
}

/// The names in one of the audit's lists.
fn names_of(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| text(if one.is_string() { one } else { &one["call"] }))
        .collect()
}

/// By number: `mount` is 165, `keyctl` 250, `unshare` 272, `io_uring_setup` 425, `clone3` 435.
fn expected(io_uring: bool) -> Vec<(String, u64, u64, String)> {
    [
        ("mount", 1),
        ("keyctl", 1),
        ("unshare", 1),
        ("io_uring_setup", 1),
        ("clone3", 38),
    ]
    .into_iter()
    .filter(|(name, _)| io_uring || *name != "io_uring_setup")
    .map(|(name, errno)| (name.to_owned(), errno, TIMES, "/probe".to_owned()))
    .collect()
}

#[test]
fn five_calls_tried_ten_times_each_are_told_and_nothing_else() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = tries();
    let todays = todays_default(&daemon);
    for runtime in RUNTIMES {
        // Docker took io_uring out of its default in 2023; that of 20.10 lets it through.
        for (options, io_uring) in [(vec![runtime], false), (vec![runtime, &todays], true)] {
            let container = record(&testbed, &daemon, &program, &options);
            let (status, found) = audit(&daemon, &[&container.name]);
            assert_eq!(status, Some(1), "{options:?}: {found}");
            assert_eq!(refused(&found), expected(io_uring), "{options:?}");
            let used = names_of(&found["active"]["used"]);
            assert_eq!(
                used.iter().any(|name| name == "io_uring_setup"),
                !io_uring,
                "{options:?}: {used:?}"
            );
            for name in ["wait4", "exit_group"] {
                assert!(used.iter().any(|used| used == name), "{options:?}: {name}");
            }
            // Allowed by its flags, and made.
            let conditional = found["active"]["conditional"].as_array().expect("a list");
            assert!(
                conditional
                    .iter()
                    .any(|one| one["call"] == "clone" && one["used"] == true),
                "{options:?}: {conditional:?}"
            );
            assert_eq!(found["active"]["contradicted"], json!([]), "{options:?}");
            told(
                &daemon.ctl(&["audit", &container.name]),
                &expected(io_uring),
            );
        }
    }
}

/// The same in the text.
fn told(ended: &Ended, expected: &[(String, u64, u64, String)]) {
    assert_eq!(ended.status, Some(1), "{ended}");
    let (_, after) = ended
        .stdout
        .split_once(&format!("refused and tried ({})\n", expected.len()))
        .unwrap_or_else(|| panic!("the count of refusals: {ended}"));
    let section = after.split("\n\n").next().unwrap_or_default();
    // A line that is too long goes on in the next, further in.
    let section = section.replace("\n    ", " ");
    let lines: Vec<&str> = section.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{section}");
    for (line, (name, errno, count, exe)) in lines.iter().zip(expected) {
        let errno = if *errno == 38 { "ENOSYS" } else { "EPERM" };
        let begin = format!("  {name}: {errno} {count} times, by {exe}, first ");
        assert!(line.starts_with(&begin), "{line:?} begins with {begin:?}");
    }
}

#[test]
fn a_profile_that_fits_is_safe_and_one_that_lacks_a_call_is_not() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    // times, getpgid(0), sched_yield.
    let program = bare_probe(
        "sys(100,0,0,0); sys(121,0,0,0); sys(24,0,0,0); return 9;",
        &[],
    );
    for runtime in RUNTIMES {
        let container = record(&testbed, &daemon, &program, &[runtime]);
        let name = container.name.as_str();
        let own = daemon.export(name, "own.json").display().to_string();
        let (status, found) = audit(&daemon, &[name, "--candidate", &own]);
        assert_eq!(status, Some(0), "{runtime}: {found}");
        assert_eq!(found["safe"], true, "{runtime}: {found}");
        assert!(text(&found["verdict"]).starts_with("safe to enforce"));
        assert_eq!(found["refused"], json!([]), "{runtime}");
        let ended = daemon.ctl(&["audit", name, "--candidate", &own]);
        assert_eq!(ended.status, Some(0), "{ended}");
        assert!(ended.stdout.contains("safe to enforce"), "{ended}");

        let lesser = daemon.file("lesser.json").display().to_string();
        daemon.ctl_ok(&["edit", &own, "--deny", "times", "-o", &lesser]);
        let (status, found) = audit(&daemon, &[name, "--candidate", &lesser]);
        assert_eq!(status, Some(1), "{runtime}: {found}");
        assert_eq!(found["safe"], false, "{runtime}");
        let breaks = &found["candidate"]["breaks"];
        assert_eq!(names_of(breaks), ["times"], "{runtime}");
        assert_eq!(breaks[0]["answer"], "errno 1", "{runtime}");
        assert_eq!(breaks[0]["first"]["exe"], "/probe", "{runtime}");
        assert_eq!(found["candidate"]["may_break"], json!([]), "{runtime}");

        // Under it, just that call is refused, and told.
        let option = format!("--security-opt=seccomp={lesser}");
        let enforced = record(&testbed, &daemon, &program, &[runtime, &option]);
        let (status, found) = audit(&daemon, &[&enforced.name]);
        assert_eq!(status, Some(1), "{runtime}");
        let times = ("times".to_owned(), 1, 1, "/probe".to_owned());
        assert_eq!(refused(&found), [times], "{runtime}");
    }
}

#[test]
fn nothing_refused_and_nothing_open_is_no_finding() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    // What the runtime needs under its filter is open to the program too: here to one that uses all of it.
    let leaves = "child = sys(57, 0, 0, 0); if (child == 0) { %; LEAVE(1); } sys(61, child, 0, 0);";
    let children = ["sys(60, 0, 0, 0)", "sys(15, 0, 0, 0)"].map(|call| leaves.replace('%', call));
    let children = format!("long child; {}", children.concat());
    let first = bare_probe(&format!("{children} return 9;"), &[]);
    let first = record(&testbed, &daemon, &first, &[]);
    let profile = daemon.export(&first.name, "own.json");
    let rules = read_json(&profile)["syscalls"].clone();
    let rules = rules.as_array().expect("rules").iter();
    let allowed = rules
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
        .flat_map(|rule| names_of(&rule["names"]));
    let mut body = children;
    for name in allowed {
        // These do not return, or make another process that goes on here.
        if !["exit", "exit_group", "fork", "rt_sigreturn"].contains(&name.as_str()) {
            let call = table::call(Abi::X86_64, &name).expect("a call");
            // -1 is no file and no process, and as an address none that can be read.
            write!(body, "sys({}, -1, -1, -1);", call.nr).expect("text can be added");
        }
    }
    let program = bare_probe(&(body + "return 9;"), &[]);
    let option = format!("--security-opt=seccomp={}", profile.display());
    let container = record(&testbed, &daemon, &program, &[&option]);
    let (status, found) = audit(&daemon, &[&container.name]);
    assert_eq!(found["active"]["unused"], json!([]));
    assert_eq!(found["refused"], json!([]));
    assert_eq!(status, Some(0), "{found}");
}
