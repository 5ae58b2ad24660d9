//! Containers that Compose made: files are written for it, and with them it makes the container anew
//! under the profile.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    ground::{Ground, PATIENCE, unfolded},
    testbed::{Ended, Testbed, run},
};

const CHMOD: &str = "chmod,fchmod,fchmodat,fchmodat2";

/// Compose 1, as Debian has it. Where there is a `docker compose`, the same words work with it.
fn compose(testbed: &Testbed, folder: &Path, words: &[&str]) -> Ended {
    let mut command = Command::new("docker-compose");
    command
        .env("DOCKER_HOST", testbed.url())
        .current_dir(folder)
        .args(words);
    run(&mut command, PATIENCE)
}

/// A project that is taken down when its guard is.
struct Project<'a> {
    testbed: &'a Testbed,
    folder: &'a Path,
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        compose(self.testbed, self.folder, &["down", "--volumes"]);
    }
}

fn has_compose() -> bool {
    let found = Command::new("docker-compose")
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        found.is_ok() || std::env::var("CI").as_deref() != Ok("true"),
        "docker-compose is not here, and CI=true allows no skipped test"
    );
    if found.is_err() {
        eprintln!("SKIPPED: needs docker-compose");
    }
    found.is_ok()
}

#[test]
fn compose_puts_the_profile_into_force_by_the_files_that_are_written() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    if !has_compose() {
        return;
    }
    let ground = Ground::new(&testbed);
    let folder = ground.file("shop");
    fs::create_dir(&folder).expect("a folder");
    let own = "version: '3.8'\nservices:\n  web:\n    image: pb-health\n    network_mode: none\n    \
        security_opt: ['no-new-privileges']\n  other:\n    image: pb-health\n    network_mode: none\n";
    fs::write(folder.join("docker-compose.yml"), own).expect("a file");
    let project = Project {
        testbed: &testbed,
        folder: &folder,
    };
    let ended = compose(&testbed, &folder, &["up", "-d"]);
    assert!(ended.success(), "{ended}");
    let ids = compose(&testbed, &folder, &["ps", "-q", "web"]).stdout;
    let (web, profile) = (ids.trim(), ground.without(CHMOD, "strict.json"));
    let before = ground.inspect(web);

    // Said first, and nothing written.
    let words = [web, "--profile", &profile, "--dry-run"];
    let ended = ground.apply(&words);
    assert!(
        ended.success() && unfolded(&ended.stdout).contains("would write"),
        "{ended}"
    );
    assert!(!folder.join("compose.profiler.yaml").exists());

    let ended = ground.apply(&[web, "--profile", &profile]);
    assert!(ended.success(), "{ended}");
    assert_eq!(
        ground.inspect(web)["Id"],
        before["Id"],
        "it was moved by hand"
    );
    let command = ended.stdout.lines().last().expect("a command").trim();
    assert!(command.starts_with("docker compose -p shop "), "{command}");

    // The very command, as a shell reads it.
    let command = command.replacen("docker compose", "docker-compose", 1);
    let mut shell = Command::new("sh");
    shell
        .env("DOCKER_HOST", testbed.url())
        .current_dir("/")
        .args(["-c", &command]);
    let ended = run(&mut shell, PATIENCE);
    assert!(ended.success(), "{command}: {ended}");
    let ids = compose(&testbed, &folder, &["ps", "-q", "web"]).stdout;
    let web = ids.trim();
    let after = ground.inspect(web);
    assert_ne!(after["Id"], before["Id"]);
    let options = after["HostConfig"]["SecurityOpt"].to_string();
    assert!(options.contains("no-new-privileges"), "{options}");
    let pid = after["State"]["Pid"].as_u64().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    assert!(status.contains("\nSeccomp:\t2\n"), "{status}");
    assert_eq!(ground.exec(web, &["chmod", "777", "/tmp"]), None);

    // The other service of the project joins the same file.
    let ids = compose(&testbed, &folder, &["ps", "-q", "other"]).stdout;
    let ended = ground.apply(&[ids.trim(), "--profile", &profile, "--format", "json"]);
    assert!(ended.success(), "{ended}");
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["outcome"], "compose");
    let text = fs::read_to_string(folder.join("compose.profiler.yaml")).expect("a file");
    assert!(
        text.contains("\"web\":") && text.contains("\"other\":"),
        "{text}"
    );

    // A file of somebody else is left as it is.
    fs::write(folder.join("compose.profiler.yaml"), "services: {}\n").expect("a file");
    let ended = ground.apply(&[web, "--profile", &profile]);
    assert_eq!(ended.status, Some(2), "{ended}");
    let text = fs::read_to_string(folder.join("compose.profiler.yaml")).expect("a file");
    assert_eq!(text, "services: {}\n");
    fs::remove_file(folder.join("compose.profiler.yaml")).expect("it is there");
    drop(project);
}
