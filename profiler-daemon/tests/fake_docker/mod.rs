//! A Docker engine that is a script: it has the containers it is given, and sends the events it
//! is told to. Speaks HTTP on a unix socket, as much as profilerd asks for.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::mpsc, task::JoinHandle};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

type EventSender = mpsc::UnboundedSender<Result<String, io::Error>>;

/// What the engine has, and what it was asked.
#[derive(Default)]
struct Script {
    containers: Vec<Value>,
    events: Vec<(u64, String)>,
    listeners: Vec<EventSender>,
    answer_after: Duration,
    asked_now: usize,
    asked_at_once: usize,
    /// Entrypoints of images by id; one that has none here is gone.
    images: HashMap<String, Value>,
    images_asked: Vec<String>,
}

/// The engine.
pub(crate) struct FakeDocker {
    socket: PathBuf,
    script: Arc<Mutex<Script>>,
    server: Option<JoinHandle<()>>,
}

impl FakeDocker {
    /// An engine that is not running yet, with its socket in a folder.
    pub(crate) fn stopped(folder: &Path) -> Self {
        Self {
            socket: folder.join("docker.sock"),
            script: Arc::default(),
            server: None,
        }
    }

    /// A running engine.
    pub(crate) fn running(folder: &Path) -> Self {
        let mut engine = Self::stopped(folder);
        engine.start();
        engine
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn start(&mut self) {
        let listener = UnixListener::bind(&self.socket).expect("the socket is free");
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&self.script));
        self.server = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        }));
    }

    /// Ends as a stopped engine does: no socket, streams ended, containers kept.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
        std::fs::remove_file(&self.socket).expect("the socket was there");
        self.script().listeners.clear();
    }

    /// Breaks every open stream in the middle of its body.
    pub(crate) fn drop_connections(&self) {
        for listener in self.script().listeners.drain(..) {
            let _ = listener.send(Err(io::Error::other("cut")));
        }
    }

    /// Every inspection takes this long from now on.
    pub(crate) fn answer_after(&self, pause: Duration) {
        self.script().answer_after = pause;
    }

    /// The most inspections that were under way at one time.
    pub(crate) fn asked_at_once(&self) -> usize {
        self.script().asked_at_once
    }

    /// Somebody listens for events.
    pub(crate) fn has_listener(&self) -> bool {
        !self.script().listeners.is_empty()
    }

    /// Adds a container that runs, or replaces it.
    pub(crate) fn add(&self, id: &str, name: &str) {
        let container = json!({
            "Id": id, "Name": format!("/{name}"), "Image": "sha256:feed",
            "Created": "2026-01-01T00:00:00.5Z",
            "State": {"Status": "running", "Running": true, "Pid": 4711},
            "Config": {"Image": "fake:1", "Labels": {"tier": "web"},
                       "Healthcheck": {"Test": ["CMD-SHELL", "echo hi"]}},
            "HostConfig": {"Runtime": "absent", "SecurityOpt": ["no-new-privileges"]},
        });
        let mut script = self.script();
        script.containers.retain(|other| other["Id"] != id);
        script.containers.push(container);
    }

    /// Gives a container this entrypoint and command, as the engine tells them.
    pub(crate) fn made_with(&self, id: &str, entrypoint: &Value, command: &Value) {
        let mut script = self.script();
        let container = script.containers.iter_mut().find(|one| one["Id"] == id);
        let config = &mut container.expect("it was added")["Config"];
        config["Entrypoint"] = entrypoint.clone();
        config["Cmd"] = command.clone();
    }

    /// The image of all containers has this entrypoint; without one it is gone.
    pub(crate) fn set_image(&self, entrypoint: Option<&Value>) {
        let mut script = self.script();
        script.images.clear();
        if let Some(entrypoint) = entrypoint {
            script
                .images
                .insert("sha256:feed".to_owned(), entrypoint.clone());
        }
    }

    /// How often it was asked for an image by its id.
    pub(crate) fn images_asked(&self) -> usize {
        self.script().images_asked.len()
    }

    pub(crate) fn remove(&self, id: &str) {
        self.script().containers.retain(|other| other["Id"] != id);
    }

    /// Sends an event of a container, which need not be there, with more attributes.
    pub(crate) fn emit(&self, action: &str, id: &str, name: &str, more: &[(&str, &str)]) {
        let mut attributes = json!({"image": "fake:1", "name": name, "tier": "event"});
        for (key, value) in more {
            attributes[*key] = json!(value);
        }
        let now = now_ns();
        let event = json!({
            "Type": "container", "Action": action, "scope": "local",
            "Actor": {"ID": id, "Attributes": attributes},
            "time": now / 1_000_000_000, "timeNano": now,
        });
        self.emit_raw(&event.to_string());
    }

    /// Sends a line of any kind.
    pub(crate) fn emit_raw(&self, line: &str) {
        let line = format!("{line}\n");
        let mut script = self.script();
        script.events.push((now_ns(), line.clone()));
        script
            .listeners
            .retain(|listener| listener.send(Ok(line.clone())).is_ok());
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

impl Drop for FakeDocker {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().expect("no test thread panicked holding it")
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_nanos()).expect("before 2554")
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
) -> Response {
    let mut parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if parts[0].starts_with('v') && parts[0].contains('.') {
        parts.remove(0);
    }
    match parts.as_slice() {
        ["_ping"] => "OK".into_response(),
        ["version"] => Json(json!({
            "Version": "99.0-fake", "ApiVersion": "1.41",
            "Components": [{"Name": "Engine", "Version": "99.0-fake"}],
        }))
        .into_response(),
        ["info"] => Json(json!({
            "DefaultRuntime": "absent", "SecurityOptions": ["name=seccomp,profile=default"],
            "Runtimes": {"absent": {"path": "/no/such/runtime"}},
        }))
        .into_response(),
        ["containers", "json"] => {
            let list: Vec<Value> = lock(&script).containers.iter().map(summary).collect();
            Json(list).into_response()
        }
        ["containers", id, "json"] => inspect(&script, id).await,
        ["images", id, "json"] if id.starts_with("sha256") => {
            image(&script, &id.replace("%3A", ":"))
        }
        ["images", "fake:1", "json"] => Json(json!({"Id": "sha256:feed"})).into_response(),
        ["events"] => events(&script, query.get("since").map(String::as_str)),
        _ => not_found(uri.path()),
    }
}

