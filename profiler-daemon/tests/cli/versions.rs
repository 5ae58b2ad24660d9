//! Versions as a person and a script meet them.

use profiler_daemon::api::protocol::Health;
use serde_json::Value;

use super::{Fake, check, run, text};

const IMAGE: &str = "image:reg:5000/shop/nginx:1.27";

#[test]
fn a_history_reads_well_and_keeps_its_keys() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "history.txt", 0, &["history", "web"]);
    check(&fake, "history-image.txt", 0, &["history", IMAGE]);
    check(&fake, "history-none.txt", 0, &["history", "job"]);
    check(&fake, "history-unknown.txt", 4, &["history", "nope"]);
    check(&fake, "history-one.txt", 2, &["history", "web@2"]);
    check(
        &fake,
        "history.json.txt",
        0,
        &["history", "web", "--format", "json"],
    );
    // Without `image:` a name that no container has is tried as an image's.
    let bare = run(&fake, &["history", "reg:5000/shop/nginx:1.27"]);
    assert_eq!(bare.stdout, run(&fake, &["history", IMAGE]).stdout);
}

#[test]
fn a_version_is_promoted_once_and_must_be_named() {
    let fake = Fake::start(Health::Healthy);
    let promoted = |name: &str| {
        let output = run(&fake, &["promote", name, "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let version: Value = serde_json::from_slice(&output.stdout).unwrap();
        version["promoted_ms"].as_u64().unwrap()
    };
    assert_eq!(promoted("web@2"), fake.now_ms - 80 * 60_000);
    assert_eq!(promoted(&format!("{IMAGE}@3")), fake.now_ms);
    check(&fake, "promote.txt", 0, &["promote", "web@2"]);
    check(&fake, "promote-unknown.txt", 4, &["promote", "web@7"]);
    check(&fake, "promote-unnamed.txt", 2, &["promote", "web"]);
}

#[test]
fn a_version_is_an_operand_wherever_one_is_taken() {
    let fake = Fake::start(Health::Healthy);
    for version in ["web@2", &format!("{IMAGE}@2")] {
        for words in [
            &["export", version][..],
            &["check", version],
            &["eval", version, "read"],
            &["compile", version],
            &["convert", version, "--to", "oci"],
            &["edit", version, "--deny", "chmod"],
            &["audit", "job", "--candidate", version],
            &["diff", version, version],
        ] {
            let output = run(&fake, words);
            let status = output.status.code();
            assert!(
                matches!(status, Some(0 | 1)),
                "{words:?}: {status:?}: {}",
                text(&output.stderr)
            );
        }
    }
    for words in [
        &["export", "web@7"][..],
        &["check", "web@7"],
        &["eval", "web@7", "read"],
        &["diff", "docker-default", "web@7"],
        &["run", "--profile", "web@7", "--", "true"],
    ] {
        let output = run(&fake, words);
        let said = text(&output.stderr);
        assert!(
            said.contains("no version 7") && said.contains("1 to 3"),
            "{words:?}: {said}"
        );
        assert_eq!(output.status.code(), Some(4), "{words:?}: {said}");
    }
    assert_eq!(
        run(&fake, &["export", "web@1"]).stdout,
        run(&fake, &["export", "web", "--include-refused"]).stdout
    );
}

#[test]
fn a_profile_is_compared_with_the_one_before() {
    let fake = Fake::start(Health::Healthy);
    let same = |words: &[&str], others: &[&str]| {
        let (one, two) = (run(&fake, words), run(&fake, others));
        assert_eq!(text(&one.stdout), text(&two.stdout), "{words:?}");
        assert_eq!(one.status.code(), two.status.code(), "{words:?}");
        assert_eq!(text(&one.stderr), text(&two.stderr), "{words:?}");
        one.status.code()
    };
    let web = same(
        &["diff", "web", "--against", "previous"],
        &["diff", "web@2", "web"],
    );
    assert_eq!(web, Some(1));
    same(
        &["diff", "web@2", "--against", "previous"],
        &["diff", "web@1", "web@2"],
    );
    // Of the image more is known than its newest version has.
    let image = format!("{IMAGE}@3");
    same(
        &["diff", IMAGE, "--against", "previous"],
        &["diff", &image, IMAGE],
    );
    same(
        &["diff", "job", "--against", "active"],
        &["diff", "active:job", "job"],
    );
    same(
        &["diff", "web@1", "--against", "docker-default"],
        &["diff", "docker-default", "web@1"],
    );
    let status = |words: &[&str]| run(&fake, words).status.code();
    assert_eq!(status(&["diff", "web@1", "--against", "previous"]), Some(4));
    assert_eq!(status(&["diff", "job", "--against", "previous"]), Some(4));
    assert_eq!(status(&["diff", IMAGE, "--against", "active"]), Some(2));
    assert_eq!(
        status(&["diff", "web", "job", "--against", "active"]),
        Some(2)
    );
    assert_eq!(status(&["diff", "web"]), Some(2));
    assert_eq!(
        status(&["diff", "/dev/null", "--against", "previous"]),
        Some(2)
    );
}
