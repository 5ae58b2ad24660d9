//! One start of a container, all the way to its removal.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{
    Stage, TrialError,
    check::{Check, Work},
    observer::Observer,
    proof::{Proof, Subject},
};
use crate::{
    docker::{fresh::Fresh, lifecycle::LifecycleError},
    profile::{identity::Identity, observation::Refusal},
};

/// Lines of what a container wrote that are kept of one that failed.
const LAST_LINES: u32 = 5;

/// How a round is to go.
#[derive(Clone, Debug)]
pub struct Course {
    /// What shows that it works.
    pub check: Check,
    /// How long that may take.
    pub patience: Duration,
    /// How long it may take to stop, before it is killed.
    pub stopping: Duration,
    /// Its filter is to be read.
    pub prove: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Round {
    /// Who it was; none if the engine did not tell.
    pub identity: Option<Identity>,
    /// What the engine says of a start that failed.
    pub start: Result<(), String>,
    /// Of one that started: whether its filter is what its profile says. None if not asked for.
    pub proof: Option<Proof>,
    /// Of one that started.
    pub work: Option<Work>,
    /// How it ended; of one that started.
    pub stop: Option<Stop>,
    /// Calls that were refused to it, its runtime's too; none if nobody recorded.
    pub refusals: Option<Vec<Refusal>>,
    /// The last lines that it wrote, if something failed.
    pub last_words: String,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// By itself, with this status.
    Itself(i64),
    /// When it was told to, after so long.
    Told(Duration),
    /// It had to be killed.
    Killed,
}

impl Round {
    /// Whether it started, worked and stopped.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.start.is_ok() && self.work == Some(Work::Done) && self.stop != Some(Stop::Killed)
    }
}

impl Stage {
    /// Makes a container, tries it, and removes it.
    ///
    /// # Errors
    /// It could not be tried, for a reason that is not the profile's, or somebody asked for the end.
    pub async fn round(
        &self,
        fresh: &Fresh,
        course: &Course,
        cancel: &CancellationToken,
    ) -> Result<Round, TrialError> {
        let id = self.make(fresh).await?;
        let tried = tokio::select! {
            tried = self.tried(&id, course) => tried,
            () = cancel.cancelled() => Err(TrialError::Interrupted),
        };
        self.clear(&id).await;
        tried
    }

    async fn tried(&self, id: &str, course: &Course) -> Result<Round, TrialError> {
        let start = self.started(id).await?;
        let mut round = Round {
            identity: self.lifecycle.identity(id, &self.facts).await.ok(),
            start,
            proof: None,
            work: None,
            stop: None,
            refusals: None,
            last_words: String::new(),
        };
        if round.start.is_ok() {
            if course.prove
                && let Some(identity) = &round.identity
            {
                round.proof = Some(self.proof(identity).await);
            }
            let check = &course.check;
            round.work = Some(check.perform(self, id, course.patience).await?);
            round.stop = Some(self.stopped(id, course.stopping).await?);
        }
        let detail = self.observer.record(id).await;
        round.refusals = detail.map(|detail| detail.refusals);
        if !round.is_good() {
            let words = self.lifecycle.last_words(id, LAST_LINES).await;
            round.last_words = words.unwrap_or_default().trim().to_owned();
        }
        Ok(round)
    }

    /// Starts a container; inside, what the engine says of a start that failed.
    pub(super) async fn started(&self, id: &str) -> Result<Result<(), String>, TrialError> {
        match self.lifecycle.start(id).await {
            Ok(()) => Ok(Ok(())),
            // 404 is what old engines answer to a command that is not in the image.
            Err(LifecycleError::Refused { said, .. } | LifecycleError::Missing { said }) => {
                Ok(Err(said))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the filter of a container that runs, or ran, and compares it.
    pub(super) async fn proof(&self, identity: &Identity) -> Proof {
        let copied = self.observer.filter(&identity.id).await;
        let observed = match &self.observer {
            Observer::Nobody(why) => format!("not recorded: {why}"),
            Observer::Daemon(_) | Observer::Own(_) => "its daemon has no copy of it".to_owned(),
        };
        let subject = Subject {
            identity,
            kernel: self.facts.kernel,
        };
        subject.proof(copied, &observed)
    }

    async fn stopped(&self, id: &str, patience: Duration) -> Result<Stop, LifecycleError> {
        let before = self.lifecycle.condition(id).await?;
        if let (false, Some(status)) = (before.running, before.status) {
            return Ok(Stop::Itself(status));
        }
        let begin = Instant::now();
        self.lifecycle.stop(id, Some(patience)).await?;
        let took = begin.elapsed();
        // 137 is SIGKILL, which the engine sends when the time is over.
        let killed = self.lifecycle.condition(id).await?.status == Some(137) && took >= patience;
        Ok(if killed {
            Stop::Killed
        } else {
            Stop::Told(took)
        })
    }
}
