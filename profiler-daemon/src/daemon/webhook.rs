//! News of drift for a program elsewhere: each a POST with a JSON body, as `watch` prints it.
//!
//! A receiver that is slow or away holds nobody up: what waits is bounded, and what is dropped is told in
//! the log. Must not decide what is news.

use std::{sync::mpsc, thread, time::Duration};

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use ureq::tls::{RootCerts, TlsConfig};

use crate::api::protocol::Event;

/// News that wait at most.
const MOST_WAITING: usize = 256;
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// When it is tried again, if it cannot be reached or answers that it failed.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
];

/// Posts news until told to stop.
pub(super) async fn run(
    url: String,
    mut news: broadcast::Receiver<Event>,
    stop: CancellationToken,
) {
    let (to, waiting) = mpsc::sync_channel::<String>(MOST_WAITING);
    // Posting blocks, and so has a thread of its own. It ends with the channel, or with the process.
    let posting = thread::Builder::new()
        .name("webhook".to_owned())
        .spawn(move || post_all(&url, &waiting));
    if let Err(error) = posting {
        tracing::error!(%error, "there is no thread for the webhook: drift is not posted");
        return;
    }
    loop {
        let event = tokio::select! {
            event = news.recv() => event,
            () = stop.cancelled() => return,
        };
        match event {
            Ok(event @ (Event::Drift { .. } | Event::Proposed { .. })) => {
                let Ok(body) = serde_json::to_string(&event) else {
                    continue;
                };
                if to.try_send(body).is_err() {
                    tracing::error!("the webhook's receiver is too slow: news of drift is dropped");
                }
            }
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::error!(
                    missed,
                    "news came too fast: some of drift may not be posted"
                );
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn post_all(url: &str, waiting: &mpsc::Receiver<String>) {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .tls_config(tls)
        .build()
        .into();
    for body in waiting {
        let mut pauses = AGAIN.iter();
        while let Err(error) = post(&agent, url, &body) {
            let Some(pause) = pauses.next() else {
                tracing::error!(url, %error, "news of drift could not be posted, and is dropped");
                break;
            };
            tracing::warn!(url, %error, "news of drift could not be posted, and is tried again");
            thread::sleep(*pause);
        }
    }
}

fn post(agent: &ureq::Agent, url: &str, body: &str) -> Result<(), ureq::Error> {
    agent
        .post(url)
        .content_type("application/json")
        .send(body)
        .map(drop)
}
