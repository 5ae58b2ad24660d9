//! What a document must be, and what is refused with its place.

use serde_json::{Value, json};

use super::Observations;

/// The smallest sound document.
fn document() -> Value {
    json!({
        "format": "profiler-observations",
        "version": 1,
        "host": "ci-7",
        "profiler": "0.1.0",
        "containers": [{
            "id": "ab".repeat(32),
            "engine": "docker",
            "name": "web",
            "image": {"reference": "web:1", "id": "sha256:00"},
            "entrypoint": ["/bin/sh", "-c"],
            "runtime": {"name": "runc", "version": "1.1.5"},
            "no_new_privileges": false,
            "created_ms": 5,
            "unconfined": false,
            "completeness": {"complete": true, "shortfalls": [], "quiet_s": 1, "lost_calls": 0},
            "observation": {
                "observed": [{"abi": "x86_64", "nr": 0}],
                "answered": [{"abi": "x86_64", "nr": 0}],
                "unsupported": [], "runtime": [], "guarded": [], "refused": [],
                "runtime_refused": [], "in_flight": [], "refusals": [],
                "sightings": [], "tallies": [], "filters": [],
                "out_of_range": 0, "start_seen": true, "program_started": true,
                "stop_seen": true, "sessions": 1, "first_ms": 5, "last_new_ms": 6
            }
        }]
    })
}

