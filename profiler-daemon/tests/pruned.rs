//! An image that is removed while its containers are recorded, or after them: what was recorded of it,
//! and every version, stays as long as the bounds allow.

#![allow(unreachable_pub, reason = "a test's modules have no outside")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its ground gives way"
)]

mod hasty;
mod script;
mod testbed;

use std::time::Duration;

use hasty::hasty;
use script::{borrowed, ended, observed, script_program, shown, words};
use serde_json::Value;
use testbed::{Container, Daemon, Testbed, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// An image of this test's own, with an id that no other has.
struct Image {
    testbed: Testbed,
    reference: String,
    id: String,
}

impl Image {
    fn new(testbed: &Testbed) -> Self {
        let reference = format!("pb-pruned-{}:1", std::process::id());
        let ground = Container::run(testbed, &["--network", "none", "pb-busybox", "true"]);
        let label = format!("LABEL pb-pruned={}", std::process::id());
        let id = testbed.docker_ok(&["commit", "--change", &label, &ground.name, &reference]);
        Self {
            testbed: testbed.clone(),
            reference,
            id,
        }
    }

    fn run(&self, calls: &[u64]) -> Container {
        let mount = format!("{}:/probe:ro", script_program().display());
        let mut all = vec!["--network", "none", "-v", &mount];
        all.extend([
            "--security-opt",
            "seccomp=unconfined",
            &self.reference,
            "/probe",
        ]);
        let calls = words(calls.iter().copied());
        all.extend(borrowed(&calls));
        all.extend(["s600000"]);
        Container::run(&self.testbed, &all)
    }

    fn exists(&self) -> bool {
        self.testbed
            .docker(&["image", "inspect", &self.id])
            .success()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.testbed.docker(&["rmi", "--force", &self.id]);
    }
}

fn history(daemon: &Daemon, of: &str) -> Value {
    daemon.ctl_json(&["history", of])
}

#[test]
fn an_image_that_is_removed_keeps_its_profile_and_its_history() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = hasty(folder.path());
    let mut daemon = Daemon::start_with(&testbed, &["--config", &config]);
    let image = Image::new(&testbed);
    let of_image = format!("image:{}", image.reference);
    let versions = |daemon: &Daemon, count: usize| {
        eventually("versions of the image", PATIENCE, || {
            let told = daemon.ctl(&["history", &of_image, "--format", "json"]);
            let told: Value = serde_json::from_str(&told.stdout).ok()?;
            (told["versions"].as_array()?.len() == count).then_some(told)
        })
    };
    let first = image.run(&[111, 102]);
    versions(&daemon, 1);
    let second = image.run(&[111, 104]);
    let before = versions(&daemon, 2);
    let profile = daemon.ctl_ok(&["export", &of_image]);

    // The name goes while containers run; the image itself cannot.
    testbed.docker_ok(&["rmi", "--force", &image.reference]);
    assert!(
        !testbed
            .docker(&["image", "inspect", &image.reference])
            .success()
    );
    assert_eq!(history(&daemon, &of_image)["versions"], before["versions"]);
    assert_eq!(daemon.ctl_ok(&["export", &of_image]), profile);
    // A daemon that begins now hears of containers whose image has no name.
    daemon.restart();
    for container in [&first, &second] {
        eventually("its name", PATIENCE, || {
            let shown = shown(&daemon, &container.name)?;
            (shown["summary"]["identity"]["image"]["reference"] == image.reference.as_str())
                .then_some(())
        });
    }
    assert_eq!(history(&daemon, &of_image)["versions"], before["versions"]);
    assert_eq!(daemon.ctl_ok(&["export", &of_image]), profile);

    // Its containers go, and then the image.
    for container in [&first, &second] {
        testbed.docker_ok(&["rm", "--force", &container.name]);
        ended(&daemon, &container.id);
    }
    let filter = format!("label=pb-pruned={}", std::process::id());
    testbed.docker_ok(&["image", "prune", "--force", "--filter", &filter]);
    assert!(!image.exists());
    for restarts in 0..2 {
        let after = history(&daemon, &of_image);
        assert_eq!(after["versions"], before["versions"], "{restarts}");
        assert_eq!(after["id"], image.id);
        assert_eq!(daemon.ctl_ok(&["export", &of_image]), profile, "{restarts}");
        assert_eq!(
            daemon.ctl_ok(&["export", &format!("{of_image}@2")]),
            profile
        );
        let by_id = format!("image:{}", image.id);
        assert_eq!(history(&daemon, &by_id)["versions"], before["versions"]);
        let diff = daemon.ctl(&["diff", &format!("{of_image}@1"), &format!("{of_image}@2")]);
        assert_eq!(diff.status, Some(1), "{diff}");
        assert!(
            diff.stdout.contains("getegid")
                || diff.stdout.contains("geteuid")
                || diff.stdout.contains("getgid"),
            "{diff}"
        );
        for (container, call) in [(&first, 102), (&second, 104)] {
            let shown = shown(&daemon, &container.id).unwrap();
            assert!(observed(&shown).contains(&call), "{restarts}: {shown}");
            assert!(history(&daemon, &container.id)["versions"][0].is_object());
        }
        daemon.ctl_ok(&["explain", &of_image]);
        daemon.restart();
    }
}
