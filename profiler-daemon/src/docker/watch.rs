//! Watching an engine for ever: connect, listen, lose, try again.
//!
//! An engine that is not there is no error: containers are recorded without their names until
//! it comes.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    client::Client,
    endpoint::Endpoint,
    entrypoint::ImageEntrypoints,
    memory::Memory,
    session::{self, Ended},
};
use crate::profile::engine_news::EngineNews;

/// Whom to watch, and how patiently.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// The engine.
    pub endpoint: Endpoint,
    /// How long one answer may take.
    pub answer_limit: Duration,
    /// The pause before the first new attempt; it doubles with every further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl WatchConfig {
    /// The usual patience: 10 s for an answer, pauses from 100 ms to 5 s.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            answer_limit: Duration::from_secs(10),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// Sends an engine's news until cancelled, or until nobody takes it any more.
pub async fn watch(config: WatchConfig, tx: mpsc::Sender<EngineNews>, cancel: CancellationToken) {
    cancel
        .run_until_cancelled(keep_watching(&config, &tx))
        .await;
}

async fn keep_watching(config: &WatchConfig, tx: &mpsc::Sender<EngineNews>) {
    let mut memory = Memory::default();
    let images = ImageEntrypoints::default();
    let mut pause = config.first_pause;
    loop {
        let ended = match Client::new(&config.endpoint, config.answer_limit) {
            Ok(client) => {
                let endpoint = config.endpoint.to_string();
                session::run(client, endpoint, &mut memory, &images, tx).await
            }
            Err(error) => Ended::Lost(error.to_string()),
        };
        match ended {
            Ended::ReceiverGone => return,
            Ended::Lost(reason) => memory.disconnected(reason),
        }
        while let Some(news) = memory.take_news() {
            if tx.send(news).await.is_err() {
                return;
            }
        }
        if memory.take_synced() {
            pause = config.first_pause;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = tx.closed() => return,
        }
        pause = (pause * 2).min(config.longest_pause);
    }
}
