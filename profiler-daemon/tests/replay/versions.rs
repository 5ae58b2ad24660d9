//! Versions without root: made once, whatever restarts; and kept files of the version before.

use serde_json::{Value, json};

use crate::hasty::hasty;

use super::{Daemon, FakeDocker, WEB};

pub(crate) fn versions(daemon: &Daemon, of: &str) -> Vec<Value> {
    let history = daemon.json(&["history", of]);
    history["versions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_made_once_of_a_container_and_of_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    engine.add(WEB, "web");
    let config = hasty(folder.path());
    let words = ["--config", config.as_str()];
    let daemon = Daemon::start_with(folder, engine.socket(), &words).await;
    daemon
        .until("a version of the image", |daemon| {
            super::named(daemon, "web")
                && daemon.ctl(&["history", "image:fake:1"]).status.success()
                && versions(daemon, "image:fake:1").len() == 1
        })
        .await;
    let web = versions(&daemon, "web");
    assert_eq!(web.len(), 1, "{web:?}");
    assert_eq!(
        (&web[0]["calls"], &web[0]["parent"]),
        (&json!(4), &Value::Null)
    );
    let openat = web[0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["name"] == "openat")
        .unwrap()
        .clone();
    assert_eq!(openat["change"], "added");
    assert_eq!(openat["container"], WEB);
    assert!(openat["exe"].as_str().unwrap().starts_with("/bin/ev"));
    assert_eq!(
        daemon.ctl(&["export", "web@1"]).stdout,
        daemon.ctl(&["export", "web"]).stdout
    );
    let missing = daemon.text(&["export", "web@2"], 4);
    assert!(
        missing.contains("web has no version 2: it has 1"),
        "{missing}"
    );
    let promoted = daemon.text(&["promote", "image:fake:1@1"], 0);
    // Who did is told by the kernel.
    let me = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let me = String::from_utf8(me.stdout).unwrap().trim().to_owned();
    assert!(
        promoted.trim_end().ends_with(&format!(" by {me}")),
        "{promoted}"
    );

    let status = daemon.json(&["status"]);
    assert_eq!(status["store"]["versions"], 3, "{status}");
    assert!(status["store"]["bytes"].as_u64().unwrap() > 4096);

    // The same is seen again by the next daemon, which makes no version of it.
    let daemon = daemon.again(engine.socket(), &words).await;
    daemon
        .until("its name", |daemon| super::named(daemon, "web"))
        .await;
    assert_eq!(versions(&daemon, "web"), web);
    let image = versions(&daemon, "image:fake:1");
    assert_eq!(image.len(), 1);
    assert!(image[0]["promoted_ms"].is_u64());
    assert_eq!(image[0]["promoted_by"], me);
}
