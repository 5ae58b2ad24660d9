//! What several containers of an image are told to have in common, and the verbs that bring records
//! and profiles together.

use std::fs;

use profiler_daemon::api::protocol::Health;
use serde_json::Value;

use super::{Fake, check, files::Desk, profilectl, run, text};

#[test]
fn an_image_is_told_by_how_many_of_its_containers_made_what() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "explain-image.txt", 0, &["explain", "image:shop:2"]);
    check(
        &fake,
        "explain-image-getpid.txt",
        0,
        &["explain", "image:shop:2", "getpid"],
    );
    check(
        &fake,
        "explain-image.json.txt",
        0,
        &["explain", "image:shop:2", "getpid", "--format", "json"],
    );
    check(&fake, "export-replicas.txt", 0, &["export", "image:shop:2"]);
    for (status, arguments) in [
        (4, &["explain", "image:nope"][..]),
        (4, &["explain", "image:nope", "openat"]),
        (2, &["explain", "image:shop:2", "opneat"]),
        (4, &["observations", "export", "nope"]),
        (4, &["observations", "export", "image:nope"]),
        (2, &["observations", "import"]),
        (2, &["observations", "import", "/nowhere"]),
    ] {
        let output = run(&fake, arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn a_document_of_observations_is_written_and_taken_up_again() {
    let fake = Fake::start(Health::Healthy);
    let file = fake.room().join("web.json");
    let path = file.to_str().unwrap();
    let output = run(
        &fake,
        &["observations", "export", "image:shop:2", "-o", path],
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "image:shop:2: the records of 2 containers, 2 of them complete\n\
         shop:2: 3 containers ran it with other entrypoints: image:shop:2#/bin/sh (2),\n  \
         image:shop:2#/x%1B%5B31m%20y%403 (1)\n"
    );
    let document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(document["format"], "profiler-observations");
    assert_eq!(document["version"], 1);
    assert_eq!(document["containers"][0]["name"], "web-1");
    assert_eq!(document["containers"][0]["labels"]["team"], "shop");
    let again = run(&fake, &["observations", "export", "image:shop:2"]);
    assert_eq!(again.stdout, fs::read(&file).unwrap());
    let imported = run(&fake, &["observations", "import", path, "--format", "json"]);
    let imported: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!(imported["containers"][1]["name"], "web-2");
    assert_eq!(imported["containers"][1]["change"], "added");
    assert_eq!(imported["containers"][1]["host"], document["host"]);
}

#[test]
fn a_document_that_is_none_is_refused_with_place_and_reason() {
    let fake = Fake::start(Health::Healthy);
    let whole = text(&run(&fake, &["observations", "export", "web"]).stdout);
    let room = tempfile::tempdir().unwrap();
    let write = |name: &str, content: String| fs::write(room.path().join(name), content).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&whole).unwrap();
        change(&mut document);
        document.to_string()
    };
    write("cut.json", whole[..200].to_owned());
    write(
        "profile.json",
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\"}".to_owned(),
    );
    write("newer.json", with(&|it| it["version"] = 7.into()));
    write(
        "climbing.json",
        with(&|it| it["containers"][0]["id"] = "../../../../etc/passwd".into()),
    );
    write(
        "beyond.json",
        with(&|it| it["containers"][0]["observation"]["observed"][0]["nr"] = 9999.into()),
    );
    write(
        "untrue.json",
        with(&|it| it["containers"][0]["observation"]["observed"] = Value::Array(Vec::new())),
    );
    write(
        "forever.json",
        with(&|it| it["containers"][0]["observation"]["last_new_ms"] = u64::MAX.into()),
    );
    write(
        "lacking.json",
        with(&|it| {
            let container = it["containers"][0].as_object_mut().unwrap();
            container.remove("engine");
        }),
    );
    let mut shown = String::new();
    for name in [
        "cut.json",
        "profile.json",
        "newer.json",
        "climbing.json",
        "beyond.json",
        "untrue.json",
        "forever.json",
        "lacking.json",
    ] {
        let output = profilectl(&fake.socket, &["observations", "import", name])
            .current_dir(room.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty());
        shown.push_str(&format!(
            "$ profilectl observations import {name}\n{}\n",
            text(&output.stderr)
        ));
    }
    super::golden("observations-refused.txt", &shown);
}

#[test]
fn a_merge_knows_no_order_and_takes_nothing_away() {
    let desk = Desk::new();
    let merge = |names: &[&str]| {
        let mut line = vec!["merge"];
        line.extend(names);
        desk.run(&line, "").stdout
    };
    let names = ["small.json", "whole.json", "docker-default"];
    let [a, b, c] = names;
    let merged = merge(&[a, b, c]);
    for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert!(merge(&order) == merged, "{order:?}");
    }
    assert!(merge(&[a, a, b, c, b]) == merged, "a repetition");
    // Merging merges is merging.
    desk.write("first.json", &text(&merge(&[a, b])));
    desk.write("all.json", &text(&merged));
    let diff = desk.run(&["diff", "all.json", "all.json"], "");
    assert_eq!(diff.status.code(), Some(0));
    for name in names {
        let diff = desk.run(&["diff", name, "all.json", "--format", "json"], "");
        let changes: Value = serde_json::from_slice(&diff.stdout).unwrap();
        for change in changes.as_array().unwrap() {
            assert!(
                change["change"] == "loosened" || change["change"] == "answer",
                "{name}: {change}"
            );
        }
    }
    desk.write("onward.json", &text(&merge(&["first.json", c])));
    let diff = desk.run(&["diff", "onward.json", "all.json"], "");
    assert_eq!(diff.status.code(), Some(0), "{}", text(&diff.stdout));
}

#[test]
fn profiles_are_merged_and_what_that_costs_is_told() {
    let desk = Desk::new();
    desk.session(
        "files-merge.txt",
        &[
            (0, "merge small.json less.json"),
            (0, "merge small.json whole.json --format oci"),
            (0, "merge unit.service small.json -o merged.json"),
            (0, "merge job small.json -o merged.json"),
            (0, "diff merged.json merged.json"),
            (0, "merge supervised.json small.json --format systemd"),
            (2, "merge small.json"),
            (2, "merge small.json unconfined"),
            (2, "merge small.json open.json"),
            (2, "merge small.json active:job"),
            (2, "merge small.json broken.json"),
        ],
    );
}
