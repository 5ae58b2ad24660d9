//! A daemon replaced by one with other settings, whose programs take the place of the earlier one's while
//! containers go on making calls that they never made before and never make again.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use serde_json::{Value, json};

use super::testbed::{Container, Daemon, Testbed, compile_c, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
const CONTAINERS: usize = 6;

/// Every call that `rare.c` makes once, by its table and number.
fn rare() -> BTreeSet<(String, u64)> {
    let numbers = || (480..512).chain(548..640);
    let tables = ["x86_64", "x32", "i386"].into_iter();
    tables
        .flat_map(|abi| numbers().map(move |nr| (abi.to_owned(), nr)))
        .collect()
}

/// Lets everything through but the one, so that a filter is in force and new numbers are entered.
fn profile() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{"names": ["swapoff"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
    })
}

fn observed(detail: &Value) -> BTreeSet<(String, u64)> {
    let calls = detail["calls"].as_array().unwrap().iter();
    calls
        .filter(|call| call["observed"] == true)
        .map(|call| {
            let abi = call["abi"].as_str().unwrap().to_owned();
            (abi, call["nr"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn a_change_of_settings_under_load_of_six_containers_misses_no_rare_call() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let program = compile_c(include_str!("rare.c"), &["-static", "-pthread"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.json");
    fs::write(&file, profile().to_string()).unwrap();
    let filter = format!("--security-opt=seccomp={}", file.display());
    let mount = format!("{}:/rare:ro", program.display());
    let mut daemon = Daemon::start_with(&testbed, &[]);
    let containers: Vec<Container> = (0..CONTAINERS)
        .map(|_| {
            Container::run(
                &testbed,
                &["--volume", &mount, &filter, "pb-busybox", "/rare"],
            )
        })
        .collect();
    let settings: [&[&str]; 4] = [&["--count"], &["--count", "--args"], &["--args"], &[]];
    for words in settings {
        thread::sleep(Duration::from_millis(500));
        daemon.restart_with(words);
    }
    for container in &containers {
        let state = container.inspect("{{.State.Running}}");
        assert_eq!(state, "true", "it ended before the daemon was replaced");
    }
    let wanted = rare();
    for container in &containers {
        assert_eq!(container.wait(), 0, "{}", container.logs());
        let detail = eventually("its end", PATIENCE, || {
            let detail = daemon.ctl_json(&["show", &container.name]);
            (detail["summary"]["identity"]["running"] == false).then_some(detail)
        });
        let observed = observed(&detail);
        let missing: Vec<_> = wanted.difference(&observed).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        assert_eq!(
            (&detail["start_seen"], &detail["stop_seen"]),
            (&true.into(), &true.into()),
            "{detail}"
        );
        let refusals = detail["refusals"].as_array().unwrap().iter();
        let refused: Vec<_> = refusals
            .map(|refusal| format!("{} {}", refusal["call"]["nr"], refusal["with"]))
            .collect();
        assert_eq!(refused, [r#"168 {"errno":1}"#], "refusals nobody made");
    }
    println!(
        "{} changes of settings, {} rare calls of {CONTAINERS} containers, 0 missing",
        settings.len(),
        wanted.len() * CONTAINERS
    );
}
