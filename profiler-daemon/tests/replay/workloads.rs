//! An image that is run with another entrypoint, without root: told apart in every answer, across restarts,
//! and however odd the entrypoint is.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::hasty::hasty;

use super::{DB, Daemon, FakeDocker, WEB, named, shadow::ask, versions::versions};

/// Words that could pass for a version, a workload, an option or a command of the terminal's.
const ODD: &str = "/x \u{1b}[31m\u{202e}@3";
const ODD_WRITTEN: &str = "/x%20%1B%5B31m%E2%80%AE%403,%23";

struct Ground {
    engine: FakeDocker,
    config: String,
    folder: Option<tempfile::TempDir>,
}

impl Ground {
    /// `web` runs the image's own entrypoint, `shell` another one.
    fn new(other: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = FakeDocker::running(folder.path());
        engine.set_image(Some(&json!(["/entry"])));
        engine.add(WEB, "web");
        engine.made_with(WEB, &json!(["/entry"]), &json!(["run"]));
        engine.add(DB, "shell");
        engine.made_with(DB, other, &json!(null));
        Self {
            engine,
            config: hasty(folder.path()),
            folder: Some(folder),
        }
    }

    async fn daemon(&mut self) -> Daemon {
        let words = ["--config", self.config.as_str()];
        let folder = self.folder.take().unwrap();
        let daemon = Daemon::start_with(folder, self.engine.socket(), &words).await;
        daemon
            .until("names", |daemon| {
                named(daemon, "web") && named(daemon, "shell")
            })
            .await;
        daemon
    }
}

