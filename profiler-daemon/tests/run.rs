//! `profilectl run`: real commands under real filters, as an ordinary user, without a daemon.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
#[path = "testbed/bounded.rs"]
mod bounded;
#[path = "run/failing.rs"]
mod failing;
#[path = "run/ground.rs"]
mod ground;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
#[path = "testbed/probe.rs"]
mod probe;

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use bounded::{eventually, run};
use ground::{Ground, PATIENCE};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use serde_json::json;

/// Says a word, by nothing but write and exit_group.
const SPEAKER: &str = "sys(1, 1, (long)\"said\\n\", 5); return 0;";

/// Makes calls that a profile may refuse, whatever comes of them, and tells what came.
const TRIER: &str = r#"
    said(sys(83, (long)"made", 0700, 0) < 0 ? sys(83, (long)"made", 0700, 0) : 0);
    for (int n = 0; n < 3; n++) said(sys(250, 0, 0, 0));
    said(sys(90, (long)"/no/such/file", 0600, 0));
    said(sys(4242, 0, 0, 0));
    said(int80(39, (long)"/no/such/folder/x", 0700, 0));
    said(sys(39, 0, 0, 0) > 0);
    return 3;
"#;

/// Refuses what the trier tries, each in a way of its own.
fn trying(ground: &Ground) -> String {
    let rule = |names: &[&str], errno: u16| json!({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno});
    ground.profile(
        "trying.json",
        &json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [
                rule(&["mkdir"], 13),
                rule(&["keyctl"], 1),
                rule(&["chmod"], 0),
                {"names": ["execve", "exit_group", "write", "getpid"], "action": "SCMP_ACT_ALLOW"},
            ],
        }),
    )
}

#[test]
fn execve_is_all_that_the_sandbox_needs() {
    let ground = Ground::new();
    let program = ground.program("speaker", SPEAKER);
    let profile = ground.allowing("least.json", &["execve", "exit_group", "write"], 1);
    for options in [
        &[][..],
        &["--plain"],
        &["--mode", "kill"],
        &["--mode", "log"],
    ] {
        let ran = ground.run(&profile, options, &[&program]);
        assert_eq!(ran.ended.status, Some(0), "{options:?}: {}", ran.ended);
        assert_eq!(ran.ended.stdout, "said\n");
        assert_eq!(ran.ended.stderr, "");
        assert_eq!(ran.report()["outcome"], "succeeded");
        if options != ["--plain"] && options != ["--mode", "kill"] {
            assert_eq!(ran.refused(), [], "{options:?}");
        }
    }
}

#[test]
fn a_thousand_runs_under_exactly_what_a_program_needs_are_a_thousand_successes() {
    let ground = Ground::new();
    let nothing = ground.allowing("nothing.json", &[], 1);
    let seen = ground.run(&nothing, &["--mode", "log"], &["true"]);
    assert!(seen.ended.success(), "{}", seen.ended);
    let names: Vec<String> = seen
        .refused()
        .into_iter()
        .map(|(_, name, ..)| name)
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(
        names.contains(&"execve") && names.contains(&"exit_group"),
        "{names:?}"
    );
    let profile = ground.allowing("exactly.json", &names, 1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let words = ["run", "--profile", &profile, "--", "true"];
                    let ended = run(&mut ground.profilectl(&words), PATIENCE);
                    assert_eq!(ended.status, Some(0), "{ended}");
                    assert_eq!(
                        ended.stderr,
                        "true: ended with 0; the profile refused nothing\n"
                    );
                }
            });
        }
    });
    // Exactly: with one call less it does not start, or is told.
    let less = ground.allowing("less.json", &names[..names.len() - 2], 1);
    let ran = ground.run(&less, &[], &["true"]);
    assert!(
        ran.report
            .is_none_or(|report| report["refused"]["calls"] != 0)
    );
}

