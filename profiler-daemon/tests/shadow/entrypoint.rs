//! A shadow of an image covers the containers that run its own entrypoint, or the one that it names.

use std::{fs, process};

use serde_json::{Value, json};

use super::{
    CHMOD, PATIENCE, STAY, Tag,
    followed::{Followed, ask},
    hits, script,
    testbed::{Container, Daemon, DaemonOptions, Testbed, eventually},
};

#[test]
fn a_shadow_of_another_entrypoint_leaves_the_images_own_alone() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (config, profile) = (folder.path().join("toml"), folder.path().join("json"));
    let image = format!("pb-shadow-entry-{}", process::id());
    let _tag = Tag::of(&testbed, &image);
    let mut text = String::new();
    for target in [image.clone(), format!("{image}#/probe")] {
        text += &format!(
            "[[shadow]]\nimage = {target:?}\nprofile = {:?}\n",
            profile.display().to_string()
        );
    }
    fs::write(&config, text).expect("the configuration can be written");
    let candidate = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}]}"#;
    fs::write(&profile, candidate).expect("a candidate");
    let daemon = Daemon::start_as(DaemonOptions {
        docker: testbed.url(),
        words: vec!["--config".to_owned(), config.display().to_string()],
    });
    let watch = Followed::watch(&daemon);
    let mount = format!("{}:/probe:ro", script::script_program().display());
    let run = |words: &[&str]| {
        let all = [&["--network", "none", "-v", &mount], words].concat();
        Container::run(&testbed, &all)
    };
    let other = run(&["--entrypoint", "/probe", &image, CHMOD, STAY]);
    let own = run(&[&image, "/probe", CHMOD, STAY]);
    for (container, target) in [(&own, image.clone()), (&other, format!("{image}#/probe"))] {
        let told = watch.once("its chmod", hits(container, "chmod"));
        assert_eq!(told["shadow"], format!("image:{target}"));
    }
    let covered = || -> Vec<(Value, Value)> {
        let (_, shadows) = ask(&daemon, "GET", "/v1/shadows", "");
        let shadows = shadows.as_array().cloned().unwrap_or_default();
        let ids = |shadow: &Value| shadow["containers"].as_array().cloned().unwrap_or_default();
        shadows
            .iter()
            .flat_map(|shadow| {
                ids(shadow)
                    .into_iter()
                    .map(|one| (shadow["target"].clone(), one["id"].clone()))
            })
            .collect()
    };
    let each = [
        (json!(format!("image:{image}")), json!(own.id)),
        (json!(format!("image:{image}#/probe")), json!(other.id)),
    ];
    eventually("each of its own", PATIENCE, || {
        (covered() == each).then_some(())
    });
    let of = |container: &Container| watch.those(hits(container, "chmod")).len();
    assert_eq!(
        (of(&own), of(&other)),
        (1, 1),
        "each by its own shadow only"
    );
}
