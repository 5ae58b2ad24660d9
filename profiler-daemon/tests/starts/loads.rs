//! What servers are asked, as tests ask it; each panics unless the answers are right.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::side_by_side::side_by_side;
use crate::testbed::{Container, eventually};

/// What a server on the container's own loopback answers. Asked from outside, so that the client's calls
/// don't help the server into its profile.
pub(crate) fn talk(
    container: &Container,
    port: u16,
    request: &str,
    patience: Duration,
) -> std::io::Result<String> {
    let namespace = File::open(format!("/proc/{}/ns/net", container.pid()))?;
    let request = request.to_owned();
    // A thread of its own: it stays in the container's network.
    let client = std::thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    });
    client.join().expect("the client does not panic")
}

/// A page.
pub(crate) fn fetch(
    container: &Container,
    port: u16,
    path: &str,
    patience: Duration,
) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    talk(container, port, &request, patience)
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until there is an answer, and then a few times more, one after the other and at once.
fn expect_pages(container: &Container, port: u16, path: &str, page: &str) {
    let patience = Duration::from_secs(20);
    eventually(&format!("{path} from {}", container.name), patience, || {
        fetch(container, port, path, PATIENCE).ok()
    });
    let ask = || {
        let answer = fetch(container, port, path, PATIENCE)
            .unwrap_or_else(|error| panic!("{path}: {error}; {}", container.logs()));
        assert!(
            answer.contains(" 200 ") && answer.contains(page),
            "{path}: {answer}"
        );
    };
    for _ in 0..5 {
        ask();
    }
    side_by_side(&[(); 6], |()| ask());
    let missing = fetch(container, port, "/no-such-page", PATIENCE).expect("an answer");
    assert!(missing.contains(" 404 "), "{missing}");
}

/// Pages of the image `pb-nginx`.
pub(crate) fn nginx(container: &Container) {
    expect_pages(container, 80, "/", "It works");
}

/// Pages of the image `pb-apache`, one of them made by PHP.
pub(crate) fn apache(container: &Container) {
    // The page's source says 6 * 7.
    expect_pages(container, 80, "/index.php", "php 42");
    expect_pages(container, 80, "/index.html", "It works");
    // Apache looks after its idle children once a second.
    std::thread::sleep(Duration::from_millis(2500));
}

/// What `redis-cli` prints in a container of the image `pb-redis`, once there is an answer.
pub(crate) fn ask_redis(container: &Container, words: &[&str]) -> String {
    let mut all = vec!["redis-cli"];
    all.extend(words);
    container.exec_until_ok(&all).trim().to_owned()
}

/// A value and a save of the image `pb-redis`.
pub(crate) fn redis(container: &Container) {
    let ask = |words: &[&str]| ask_redis(container, words);
    eventually("redis", Duration::from_secs(20), || {
        (ask(&["ping"]) == "PONG").then_some(())
    });
    assert_eq!(ask(&["set", "key", "value"]), "OK");
    assert_eq!(ask(&["get", "key"]), "value");
    assert!(ask(&["bgsave"]).starts_with("Background saving"));
    // The end of the child that saves is noticed a tenth of a second later, by a wait4 of its own.
    eventually("the end of bgsave", Duration::from_secs(20), || {
        let state = ask(&["info", "persistence"]);
        (state.contains("rdb_bgsave_in_progress:0") && state.contains("rdb_last_bgsave_status:ok"))
            .then_some(())
    });
    // Its allocator gives memory back when it sees fit: now.
    assert_eq!(ask(&["memory", "purge"]), "OK");
    std::thread::sleep(Duration::from_millis(500));
}

/// Threads and a listing of the image `pb-python`.
pub(crate) fn python(container: &Container) {
    eventually("four threads", Duration::from_secs(20), || {
        container.logs().contains("threads 4").then_some(())
    });
    // A thread for each.
    expect_pages(container, 8000, "/", "Directory listing");
}
