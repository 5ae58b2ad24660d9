//! One container that somebody waits for: what it writes is passed on as it comes, what is written
//! to us goes to it, and so do signals.

use std::{io, time::Duration};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncWriteExt, copy},
    signal::unix::{Signal, SignalKind, signal},
};

use super::{Stage, TrialError, proof::Proof};
use crate::{
    docker::{
        fresh::Fresh,
        lifecycle::{Attached, Written},
    },
    profile::{identity::Identity, observation::Refusal},
};

/// A container may run as long as it likes.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Signals that a person or a supervisor sends to a command, by the names that Docker has for them.
const PASSED_ON: [(SignalKind, &str); 5] = [
    (SignalKind::interrupt(), "SIGINT"),
    (SignalKind::terminate(), "SIGTERM"),
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::quit(), "SIGQUIT"),
    (SignalKind::user_defined1(), "SIGUSR1"),
];

/// What came of it.
#[derive(Debug)]
pub struct Attended {
    /// Who it was; none if the engine did not tell.
    pub identity: Option<Identity>,
    /// Its exit status, or what the engine says of a start that failed.
    pub ended: Result<i64, String>,
    /// Of one that started: whether its filter is what its profile says.
    pub proof: Option<Proof>,
    /// Calls that were refused to it, its runtime's too; none if nobody recorded.
    pub refusals: Option<Vec<Refusal>>,
}

/// Exit status of a container that SIGSYS ended.
const SIGSYS_STATUS: i64 = 128 + 31;

impl Attended {
    /// What the profile refused to the runtime, where the start failed.
    pub fn refused_start(&self) -> impl Iterator<Item = &Refusal> {
        let failed = self.ended.is_err();
        let refusals = self.refusals.iter().flatten();
        refusals.filter(move |refusal| failed && refusal.by_runtime)
    }

    /// Whether the container was ended for a call.
    #[must_use]
    pub fn ended_by_sigsys(&self) -> bool {
        self.ended == Ok(SIGSYS_STATUS)
    }
}

impl Stage {
    /// Makes a container, runs it to its end, and removes it.
    ///
    /// # Errors
    /// It could not be run, for a reason that is not the profile's.
    pub async fn attend(&self, fresh: &Fresh) -> Result<Attended, TrialError> {
        // Before the container is there: no signal is to find us without somebody to pass it on to.
        let signals = Signals::catch().map_err(|error| TrialError::Here(error.to_string()))?;
        let id = self.make(fresh).await?;
        let attended = self.attended(&id, fresh.stdin, signals).await;
        self.clear(&id).await;
        attended
    }

    async fn attended(
        &self,
        id: &str,
        stdin: bool,
        mut signals: Signals,
    ) -> Result<Attended, TrialError> {
        let Attached {
            mut output,
            mut input,
        } = self.lifecycle.attach(id, stdin).await?;
        let start = self.started(id).await?;
        let identity = self.lifecycle.identity(id, &self.facts).await.ok();
        let mut proof = None;
        let ended = match start {
            Err(said) => Err(said),
            Ok(()) => {
                if stdin {
                    tokio::spawn(async move {
                        // Its end is the end of what there is to say, and no error.
                        let _ = copy(&mut tokio::io::stdin(), &mut input).await;
                        let _ = input.shutdown().await;
                    });
                }
                let read = async {
                    if let Some(identity) = &identity {
                        proof = Some(self.proof(identity).await);
                    }
                };
                let written = async {
                    while let Some(piece) = output.next().await {
                        pass_on(piece).await;
                    }
                };
                let waited = self.lifecycle.ended(id, FOR_EVER);
                let passing = async {
                    loop {
                        let name = signals.next().await;
                        if let Err(error) = self.lifecycle.kill(id, name).await {
                            tracing::debug!(%error, "a signal did not reach the container");
                        }
                    }
                };
                tokio::select! {
                    (status, (), ()) = async { tokio::join!(waited, written, read) } => Ok(status?),
                    () = passing => Err("it is not known how it ended".to_owned()),
                }
            }
        };
        let detail = self.observer.record(id).await;
        Ok(Attended {
            identity,
            ended,
            proof,
            refusals: detail.map(|detail| detail.refusals),
        })
    }
}

/// A reader that has gone does not end the container.
async fn pass_on(piece: Written) {
    let _ = match piece {
        Written::Output(bytes) => {
            let mut out = tokio::io::stdout();
            match out.write_all(&bytes).await {
                Ok(()) => out.flush().await,
                failed => failed,
            }
        }
        Written::Error(bytes) => tokio::io::stderr().write_all(&bytes).await,
    };
}

struct Signals {
    caught: Vec<(Signal, &'static str)>,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let mut caught = Vec::new();
        for (kind, name) in PASSED_ON {
            caught.push((signal(kind)?, name));
        }
        Ok(Self { caught })
    }

    async fn next(&mut self) -> &'static str {
        std::future::poll_fn(|context| {
            for (signal, name) in &mut self.caught {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*name);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}
