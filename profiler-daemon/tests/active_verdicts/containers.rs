//! The twelve containers.

use std::{fs, iter::repeat, time::Duration};

use profiler_daemon::audit::active::{Installer, Source};

use super::{
    Product, active, attached, compare_with_kernel, compare_with_life, copies, eval,
    kernel_oracle::Instruction,
    live::{self, Before, Came, came, once_done},
    profiles,
    testbed::{Container, Daemon, Testbed, eventually},
};

/// Of the live calls every so many is put to `profilectl eval` too.
const EVERY: usize = 8;

/// What is given to `--security-opt seccomp=`.
#[derive(Clone, Copy)]
enum Profile {
    /// Nothing is.
    Engines,
    Unconfined,
    /// One of the profiles that other tests load too, by its title.
    Titled(&'static str),
}

struct Case {
    title: &'static str,
    runtime: &'static str,
    options: &'static [&'static str],
    profile: Profile,
    before: Before,
    /// The calls are made by a `docker exec`.
    executed: bool,
    /// How many filters the process then has.
    filters: usize,
}

const PLAIN: Case = Case {
    title: "default",
    runtime: "runc11",
    options: &[],
    profile: Profile::Engines,
    before: Before::Nothing,
    executed: false,
    filters: 1,
};

impl Case {
    fn run(
        &self,
        testbed: &Testbed,
        daemon: &Daemon,
        profile: Profile,
        words: &[&str],
    ) -> Container {
        let runtime = format!("--runtime={}", self.runtime);
        let volume = format!("--volume={}:/probe:ro", live::program().display());
        let option = match profile {
            Profile::Engines => None,
            Profile::Unconfined => Some("unconfined".to_owned()),
            Profile::Titled(wanted) => {
                let mut all = profiles::all().into_iter();
                let (_, text) = all
                    .find(|(title, _)| *title == wanted)
                    .expect("a profile of that title");
                let file = daemon.file("profile.json");
                fs::write(&file, text).expect("a profile can be written");
                Some(file.display().to_string())
            }
        };
        let option = option.map(|profile| format!("--security-opt=seccomp={profile}"));
        let mut all = vec![runtime.as_str(), volume.as_str()];
        all.extend(self.options);
        all.extend(option.as_deref());
        all.extend(["pb-busybox", "/probe"]);
        all.extend(words);
        Container::run(testbed, &all)
    }

    /// What comes of the calls where no filter is in the way.
    fn bare(&self, testbed: &Testbed, daemon: &Daemon) -> Vec<Came> {
        let before = match self.before {
            Before::OwnFilter => Before::Nothing,
            before => before,
        };
        let container = self.run(
            testbed,
            daemon,
            Profile::Unconfined,
            &[before.word(), "leave"],
        );
        assert_eq!(container.wait(), 0, "{}: {}", self.title, container.logs());
        came(&container.logs())
    }

    /// The container, what came of the calls in it, and the filters of the process that made them.
    fn live(
        &self,
        testbed: &Testbed,
        daemon: &Daemon,
    ) -> (Container, Vec<Came>, Vec<Vec<Instruction>>) {
        let before = self.before.word();
        if !self.executed {
            let container = self.run(testbed, daemon, self.profile, &[before]);
            let came = once_done(self.title, || container.logs());
            let attached = attached::filters(container.pid());
            return (container, came, attached);
        }
        let container = self.run(testbed, daemon, self.profile, &[before, "wait"]);
        let ended = container.exec(&["/probe", before, "leave"]);
        assert!(ended.success(), "{}: {ended}", self.title);
        let came = came(&ended.stdout);
        testbed.docker_ok(&[
            "exec",
            "--detach",
            &container.name,
            "/probe",
            before,
            "wait",
        ]);
        let attached = attached::filters(executed(&container));
        (container, came, attached)
    }

