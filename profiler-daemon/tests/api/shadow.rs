//! Candidates over the socket: what is attached, and what is turned away.

use profiler_daemon::api::protocol::{ErrorBody, Health};

use super::{Fake, raw, request};

/// A request with a body.
fn with_body(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: profilerd\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_candidate_is_attached_over_the_socket_and_a_bad_one_is_not() {
    let fake = Fake::start(Health::Healthy);
    let deny = "[[6,0,0,327681]]";
    let body = format!(r#"{{"target": "web", "profile": "deny", "programs": [{deny}]}}"#);
    let (status, answer) = raw(&fake.socket, &with_body("PUT", "/v1/shadows/mine", &body));
    assert_eq!(status, 200, "{answer}");
    let state: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (&state["name"], &state["origin"]),
        (&"mine".into(), &"client".into())
    );
    let calls = state["containers"][0]["calls"].as_array().unwrap();
    let names: Vec<_> = calls.iter().map(|call| &call["name"]).collect();
    assert_eq!(names, ["accept4", "openat", "chmod"]);
    assert!(
        calls
            .iter()
            .all(|call| call["answer"] == "errno 1" && call["certain"] == true)
    );

    for (status, body) in [
        (400, ""),
        (400, "{"),
        (400, r#"{"target": "web", "profile": "p"}"#),
        (
            400,
            r#"{"target": "web", "profile": "p", "programs": [], "more": 1}"#,
        ),
        (
            400,
            r#"{"target": "web", "profile": "p", "programs": [[]]}"#,
        ),
        (
            400,
            r#"{"target": "web", "profile": "p", "programs": [[[6,0,0,0,0]]]}"#,
        ),
        (
            400,
            r#"{"target": "web", "profile": "p", "programs": [[[21,9,9,0]]]}"#,
        ),
        (404, r#"{"target": "nope", "profile": "p", "programs": []}"#),
    ] {
        let shown: String = body.chars().take(80).collect();
        let (found, answer) = raw(&fake.socket, &with_body("PUT", "/v1/shadows/mine", body));
        assert_eq!(found, status, "{shown}: {answer}");
        let error: ErrorBody = serde_json::from_str(&answer).unwrap();
        assert!(!error.message.is_empty());
    }
    // A body that is too long is turned away before it is sent.
    let long = "PUT /v1/shadows/mine HTTP/1.1\r\nHost: profilerd\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n";
    assert_eq!(raw(&fake.socket, long).0, 413);
    let long = "POST /v1/observations HTTP/1.1\r\nHost: profilerd\r\nConnection: close\r\nContent-Length: 40000000\r\n\r\n";
    let (status, body) = raw(&fake.socket, long);
    assert_eq!(status, 413);
    assert!(
        body.contains("32 MiB, which no document of observations is"),
        "{body}"
    );
    for (method, path, status) in [
        ("GET", "/v1/shadows", 200),
        ("GET", "/v1/shadows/nope", 404),
        ("DELETE", "/v1/shadows/nope", 404),
        ("DELETE", "/v1/shadows", 405),
        ("POST", "/v1/shadows/mine", 405),
    ] {
        let (found, answer) = raw(&fake.socket, &request(method, path));
        assert_eq!(found, status, "{method} {path}: {answer}");
    }
}
