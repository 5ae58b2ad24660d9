//! One connection to the engine, from the first question to its loss.
//!
//! Events are asked for before the list, and told after it: what happens in between is in both.
//! Events are always read, however slow the engine answers or the news is taken, since Docker
//! throws events away that a reader leaves lying for long.

use std::time::{SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerInspectResponse, ContainerSummary};
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, FuturesUnordered},
};
use tokio::sync::mpsc;

use super::{
    client::{Client, ClientError},
    convert::{Inspected, listed},
    defaults::EngineDefaults,
    entrypoint::ImageEntrypoints,
    event::ContainerEvent,
    memory::{Known, Looked, Memory},
    runtime::Runtimes,
};
use crate::profile::{engine_news::EngineNews, identity::Engine};

/// Questions about containers that are asked at once.
const AT_ONCE: usize = 8;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The engine is gone; the reason, for a person.
    Lost(String),
    /// Nobody takes the news any more.
    ReceiverGone,
}

/// An engine that answers.
struct Answering<'a> {
    images: &'a ImageEntrypoints,
    client: Client,
    defaults: EngineDefaults,
    runtimes: Runtimes,
}

/// Tells the news of one connection until it ends.
pub(super) async fn run(
    client: Client,
    endpoint: String,
    memory: &mut Memory,
    images: &ImageEntrypoints,
    tx: &mpsc::Sender<EngineNews>,
) -> Ended {
    match converse(client, endpoint, memory, images, tx).await {
        Ok(ended) => ended,
        Err(error) => Ended::Lost(error.to_string()),
    }
}

async fn converse(
    client: Client,
    endpoint: String,
    memory: &mut Memory,
    images: &ImageEntrypoints,
    tx: &mpsc::Sender<EngineNews>,
) -> Result<Ended, ClientError> {
    let since_ns = memory.received.resume_from(now_ns());
    let version = client.version().await?;
    let info = match client.info().await {
        Ok(info) => Some(info),
        // Its settings are an improvement and not a need.
        Err(error @ (ClientError::Unreadable { .. } | ClientError::NotFound)) => {
            tracing::debug!(%error, "container engine's settings not known");
            None
        }
        Err(error) => return Err(error),
    };
    let engine = Answering {
        images,
        defaults: EngineDefaults::read(&version, info.as_ref()),
        runtimes: Runtimes::read(info.as_ref()),
        client,
    };
    memory.connected(version.version.unwrap_or_default(), endpoint);

    let mut events = engine.client.events(since_ns);
    let mut list = std::pin::pin!(engine.list());
    let mut listed = false;
    let mut asked = FuturesUnordered::new();
    loop {
        if listed {
            while let Some(event) = memory.order.next(asked.len() < AT_ONCE) {
                if event.asks_for_identity() {
                    asked.push(engine.look(event));
                } else {
                    memory.tell(&event, Looked::NotAsked, engine.defaults.engine);
                }
            }
        }
        tokio::select! {
            biased;
            permit = tx.reserve(), if memory.has_news() => match (permit, memory.take_news()) {
                (Ok(permit), Some(news)) => permit.send(news),
                (Ok(_), None) => {}
                (Err(_), _) => return Ok(Ended::ReceiverGone),
            },
            item = events.next() => match item {
                Some(Ok(message)) => {
                    if let Some(event) = ContainerEvent::read(message) {
                        memory.receive(event);
                    }
                }
                Some(Err(error)) => {
                    match &error {
                        ClientError::Unreadable { .. } => memory.received.skip_to(now_ns()),
                        // What hyper says of a cut stream tells a person nothing.
                        ClientError::Other { .. } => {
                            tracing::debug!(%error, "container engine's events ended");
                            return Ok(closed());
                        }
                        _ => {}
                    }
                    return Err(error);
                }
                None => return Ok(closed()),
            },
            Some((event, looked)) = asked.next(), if !asked.is_empty() => {
                memory.tell(&event, looked, engine.defaults.engine);
            }
            all = &mut list, if !listed => {
                memory.resynced(all?);
                listed = true;
            }
            () = tx.closed() => return Ok(Ended::ReceiverGone),
        }
    }
}

fn closed() -> Ended {
    Ended::Lost("the engine closed the connection; was it stopped or restarted?".to_owned())
}

impl Answering<'_> {
    /// Every container, the oldest first.
    async fn list(&self) -> Result<Vec<Known>, ClientError> {
        let summaries = self.client.list().await?;
        let mut all: Vec<Known> = stream::iter(summaries)
            .map(|summary| self.inspect_listed(summary))
            .buffer_unordered(AT_ONCE)
            .try_filter_map(async |known| Ok(known))
            .try_collect()
            .await?;
        all.sort_by(|a, b| {
            let key = |known: &Known| (known.identity.created_ms, known.identity.id.clone());
            key(a).cmp(&key(b))
        });
        Ok(all)
    }

    /// One container of the list; what the list says, where no more can be had.
    async fn inspect_listed(
        &self,
        summary: ContainerSummary,
    ) -> Result<Option<Known>, ClientError> {
        let id = summary.id.clone().unwrap_or_default();
        match self.client.inspect(&id).await {
            Ok(answer) => {
                if let Some(known) = self.known(answer).await {
                    return Ok(Some(known));
                }
            }
            // Gone since; or a container on which the engine hangs, or writes nonsense.
            Err(
                error @ (ClientError::NotFound
                | ClientError::Unreadable { .. }
                | ClientError::Timeout { .. }),
            ) => {
                tracing::debug!(container = %id, %error, "container not inspected");
            }
            Err(error) => return Err(error),
        }
        Ok(listed(summary, &self.defaults).map(|identity| Known {
            identity,
            health_command: None,
        }))
    }

    /// Asks who an event's container is.
    async fn look(&self, event: ContainerEvent) -> (ContainerEvent, Looked) {
        match self.client.inspect(&event.id).await {
            Ok(answer) => {
                if let Some(known) = self.known(answer).await {
                    return (event, Looked::Found(Box::new(known)));
                }
            }
            Err(error) => {
                tracing::debug!(container = %event.id, %error, "container not inspected");
            }
        }
        // It may have lived for milliseconds; its image is still there.
        let image_id = match event.image() {
            Some(image) => self.client.image(image).await.ok().and_then(|it| it.id),
            None => None,
        };
        (event, Looked::Missing { image_id })
    }

    async fn known(&self, answer: ContainerInspectResponse) -> Option<Known> {
        let inspected = Inspected::read(answer, &self.defaults)?;
        let mut identity = inspected.identity;
        // Podman's API names the runtime's binary elsewhere; its own default would be a guess.
        if self.defaults.engine == Engine::Docker {
            identity.runtime = Some(self.runtimes.named(&inspected.runtime).await);
        }
        if let Some(image) = &identity.image {
            let other = self.images.other(&self.client, &image.id, inspected.made);
            identity.entrypoint = other.await;
        }
        Some(Known {
            identity,
            health_command: inspected.health_command,
        })
    }
}

/// Now, nanoseconds since the epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}