/// An image, as engines tell of one that exposes a port.
fn image(script: &Mutex<Script>, id: &str) -> Response {
    let mut script = lock(script);
    script.images_asked.push(id.to_owned());
    match script.images.get(id) {
        Some(entrypoint) => Json(json!({"Id": id, "Config": {
            "Entrypoint": entrypoint, "Cmd": ["run"], "ExposedPorts": {"80/tcp": {}}, "Labels": null,
        }}))
        .into_response(),
        None => not_found(id),
    }
}

fn summary(container: &Value) -> Value {
    json!({
        "Id": container["Id"], "Names": [container["Name"]], "Image": "fake:1",
        "ImageID": container["Image"], "State": "running", "Created": 1,
    })
}

fn not_found(what: &str) -> Response {
    let message = json!({"message": format!("No such thing: {what}")});
    (StatusCode::NOT_FOUND, Json(message)).into_response()
}

async fn inspect(script: &Mutex<Script>, id: &str) -> Response {
    let (found, pause) = {
        let mut script = lock(script);
        script.asked_now += 1;
        script.asked_at_once = script.asked_at_once.max(script.asked_now);
        let found = script.containers.iter().find(|found| found["Id"] == id);
        (found.cloned(), script.answer_after)
    };
    tokio::time::sleep(pause).await;
    lock(script).asked_now -= 1;
    match found {
        Some(container) => Json(container).into_response(),
        None => not_found(id),
    }
}

/// What happened since, as far as it is asked for, and what happens from now on.
fn events(script: &Mutex<Script>, since: Option<&str>) -> Response {
    let since: u64 = since.map_or(u64::MAX, |text| {
        text.replace('.', "").parse().expect("seconds.nanoseconds")
    });
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut script = lock(script);
    for (_, line) in script.events.iter().filter(|(at, _)| *at >= since) {
        let _ = sender.send(Ok(line.clone()));
    }
    script.listeners.push(sender);
    // An empty chunk never goes out; a first byte makes the answer start at once.
    let stream =
        tokio_stream::once(Ok(" ".to_owned())).chain(UnboundedReceiverStream::new(receiver));
    Body::from_stream(stream).into_response()
}
