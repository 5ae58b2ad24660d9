//! Servers under load: recorded under Docker's default profile and runtime, run under their own in every runtime.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::exported::{Profile, refusals, seccomp, stop, stop_and_export};
use crate::side_by_side::side_by_side;
use crate::testbed::{Container, Daemon, Testbed, eventually};
use crate::{RUNTIMES, turn};

/// An image, and what is asked of it; panics unless it answers right.
struct Service {
    image: &'static str,
    load: fn(&Container),
}

impl Service {
    /// Records it, runs it under its profile in every runtime, and returns the profile.
    fn prove(&self, testbed: &Testbed) -> Profile {
        let begin = Instant::now();
        let daemon = Daemon::start(testbed);
        let recorded = Container::run(testbed, &[self.image]);
        (self.load)(&recorded);
        // Once more, for what a second turn does that a first does not, such as to use memory again.
        (self.load)(&recorded);
        let profile = stop_and_export(&daemon, &recorded);
        let option = seccomp(&profile);
        side_by_side(&RUNTIMES, |runtime| {
            let what = format!("{} under {runtime}", self.image);
            let words = ["--runtime", runtime, "--security-opt", &option, self.image];
            let container = Container::run(testbed, &words);
            (self.load)(&container);
            assert!(container.exec(&["true"]).success(), "{what}: exec");
            stop(&container, &what);
            let refused = refusals(&daemon, &container);
            assert!(refused.is_empty(), "{what} was refused: {refused:#?}");
        });
        let profile = Profile::read(&profile);
        let allowed = profile.allowed().len();
        println!(
            "{}: {allowed} names, 3 of 3 runtimes, in {:?}",
            self.image,
            begin.elapsed()
        );
        profile
    }
}

/// What a server on the container's own loopback answers. Asked from outside, so that the client's calls
/// don't help the server into its profile.
fn fetch(container: &Container, port: u16, path: &str) -> std::io::Result<String> {
    let namespace = File::open(format!("/proc/{}/ns/net", container.pid()))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    // A thread of its own: it stays in the container's network.
    let client = std::thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    });
    client.join().expect("the client does not panic")
}

/// Asks until there is an answer, and then a few times more, one after the other and at once.
fn expect_pages(container: &Container, port: u16, path: &str, page: &str) {
    let patience = Duration::from_secs(20);
    eventually(&format!("{path} from {}", container.name), patience, || {
        fetch(container, port, path).ok()
    });
    let ask = || {
        let answer = fetch(container, port, path)
            .unwrap_or_else(|error| panic!("{path}: {error}; {}", container.logs()));
        assert!(
            answer.contains(" 200 ") && answer.contains(page),
            "{path}: {answer}"
        );
    };
    for _ in 0..5 {
        ask();
    }
    side_by_side(&[(); 6], |()| ask());
    let missing = fetch(container, port, "/no-such-page").expect("an answer");
    assert!(missing.contains(" 404 "), "{missing}");
}

#[test]
fn nginx_serves_pages() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let load = |container: &Container| expect_pages(container, 80, "/", "It works");
    Service {
        image: "pb-nginx",
        load,
    }
    .prove(&testbed);
}

#[test]
fn apache_serves_a_page_made_by_php() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let load = |container: &Container| {
        // The page's source says 6 * 7.
        expect_pages(container, 80, "/index.php", "php 42");
        expect_pages(container, 80, "/index.html", "It works");
        // Apache looks after its idle children once a second.
        std::thread::sleep(Duration::from_millis(2500));
    };
    Service {
        image: "pb-apache",
        load,
    }
    .prove(&testbed);
}

#[test]
fn redis_keeps_what_it_is_told() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let load = |container: &Container| {
        let ask = |words: &[&str]| {
            let mut all = vec!["redis-cli"];
            all.extend(words);
            container.exec_until_ok(&all).trim().to_owned()
        };
        eventually("redis", Duration::from_secs(20), || {
            (ask(&["ping"]) == "PONG").then_some(())
        });
        assert_eq!(ask(&["set", "key", "value"]), "OK");
        assert_eq!(ask(&["get", "key"]), "value");
        assert!(ask(&["bgsave"]).starts_with("Background saving"));
        // The end of the child that saves is noticed a tenth of a second later, by a wait4 of its own.
        eventually("the end of bgsave", Duration::from_secs(20), || {
            let state = ask(&["info", "persistence"]);
            (state.contains("rdb_bgsave_in_progress:0")
                && state.contains("rdb_last_bgsave_status:ok"))
            .then_some(())
        });
        // Its allocator gives memory back when it sees fit: now.
        assert_eq!(ask(&["memory", "purge"]), "OK");
        std::thread::sleep(Duration::from_millis(500));
    };
    Service {
        image: "pb-redis",
        load,
    }
    .prove(&testbed);
}

#[test]
fn python_starts_threads_without_clone3() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let load = |container: &Container| {
        eventually("four threads", Duration::from_secs(20), || {
            container.logs().contains("threads 4").then_some(())
        });
        // A thread for each.
        expect_pages(container, 8000, "/", "Directory listing");
    };
    let profile = Service {
        image: "pb-python",
        load,
    }
    .prove(&testbed);
    // Docker's default answers ENOSYS, glibc falls back to clone, and so it must remain.
    assert_eq!(profile.errno("clone3"), Some(38));
    let allowed = profile.allowed();
    assert!(
        allowed.contains("clone") && !allowed.contains("clone3"),
        "{allowed:?}"
    );
}
