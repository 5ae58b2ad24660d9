//! Which recording is served: the running kernel's, or a file's.

use std::fs;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use crate::{
    config::{Config, HookChoice},
    kernel::{self, AuditLog, Hooks, Kernel, Ring, Selection, Settings},
    recording::{news::News, replay::Replay, source::Source},
    seccomp::deciding,
};

/// Records, and the news of them.
pub(super) struct Recording {
    pub(super) source: Box<dyn Source>,
    pub(super) news: NewsSource,
}

/// Where news comes from.
pub(super) enum NewsSource {
    Kernel(Box<Ring>),
    File(Vec<News>),
}

impl Recording {
    pub(super) fn open(config: &Config) -> Result<Self, DaemonError> {
        if let Some(path) = &config.replay {
            let failed = |reason: String| DaemonError::Replay {
                path: path.clone(),
                reason,
            };
            let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let (source, news) = Replay::parse(&text).map_err(|error| failed(error.to_string()))?;
            return Ok(Self {
                source: Box::new(source),
                news: NewsSource::File(news),
            });
        }
        let (source, ring) = Kernel::open(&settings(config))?;
        tracing::info!(
            adopted = source.adopted(),
            pins = config.pin_dir.as_ref().map(|dir| dir.display().to_string()),
            "recording"
        );
        Ok(Self {
            source: Box::new(source),
            news: NewsSource::Kernel(Box::new(ring)),
        })
    }
}

impl NewsSource {
    /// Sends what there is until told to stop.
    pub(super) async fn send(self, to: mpsc::Sender<Vec<News>>, stop: CancellationToken) {
        match self {
            Self::Kernel(ring) => {
                if let Err(error) = kernel::pump(*ring, to, stop).await {
                    tracing::error!(%error, "the ring of news cannot be read");
                }
            }
            Self::File(news) => {
                // A collector that has gone away ends the daemon by itself.
                let _ = to.send(news).await;
                stop.cancelled().await;
            }
        }
    }
}

/// Where calls are told of that a filter has the kernel log. Without it everything else works, which
/// is told as a shortcoming.
pub(super) fn log(config: &Config, shortcomings: &mut Vec<String>) -> Option<AuditLog> {
    if config.replay.is_some() {
        return None;
    }
    match AuditLog::open() {
        Ok(log) => Some(log),
        Err(error) => {
            shortcomings.push(format!(
                "calls that a filter has the kernel log are not told, for its log cannot be read: \
                 {error}; profilerd needs CAP_AUDIT_READ in the host's own namespaces"
            ));
            None
        }
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        hooks: match config.hooks {
            HookChoice::Auto => Hooks::Auto,
            HookChoice::Btf => Hooks::Btf,
            HookChoice::Classic => Hooks::Classic,
        },
        programs: Selection::All,
        pin_dir: config.pin_dir.clone(),
        max_cgroups: config.max_cgroups,
        ring_bytes: config.ring_bytes,
        counting: config.count,
        arguments: if config.args {
            deciding::usual()
        } else {
            Vec::new()
        },
        only_cgroup: None,
    }
}