#[test]
fn the_labs_walk_without_docker() {
    let ground = Ground::new();
    let edited = ground.text("unmodded.json");
    let words = [
        "edit",
        "docker-default",
        "--deny",
        "chmod,fchmod,fchmodat,fchmodat2",
        "-o",
        &edited,
    ];
    let ended = run(&mut ground.profilectl(&words), PATIENCE);
    assert!(ended.success(), "{ended}");
    let made = run(
        &mut ground.nobody(Path::new("mkdir"), &["-m", "755", "folder"]),
        PATIENCE,
    );
    assert!(made.success(), "{made}");
    let mode = || {
        fs::metadata(ground.path("folder"))
            .expect("a folder")
            .permissions()
            .mode()
            & 0o7777
    };

    let chmod = ["chmod", "777", "folder", "-v"];
    let refused = ground.run(&edited, &[], &chmod);
    assert_eq!(refused.ended.status, Some(1), "{}", refused.ended);
    assert!(
        refused.ended.stderr.contains("Operation not permitted"),
        "{}",
        refused.ended
    );
    assert_eq!(mode(), 0o755);
    let kinds = refused.refused();
    assert!(
        kinds
            .iter()
            .any(|(_, name, answer, _)| name.starts_with("fchmodat") && answer == "errno 1"),
        "{kinds:?}"
    );
    assert_eq!(refused.report()["outcome"], "profile");
    let allowed = ground.run("docker-default", &[], &chmod);
    assert!(allowed.ended.success(), "{}", allowed.ended);
    assert_eq!(mode(), 0o777);

    let unshare = ["unshare", "--map-root-user", "--user", "true"];
    let bare = run(
        &mut ground.nobody(Path::new("unshare"), &unshare[1..]),
        PATIENCE,
    );
    if !bare.success() {
        eprintln!("SKIPPED: this machine has no user namespaces for ordinary users: {bare}");
        return;
    }
    let confined = ground.run("docker-default", &[], &unshare);
    assert_eq!(confined.ended.status, Some(1), "{}", confined.ended);
    assert_eq!(
        confined.refused(),
        [("x86_64".into(), "unshare".into(), "errno 1".into(), 1)]
    );
    let free = ground.run("unconfined", &[], &unshare);
    assert!(free.ended.success(), "{}", free.ended);
}

#[test]
fn a_supervisor_answers_as_the_filter_does_and_log_tells_what_enforce_refuses() {
    let ground = Ground::new();
    let program = ground.program("trier", TRIER);
    let profile = trying(&ground);
    let plain = ground.run(&profile, &["--plain"], &[&program]);
    assert_eq!(plain.ended.stdout, "-13\n-1\n-1\n-1\n0\n-38\n-13\n1\n");
    assert_eq!(plain.ended.status, Some(3));
    assert_eq!(plain.report()["refused"], json!(null));
    assert_eq!(plain.report()["outcome"], "unknown");

    let enforced = ground.run(&profile, &[], &[&program]);
    assert_eq!(
        enforced.ended.stdout, plain.ended.stdout,
        "{}",
        enforced.ended
    );
    assert_eq!(enforced.ended.status, Some(3));
    assert_eq!(enforced.report()["outcome"], "profile");
    let kind = |abi: &str, name: &str, answer: &str, count| {
        (abi.to_owned(), name.to_owned(), answer.to_owned(), count)
    };
    assert_eq!(
        enforced.refused(),
        [
            kind("x86_64", "mkdir", "errno 13", 2),
            kind("x86_64", "keyctl", "errno 1", 3),
            kind("x86_64", "chmod", "errno 0", 1),
            kind("x86_64", "?", "errno 38", 1),
            kind("i386", "mkdir", "errno 13", 1),
        ]
    );
    assert!(!ground.path("made").exists());
    let first: Vec<_> = enforced.kinds().map(|kind| &kind["first"]).collect();
    assert_eq!(first[0]["paths"], json!([{"argument": 0, "path": "made"}]));
    assert_eq!(first[0]["args"][1], "0x1c0");
    assert_eq!(first[0]["executable"], json!(program));
    assert_eq!(first[4]["paths"][0]["path"], "/no/such/folder/x");

    let logged = ground.run(&profile, &["--mode", "log"], &[&program]);
    assert!(
        ground.path("made").exists(),
        "in this mode it is carried out"
    );
    // mkdir is called a second time only if the first failed.
    let mut wanted = enforced.refused();
    wanted[0].3 = 1;
    assert_eq!(logged.refused(), wanted);
    assert!(
        logged
            .kinds()
            .all(|kind| kind["count"] == kind["carried_out"])
    );
    assert!(enforced.kinds().all(|kind| kind["carried_out"] == 0));
    assert_eq!(
        logged.report()["outcome"],
        "program",
        "nothing was refused to it"
    );

    let killed = ground.run(&profile, &["--mode", "kill"], &[&program]);
    assert_eq!(killed.ended.status, Some(159), "{}", killed.ended);
    assert_eq!(killed.ended.stdout, "");
    assert_eq!(
        (&killed.report()["outcome"], &killed.report()["signal"]),
        (&json!("profile"), &json!("SIGSYS"))
    );
}

