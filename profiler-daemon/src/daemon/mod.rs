//! Puts the daemon together: the only room that knows every adapter.

mod held;
mod host;
mod keeping;
mod memory;
mod processes;
mod recording;
mod shadows;
mod webhook;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use thiserror::Error;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::{host::Host, keeping::Records, processes::RunningProcesses, recording::Recording};
use crate::{
    api::{
        listen::{ListenError, Socket},
        server,
    },
    cgroup::{
        mount::MountError,
        tree::{CgroupTree, TreeError},
    },
    claim::{Claim, ClaimError},
    collector::{Collector, Inbox, Parts, ports::KeepError, retention::RecordBounds},
    config::{Config, ConfigError, Flags},
    docker::{
        endpoint::{Endpoint, EndpointError},
        watch::{WatchConfig, watch},
    },
    kernel::{self, KernelError},
    store::Retention,
    telemetry,
};

/// Batches of kernel news on their way; beyond this the ring holds them.
const KERNEL_QUEUE: usize = 16;
const ENGINE_QUEUE: usize = 256;
const COMMAND_QUEUE: usize = 64;

/// Why the daemon could not begin, or ended early.
#[derive(Debug, Error)]
enum DaemonError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Shadow(#[from] shadows::ShadowError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    State(#[from] held::OpenError),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("cannot replay {path}: {reason}")]
    Replay { path: PathBuf, reason: String },
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("cannot remove {path}: {source}")]
    Unload {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the task {0} ended unexpectedly; this is a defect, please report it")]
    Task(&'static str),
}

/// Runs the daemon until it is told to stop. 0 after a clean end, 2 when it could not
/// begin, 1 when something failed later.
#[must_use]
pub fn run(flags: Flags) -> ExitCode {
    let unload = flags.unload;
    let config = match Config::settle(flags) {
        Ok(config) => config,
        Err(error) => return complain(&error.into()),
    };
    telemetry::begin(config.log_format);
    if unload {
        return match unload_pins(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into()),
    };
    runtime.block_on(async {
        let running = match Running::begin(&config) {
            Ok(running) => running,
            Err(error) => return complain(&error),
        };
        match running.until_stopped().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    })
}

fn complain(error: &DaemonError) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "profilerd: {error}");
    ExitCode::from(2)
}

fn unload_pins(config: &Config) -> Result<(), DaemonError> {
    let Some(dir) = &config.pin_dir else {
        return Ok(());
    };
    let _claim = Claim::take_existing(
        dir,
        "its recording would end under it; stop it, and run `profilerd --unload` again",
    )?;
    let removed = kernel::unload(dir).map_err(|source| DaemonError::Unload {
        path: dir.clone(),
        source,
    })?;
    if removed {
        tracing::info!(path = %dir.display(), "detached everything that was pinned");
    } else {
        tracing::info!(path = %dir.display(), "nothing was pinned");
    }
    Ok(())
}

/// A daemon at work: its tasks, by name.
struct Running {
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
    terminate: Signal,
    interrupt: Signal,
}

