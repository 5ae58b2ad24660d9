//! `profilectl audit C --watch --candidate P`: what is told, where, and how it ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use profiler_daemon::{
    api::protocol::{Event, Health},
    profile::observation::Sighting,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{Fake, golden, profilectl, run, steady, text};

/// Allows accept4 only, and asks for the arguments of socket.
const SMALL: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [
    {"names": ["accept4"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["openat"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 2, "value": 0, "op": "SCMP_CMP_EQ"}]},
    {"names": ["setsid"], "action": "SCMP_ACT_KILL_PROCESS"}
  ]
}"#;

fn begin(fake: &Fake, more: &[&str]) -> Child {
    let file = fake.room().join("small.json");
    fs::write(&file, SMALL).unwrap();
    let candidate = if more.contains(&"--candidate") {
        vec![]
    } else {
        vec!["--candidate", "./small.json"]
    };
    let words: Vec<&str> = ["audit", "web", "--watch"]
        .into_iter()
        .chain(candidate)
        .chain(more.iter().copied())
        .collect();
    let child = profilectl(&fake.socket, &words)
        .current_dir(fake.room())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fake.await_watcher();
    child
}

fn would_refuse(fake: &Fake, shadow: &str, call: &str, answer: &str) -> Event {
    Event::WouldRefuse {
        at_ms: fake.now_ms,
        id: "3f2a".to_owned(),
        name: "web".to_owned(),
        shadow: shadow.to_owned(),
        profile: "./small.json".to_owned(),
        abi: "x86_64".to_owned(),
        call: call.to_owned(),
        answer: answer.to_owned(),
        certain: true,
        with: None,
        earlier: false,
        seen: Some(Sighting {
            at_ms: fake.now_ms - 3 * 60_000,
            exe: None,
            comm: "nginx".to_owned(),
            pid: 4711,
            session: 1,
        }),
    }
}

fn ended(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Clock times as they are printed: `dd:dd:ddZ`.
fn timeless(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        match line.split_once("Z  ") {
            Some((time, rest)) if time.len() == 8 => lines += &format!("HH:MM:SSZ  {rest}\n"),
            _ => lines += &format!("{line}\n"),
        }
    }
    lines
}

#[test]
fn what_would_be_refused_is_told_and_summed_up() {
    let fake = Fake::start(Health::Healthy);
    let mut child = begin(&fake, &[]);
    for event in [
        would_refuse(&fake, "watch-1", "chmod", "errno 1"),
        would_refuse(&fake, "watch-2", "bpf", "errno 1"),
        would_refuse(&fake, "watch-1", "setsid", "kill process"),
    ] {
        fake.events.send(event).unwrap();
    }
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains("setsid") {
        assert!(out.read_line(&mut told).unwrap() > 0, "{told}");
    }
    ended(&child);
    std::io::Read::read_to_string(&mut out, &mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = format!(
        "{}--- standard error\n{}--- exit status {}\n",
        timeless(&told),
        text(&output.stderr),
        output.status.code().unwrap()
    );
    golden("audit-watch.txt", &shown);
    assert!(told.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn json_is_an_event_a_line_and_nothing_else() {
    let fake = Fake::start(Health::Healthy);
    let mut child = begin(&fake, &["--format", "json"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains("attached") {
        assert!(out.read_line(&mut told).unwrap() > 0, "{told}");
    }
    ended(&child);
    std::io::Read::read_to_string(&mut out, &mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty());
    let now = fake.now_ms.to_string();
    golden(
        "audit-watch.json.txt",
        &steady(&told, fake.now_ms).replace(&now, "NOW"),
    );
}

#[test]
fn a_candidate_that_refuses_nothing_ends_with_0() {
    let fake = Fake::start(Health::Healthy);
    let mut child = begin(&fake, &["--candidate", "docker-default"]);
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    ended(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "web: docker-default would have refused nothing\n"
    );
}

#[test]
fn a_watch_that_cannot_begin_or_loses_its_daemon_says_so() {
    let mut fake = Fake::start(Health::Healthy);
    for (status, words) in [
        (2, &["audit", "web", "--watch"][..]),
        (
            4,
            &["audit", "nope", "--watch", "--candidate", "docker-default"],
        ),
        (4, &["audit", "web", "--watch", "--candidate", "nope"]),
    ] {
        let output = run(&fake, words);
        assert_eq!(output.status.code(), Some(status), "{words:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let child = begin(&fake, &[]);
    fake.stop();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("profilerd ended the stream"));
}

#[test]
fn a_watch_tells_how_often() {
    let fake = Fake::start(Health::Healthy);
    let mut child = profilectl(&fake.socket, &["watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    fake.await_watcher();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    let logged = Event::Logged {
        at_ms: fake.now_ms,
        id: "3f2a".to_owned(),
        name: "web".to_owned(),
        abi: "i386".to_owned(),
        call: "get\u{1b}pid".to_owned(),
        count: 1_234_567,
        last: Sighting {
            at_ms: fake.now_ms,
            exe: None,
            comm: "nginx".to_owned(),
            pid: 4711,
            session: 0,
        },
    };
    let mut events = vec![logged];
    for often in [1, 37, 123_456] {
        let mut event = fake.call("web", "keyctl");
        if let Event::Call { count, .. } = &mut event {
            *count = often;
        }
        events.push(event);
    }
    for event in events {
        fake.events.send(event).unwrap();
        assert!(out.read_line(&mut told).unwrap() > 0);
    }
    ended(&child);
    child.wait().unwrap();
    let told = timeless(&told);
    let ends: Vec<&str> = told.lines().filter_map(|line| line.get(55..)).collect();
    assert_eq!(
        ends,
        [
            "logged 1234567 times",
            "refused: EPERM",
            "refused: EPERM (37 times)",
            "EPERM 123456×"
        ],
        "{told}"
    );
    assert!(told.contains("get\\x1bpid (i386)"), "{told}");
}
