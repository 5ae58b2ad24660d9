//! profilectl is killed at each step, alone and together with its guard: a container answers again.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    ground::{Ground, PATIENCE, answer, free_port, unfolded},
    testbed::{Testbed, ended_within, eventually},
};

/// Steps of a move of a container that holds something exclusive.
const STEPS: usize = 9;

/// How long a move that was cut short may leave its container silent: the engine's own stop, and starting.
const SECONDS: Duration = Duration::from_secs(30);

/// Starts a move and waits until it says that it begins this step, counted from 1.
fn begun(ground: &Ground, web: &str, step: usize) -> Child {
    let words = [web, "--profile", "docker-default", "--watch", "2"];
    let mut child = ground
        .command(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("profilectl starts");
    let said = child.stderr.take().expect("a pipe");
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        // Read on when nobody hears it any more, so that nobody who writes there is ended by that.
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let mark = format!(" {step}/{STEPS} ");
    let mut heard = String::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(&mark) => break,
            Ok(line) => heard.push_str(&format!("{line}\n")),
            Err(why) => {
                // It may have ended already.
                let _ = child.kill();
                let _ = child.wait();
                panic!("it does not come to step {step} ({why}); it said:\n{heard}");
            }
        }
    }
    child
}

/// The guard of a move: its only child.
fn guard(of: u32) -> Pid {
    eventually("the guard", PATIENCE, || {
        let all = fs::read_dir("/proc").expect("processes").flatten();
        let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.find_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
            (parent.parse() == Ok(of)).then(|| Pid::from_raw(pid))?
        })
    })
}

fn kill(child: &mut Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("it is a child");
}

/// Waits until the one container works and nothing else is left; the longest time that nobody
/// answered until then.
fn longest_silence(ground: &Ground, web: &str, port: u16, step: usize) -> Duration {
    let (began, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    loop {
        let names = ground.names(web);
        assert!(
            began.elapsed() < PATIENCE,
            "step {step}: left are {names:?}"
        );
        assert!(!names.is_empty(), "step {step}: all are gone");
        if answer(port).is_some() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            if ground.works(web, port) {
                return longest;
            }
        }
        let silent = last.elapsed();
        assert!(silent < SECONDS, "step {step}: no answer for {silent:.1?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Does something for each step at the same time, each with a container of its own.
fn at_each_step(each: impl Fn(&Ground, &str, u16, usize) + Sync) {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    for steps in (1..=STEPS).collect::<Vec<_>>().chunks(3) {
        thread::scope(|scope| {
            for &step in steps {
                let (ground, each) = (&ground, &each);
                scope.spawn(move || {
                    let port = free_port();
                    let web = ground.plain(&format!("web{step}"), port);
                    each(ground, &web, port, step);
                });
            }
        });
    }
}

#[test]
fn killed_at_each_step_the_guard_puts_it_in_order() {
    at_each_step(|ground, web, port, step| {
        let mut child = begun(ground, web, step);
        kill(&mut child);
        let silence = longest_silence(ground, web, port, step);
        println!("killed at step {step}: no answer for {silence:.1?} at most");
        // The guard looks a last time for what was under way; after that it can be moved.
        eventually(&format!("a move after step {step}"), PATIENCE, || {
            let ended = ground.apply(&[web, "--profile", "docker-default", "--watch", "1"]);
            let busy = unfolded(&ended.stderr).contains("another `profilectl apply`");
            assert!(ended.success() || busy, "step {step}: {ended}");
            ended.success().then_some(())
        });
        assert!(ground.works(web, port), "step {step}");
    });
}

#[test]
fn killed_with_its_guard_the_next_move_puts_it_in_order() {
    at_each_step(|ground, web, port, step| {
        let mut child = begun(ground, web, step);
        kill_process(guard(child.id()), Signal::KILL).expect("the guard can be killed");
        kill(&mut child);
        // Whatever there is, it is enough to go on from, once the engine has done what it was asked for.
        thread::sleep(Duration::from_secs(3));
        assert!(!ground.names(web).is_empty(), "step {step}: all are gone");
        let recovered = step % 2 == 0;
        if recovered {
            let ended = ground.apply(&[web, "--recover"]);
            assert!(ended.success(), "step {step}: {ended}");
            assert!(ground.works(web, port), "step {step}: {ended}");
        }
        let ended = ground.apply(&[web, "--profile", "docker-default", "--watch", "1"]);
        assert!(ended.success(), "step {step}: {ended}");
        eventually(&format!("order after step {step}"), PATIENCE, || {
            ground.works(web, port).then_some(())
        });
    });
}

#[test]
fn what_the_engine_makes_only_after_the_death_is_removed_too() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    let mut guard = ground
        .command(&[&web, "--guard"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("profilectl starts");
    let mut said = String::new();
    let mut lines = BufReader::new(guard.stdout.take().expect("a pipe"));
    lines.read_line(&mut said).expect("a word");
    assert_eq!(said, "watching\n");
    drop(guard.stdin.take());
    // The guard finds nothing of a move by now.
    thread::sleep(Duration::from_secs(3));
    let late = format!("{web}.profilectl-new");
    testbed.docker_ok(&["create", "--name", &late, "pb-busybox", "true"]);
    eventually("what came late to be removed", PATIENCE, || {
        ground.works(&web, ground.port).then_some(())
    });
    let ended = ended_within(&mut guard, PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn a_signal_is_the_old_container_again_and_the_shells_status() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    let id = ground.inspect(&web)["Id"].clone();
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut child = begun(&ground, &web, 7);
        kill_process(Pid::from_child(&child), signal).expect("it can be signalled");
        let ended = ended_within(&mut child, PATIENCE).expect("it ends");
        assert_eq!(ended.code(), Some(status));
        assert_eq!(ground.inspect(&web)["Id"], id);
        assert!(ground.works(&web, ground.port));
    }
}

#[test]
fn one_container_is_moved_by_one_at_a_time() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    let mut child = begun(&ground, &web, 7);
    let ended = ground.apply(&[&web, "--profile", "docker-default"]);
    assert_eq!(ended.status, Some(1), "{ended}");
    assert!(
        unfolded(&ended.stderr).contains("another `profilectl apply` is moving it"),
        "{ended}"
    );
    let ended = ended_within(&mut child, PATIENCE).expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert!(ground.works(&web, ground.port));
}
