//! What Docker really loads for a container, from the recorder's copy of it: the same, call for call, as the meaning
//! `as-runc` foretells under each runtime; and how the engine's own profile differs from ours, each difference named.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "loaded_filter/profiles.rs"]
mod profiles;
#[path = "loaded_filter/since_20_10.rs"]
mod since_20_10;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{collections::BTreeSet, path::Path, time::Duration};

use profiler_daemon::{
    api::client::Client,
    seccomp::{
        arch::Arch,
        diagram::{Diagrams, Node},
        dialects::docker::{
            self, Profile,
            resolve::{Circumstances, Resolved, resolve},
        },
        difference::{Difference, differences},
        facts::libseccomp::Version,
        filter::{
            program::{Instruction, Program},
            symbolic,
        },
        meaning::{Host, Runtime, as_runc},
        policy::Policy,
        summary::{Standing, arch_of, standing},
    },
};
use testbed::{Container, Daemon, Testbed, eventually};

/// Where the work's shared copy of Docker's default profile lies; elsewhere it is absent.
const DOCKER_DEFAULT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/data/docker-default.json"
);

/// The testbed's runtimes, and what each loads a profile with.
const RUNTIMES: [(&str, Host); 3] = [
    (
        "runc11",
        Host {
            runtime: Runtime::Runc,
            libseccomp: Version::DEBIAN_12,
        },
    ),
    (
        "runc13",
        Host {
            runtime: Runtime::Runc,
            libseccomp: Version::new(2, 6, 1),
        },
    ),
    (
        "crun",
        Host {
            runtime: Runtime::Crun,
            libseccomp: Version::DEBIAN_12,
        },
    ),
];

fn circumstances() -> Circumstances {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release.split(['.', '-']).map(str::parse);
    let mut next = || numbers.next().expect("a number").expect("a number");
    Circumstances::usual(Arch::X86_64, (next(), next()))
}

fn policy(profile: &Profile) -> Policy {
    match resolve(profile, &circumstances()) {
        Ok(Resolved::Filter(filter)) => filter.policy,
        other => panic!("{other:?}"),
    }
}

fn read(text: &[u8]) -> Profile {
    docker::read(text).value.expect("a profile")
}

/// The one filter that was loaded for a container, as the daemon's API has it.
fn loaded(daemon: &Daemon, container: &str) -> Program {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = Client::new(daemon.socket());
    let what = format!("the copy of {container}'s filter");
    let instructions = eventually(&what, Duration::from_secs(20), || {
        let mut filters = runtime.block_on(client.filters(container)).ok()?;
        let filter = filters.pop()?;
        assert!(filters.is_empty(), "{container} has several filters");
        filter.instructions
    });
    let instructions = instructions
        .into_iter()
        .map(|(code, jt, jf, k)| Instruction { code, jt, jf, k });
    Program::new(instructions.collect()).expect("a filter")
}

/// Runs a container to its end, and gives what was loaded for it.
fn loaded_for(testbed: &Testbed, daemon: &Daemon, runtime: &str, options: &[&str]) -> Program {
    let runtime = format!("--runtime={runtime}");
    let mut words = vec![runtime.as_str()];
    words.extend(options);
    words.extend(["pb-busybox", "true"]);
    let container = Container::run(testbed, &words);
    assert_eq!(container.wait(), 0, "{options:?}: {}", container.logs());
    loaded(daemon, &container.name)
}

/// A standing in words: an answer, or each with its conditions.
fn words(diagrams: &mut Diagrams, node: Node) -> String {
    match standing(diagrams, node).expect("few cases") {
        Standing::Always(action) => action.to_string(),
        Standing::Conditional(cases) => {
            let cases = cases.iter().map(|case| {
                let when: Vec<String> = case.when.iter().map(ToString::to_string).collect();
                format!("{} if {}", case.action, when.join(" and "))
            });
            cases.collect::<Vec<_>>().join("; ")
        }
    }
}

/// A difference: architecture, call, before, after. Numbers without a name are `FIRST` or `FIRST-LAST`.
type Row = (String, String, String, String);

fn rows(diagrams: &mut Diagrams, found: &[Difference]) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for one in found {
        let (before, after) = (words(diagrams, one.before), words(diagrams, one.after));
        let arch = arch_of(one.first_audit, one.first);
        let of = arch.map_or_else(
            || format!("{:#x}", one.first_audit),
            |arch| arch.name().to_owned(),
        );
        let mut add = |call: String| {
            rows.insert((of.clone(), call, before.clone(), after.clone()));
        };
        let mut next = Some(one.first);
        let nameless = |from: Option<u32>, to: u32| match from {
            Some(from) if from == to => Some(format!("{from:#x}")),
            Some(from) if from < to => Some(format!("{from:#x}-{to:#x}")),
            _ => None,
        };
        for (nr, name) in arch.map(Arch::syscalls).unwrap_or_default() {
            if (one.first..=one.last).contains(&nr) {
                nr.checked_sub(1)
                    .and_then(|to| nameless(next, to))
                    .into_iter()
                    .for_each(&mut add);
                add(name.to_owned());
                next = nr.checked_add(1);
            }
        }
        nameless(next, one.last).into_iter().for_each(add);
    }
    rows
}

/// How a program differs from what a policy is foretold to become.
fn unlike(program: &Program, policy: &Policy, host: Host) -> BTreeSet<Row> {
    let mut diagrams = Diagrams::new();
    let got = symbolic::diagram(&mut diagrams, program).expect("no maze");
    let foretold = as_runc::diagram(&mut diagrams, policy, host).expect("it is taken");
    let found = differences(&diagrams, got, foretold).expect("few ranges");
    assert_eq!(found.is_empty(), got == foretold);
    rows(&mut diagrams, &found)
}

#[test]
fn docker_loads_what_we_foretell() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    for (title, text) in profiles::all() {
        let file = daemon.file(&format!("{title}.json"));
        std::fs::write(&file, &text).expect("the profile can be written");
        let option = format!("--security-opt=seccomp={}", file.display());
        for (runtime, mut host) in RUNTIMES {
            let program = loaded_for(&testbed, &daemon, runtime, &[&option]);
            // runc before 1.1.15 answers for listed architectures only, and takes none for listed.
            if runtime == "runc11" && title == "no-architecture" {
                host.runtime = Runtime::Crun;
            }
            let unlike = unlike(&program, &policy(&read(text.as_bytes())), host);
            assert!(unlike.is_empty(), "{title} under {runtime}: {unlike:#?}");
            println!(
                "{title} under {runtime}: {} instructions",
                program.instructions().len()
            );
        }
    }
}

#[test]
fn the_engines_default_differs_from_ours_by_just_what_came_since() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let ours = policy(&docker::docker_default());
    for (runtime, host) in RUNTIMES {
        let program = loaded_for(&testbed, &daemon, runtime, &[]);
        let found = unlike(&program, &ours, host);
        let expected = since_20_10::expected(runtime);
        let surplus: Vec<_> = found.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(
            surplus.is_empty() && missing.is_empty(),
            "{runtime}: not on the list: {surplus:#?}; on the list, and not there: {missing:#?}"
        );
        println!("{runtime}: {} differences, each explained", found.len());
        match std::fs::read(DOCKER_DEFAULT) {
            Ok(text) => {
                let theirs = unlike(&program, &policy(&read(&text)), host);
                assert_eq!(theirs, found, "moby's file and ours, under {runtime}");
            }
            Err(_) => eprintln!(
                "skipped: there is no {} here",
                Path::new(DOCKER_DEFAULT).display()
            ),
        }
    }
}
