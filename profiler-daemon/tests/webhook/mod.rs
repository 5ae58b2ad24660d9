//! A receiver of what a daemon posts to its webhook.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes in the whole module and uses a part of it"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver of news: what came, and when.
pub(crate) struct Receiver {
    pub url: String,
    news: Arc<Mutex<Vec<(u64, Value)>>>,
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

impl Receiver {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/drift", listener.local_addr().unwrap());
        let news = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&news);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut length = 0;
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let header = line.to_ascii_lowercase();
                    if let Some(value) = header.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                // A daemon that is killed while it posts leaves half of it.
                if length == 0 || reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let event = serde_json::from_slice(&body).expect("JSON");
                kept.lock().unwrap().push((now_ms(), event));
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                let _ = reader.get_mut().write_all(answer);
            }
        });
        Self { url, news }
    }

    /// The first piece of news of that kind about that container or target, and when it came.
    pub(crate) fn first(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> (u64, Value) {
        let begin = Instant::now();
        loop {
            let found = self.news.lock().unwrap().iter().find_map(|(at, event)| {
                (event["event"] == kind && wanted(event)).then(|| (*at, event.clone()))
            });
            if let Some(found) = found {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "waited in vain for {kind}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All news of that kind about a container, in order.
    pub(crate) fn all(&self, kind: &str, id: &str) -> Vec<Value> {
        let news = self.news.lock().unwrap();
        let wanted = news
            .iter()
            .filter(|(_, event)| event["event"] == kind && event["id"] == id);
        wanted.map(|(_, event)| event.clone()).collect()
    }

    /// The calls that news of that kind about a container told.
    pub(crate) fn of(&self, kind: &str, id: &str) -> Vec<String> {
        let all = self.all(kind, id);
        let calls = all.iter().map(|event| event["call"].as_str().unwrap());
        calls.map(str::to_owned).collect()
    }
}