    fn prove(&self) {
        let Some(testbed) = Testbed::get() else {
            return;
        };
        let daemon = Daemon::start(&testbed);
        let title = self.title;
        let bare = self.bare(&testbed, &daemon);
        let (container, came, attached) = self.live(&testbed, &daemon);
        assert_eq!(attached.len(), self.filters, "{title}: filters by ptrace");
        let active = active(&daemon, &container.name, self.filters);
        let copies = copies(&active);
        assert!(
            copies == attached,
            "{title}: the product's copies have {:?} instructions, and what is attached {:?}",
            copies.iter().map(Vec::len).collect::<Vec<_>>(),
            attached.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let source = match self.filters {
            0 => Source::None,
            _ => Source::Copied,
        };
        assert_eq!(active.source, source, "{title}: {}", active.told);
        // The oldest is the runtime's; what came on top is the program's own, and is not taken for the container's.
        let by = active.layers.iter().rev().map(|layer| layer.by);
        let foretold = [Installer::Runtime]
            .into_iter()
            .chain(repeat(Installer::Program));
        assert!(
            by.eq(foretold.take(self.filters)),
            "{title}: {:?}",
            active.layers
        );
        let product = Product::of(&copies);
        let of_the_runtime = Product::of(copies.get(..1).unwrap_or_default());
        let asked = compare_with_kernel(title, &attached, &product);
        compare_with_life(title, &came, &bare, &product);
        for call in live::calls().iter().step_by(EVERY) {
            let answer = of_the_runtime.answer(call).to_string();
            assert_eq!(
                eval(&daemon, &container.name, call),
                answer,
                "{title}: {call:x?}"
            );
        }
        let lengths: Vec<usize> = attached.iter().map(Vec::len).collect();
        println!("{title}: filters of {lengths:?} instructions, {asked} questions to the kernel");
    }
}

/// The pid of the process that `docker exec` left in a container, once it is the program.
fn executed(container: &Container) -> i32 {
    let first = container.pid();
    let exe = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let cgroup = |pid: i32| fs::read_to_string(format!("/proc/{pid}/cgroup")).ok();
    let what = format!("a second process in {}", container.name);
    eventually(&what, Duration::from_secs(20), || {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let mut pids =
            processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.find(|pid| {
            *pid != first
                && cgroup(*pid).is_some_and(|of| Some(of) == cgroup(first))
                && exe(*pid).is_some_and(|of| Some(of) == exe(first))
        })
    })
}

#[test]
fn dockers_default() {
    PLAIN.prove();
}

#[test]
fn unconfined() {
    Case {
        title: "unconfined",
        profile: Profile::Unconfined,
        filters: 0,
        ..PLAIN
    }
    .prove();
}

#[test]
fn privileged() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let privileged = Case {
        title: "privileged",
        options: &["--privileged"],
        filters: 0,
        ..PLAIN
    };
    let words = ["--privileged", "pb-busybox", "true"];
    match Container::try_run(&testbed, &words) {
        Ok(_) => privileged.prove(),
        // The engine gives it every capability that there is, and here a runtime has not got them all.
        Err(ended) => {
            eprintln!("SKIPPED: no privileged container can start here: {ended}");
            Case {
                title: "as good as privileged",
                options: &["--cap-add=ALL", "--cap-drop=SYS_RESOURCE"],
                profile: Profile::Unconfined,
                ..privileged
            }
            .prove();
        }
    }
}

#[test]
fn with_the_capability_sys_admin() {
    Case {
        title: "SYS_ADMIN",
        options: &["--cap-add=SYS_ADMIN"],
        ..PLAIN
    }
    .prove();
}

#[test]
fn a_profile_with_arguments() {
    Case {
        title: "arguments",
        runtime: "runc13",
        profile: Profile::Titled("arguments"),
        ..PLAIN
    }
    .prove();
}

#[test]
fn the_old_format() {
    Case {
        title: "old format",
        profile: Profile::Titled("old-names"),
        ..PLAIN
    }
    .prove();
}

#[test]
fn log_as_the_default() {
    Case {
        title: "log",
        runtime: "runc13",
        profile: Profile::Titled("log"),
        ..PLAIN
    }
    .prove();
}

#[test]
fn no_new_privileges() {
    Case {
        title: "no-new-privileges",
        options: &["--security-opt=no-new-privileges"],
        ..PLAIN
    }
    .prove();
}

#[test]
fn a_program_with_a_filter_of_its_own() {
    Case {
        title: "own filter",
        before: Before::OwnFilter,
        filters: 2,
        ..PLAIN
    }
    .prove();
}

#[test]
fn an_executed_process() {
    Case {
        title: "executed",
        runtime: "runc13",
        executed: true,
        ..PLAIN
    }
    .prove();
}

#[test]
fn in_a_user_namespace() {
    Case {
        title: "user namespace",
        profile: Profile::Titled("arguments"),
        before: Before::UserNamespace,
        ..PLAIN
    }
    .prove();
}

#[test]
fn under_crun() {
    Case {
        title: "crun",
        runtime: "crun",
        ..PLAIN
    }
    .prove();
}
