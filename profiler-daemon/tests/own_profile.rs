//! A container's exported profile starts it, lets it work and lets it stop, whichever runtime it was recorded under.

mod testbed;

use std::path::Path;
use std::time::Duration;

use testbed::{Container, Daemon, Testbed, eventually};

const RUNTIMES: [&str; 3] = ["runc11", "runc13", "crun"];

/// A server of the testbed, and a command in its container that shows that it serves.
struct Server {
    image: &'static str,
    proof: &'static [&'static str],
    says: &'static str,
}

const SERVERS: [Server; 5] = [
    Server {
        image: "pb-health",
        proof: &["wget", "-q", "-O", "-", "http://127.0.0.1/"],
        says: "It works",
    },
    Server {
        image: "pb-nginx",
        proof: &["curl", "-fsS", "http://127.0.0.1/"],
        says: "It works",
    },
    Server {
        image: "pb-apache",
        proof: &["curl", "-fsS", "http://127.0.0.1/index.php"],
        says: "php 42",
    },
    Server {
        image: "pb-redis",
        proof: &["redis-cli", "set", "key", "value"],
        says: "OK",
    },
    Server {
        image: "pb-python",
        proof: &[
            "curl",
            "-fsS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "http://127.0.0.1:8000/",
        ],
        says: "200",
    },
];

fn under(profile: &Path) -> String {
    format!("seccomp={}", profile.display())
}

/// Runs a short command in busybox to its end; what `options` add to `docker run`.
fn short(testbed: &Testbed, options: &[&str]) -> Container {
    let mut words = options.to_vec();
    words.extend(["pb-busybox", "true"]);
    let container = Container::run(testbed, &words);
    let status = container.wait();
    assert_eq!(status, 0, "{options:?}: {}", container.logs());
    container
}

#[test]
fn busybox_starts_under_every_runtime() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    for recorded in RUNTIMES {
        let container = short(&testbed, &["--runtime", recorded]);
        let profile = under(&daemon.export(&container.name, recorded));
        for runtime in RUNTIMES {
            short(
                &testbed,
                &["--runtime", runtime, "--security-opt", &profile],
            );
        }
    }
}

#[test]
fn busybox_starts_however_it_is_run() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let ways: [&[&str]; 5] = [
        &["--security-opt", "no-new-privileges"],
        &["--user", "app"],
        &["--user", "app", "--security-opt", "no-new-privileges"],
        &["--tty"],
        &["--init"],
    ];
    for runtime in RUNTIMES {
        for way in ways {
            let mut options = vec!["--runtime", runtime];
            options.extend(way);
            let container = short(&testbed, &options);
            let profile = under(&daemon.export(&container.name, "way"));
            options.extend(["--security-opt", &profile]);
            short(&testbed, &options);
        }
    }
}

#[test]
fn busybox_starts_twenty_times_of_twenty() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    for runtime in RUNTIMES {
        let container = short(&testbed, &["--runtime", runtime]);
        let profile = under(&daemon.export(&container.name, runtime));
        for _ in 0..20 {
            short(
                &testbed,
                &["--runtime", runtime, "--security-opt", &profile],
            );
        }
    }
}

#[test]
fn servers_serve_and_stop() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    for runtime in RUNTIMES {
        for server in &SERVERS {
            let serve = |options: &[&str]| {
                let mut words = vec!["--runtime", runtime];
                words.extend(options);
                words.push(server.image);
                let container = Container::run(&testbed, &words);
                let said = container.exec_until_ok(server.proof);
                assert!(
                    said.contains(server.says),
                    "{} under {runtime}: {said}",
                    server.image
                );
                if server.image == "pb-health" {
                    eventually("a healthy container", Duration::from_secs(20), || {
                        (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
                    });
                }
                let took = container.stop();
                assert!(
                    took < Duration::from_secs(9),
                    "{} under {runtime}: {took:?}",
                    server.image
                );
                container
            };
            let container = serve(&[]);
            let profile = under(&daemon.export(&container.name, server.image));
            serve(&["--security-opt", &profile]);
        }
    }
}
