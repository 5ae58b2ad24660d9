//! The socket and the server, as clients meet them: who may connect, what is answered, what is never
//! left out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers may fail loudly"
)]

mod fake;
#[path = "api/shadow.rs"]
mod shadow;

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
    process::Command,
};

use fake::{Fake, dead_socket};
use profiler_daemon::{
    api::{
        client::{Client, ClientError},
        listen::{ListenError, Socket},
        protocol::{ErrorBody, Event, Health},
        server::CONNECTION_LIMIT,
    },
    audit::active::Source,
    profile::{
        compose::Options,
        origin::{Callers, Phases, Selection},
    },
};

const INCLUDING_REFUSED: Options = Options {
    include_refused: true,
    arguments: false,
    selection: Selection {
        callers: Callers {
            own: true,
            exec: true,
            health: true,
        },
        phases: Phases {
            start: true,
            run: true,
            shutdown: true,
        },
    },
};

/// Sends a request as it is; returns status and body.
fn raw(socket: &Path, request: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: profilerd\r\nConnection: close\r\n\r\n")
}

/// Binds inside the fake's runtime.
fn bind(fake: &Fake, path: &Path) -> Result<Socket, ListenError> {
    let _inside = fake.runtime.enter();
    Socket::bind(path)
}

#[test]
fn the_socket_is_for_owner_and_group_and_its_directory_for_all() {
    let fake = Fake::start(Health::Healthy);
    let socket = fs::symlink_metadata(&fake.socket).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o7777, 0o660);
    let directory = fs::metadata(fake.socket.parent().unwrap()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o755);
}

#[test]
fn a_second_daemon_is_told_of_the_first() {
    let fake = Fake::start(Health::Healthy);
    let before = fs::symlink_metadata(&fake.socket).unwrap().ino();
    let error = bind(&fake, &fake.socket).unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }));
    let (text, pid) = (error.to_string(), std::process::id());
    assert!(text.contains("is in use by another profilerd"), "{text}");
    assert!(text.contains(&format!("pid {pid}")), "{text}");
    assert_eq!(fs::symlink_metadata(&fake.socket).unwrap().ino(), before);
    assert_eq!(raw(&fake.socket, &request("GET", "/v1/status")).0, 200);
}

