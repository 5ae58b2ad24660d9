//! A daemon without a kernel: the real server, over a collector that answers from `data`.

mod audited;
mod data;
mod records;
mod shadows;
mod versions;

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use profiler_daemon::{
    api::{
        listen::Socket,
        protocol::{ErrorBody, Event, Health},
        server,
    },
    collector::command::Command,
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Events that the fake keeps for slow watchers: few, so that a test can make one lag.
const EVENTS: usize = 4;

/// A running fake; it stops when it is dropped.
pub(crate) struct Fake {
    pub(crate) runtime: Runtime,
    pub(crate) socket: PathBuf,
    pub(crate) events: broadcast::Sender<Event>,
    /// Milliseconds since the epoch, to which all times of `data` relate.
    pub(crate) now_ms: u64,
    cancel: CancellationToken,
    server: Option<JoinHandle<std::io::Result<()>>>,
    room: TempDir,
}

impl Fake {
    pub(crate) fn start(health: Health) -> Self {
        let room = tempfile::tempdir().unwrap();
        let socket = room.path().join("run/profilerd.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis();
        let now_ms = u64::try_from(now_ms).unwrap();
        let (events, _) = broadcast::channel(EVENTS);
        let (commands, inbox) = mpsc::channel(8);
        let cancel = CancellationToken::new();
        let bound = {
            let _inside = runtime.enter();
            Socket::bind(&socket).unwrap()
        };
        let server = runtime.spawn(server::serve(bound, commands, cancel.clone()));
        runtime.spawn(answer(inbox, events.clone(), now_ms, health));
        Self {
            runtime,
            socket,
            events,
            now_ms,
            cancel,
            server: Some(server),
            room,
        }
    }

    pub(crate) fn room(&self) -> &Path {
        self.room.path()
    }

    /// Stops the daemon in an orderly way; the socket's directory stays.
    pub(crate) fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server).unwrap().unwrap();
        }
    }

    /// Waits until somebody watches.
    pub(crate) fn await_watcher(&self) {
        for _ in 0..500 {
            if self.events.receiver_count() > 0 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("nobody came to watch");
    }

    /// An event of the container `web`.
    pub(crate) fn call(&self, name: &str, call: &str) -> Event {
        data::call_event(self.now_ms, name, call)
    }
}

/// A socket file that nobody listens on, as a killed daemon leaves it.
pub(crate) fn dead_socket(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
}

fn error<T>(code: &str, message: &str) -> Result<T, ErrorBody> {
    Err(ErrorBody {
        code: code.to_owned(),
        message: message.to_owned(),
    })
}

fn missing<T>(container: &str) -> Result<T, ErrorBody> {
    error(
        "not_found",
        &format!("no container is called {container}; `profilectl list` shows what was recorded"),
    )
}

/// The collector's part. `mute` is a container whose questions are never answered.
async fn answer(
    mut inbox: mpsc::Receiver<Command>,
    events: broadcast::Sender<Event>,
    now_ms: u64,
    health: Health,
) {
    while let Some(command) = inbox.recv().await {
        // A reply that nobody waits for any more is no failure of the fake's.
        match command {
            Command::Status { reply } => drop(reply.send(data::status(now_ms, health))),
            Command::List { reply } => drop(reply.send(data::list(now_ms))),
            Command::Show { container, reply } => drop(match container.as_str() {
                "mute" => continue,
                "web" | "3f2a" | "shop web" => reply.send(Ok(data::web(now_ms))),
                "job" => reply.send(Ok(data::job(now_ms))),
                "3" => reply.send(error(
                    "ambiguous",
                    "3 may be web (3f2a…) or evil (3b00…): write more of the id",
                )),
                other => reply.send(missing(other)),
            }),
            Command::Explain {
                container,
                call,
                reply,
            } => drop(match (container.as_str(), call.as_str()) {
                ("web", "openat" | "keyctl" | "clone3") => {
                    let calls = data::web(now_ms).calls;
                    reply.send(Ok(calls
                        .into_iter()
                        .filter(|known| known.name == call)
                        .collect()))
                }
                ("web", _) => reply.send(error(
                    "bad_request",
                    &format!("there is no system call named {call}"),
                )),
                (other, _) => reply.send(missing(other)),
            }),
            Command::Export {
                container,
                options,
                reply,
            } => drop(match container.as_str() {
                "web" if !options.selection.is_everything() => {
                    reply.send(Ok(data::export_web_own()))
                }
                "web" => reply.send(Ok(data::export_web(options.include_refused))),
                "job" => reply.send(Ok(data::export_job())),
                other => reply.send(missing(other)),
            }),
            Command::Filters { container, reply } => drop(match container.as_str() {
                "web" => reply.send(Ok(data::filters_web())),
                "job" => reply.send(Ok(data::filters_job())),
                other => reply.send(missing(other)),
            }),
            Command::Evidence {
                container, reply, ..
            } => drop(match container.as_str() {
                "web" => reply.send(Ok(audited::web(now_ms))),
                "job" => reply.send(Ok(audited::job(now_ms))),
                "strange" => reply.send(Ok(audited::strange())),
                other => reply.send(missing(other)),
            }),
            Command::ExportImage {
                image,
                options,
                reply,
            } => drop(match image.as_str() {
                "reg:5000/shop/nginx:1.27" => {
                    reply.send(Ok(data::export_web(options.include_refused)))
                }
                records::SHOP => {
                    let mut export = data::export_web(options.include_refused);
                    export.containers = ["web-1", "web-2", "web-3"].map(str::to_owned).into();
                    export.imported = 1;
                    export.coverage = Some(records::coverage(now_ms));
                    reply.send(Ok(export))
                }
                other => reply.send(error(
                    "not_found",
                    &format!("no container of image {other} was recorded"),
                )),
            }),
            Command::ExplainImage { image, call, reply } => {
                drop(reply.send(records::explained(now_ms, &image, call.as_deref())));
            }
            Command::Workloads { image, reply } => drop(reply.send(records::workloads(&image))),
            Command::Observations(command) => records::answer(command, now_ms),
            Command::Version(command) => versions::answer(command, now_ms),
            Command::Shadow(command) => shadows::answer(command, &events, now_ms),
            Command::Watch { reply } => drop(reply.send(events.subscribe())),
        }
    }
}
