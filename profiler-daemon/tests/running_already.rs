//! Containers that the daemon did not see start, or whose names it learns late, or never.

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

use std::fs;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shown::by_hand::ByHand;
use shown::{Refusals, Shown, at_probe, bare_probe, names, text};
use testbed::{Container, Daemon, DaemonOptions, Testbed, compile_c, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Four threads, blocked in accept, epoll_wait, futex and clock_nanosleep until SIGUSR1 wakes the fifth, the
/// first of the process, from rt_sigtimedwait; then one of a kind of calls each, and the end.
const BLOCKED: &str = r#"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
static int word;
static void *in_accept(void *unused) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0pb-accept"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&name, sizeof name);
    listen(server, 1);
    accept(server, 0, 0);
    return unused;
}
static void *in_epoll(void *unused) {
    struct epoll_event event;
    epoll_wait(epoll_create1(0), &event, 1, -1);
    return unused;
}
static void *in_futex(void *unused) { syscall(SYS_futex, &word, 0, 0, 0, 0, 0); return unused; }
static void *in_sleep(void *unused) {
    struct timespec nap = {500, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, 0);
    return unused;
}
int main(void) {
    void *(*all[])(void *) = {in_accept, in_epoll, in_futex, in_sleep};
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, 0);
    for (int n = 0; n < 4; n++) {
        pthread_t thread;
        pthread_create(&thread, 0, all[n], 0);
    }
    for (;;) {
        int signal = sigtimedwait(&wanted, 0, 0);
        if (signal == SIGTERM) return 0;
        syscall(SYS_getsid, 0);
        syscall(SYS_futex, &word, 1, 1);
    }
}
"#;

/// Waits until every thread of a container is blocked, each in a call of its own.
fn blocked(container: &Container, calls: &[&str]) {
    let tasks = format!("/proc/{}/task", container.pid());
    eventually("all threads are blocked", PATIENCE, || {
        let mut numbers: Vec<String> = fs::read_dir(&tasks)
            .ok()?
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("syscall")).ok())
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect();
        numbers.sort();
        (numbers == calls).then_some(())
    });
}

#[test]
fn a_container_that_ran_already_is_recorded_from_attach_with_its_calls_in_flight() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let program = compile_c(BLOCKED, &["-static", "-pthread"]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    // rt_sigtimedwait, futex, clock_nanosleep, epoll_wait, accept.
    blocked(&container, &["128", "202", "230", "232", "43"]);

    let daemon = Daemon::start(&testbed);
    let blocked_in = names(&[
        "accept",
        "clock_nanosleep",
        "epoll_wait",
        "futex",
        "rt_sigtimedwait",
    ]);
    let shown = Shown::once(&daemon, &container.name, "it is known", |_| true);
    assert_eq!(
        shown.observed("x86_64"),
        blocked_in,
        "the calls in flight, and no other"
    );
    assert!(
        shown.shortfalls().contains("start_not_seen"),
        "{:?}",
        shown.shortfalls()
    );
    assert_eq!(shown.0["start_seen"], false);

    testbed.docker_ok(&["kill", "--signal", "USR1", &container.name]);
    let shown = Shown::once(&daemon, &container.name, "getsid is seen", |shown| {
        shown.observed("x86_64").contains("getsid")
    });
    let mut since = blocked_in.clone();
    since.extend(names(&["getsid"]));
    // The thread that was woken from its futex ends, and libc cleans up after it.
    let ending = names(&["madvise", "munmap", "exit", "rt_sigprocmask"]);
    let observed = Shown::now(&daemon, &container.name)
        .expect("it is known")
        .observed("x86_64");
    assert!(
        observed.difference(&ending).eq(since.iter()),
        "{observed:?}"
    );
    assert_eq!(
        shown.refused(),
        Refusals::new(),
        "a call in flight that returns is no refusal"
    );

    container.stop();
    let shown = Shown::ended(&daemon, &container.name);
    assert_eq!(shown.refused(), Refusals::new());
    assert_eq!(shown.shortfalls(), names(&["no_program", "start_not_seen"]));

    testbed.docker_ok(&["start", &container.name]);
    blocked(&container, &["128", "202", "230", "232", "43"]);
    container.stop();
    let shown = Shown::once(
        &daemon,
        &container.name,
        "its second run is known",
        |shown| shown.0["start_seen"] == true,
    );
    let shown = Shown::once(&daemon, &container.name, "it has ended again", |again| {
        again.0["summary"]["identity"]["running"] == false
            && again.0["sessions"] == shown.0["sessions"]
    });
    // clone3 is refused by Docker's default; a refusal with ENOSYS is no shortfall.
    assert_eq!(shown.shortfalls(), names(&[]));
    assert_eq!(shown.0["summary"]["completeness"]["complete"], true);
    let observed = shown.observed("x86_64");
    assert!(
        observed.is_superset(&names(&[
            "accept",
            "bind",
            "epoll_create1",
            "getsid",
            "listen"
        ])),
        "{observed:?}"
    );
}

