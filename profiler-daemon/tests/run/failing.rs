//! How a run ends that does not go well: the statuses, the sentences, and nothing half done; and what
//! root gives up.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::json;

use crate::{
    bounded::run,
    ground::{Ground, PATIENCE, is_root},
};

#[test]
fn the_exit_status_is_the_commands_own() {
    let ground = Ground::new();
    let profile = "docker-default";
    for (script, wanted) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        for options in [&[][..], &["--plain"], &["--mode", "log"]] {
            let ran = ground.run(profile, options, &["/bin/sh", "-c", script]);
            assert_eq!(
                ran.ended.status,
                Some(wanted),
                "{script} {options:?}: {}",
                ran.ended
            );
        }
    }
    let file = |name: &str, text: &str, mode: u32| {
        fs::write(ground.path(name), text).expect("a file");
        fs::set_permissions(ground.path(name), PermissionsExt::from_mode(mode)).expect("its mode");
    };
    file("plain", "no program", 0o644);
    file("shapeless", "no program", 0o755);
    file("orphan", "#!/no/such/interpreter\n", 0o755);
    file(
        "script",
        "#!/bin/sh\necho $0 $1; cat /proc/$$/comm; exit 4\n",
        0o755,
    );
    for (command, wanted) in [
        ("/no/such/command", 127),
        ("pb-no-such-command", 127),
        ("./plain", 126),
        ("./shapeless", 126),
        ("./orphan", 126),
        ("/", 126),
    ] {
        let ran = ground.run(profile, &[], &[command]);
        assert_eq!(ran.ended.status, Some(wanted), "{command}: {}", ran.ended);
        assert!(
            ran.ended.stderr.contains(command),
            "the sentence names it: {}",
            ran.ended
        );
        assert!(ran.report.is_none(), "{command}: nothing was run");
    }
    let script = ground.run(profile, &[], &["./script", "word"]);
    assert_eq!(
        (script.ended.status, script.ended.stdout.as_str()),
        (Some(4), "./script word\nscript\n")
    );
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let ground = Ground::new();
    fs::write(ground.path("broken.json"), "{\"defaultAction\": ").expect("a file");
    let nothing = ground.allowing("nothing.json", &["write"], 1);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--profile", "./missing.json"], 2, "missing.json"),
        (&["--profile", "broken.json"], 2, "broken.json:1"),
        (&["--profile", &nothing], 126, "refuses execve (errno 1)"),
        (
            &["--profile", &nothing, "--mode", "kill"],
            126,
            "refuses execve",
        ),
        (
            &["--profile", "unconfined", "--user", "no-such-user"],
            2,
            "no-such-user",
        ),
        (
            &["--profile", "unconfined", "--user", "0:no-such-group"],
            2,
            "no-such-group",
        ),
        (
            &["--profile", "unconfined", "--user", "0:0"],
            125,
            "only root",
        ),
        (
            &["--profile", "unconfined", "--answer", "allow"],
            2,
            "--mode notify",
        ),
        (
            &["--profile", "unconfined", "--mode", "log", "--plain"],
            2,
            "--mode enforce",
        ),
        (
            &["--profile", "unconfined", "--arch", "aarch64"],
            2,
            "--arch",
        ),
        (
            &["--profile", "unconfined", "--runtime", "crun"],
            2,
            "--meaning as-runc",
        ),
    ];
    for (options, wanted, sentence) in cases {
        let words = [&["run"], *options, &["--", "touch", "ran"]].concat();
        let ended = run(&mut ground.profilectl(&words), PATIENCE);
        assert_eq!(ended.status, Some(*wanted), "{options:?}: {ended}");
        assert!(ended.stderr.contains(sentence), "{options:?}: {ended}");
        assert!(!ground.path("ran").exists(), "{options:?}: it ran");
    }
}

#[test]
fn a_kernel_that_takes_no_filter_is_named() {
    let ground = Ground::new();
    let inner = [
        &ground.text("profilectl"),
        "run",
        "--profile",
        "docker-default",
        "--",
        "touch",
        "ran",
    ];
    // What a kernel without filters answers, and what one does that is told to refuse them.
    for (errno, sentence) in [
        (38, "no seccomp filters"),
        (22, "no seccomp filters"),
        (1, "refuses it"),
    ] {
        let profile = ground.profile(
            "without.json",
            &json!({"defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": ["seccomp"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno}]}),
        );
        let ran = ground.run(&profile, &[], &inner);
        assert_eq!(ran.ended.status, Some(125), "{}", ran.ended);
        assert!(ran.ended.stderr.contains(sentence), "{}", ran.ended);
        assert!(!ground.path("ran").exists());
    }
    // One supervisor in another: the kernel takes one.
    let ran = ground.run("docker-default", &[], &inner);
    assert_eq!(ran.ended.status, Some(125), "{}", ran.ended);
    assert!(ran.ended.stderr.contains("--plain"), "{}", ran.ended);
    let plain = [&inner[..2], &["--plain"], &inner[2..]].concat();
    let ran = ground.run("docker-default", &[], &plain);
    assert!(
        ran.ended.success() && ground.path("ran").exists(),
        "{}",
        ran.ended
    );
}

#[test]
fn root_gives_up_what_it_is_told_to() {
    if !is_root() {
        eprintln!("SKIPPED: a change of user needs root");
        return;
    }
    let ground = Ground::new();
    let status = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command.args([
            "run",
            "--profile",
            "docker-default",
            "--report",
            "/dev/null",
        ]);
        command.args(options).args([
            "--",
            "sh",
            "-c",
            "id -u; id -G; grep -E 'Cap|NoNew' /proc/self/status",
        ]);
        let ended = run(command.current_dir(ground.path("")), PATIENCE);
        assert!(ended.success(), "{ended}");
        ended.stdout
    };
    let none = "0000000000000000";
    let bare = status(&["--drop-caps"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(bare.contains(&format!("{set}:\t{none}")), "{bare}");
    }
    assert!(bare.starts_with("0\n"), "{bare}");
    assert!(!status(&[]).contains(&format!("CapEff:\t{none}")));
    // Who may not empty the bounding set loses what is in force all the same.
    let mut within = Command::new("setpriv");
    within.args(["--bounding-set=-setpcap", env!("CARGO_BIN_EXE_profilectl")]);
    within.args([
        "run",
        "--profile",
        "docker-default",
        "--drop-caps",
        "--report",
    ]);
    within.args(["/dev/null", "--", "grep", "CapEff", "/proc/self/status"]);
    let ended = run(&mut within, PATIENCE);
    assert_eq!(ended.stdout, format!("CapEff:\t{none}\n"), "{ended}");
    let user = status(&["--user", "12345:54321"]);
    assert!(user.starts_with("12345\n54321\n"), "{user}");
    assert!(
        user.contains(&format!("CapEff:\t{none}")) && user.contains("NoNewPrivs:\t1"),
        "{user}"
    );
}