fn read(document: &Value) -> Result<Observations, String> {
    Observations::read(document.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn a_document_comes_back_as_it_was() {
    let read_once = read(&document()).unwrap();
    let again = serde_json::to_vec(&read_once).unwrap();
    assert_eq!(Observations::read(&again).unwrap(), read_once);
    let mut own = document();
    own["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("entrypoint");
    let own = read(&own).unwrap();
    assert_eq!(
        own.containers[0].entrypoint, None,
        "as older ones are written"
    );
    assert_ne!(own, read_once);
    // What a later writer of the same version adds is passed over.
    let mut more = document();
    more["containers"][0]["observation"]["mood"] = json!("good");
    assert_eq!(read(&more).unwrap(), read_once);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let x86_64 = |nr: u64| json!({"abi": "x86_64", "nr": nr});
    let refusal = |count: u64, last_ms: u64| {
        json!([{"call": x86_64(1), "with": {"errno": 1}, "by_runtime": false, "count": count,
                "first_ms": 5, "last_ms": last_ms, "exe": null, "comm": "x", "pid": 1}])
    };
    let values =
        |places: Value, seen: Value| json!([[x86_64(0), {"places": places, "seen": seen}]]);
    let many: Vec<Value> = (0..33).map(|value| json!([value])).collect();
    for (path, value, says) in [
        (
            "/format",
            json!("docker"),
            "format: \"profiler-observations\" is expected",
        ),
        ("/version", json!(2), "version: 1 is the one"),
        ("/host", json!(""), "host: it is empty"),
        ("/containers", json!([]), "containers: from 1 to 256"),
        (
            "/containers/0/id",
            json!("../../../etc/passwd"),
            "containers[0].id: 64 lower-case",
        ),
        (
            "/containers/0/id",
            json!("AB".repeat(32)),
            "containers[0].id: 64 lower-case",
        ),
        (
            "/containers/0/name",
            json!("x".repeat(513)),
            "containers[0].name: longer than 512",
        ),
        (
            "/containers/0/engine",
            json!("lxd"),
            "unknown variant `lxd`",
        ),
        (
            "/containers/0/entrypoint",
            json!([""]),
            "an entrypoint has at least one word",
        ),
        (
            "/containers/0/entrypoint",
            json!(["/x", "y".repeat(4096)]),
            "containers[0].entrypoint: longer than 4096 bytes",
        ),
        (
            "/containers/0/image",
            json!({"reference": "web:1", "id": "sha256:00#/bin/sh"}),
            "containers[0].image.id: no image's has a '#'",
        ),
        (
            "/containers/0/image",
            json!({"reference": "web:1#/bin/sh", "id": ""}),
            "containers[0].image.reference: no image's",
        ),
        (
            "/containers/0/labels",
            json!({"a": "x".repeat(300_000)}),
            "containers[0].labels: longer",
        ),
        (
            "/containers/0/completeness/lost_calls",
            json!(u64::MAX),
            "lost_calls: too many",
        ),
        (
            "/containers/0/observation/observed",
            json!([{"abi": "arm", "nr": 1}]),
            "unknown variant `arm`",
        ),
        (
            "/containers/0/observation/observed",
            json!([x86_64(640)]),
            "observation.observed: x86_64 640: no call has",
        ),
        (
            "/containers/0/observation/answered",
            json!([x86_64(7)]),
            "observation.answered: x86_64 7 is not in observed",
        ),
        (
            "/containers/0/observation/guarded",
            json!([x86_64(7)]),
            "observation.guarded: x86_64 7 is not in runtime",
        ),
        (
            "/containers/0/observation/refusals",
            refusal(u64::MAX, 6),
            "observation.refusals[0].count: ",
        ),
        (
            "/containers/0/observation/refusals",
            refusal(1, 4),
            "observation.refusals[0].last_ms: before first_ms",
        ),
        (
            "/containers/0/observation/refusals",
            refusal(1, u64::MAX),
            "refusals[0].last_ms: 18446744073709551615 ms lie beyond",
        ),
        (
            "/containers/0/observation/tallies",
            json!([[x86_64(0), {"calls": 1, "errors": 2}]]),
            "tallies[0].errors: more errors than calls",
        ),
        (
            "/containers/0/observation/arguments",
            values(json!([1, 1]), json!([[1, 1]])),
            "arguments[0].places: ",
        ),
        (
            "/containers/0/observation/arguments",
            values(json!([6]), json!([[1]])),
            "arguments[0].places: ",
        ),
        (
            "/containers/0/observation/arguments",
            values(json!([0]), json!([[1, 2]])),
            "arguments[0].seen: a value for each",
        ),
        (
            "/containers/0/observation/arguments",
            values(json!([0]), json!(many)),
            "arguments[0].seen: more than 32",
        ),
        (
            "/containers/0/observation/filters",
            json!(["../x"]),
            "observation.filters[0]: a hash is 16",
        ),
        (
            "/containers/0/observation/runtime_filters",
            json!(["00000000000000aa"]),
            "runtime_filters: \"00000000000000aa\" is not",
        ),
        (
            "/containers/0/observation/sessions",
            json!(u32::MAX),
            "observation.sessions: more than",
        ),
        (
            "/containers/0/observation/first_ms",
            Value::Null,
            "observation.first_ms: no time",
        ),
        (
            "/containers/0/observation/start_seen",
            json!("yes"),
            "line 1, column",
        ),
    ] {
        let mut bad = document();
        // Keys that a document may lack are not there to point at.
        let (parent, key) = path.rsplit_once('/').unwrap();
        if parent.is_empty() {
            bad[key] = value;
        } else {
            bad.pointer_mut(parent).unwrap()[key] = value;
        }
        let told = read(&bad).unwrap_err();
        assert!(told.contains(says), "{path}: {told}");
    }
}

#[test]
fn a_container_stands_once() {
    let mut twice = document();
    let one = twice["containers"][0].clone();
    twice["containers"].as_array_mut().unwrap().push(one);
    assert!(
        read(&twice)
            .unwrap_err()
            .starts_with("containers[1].id: abab")
    );
}

#[test]
fn no_text_makes_it_panic() {
    let whole = document().to_string();
    for end in 0..whole.len() {
        assert!(Observations::read(&whole.as_bytes()[..end]).is_err());
    }
    let told = Observations::read(b"{\n  \"format\": 7}").unwrap_err();
    assert!(told.to_string().starts_with("line 2, column"), "{told}");
}
