//! Who tells what a container called and was refused: the daemon of this host, one of our own for
//! as long as it is needed, or nobody.

use std::{path::PathBuf, time::Duration};

use super::own_daemon::OwnDaemon;
use crate::{
    api::{
        client::Client,
        protocol::{Detail, Health},
    },
    audit::active::{Active, Source},
    docker::endpoint::Endpoint,
};

/// How long news of a container may take to arrive.
const NEWS: Duration = Duration::from_secs(5);
/// How often it is asked for.
const PAUSE: Duration = Duration::from_millis(50);

/// Who records.
#[derive(Debug)]
pub enum Observer {
    /// The daemon of this host.
    Daemon(Client),
    /// A daemon of our own, which records this trial and ends with it.
    Own(Box<OwnDaemon>),
    /// Nobody, and why.
    Nobody(String),
}

impl Observer {
    /// The daemon that listens, if it records; else one of our own, if that can be had.
    pub async fn find(client: &Client, endpoint: &Endpoint) -> Self {
        let reason = match client.status().await {
            Ok(status) if status.health != Health::Failed => return Self::Daemon(client.clone()),
            Ok(status) => {
                let first = status.reasons.into_iter().next();
                format!(
                    "profilerd does not record: {}",
                    first.unwrap_or_else(|| "it does not say why".to_owned())
                )
            }
            Err(error) => error.to_string(),
        };
        match OwnDaemon::start(endpoint).await {
            Ok(own) => Self::Own(Box::new(own)),
            Err(why) => Self::Nobody(format!("{reason}; and {why}")),
        }
    }

    /// In words, for a report: who records, or why nobody does.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Daemon(_) => "recorded by profilerd".to_owned(),
            Self::Own(_) => "recorded by a profilerd of its own".to_owned(),
            Self::Nobody(why) => format!("not recorded: {why}"),
        }
    }

    fn client(&self) -> Option<&Client> {
        match self {
            Self::Daemon(client) => Some(client),
            Self::Own(own) => Some(own.client()),
            Self::Nobody(_) => None,
        }
    }

    /// The filter in force for a container, as it was copied at its start; none if nobody copied it.
    pub(super) async fn filter(&self, id: &str) -> Option<Active> {
        let client = self.client()?;
        let mut left = NEWS;
        loop {
            match client.active(id, false).await {
                // A bundle foretells; what was loaded is what is wanted.
                Ok(active) if matches!(active.source, Source::Copied | Source::None) => {
                    return Some(active);
                }
                Ok(_) | Err(_) if left.is_zero() => return None,
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
            left = left.saturating_sub(PAUSE);
        }
    }

    /// What is known of a container that has ended; none if nobody recorded it.
    pub(super) async fn record(&self, id: &str) -> Option<Detail> {
        let client = self.client()?;
        let mut left = NEWS;
        loop {
            let answer = client.show(id).await.ok();
            match answer {
                Some(detail) if detail.stop_seen || left.is_zero() => return Some(detail),
                None if left.is_zero() => return None,
                Some(_) | None => tokio::time::sleep(PAUSE).await,
            }
            left = left.saturating_sub(PAUSE);
        }
    }
}

/// Where our own `profilerd` lies: beside the running program.
pub(super) fn beside_us() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.with_file_name("profilerd");
    program.is_file().then_some(program)
}
