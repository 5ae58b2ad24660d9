//! Workloads as text: written, read back, and meant by names.

use super::{Entrypoint, Named, NoWorkload, Workload};
use crate::profile::identity::{Engine, Identity, Image};

const ID: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn entrypoint(words: &[&str]) -> Entrypoint {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Entrypoint::try_from(words).expect("words")
}

fn container(reference: &str, id: &str, other: Option<Entrypoint>) -> Identity {
    Identity {
        image: Some(Image {
            reference: reference.to_owned(),
            id: id.to_owned(),
        }),
        entrypoint: other,
        ..Identity::unnamed("aa".to_owned(), Engine::Docker)
    }
}

#[test]
fn an_entrypoint_is_written_for_people_and_read_back() {
    for (words, text) in [
        (&["/bin/sh"][..], "/bin/sh"),
        (&["/bin/sh", "-c"], "/bin/sh,-c"),
        (&["/opt/my app", "a,b"], "/opt/my%20app,a%2Cb"),
        (&["/x@3", "#", "100%"], "/x%403,%23,100%25"),
        (&["/x", "", "y", ""], "/x,,y,"),
        (&["", ""], ","),
        (&["\u{1b}[31m\n\u{202e}é"], "%1B%5B31m%0A%E2%80%AE%C3%A9"),
        (&["$(reboot)`'\"\\"], "%24%28reboot%29%60%27%22%5C"),
    ] {
        let written = entrypoint(words);
        assert_eq!(written.to_string(), text);
        assert_eq!(Entrypoint::read(text), Ok(written), "{text}");
    }
    // What differs in its words differs in its text.
    assert_ne!(
        entrypoint(&["/bin/sh", "-c"]).to_string(),
        entrypoint(&["/bin/sh,-c"]).to_string()
    );
}

#[test]
fn a_person_need_not_encode_and_nothing_written_is_too_odd_to_be_read() {
    for (text, words) in [
        ("/opt/my app", &["/opt/my app"][..]),
        ("/opt/é", &["/opt/é"]),
        ("50%", &["50%"]),
        ("%g0%2", &["%g0%2"]),
        ("%c3%A9", &["é"]),
        // No text: as engines tell it.
        ("%ff", &["\u{fffd}"]),
    ] {
        assert_eq!(Entrypoint::read(text), Ok(entrypoint(words)), "{text}");
    }
    assert_eq!(Entrypoint::read(""), Err(NoWorkload::Cleared));
    assert_eq!(Entrypoint::try_from(vec![]), Err(NoWorkload::Cleared));
    assert_eq!(
        Entrypoint::try_from(vec![String::new()]),
        Err(NoWorkload::Cleared)
    );
}

#[test]
fn a_key_is_the_images_id_alone_where_the_entrypoint_is_its_own() {
    let key = |identity: &Identity| Workload::of(identity).map(|it| it.key().into_owned());
    assert_eq!(key(&container("web:1", ID, None)).as_deref(), Some(ID));
    assert_eq!(
        key(&container(
            "web:1",
            ID,
            Some(entrypoint(&["/bin/sh", "-c"]))
        )),
        Some(format!("{ID}#/bin/sh,-c"))
    );
    assert_eq!(
        key(&container("web:1", "", Some(entrypoint(&["/bin/sh"])))).as_deref(),
        Some("web:1#/bin/sh"),
        "an image of which no id is known"
    );
    assert_eq!(
        key(&Identity::unnamed("aa".to_owned(), Engine::Docker)),
        None
    );
}

#[test]
fn a_name_means_one_entrypoint_only() {
    let own = container("web:latest", ID, None);
    let shell = container("web:latest", ID, Some(entrypoint(&["/bin/sh"])));
    for (name, is) in [
        ("web", [true, false]),
        ("web:latest", [true, false]),
        ("web#/bin/sh", [false, true]),
        ("web:latest#%2Fbin%2Fsh", [false, true]),
        ("web#/bin/sh,-c", [false, false]),
        ("web#sh", [false, false]),
        ("web:2#/bin/sh", [false, false]),
        (ID, [true, false]),
        ("0123456789ab#/bin/sh", [false, true]),
        ("0123456789a", [false, false]),
    ] {
        let named = Named::read(name).expect(name);
        assert_eq!([named.is_of(&own), named.is_of(&shell)], is, "{name}");
    }
    for half in ["web#", "#/bin/sh", "#", ""] {
        assert_eq!(Named::read(half), Err(NoWorkload::Half), "{half}");
    }
    // A further # is the entrypoint's.
    let odd = Named::read("web#/a#b@c").expect("read");
    assert_eq!(odd.other, Some(entrypoint(&["/a#b@c"])));
    assert_eq!(odd.to_string(), "web#/a%23b%40c");
    // A key reads as the workload that it is of.
    let identity = container("web:1", ID, Some(entrypoint(&["/x y", ""])));
    let key = Workload::of(&identity).expect("an image").key();
    assert!(Named::read(&key).expect("read").is_of(&identity));
}

#[test]
fn an_old_record_is_one_of_the_images_own() {
    let identity = container("web:1", ID, Some(entrypoint(&["/bin/sh", "-c"])));
    let mut value = serde_json::to_value(&identity).expect("JSON");
    assert_eq!(value["entrypoint"], serde_json::json!(["/bin/sh", "-c"]));
    assert_eq!(
        serde_json::from_value::<Identity>(value.clone()).expect("read"),
        identity
    );
    let fields = value.as_object_mut().expect("an object");
    fields.remove("entrypoint");
    let old: Identity = serde_json::from_value(value.clone()).expect("read");
    assert_eq!(old.entrypoint, None);
    let own = serde_json::to_value(&old).expect("JSON");
    assert!(own.get("entrypoint").is_none(), "as it was before");
    value["entrypoint"] = serde_json::json!([""]);
    assert!(serde_json::from_value::<Identity>(value).is_err());
}