impl Running {
    /// Sets everything up, and begins. Whatever cannot work is found here, before anybody
    /// is told that the daemon is ready.
    fn begin(config: &Config) -> Result<Self, DaemonError> {
        // A signal that comes while this goes on is heeded after it, and leaves no socket behind.
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        // The socket first: whoever holds it is the one daemon that is talked to. What it shares with no
        // other besides are its state directory and, in the room kernel, its pins.
        let socket = Socket::bind(&config.socket)?;
        let endpoint = Endpoint::parse(&config.docker)?;
        let shadows = shadows::read(&config.shadows)?;
        let records = Records::open(&config.state_dir, retention(config))?;
        let tree = match &config.cgroup_root {
            Some(root) => CgroupTree::open(root)?,
            None => CgroupTree::open(&crate::cgroup::mount::find()?)?,
        };
        let processes = RunningProcesses::new(CgroupTree::open(tree.root())?);
        let Recording { source, news } = Recording::open(config)?;
        let mut shortcomings = Vec::new();
        let log = recording::log(config, &mut shortcomings);
        let stop = CancellationToken::new();
        let (kernel_tx, kernel) = mpsc::channel(KERNEL_QUEUE);
        let (engine_tx, engine) = mpsc::channel(ENGINE_QUEUE);
        let (command_tx, commands) = mpsc::channel(COMMAND_QUEUE);
        let collector = Collector::new(Parts {
            source,
            places: Box::new(Host::new(tree)),
            processes: Arc::new(processes),
            keep: Box::new(records),
            quiet: config.quiet,
            bounds: bounds(config),
            engine_off: endpoint.is_none(),
            settle_ms: u64::from(config.settle_s) * 1000,
            shadows,
            shortcomings,
        })?;

        // Before the collector works, for its first news may be of what happened without a daemon.
        let drift_news = collector.watch();
        let mut tasks = JoinSet::new();
        let token = stop.clone();
        tasks.spawn(async move {
            let inbox = Inbox {
                kernel,
                engine,
                commands,
            };
            collector.run(inbox, token).await;
            "collector"
        });
        if let Some(log) = log {
            let (to, token) = (kernel_tx.clone(), stop.clone());
            tasks.spawn(async move {
                if let Err(error) = log.pump(to, token.clone()).await {
                    tracing::error!(%error, "the kernel's log of calls cannot be read any more");
                    // Everything else works without it.
                    token.cancelled().await;
                }
                "log news"
            });
        }
        let token = stop.clone();
        tasks.spawn(async move {
            news.send(kernel_tx, token).await;
            "kernel news"
        });
        if let Some(endpoint) = endpoint {
            let token = stop.clone();
            tasks.spawn(async move {
                watch(WatchConfig::new(endpoint), engine_tx, token).await;
                "engine news"
            });
        }
        if let Some(url) = config.webhook.clone() {
            let token = stop.clone();
            tasks.spawn(async move {
                webhook::run(url, drift_news, token.clone()).await;
                // Everything else works without it.
                token.cancelled().await;
                "webhook"
            });
        }
        let token = stop.clone();
        tasks.spawn(async move {
            memory::tend(token).await;
            "memory"
        });
        let token = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = server::serve(socket, command_tx, token).await {
                tracing::error!(%error, "the socket cannot be served");
            }
            "socket"
        });
        tracing::info!(socket = %config.socket.display(), "ready");
        Ok(Self {
            tasks,
            stop,
            terminate,
            interrupt,
        })
    }

    /// Waits for SIGTERM or SIGINT, then for every task to finish its work. A task that ends
    /// by itself ends them all.
    async fn until_stopped(mut self) -> Result<(), DaemonError> {
        // Without a service manager there is nobody to tell, which is no error.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let mut failure = None;
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
            ended = self.tasks.join_next() => failure = Some(name_of(ended)),
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task failed while stopping");
            }
        }
        match failure {
            Some(task) => Err(DaemonError::Task(task)),
            None => Ok(()),
        }
    }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How much is kept of containers that ended.
fn bounds(config: &Config) -> RecordBounds {
    RecordBounds {
        most: config.records.most() as usize,
        age_ms: u64::from(config.records.days()) * DAY_MS,
        imported_bytes: u64::from(config.records.imported_mib()) << 20,
    }
}

fn retention(config: &Config) -> Retention {
    Retention {
        versions: config.versions,
        age_ms: u64::from(config.version_days) * DAY_MS,
        images: config.images,
    }
}

fn name_of(ended: Option<Result<&'static str, tokio::task::JoinError>>) -> &'static str {
    match ended {
        Some(Ok(name)) => name,
        Some(Err(error)) => {
            tracing::error!(%error, "a task failed");
            "that failed"
        }
        None => "list",
    }
}
