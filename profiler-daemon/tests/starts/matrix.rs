//! Recorded in one way and run in another: runtime, no-new-privileges, user, terminal, init, health check, exec.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::exported::{seccomp, stop, stop_and_export};
use crate::pairs::{Row, every_pair};
use crate::side_by_side::side_by_side;
use crate::testbed::{Container, Daemon, Testbed, eventually};
use crate::{RUNTIMES, turn};

/// Says that it is up, and ends at once on SIGTERM, which process 1 would ignore without a handler.
const SHELL: &str = r#"trap "exit 0" TERM; echo ready; while :; do sleep 1 & wait $!; done"#;

/// How a container is started.
#[derive(Clone, Copy, Debug)]
struct Way {
    runtime: &'static str,
    no_new_privileges: bool,
    user: bool,
    terminal: bool,
}

/// What is recorded, and how it is run afterwards.
#[derive(Clone, Copy, Debug)]
struct Case {
    recorded: Way,
    run: Way,
    /// Its calls are the container's own, so a recording without it allows no run with it.
    init: bool,
    /// The image with a health check in place of a shell.
    health: bool,
    /// An exec session was in the recording too; if not, the profile owes one its start all the same.
    exec_recorded: bool,
}

impl Case {
    const SIZES: [usize; 11] = [3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2];

    fn of(row: &Row) -> Self {
        let yes = |factor: usize| row[factor] == 1;
        let way = |runtime: usize, first: usize| Way {
            runtime: RUNTIMES[row[runtime]],
            no_new_privileges: yes(first),
            user: yes(first + 1),
            terminal: yes(first + 2),
        };
        Self {
            recorded: way(0, 2),
            run: way(1, 5),
            init: yes(8),
            health: yes(9),
            exec_recorded: yes(10),
        }
    }

    /// Starts it and waits until it works.
    fn start(&self, testbed: &Testbed, way: Way, profile: Option<&Path>) -> Container {
        let profile = profile.map(seccomp);
        let mut words = vec!["--runtime", way.runtime];
        for (wanted, option) in [
            (
                way.no_new_privileges,
                ["--security-opt", "no-new-privileges"].as_slice(),
            ),
            (way.user, &["--user", "1000:1000"]),
            (way.terminal, &["--tty"]),
            (self.init, &["--init"]),
        ] {
            if wanted {
                words.extend(option);
            }
        }
        if let Some(profile) = &profile {
            words.extend(["--security-opt", profile]);
        }
        let serving = format!("httpd -p 80 -h /var/www; {SHELL}");
        words.extend(if self.health {
            ["pb-health", "sh", "-c", &serving]
        } else {
            ["pb-busybox", "sh", "-c", SHELL]
        });
        let container =
            Container::try_run(testbed, &words).unwrap_or_else(|ended| panic!("{self:?}: {ended}"));
        self.await_work(&container);
        container
    }

    fn await_work(&self, container: &Container) {
        let patience = Duration::from_secs(30);
        if self.health {
            eventually(&format!("{self:?} healthy"), patience, || {
                let health = container.inspect("{{.State.Health.Status}}");
                assert_ne!(
                    health,
                    "unhealthy",
                    "{self:?}: {}",
                    container.inspect("{{json .State.Health}}")
                );
                (health == "healthy").then_some(())
            });
        }
        eventually(&format!("{self:?} ready"), patience, || {
            container.logs().contains("ready").then_some(())
        });
        // Once round its loop, and a fork and a wait with it.
        std::thread::sleep(Duration::from_millis(1200));
    }

    fn record(&self, daemon: &Daemon, testbed: &Testbed) -> PathBuf {
        let container = self.start(testbed, self.recorded, None);
        if self.exec_recorded {
            self.assert_filtered(&container);
        }
        stop_and_export(daemon, &container)
    }

    fn run_under(&self, testbed: &Testbed, profile: &Path) {
        let container = self.start(testbed, self.run, Some(profile));
        for (program, status) in [("true", 0), ("false", 1)] {
            let ended = container.exec(&[program]);
            assert_eq!(
                ended.status,
                Some(status),
                "{self:?}: exec {program}: {ended}"
            );
        }
        if self.exec_recorded {
            self.assert_filtered(&container);
        }
        stop(&container, &format!("{self:?}"));
    }

    /// An exec session runs, and under a filter: mode 2.
    fn assert_filtered(&self, container: &Container) {
        let ended = container.exec(&["grep", "^Seccomp:", "/proc/self/status"]);
        let mode = ended.stdout.split_whitespace().last();
        assert_eq!(
            (ended.status, mode),
            (Some(0), Some("2")),
            "{self:?}: {ended}"
        );
    }
}

#[test]
fn a_profile_starts_its_container_however_it_was_recorded_and_is_run() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let begin = Instant::now();
    let cases: Vec<Case> = every_pair(&Case::SIZES).iter().map(Case::of).collect();
    for runtime in RUNTIMES {
        let cases: Vec<Case> = cases
            .iter()
            .filter(|case| case.recorded.runtime == runtime)
            .copied()
            .collect();
        // A daemon for each: this one has seen no other runtime when it exports.
        let daemon = Daemon::start(&testbed);
        let profiles = Mutex::new(Vec::new());
        side_by_side(&cases, |case| {
            let profile = case.record(&daemon, &testbed);
            profiles
                .lock()
                .expect("no worker panicked")
                .push((*case, profile));
        });
        let profiles = profiles.into_inner().expect("no worker panicked");
        assert_eq!(profiles.len(), cases.len());
        side_by_side(&profiles, |(case, profile)| {
            case.run_under(&testbed, profile);
        });
    }
    println!(
        "{} cases recorded and run, with every pair of settings, in {:?}",
        cases.len(),
        begin.elapsed()
    );
}