#[test]
fn without_docker_containers_are_recorded_and_found_by_their_ids() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_as(DaemonOptions {
        docker: "none".to_owned(),
        words: Vec::new(),
    });
    let program = bare_probe("sys(39,0,0,0); sys(124,0,0,0); return 9;", &[]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    assert_eq!(container.wait(), 9);
    let shown = Shown::ended(&daemon, &container.id[..12]);
    assert_eq!(
        shown.observed("x86_64"),
        names(&["exit_group", "getpid", "getsid"])
    );
    assert_eq!(text(&shown.0["summary"]["identity"]["id"]), container.id);
    assert!(shown.0["summary"]["identity"]["name"].is_null());
    assert_eq!(shown.shortfalls(), names(&[]));
    let unknown = daemon.ctl(&["show", &container.name]);
    assert_eq!(unknown.status, Some(4), "nobody told its name: {unknown}");
    daemon.export(&container.id[..12], "profile.json");
}

#[test]
fn other_engines_cgroups_are_recognised_made_before_the_daemon_and_after() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let sleeper = bare_probe("sys(34,0,0,0); return 1;", &[]);
    let mut before = ByHand::make("machine.slice", "libpod-", ".scope");
    let mut waiting = before.start(&sleeper);
    let syscall = format!("/proc/{}/syscall", waiting.id());
    eventually("it pauses", PATIENCE, || {
        fs::read_to_string(&syscall)
            .ok()
            .filter(|line| line.starts_with("34 "))
    });

    let daemon = Daemon::start_as(DaemonOptions {
        docker: "none".to_owned(),
        words: Vec::new(),
    });
    let shown = Shown::once(&daemon, &before.id, "podman's is known", |_| true);
    assert_eq!(
        shown.observed("x86_64"),
        names(&["pause"]),
        "in flight when the recording began"
    );
    assert_eq!(shown.0["summary"]["identity"]["engine"], "podman");
    assert!(shown.shortfalls().contains("start_not_seen"));
    waiting.kill().expect("it can be killed");
    waiting.wait().expect("its end");
    before.remove();
    Shown::ended(&daemon, &before.id);

    let program = bare_probe("sys(39,0,0,0); sys(124,0,0,0); return 9;", &[]);
    for (engine, parents, prefix, suffix) in [
        ("podman", "machine.slice", "libpod-", ".scope"),
        ("containerd", "k8s.io", "", ""),
        (
            "containerd",
            "kubepods.slice/kubepods-podpb.slice",
            "cri-containerd-",
            ".scope",
        ),
        (
            "crio",
            "kubepods.slice/kubepods-podpb.slice",
            "crio-",
            ".scope",
        ),
    ] {
        let mut group = ByHand::make(parents, prefix, suffix);
        let status = group.start(&program).wait().expect("its end");
        assert_eq!(status.code(), Some(9), "{engine}");
        group.remove();
        let shown = Shown::ended(&daemon, &group.id);
        assert_eq!(
            shown.observed("x86_64"),
            names(&["exit_group", "getpid", "getsid"]),
            "{engine}"
        );
        assert_eq!(shown.0["summary"]["identity"]["engine"], engine);
        assert_eq!(shown.shortfalls(), names(&[]), "{engine}");
    }
}

/// The engine's socket under another name, which a test can close and open again.
struct Proxy {
    front: PathBuf,
    back: PathBuf,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    fn open(&self) {
        let listener = UnixListener::bind(&self.front).expect("a socket");
        let (back, open) = (self.back.clone(), Arc::clone(&self.open));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(engine)) = (client, UnixStream::connect(&back)) else {
                    return;
                };
                let other = |one: &UnixStream| one.try_clone().expect("a second handle");
                let ends = [other(&client), other(&engine)];
                open.lock().expect("no holder panics").extend(ends);
                pour(other(&client), other(&engine));
                pour(engine, client);
            }
        });
    }

    /// As when the engine is stopped: the socket is gone, and so are its connections.
    fn close(&self) {
        fs::remove_file(&self.front).expect("the socket can be removed");
        for stream in self.open.lock().expect("no holder panics").drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn pour(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
}

#[test]
fn docker_goes_and_comes_back_and_names_come_late() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let proxy = Proxy {
        front: folder.path().join("docker.sock"),
        back: testbed.socket.clone(),
        open: Arc::default(),
    };
    proxy.open();
    let daemon = Daemon::start_as(DaemonOptions {
        docker: format!("unix://{}", proxy.front.display()),
        words: Vec::new(),
    });
    let engine = |wanted: &str| {
        eventually(&format!("docker is {wanted}"), PATIENCE, || {
            let status = daemon.ctl(&["status", "--format", "json"]).stdout;
            let status: serde_json::Value = serde_json::from_str(&status).ok()?;
            text(&status["docker"])
                .starts_with(wanted)
                .then_some(status)
        })
    };
    engine("connected");
    proxy.close();
    let status = engine("unreachable");
    assert_eq!(status["health"], "degraded");

    let program = bare_probe("sys(39,0,0,0); sys(34,0,0,0); return 1;", &[]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    let calls = names(&["getpid", "pause"]);
    Shown::once(
        &daemon,
        &container.id,
        "it is recorded without a name",
        |shown| {
            shown.0["summary"]["identity"]["name"].is_null() && shown.observed("x86_64") == calls
        },
    );
    assert_eq!(daemon.ctl(&["show", &container.name]).status, Some(4));

    proxy.open();
    engine("connected");
    let shown = Shown::once(&daemon, &container.name, "it has its name", |_| true);
    assert_eq!(shown.observed("x86_64"), calls);
    assert_eq!(text(&shown.0["summary"]["identity"]["id"]), container.id);
    assert_eq!(shown.0["start_seen"], true);
    testbed.docker_ok(&["kill", &container.name]);
    assert_eq!(
        Shown::ended(&daemon, &container.name).shortfalls(),
        names(&[])
    );
}