#[test]
fn a_dead_socket_is_replaced_and_nothing_else() {
    let fake = Fake::start(Health::Healthy);
    let dead = fake.room().join("dead.sock");
    dead_socket(&dead);
    drop(bind(&fake, &dead).unwrap());

    let file = fake.room().join("file");
    fs::write(&file, "precious").unwrap();
    let text = bind(&fake, &file).unwrap_err().to_string();
    assert!(text.contains("a regular file is there"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

    let directory = fake.room().join("directory");
    fs::create_dir(&directory).unwrap();
    let text = bind(&fake, &directory).unwrap_err().to_string();
    assert!(text.contains("a directory is there"), "{text}");

    let link = fake.room().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let text = bind(&fake, &link).unwrap_err().to_string();
    assert!(text.contains("a symbolic link is there"), "{text}");
}

#[test]
fn a_path_longer_than_the_kernel_takes_is_refused() {
    let fake = Fake::start(Health::Healthy);
    let room = fake.room().join("x");
    let fill = 107 - room.as_os_str().len();
    let longest = fake.room().join("x".repeat(fill + 1));
    assert_eq!(longest.as_os_str().len(), 107);
    drop(bind(&fake, &longest).unwrap());
    let longer = fake.room().join("x".repeat(fill + 2));
    let text = bind(&fake, &longer).unwrap_err().to_string();
    assert!(text.contains("the path has 108 bytes"), "{text}");
}

#[test]
fn a_shutdown_removes_its_own_socket_only() {
    let mut fake = Fake::start(Health::Healthy);
    fake.stop();
    assert!(!fake.socket.exists());

    let mut fake = Fake::start(Health::Healthy);
    fs::remove_file(&fake.socket).unwrap();
    dead_socket(&fake.socket);
    fake.stop();
    assert!(fake.socket.exists(), "another's socket was removed");
}

#[test]
fn errors_are_json_with_the_right_status() {
    let fake = Fake::start(Health::Healthy);
    for (method, path, status, code) in [
        ("GET", "/v1/containers/nope", 404, "not_found"),
        ("GET", "/v1/containers/3", 409, "ambiguous"),
        ("GET", "/v1/containers/web/calls/opneat", 400, "bad_request"),
        ("GET", "/v1/containers/mute", 500, "internal"),
        ("GET", "/v1/containers/%ff", 400, "bad_request"),
        (
            "GET",
            "/v1/containers/web/profile?include_refused=perhaps",
            400,
            "bad_request",
        ),
        (
            "GET",
            "/v1/containers/web/profile?includerefused=true",
            400,
            "bad_request",
        ),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/status", 405, "method_not_allowed"),
        ("DELETE", "/v1/containers/web", 405, "method_not_allowed"),
        ("GET", "/v1/containers/nope/versions", 404, "not_found"),
        ("GET", "/v1/images/nope/versions", 404, "not_found"),
        ("GET", "/v1/containers/web/versions/7", 404, "not_found"),
        ("GET", "/v1/containers/web/versions/x", 400, "bad_request"),
        ("GET", "/v1/containers/web/versions/-1", 400, "bad_request"),
        (
            "GET",
            "/v1/containers/web/versions/2?surplus=1",
            400,
            "bad_request",
        ),
        (
            "PUT",
            "/v1/containers/web/versions/7/promotion",
            404,
            "not_found",
        ),
        (
            "GET",
            "/v1/containers/web/versions/2/promotion",
            405,
            "method_not_allowed",
        ),
    ] {
        let (got, body) = raw(&fake.socket, &request(method, path));
        assert_eq!(got, status, "{method} {path}: {body}");
        let body: ErrorBody = serde_json::from_str(&body).unwrap();
        assert_eq!(body.code, code, "{method} {path}");
        assert!(!body.message.is_empty());
    }
}

#[test]
fn names_travel_whole() {
    let fake = Fake::start(Health::Healthy);
    let client = Client::new(&fake.socket);
    fake.runtime.block_on(async {
        assert_eq!(client.list().await.unwrap().len(), 3);
        assert_eq!(client.show("3f2a").await.unwrap().sessions, 2);
        assert_eq!(client.show("shop web").await.unwrap().sessions, 2);
        let profile = client
            .export_image("reg:5000/shop/nginx:1.27", INCLUDING_REFUSED)
            .await;
        assert_eq!(profile.unwrap().allowed, 4);
        for name in ["../status", "a/b", "a?b#c", "%2e%2e", ".."] {
            match client.show(name).await {
                Err(ClientError::NotFound(message)) => assert!(message.contains(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(matches!(client.show("").await, Err(ClientError::Bad(_))));
        assert!(matches!(
            client.show("3").await,
            Err(ClientError::Ambiguous(_))
        ));
        assert!(matches!(
            client.show("mute").await,
            Err(ClientError::Protocol(_))
        ));
    });
}

#[test]
fn a_head_without_end_and_garbage_are_turned_away() {
    let fake = Fake::start(Health::Healthy);
    let huge = format!(
        "GET /v1/status HTTP/1.1\r\nX: {}\r\n\r\n",
        "y".repeat(64 * 1024)
    );
    let mut stream = UnixStream::connect(&fake.socket).unwrap();
    // The server may hang up before all of it is written.
    let _ = stream.write_all(huge.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(raw(&fake.socket, "hello\r\n\r\n").0, 400);
    assert_eq!(raw(&fake.socket, &request("GET", "/v1/status")).0, 200);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let fake = Fake::start(Health::Healthy);
    let mut held: Vec<UnixStream> = (0..CONNECTION_LIMIT)
        .map(|_| UnixStream::connect(&fake.socket).unwrap())
        .collect();
    let (status, body) = raw(&fake.socket, &request("GET", "/v1/status"));
    assert_eq!(status, 503, "{body}");
    assert_eq!(
        serde_json::from_str::<ErrorBody>(&body).unwrap().code,
        "busy"
    );
    held.clear();
    let freed = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        raw(&fake.socket, &request("GET", "/v1/status")).0 == 200
    });
    assert!(freed, "seats were not given back");
}

#[test]
fn a_watcher_gets_every_event_or_hears_how_many_it_missed() {
    const SENT: u64 = 5_000;
    let mut fake = Fake::start(Health::Healthy);
    let client = Client::new(&fake.socket);
    let mut watch = fake.runtime.block_on(client.watch()).unwrap();
    fake.await_watcher();
    for _ in 0..SENT {
        fake.events.send(fake.call("web", "openat")).unwrap();
    }
    let (mut seen, mut lost) = (0, 0);
    while seen + lost < SENT {
        let news = fake.runtime.block_on(watch.next()).unwrap().unwrap();
        match news.event.unwrap() {
            Event::Call { call, .. } => {
                assert_eq!(call, "openat");
                seen += 1;
            }
            Event::Loss { cause, more, .. } => {
                assert_eq!(cause, "watch_lagged");
                lost += more;
            }
            _ => panic!("nobody sent that"),
        }
    }
    assert_eq!(seen + lost, SENT);
    assert!(lost > 0, "a queue of four cannot have held them all");
    fake.stop();
    assert!(fake.runtime.block_on(watch.next()).unwrap().is_none());
}

#[test]
fn a_watcher_that_goes_is_forgotten() {
    let fake = Fake::start(Health::Healthy);
    let client = Client::new(&fake.socket);
    let watch = fake.runtime.block_on(client.watch()).unwrap();
    fake.await_watcher();
    drop(watch);
    let forgotten = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        fake.events.receiver_count() == 0
    });
    assert!(forgotten);
}

#[test]
fn curl_can_ask() {
    let fake = Fake::start(Health::Healthy);
    let curl = Command::new("curl")
        .args(["--silent", "--fail", "--unix-socket"])
        .arg(&fake.socket)
        .arg("http://localhost/v1/containers/web")
        .output();
    match curl {
        Ok(output) => {
            assert!(output.status.success());
            let detail: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(detail["summary"]["identity"]["name"], "web");
        }
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "curl is needed in CI: {error}"
            );
            eprintln!("skipped: curl is not here ({error})");
        }
    }
}

/// A request with a body.
fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_candidate_is_audited_and_a_bad_one_told_where() {
    let fake = Fake::start(Health::Healthy);
    let path = "/v1/containers/job/audit";
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["uname"], "action": "SCMP_ACT_ERRNO"}]}"#;
    let text = serde_json::to_string(profile).unwrap();
    for body in [
        format!(r#"{{"title": "mine", "profile": {profile}}}"#),
        format!(r#"{{"title": "mine", "profile": {text}}}"#),
        // Refuses number 63.
        r#"{"title": "mine", "programs": [[[32,0,0,0],[21,0,1,63],[6,0,0,327681],[6,0,0,2147418112]]]}"#
            .to_owned(),
    ] {
        let (status, answer) = raw(&fake.socket, &post(path, &body));
        assert_eq!(status, 200, "{body}: {answer}");
        let report: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(report["candidate"]["profile"], "mine");
        assert_eq!(report["safe"], false);
        let breaks = report["candidate"]["breaks"].as_array().unwrap();
        assert_eq!(breaks.len(), 1, "{breaks:?}");
        assert_eq!(breaks[0]["call"], "uname");
    }
    let deep = format!(
        r#"{{"title": "x", "profile": {}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for (body, status, told) in [
        ("", 400, "line 1 column 0"),
        ("{\"title\": 7}", 400, "line 1 column 11"),
        ("{\"title\": \"x\", \"surplus\": 1}", 400, "surplus"),
        ("{\"title\": \"x\"}", 400, "`profile` or `programs`"),
        (
            "{\"title\": \"x\", \"profile\": \"{\\n7\"}",
            400,
            "profile:2:1",
        ),
        (
            "{\"title\": \"x\", \"programs\": [[[6,0,0,0]],[[1,2,3,4]]]}",
            400,
            "programs[1]",
        ),
        (deep.as_str(), 400, "recursion"),
    ] {
        let (found, answer) = raw(&fake.socket, &post(path, body));
        assert_eq!(found, status, "{answer}");
        let error: ErrorBody = serde_json::from_str(&answer).unwrap();
        assert!(error.message.contains(told), "{told}: {}", error.message);
    }
    let large = format!(r#"{{"title": "x", "profile": "{}"}}"#, "x".repeat(9 << 20));
    let mut stream = UnixStream::connect(&fake.socket).unwrap();
    // The daemon need not read all of it before it says no.
    drop(stream.write_all(post(path, &large).as_bytes()));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );

    assert_eq!(raw(&fake.socket, &request("GET", path)).0, 200);
    for (method, path, status) in [
        ("DELETE", "/v1/containers/job/audit", 405),
        ("GET", "/v1/containers/nope/audit", 404),
        ("GET", "/v1/containers/job/audit?ptrace=perhaps", 400),
        ("GET", "/v1/containers/job/audit?surplus=1", 400),
        ("POST", "/v1/containers/job/active", 405),
    ] {
        assert_eq!(
            raw(&fake.socket, &request(method, path)).0,
            status,
            "{method} {path}"
        );
    }
}

#[test]
fn the_filter_in_force_is_told_with_its_source() {
    let fake = Fake::start(Health::Healthy);
    let client = Client::new(&fake.socket);
    let of = |name: &str| fake.runtime.block_on(client.active(name, false)).unwrap();
    assert_eq!(of("job").source, Source::Copied);
    assert_eq!(of("job").layers.len(), 2);
    assert_eq!(of("web").source, Source::Unknown);
    let strange = of("strange");
    assert_eq!(strange.source, Source::Bundle);
    assert!(strange.asked.is_some() && strange.bundle.is_some());
    assert_eq!(strange.layers[0].hash, None);
}

#[test]
fn installed_filters_are_handed_out_as_the_kernel_got_them() {
    let fake = Fake::start(Health::Healthy);
    let (status, body) = raw(&fake.socket, &request("GET", "/v1/containers/web/filters"));
    assert_eq!(status, 200);
    let list: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        list,
        serde_json::json!([
            {"hash": "00000000000000bb", "instructions": null},
            {
                "hash": "00000000000000aa",
                "instructions": [
                    [0x20, 0, 0, 0],
                    [0x15, 0, 1, 83],
                    [0x06, 0, 0, 0x0005_0001],
                    [0x06, 0, 0, 0x7fff_0000]
                ]
            }
        ])
    );
    let client = Client::new(&fake.socket);
    let filters = fake.runtime.block_on(client.filters("web")).unwrap();
    let lengths: Vec<Option<usize>> = filters
        .iter()
        .map(|filter| filter.instructions.as_ref().map(Vec::len))
        .collect();
    assert_eq!(lengths, [None, Some(4)]);

    let missing = fake.runtime.block_on(client.filters("nope"));
    assert!(matches!(missing, Err(ClientError::NotFound(_))));
    for (method, path, status) in [
        ("GET", "/v1/containers/nope/filters", 404),
        ("POST", "/v1/containers/web/filters", 405),
        ("GET", "/v1/containers/web/filters/aa", 404),
    ] {
        let (found, body) = raw(&fake.socket, &request(method, path));
        assert_eq!(found, status, "{method} {path}");
        let error: ErrorBody = serde_json::from_str(&body).unwrap();
        assert!(!error.message.is_empty());
    }
}