#[test]
fn notify_shows_a_path_and_decides_as_it_is_told() {
    let ground = Ground::new();
    let profile = ground.profile(
        "no-mkdir.json",
        &json!({"defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}),
    );
    let new = ground.text("new");
    let shown = format!("mkdir(\"{new}\", 0x1ff");
    for (answer, wanted, word) in [
        ("refuse", 1, "refused: errno 13 (EACCES)"),
        ("ask", 1, "refused"),
        ("allow", 0, "allowed"),
    ] {
        let words = [
            "run",
            "--profile",
            &profile,
            "--mode",
            "notify",
            "--answer",
            answer,
            "--report",
            "/dev/null",
            "--",
            "mkdir",
            &new,
        ];
        let mut setsid = vec!["-w".to_owned(), ground.text("profilectl")];
        setsid.extend(words.map(str::to_owned));
        let setsid: Vec<&str> = setsid.iter().map(String::as_str).collect();
        // In a session of its own there is no terminal to be asked at.
        let ended = run(&mut ground.nobody(Path::new("setsid"), &setsid), PATIENCE);
        assert_eq!(ended.status, Some(wanted), "{answer}: {ended}");
        assert!(
            unwrapped(&ended.stderr).contains(&shown),
            "{answer}: {ended}"
        );
        assert!(unwrapped(&ended.stderr).contains(word), "{answer}: {ended}");
        assert_eq!(ground.path("new").exists(), wanted == 0, "{answer}");
    }
}

/// Lines that were wrapped as one.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_person_at_the_terminal_is_asked() {
    let ground = Ground::new();
    let profile = ground.profile(
        "no-mkdir.json",
        &json!({"defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}),
    );
    for (typed, folder, wanted) in [("y\n", "yes", true), ("n\n", "no", false)] {
        let line = format!(
            "{} run --profile {profile} --mode notify -- mkdir {folder}",
            ground.text("profilectl")
        );
        // `script` gives the command a terminal.
        let mut command = ground.nobody(Path::new("script"), &["-qec", &line, "/dev/null"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        let mut out = child.stdout.take().expect("a pipe");
        let mut seen = String::new();
        while !seen.contains("(ne)v(er)") {
            let mut part = [0; 512];
            let read = out.read(&mut part).expect("what it says");
            assert!(read > 0, "it ended without a question: {seen}");
            seen.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        let mut keys = child.stdin.take().expect("a pipe");
        keys.write_all(typed.as_bytes()).expect("it is typed");
        out.read_to_string(&mut seen).expect("the rest");
        drop(keys);
        let status = child.wait().expect("its end");
        assert_eq!(status.success(), wanted, "{seen}");
        assert_eq!(ground.path(folder).exists(), wanted, "{seen}");
    }
}

/// A process group of its own, which is killed with its guard.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// `run` in a process group of its own, once the command has said that it is ready.
fn started(ground: &Ground, options: &[&str], script: &str) -> Group {
    let script = script.replace("READY", "echo > ready");
    let mut words = vec!["run", "--profile", "docker-default"];
    words.extend(options);
    words.extend(["--", "/bin/sh", "-c", &script]);
    let _ = fs::remove_file(ground.path("ready"));
    let run = ground.profilectl(&words);
    // Who ignores a signal hands that down, and no shell can trap it then: CI may run under nohup.
    let child = Command::new("env")
        .arg("--default-signal=HUP,INT,QUIT,TERM,USR1")
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(ground.path(""))
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("profilectl starts");
    let group = Group(child);
    eventually("the command is ready", PATIENCE, || {
        ground.path("ready").exists().then_some(())
    });
    group
}

#[test]
fn signals_reach_the_command_which_decides() {
    let ground = Ground::new();
    for (trap, to_group, signal, wanted) in [
        ("trap 'exit 5' TERM;", false, Signal::TERM, 5),
        ("", false, Signal::TERM, 143),
        ("trap 'exit 8' HUP;", false, Signal::HUP, 8),
        ("trap 'exit 9' USR1;", false, Signal::USR1, 9),
        ("trap 'exit 6' INT;", true, Signal::INT, 6),
        ("", true, Signal::INT, 130),
        ("trap 'exit 7' QUIT;", true, Signal::QUIT, 7),
    ] {
        for options in [&[][..], &["--plain"]] {
            let script = format!("{trap} READY; while :; do sleep 0.1; done");
            let mut group = started(&ground, options, &script);
            if to_group {
                // As a terminal does on Ctrl-C.
                kill_process_group(Pid::from_child(&group.0), signal).expect("the group is there");
            } else {
                kill_process(Pid::from_child(&group.0), signal).expect("profilectl is there");
            }
            let status = eventually("run ends", PATIENCE, || {
                group.0.try_wait().expect("a child")
            });
            assert_eq!(status.code(), Some(wanted), "{trap} {signal:?} {options:?}");
        }
    }
}

#[test]
fn a_supervisor_that_dies_ends_the_command_and_lets_nothing_through() {
    for options in [&["--mode", "log"][..], &[], &["--plain"]] {
        let ground = Ground::new();
        // What the shell started lives on, and tries what the profile refuses when nobody watches.
        let script = "(while [ ! -e go ]; do sleep 0.05; done; unshare -U true 2> error; echo > end) & \
                      echo $$ > pid; READY; wait; echo > outlived";
        let mut group = started(&ground, options, script);
        let pid = fs::read_to_string(ground.path("pid")).expect("the shell's pid");
        let shell = Pid::from_raw(pid.trim().parse().expect("a number")).expect("a pid");
        group.0.kill().expect("profilectl can be killed");
        group.0.wait().expect("its end");
        eventually("the command ends with it", PATIENCE, || {
            let gone = test_kill_process(shell).is_err();
            let state =
                fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            (gone || state.contains(") Z ")).then_some(())
        });
        fs::write(ground.path("go"), "").expect("a file");
        eventually("its child goes on", PATIENCE, || {
            ground.path("end").exists().then_some(())
        });
        let error = fs::read_to_string(ground.path("error")).expect("what unshare said");
        let wanted = if options == ["--plain"] {
            "not permitted"
        } else {
            "not implemented"
        };
        assert!(error.contains(wanted), "{options:?}: {error:?}");
        assert!(!ground.path("outlived").exists(), "{options:?}");
    }
}

#[test]
fn the_command_gets_no_descriptor_and_no_signal_state_of_ours() {
    let ground = Ground::new();
    // No shell, which would put much of it right.
    for show in [
        &["ls", "/proc/self/fd"][..],
        &["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"],
    ] {
        let bare = run(&mut ground.nobody(Path::new(show[0]), &show[1..]), PATIENCE);
        for options in [&[][..], &["--plain"], &["--mode", "log"]] {
            let ran = ground.run("unconfined", options, show);
            assert_eq!(ran.ended.stdout, bare.stdout, "{options:?}");
        }
    }
}

#[test]
fn who_is_left_running_is_told() {
    let ground = Ground::new();
    let script = "sleep 300 > /dev/null 2>&1 & echo $!";
    let ran = ground.run("docker-default", &[], &["/bin/sh", "-c", script]);
    let left = ran.ended.stdout.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(left.expect("a pid"), Signal::KILL).expect("it lives on");
    assert_eq!(ran.report()["left_running"], true);
    let alone = ground.run("docker-default", &[], &["true"]);
    assert_eq!(alone.report()["left_running"], false);
}