fn containers(daemon: &Daemon, path: &str) -> Value {
    let (status, export) = ask(daemon, "GET", path, "");
    assert_eq!(status, 200, "{export}");
    export["containers"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_entrypoint_is_a_workload_of_its_own_across_a_restart() {
    let mut ground = Ground::new(&json!(["/bin/sh", "-c"]));
    let daemon = ground.daemon().await;
    let (own, shell) = ("image:fake:1", "image:fake:1#/bin/sh,-c");
    daemon
        .until("versions of both", |daemon| {
            [own, shell].iter().all(|of| {
                daemon.ctl(&["history", of]).status.success() && versions(daemon, of).len() == 1
            })
        })
        .await;
    let paths = ["fake%3A1", "fake%3A1%23%2Fbin%2Fsh%2C-c"];
    for (path, name) in paths.into_iter().zip(["web", "shell"]) {
        for part in ["profile", "versions/1"] {
            let path = format!("/v1/images/{path}/{part}");
            let export = ask(&daemon, "GET", &path, "").1;
            let export = export.get("export").unwrap_or(&export);
            assert_eq!(export["containers"], json!([name]), "{path}");
        }
        let calls = ask(&daemon, "GET", &format!("/v1/images/{path}/calls"), "").1;
        assert_eq!(calls[0]["coverage"]["of"], 1, "{calls}");
        let observations = format!("/v1/images/{path}/observations");
        let document = ask(&daemon, "GET", &observations, "").1;
        assert_eq!(document["containers"].as_array().unwrap().len(), 1);
        assert_eq!(document["containers"][0]["name"], name);
    }
    let (_, all) = ask(&daemon, "GET", "/v1/images/fake%3A1/workloads", "");
    let told: Vec<[&Value; 4]> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["name", "id", "containers", "meant"].map(|key| &one[key]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["fake:1", "sha256:feed", 1, true],
            ["fake:1#/bin/sh,-c", "sha256:feed#/bin/sh,-c", 1, false],
        ])
    );

    // What the name alone leaves out is said by name, and what another's name means is not.
    let hint = format!("fake:1: 1 container ran it with another entrypoint: {shell}");
    for words in [
        &["export", own][..],
        &["explain", own],
        &["explain", own, "openat"],
        &["history", own],
        &["promote", "image:fake:1@1"],
        &["observations", "export", own],
        &["diff", own, own],
        &["check", own],
    ] {
        let output = daemon.ctl(words);
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.replace("\n  ", " ").contains(&hint), "{words:?}: {err}");
    }
    for words in [
        &["export", shell][..],
        &["explain", shell],
        &["history", shell],
    ] {
        let text = daemon.text(words, 0);
        assert!(!text.contains("another entrypoint"), "{words:?}: {text}");
    }
    let list = daemon.text(&["list"], 0);
    assert!(list.contains("fake:1#/bin/sh,-c"), "{list}");
    let show = daemon.text(&["show", "shell"], 0);
    assert!(show.contains("/bin/sh,-c, not the image's own"), "{show}");
    let history = daemon.text(&["history", shell], 0);
    assert!(
        history.starts_with("fake:1#/bin/sh,-c: 1 version of the image sha256:feed#/bin/sh,-c\n"),
        "{history}"
    );

    // Promoted is what was named alone; also after a restart without the engine.
    let promoted =
        |daemon: &Daemon| [own, shell].map(|of| daemon.json(&["history", of])["promoted"].clone());
    assert_eq!(promoted(&daemon), [json!(1), Value::Null]);
    let words = ["--config", ground.config.as_str()];
    ground.engine.stop();
    let daemon = daemon.again(ground.engine.socket(), &words).await;
    assert_eq!(promoted(&daemon), [json!(1), Value::Null]);
    ground.engine.start();
    fs::set_permissions(ground.engine.socket(), fs::Permissions::from_mode(0o777)).unwrap();
    daemon
        .until("the name", |daemon| named(daemon, "shell"))
        .await;
    assert_eq!(promoted(&daemon), [json!(1), Value::Null]);
    let path = "/v1/images/fake%3A1%23%2Fbin%2Fsh%2C-c/profile";
    assert_eq!(containers(&daemon, path), json!(["shell"]));
    let path = "/v1/images/sha256%3Afeed/profile";
    assert_eq!(ask(&daemon, "GET", path, "").0, 404, "an id has 12 digits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entrypoint_of_odd_signs_is_named_shown_and_no_version() {
    let mut ground = Ground::new(&json!([ODD, "#"]));
    let daemon = ground.daemon().await;
    let operand = format!("image:fake:1#{ODD_WRITTEN}");
    daemon
        .until("a version", |daemon| {
            daemon.ctl(&["history", &operand]).status.success()
                && versions(daemon, &operand).len() == 1
        })
        .await;
    // All that is printed can be typed, and a terminal obeys nothing of it (`text` looks).
    for words in [
        &["list"][..],
        &["show", "shell"],
        &["export", "image:fake:1"],
        &["export", &operand],
        &["explain", &operand],
        &["history", &operand],
    ] {
        let text = daemon.text(words, 0);
        let whole = text.replace("\n  ", "");
        if words[0] != "explain" && words[1..] != [operand.as_str()] {
            assert!(whole.contains("%1B%5B31m"), "{words:?}: {text}");
        }
    }
    let version = format!("{operand}@1");
    assert_eq!(
        daemon.ctl(&["export", &version]).stdout,
        daemon.ctl(&["export", &operand]).stdout
    );
    // As it is, unencoded but for the sign that would begin a version.
    let typed = format!("image:fake:1#{},#", ODD.replace('@', "%40"));
    daemon.text(&["export", &typed], 0);
    let taken_for_a_version = format!("image:fake:1#{ODD}");
    daemon.text(&["export", &taken_for_a_version], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_no_container_ran_as_says_which_there_are() {
    let mut ground = Ground::new(&json!(["/bin/sh"]));
    ground
        .engine
        .made_with(WEB, &json!(["/migrate"]), &json!(null));
    let daemon = ground.daemon().await;
    for (words, says) in [
        (&["export", "image:fake:1"][..], "its own entrypoint"),
        (&["explain", "image:fake:1"], "its own entrypoint"),
        (&["history", "image:fake:1"], "its own entrypoint"),
        (&["promote", "image:fake:1@1"], "its own entrypoint"),
        (
            &["observations", "export", "image:fake:1"],
            "its own entrypoint",
        ),
        (&["export", "image:fake:1#/nope"], "the entrypoint /nope"),
        (
            &["diff", "image:fake:1", "unconfined"],
            "its own entrypoint",
        ),
    ] {
        let told = daemon.text(words, 4);
        for part in [
            says,
            "image:fake:1#/bin/sh (1 container)",
            "image:fake:1#/migrate (1 container)",
        ] {
            assert!(told.contains(part), "{words:?}: no {part:?} in {told}");
        }
    }
    for half in ["image:fake:1#", "image:#/bin/sh"] {
        let told = daemon.text(&["export", half], 2);
        assert!(told.contains("web:1.4#/bin/sh"), "{half}: {told}");
    }
    // An image's id names it, and that alone says nothing of its entrypoint.
    let none = daemon.text(&["export", "image:nope#/bin/sh"], 4);
    assert!(
        none.contains("no container of the image \"nope\""),
        "{none}"
    );
}
