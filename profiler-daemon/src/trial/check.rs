//! Whether a container does its work: a command in it succeeds, its own health check does, or it
//! runs on, or ends with 0.

use std::time::{Duration, Instant};

use super::Stage;
use crate::docker::{
    condition::{Condition, Standing},
    lifecycle::LifecycleError,
};

/// How often a container that is not ready yet is asked again.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a short-lived one is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What shows that a container works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// This command, executed in it, ends with 0.
    Command(Vec<String>),
    /// Its health check says that it is healthy.
    Health,
    /// It runs for so long, or has ended with 0 by then.
    Lives(Duration),
    /// It ends with 0.
    Ends,
}

/// Whether it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// It did.
    Done,
    /// It did not, and why, with what was written.
    Failed(String),
}

impl Check {
    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Command(words) => format!("the command {}", words.join(" ")),
            Self::Health => "its health check".to_owned(),
            Self::Lives(time) => format!("it runs for {} s, or ends with 0", time.as_secs()),
            Self::Ends => "it ends with 0".to_owned(),
        }
    }

    /// Checks a container that was started. A server takes a while: `patience` is how long.
    pub(super) async fn perform(
        &self,
        stage: &Stage,
        id: &str,
        patience: Duration,
    ) -> Result<Work, LifecycleError> {
        let begin = Instant::now();
        let mut last = "it was not ready in time".to_owned();
        loop {
            let condition = stage.lifecycle.condition(id).await?;
            if let Some(work) = self.settled(&condition, begin.elapsed()) {
                return Ok(work);
            }
            if begin.elapsed() >= patience {
                return Ok(Work::Failed(last));
            }
            match self {
                Self::Command(words) => {
                    let left = patience.saturating_sub(begin.elapsed()).max(PAUSE);
                    match stage.lifecycle.execute(id, words, left).await {
                        Ok(executed) if executed.status == Some(0) => return Ok(Work::Done),
                        Ok(executed) => {
                            let status = executed.status.map_or_else(
                                || "no status".to_owned(),
                                |status| status.to_string(),
                            );
                            last =
                                with_output(&format!("it ended with {status}"), &executed.output);
                        }
                        Err(LifecycleError::Refused { said, .. }) => last = said,
                        Err(error @ LifecycleError::Late { .. }) => last = error.to_string(),
                        Err(error) => return Err(error),
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Self::Health => {
                    if let Some((status, output)) = condition.health.and_then(|health| health.last)
                    {
                        last = with_output(&format!("it ended with {status}"), &output);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Self::Lives(_) | Self::Ends => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// What the container's condition alone decides, `after` its start.
    fn settled(&self, condition: &Condition, after: Duration) -> Option<Work> {
        if !condition.running {
            let ended = match (&condition.error, condition.status) {
                (Some(error), _) => format!("the container ended: {error}"),
                (None, Some(status)) => format!("the container ended with {status}"),
                (None, None) => "the container ended".to_owned(),
            };
            return Some(match (self, condition.status) {
                (Self::Lives(_) | Self::Ends, Some(0)) => Work::Done,
                (Self::Command(_) | Self::Health, _) => {
                    Work::Failed(format!("{ended} before the check could succeed"))
                }
                _ => Work::Failed(ended),
            });
        }
        match self {
            Self::Health => match &condition.health {
                None => Some(Work::Failed("it has no health check".to_owned())),
                Some(health) => match health.standing {
                    Standing::Healthy => Some(Work::Done),
                    Standing::Starting => None,
                    Standing::Unhealthy => Some(Work::Failed(match &health.last {
                        Some((status, output)) => {
                            with_output(&format!("it is unhealthy: it ended with {status}"), output)
                        }
                        None => "it is unhealthy".to_owned(),
                    })),
                },
            },
            Self::Lives(time) if after >= *time => Some(Work::Done),
            Self::Lives(_) | Self::Command(_) | Self::Ends => None,
        }
    }
}

fn with_output(what: &str, output: &str) -> String {
    match output.trim() {
        "" => what.to_owned(),
        output => format!("{what}: {output}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::condition::Health;

    const SECOND: Duration = Duration::from_secs(1);

    fn ended(status: i64) -> Condition {
        Condition {
            status: Some(status),
            ..Condition::default()
        }
    }

    fn running(standing: Standing) -> Condition {
        let last = Some((1, "no answer".to_owned()));
        Condition {
            running: true,
            health: Some(Health { standing, last }),
            ..Condition::default()
        }
    }

    #[test]
    fn an_end_decides() {
        for check in [Check::Lives(SECOND), Check::Ends] {
            assert_eq!(check.settled(&ended(0), SECOND), Some(Work::Done));
            let failed = check.settled(&ended(159), SECOND);
            assert_eq!(
                failed,
                Some(Work::Failed("the container ended with 159".to_owned()))
            );
        }
        for check in [Check::Health, Check::Command(Vec::new())] {
            assert!(matches!(
                check.settled(&ended(0), SECOND),
                Some(Work::Failed(why)) if why.contains("before")
            ));
        }
    }

    #[test]
    fn health_and_time_decide_for_one_that_runs() {
        let lives = Check::Lives(SECOND);
        let starting = running(Standing::Starting);
        assert_eq!(lives.settled(&starting, SECOND / 2), None);
        assert_eq!(lives.settled(&starting, SECOND), Some(Work::Done));
        assert_eq!(Check::Ends.settled(&starting, SECOND * 60), None);
        assert_eq!(Check::Health.settled(&starting, SECOND), None);
        let healthy = running(Standing::Healthy);
        assert_eq!(Check::Health.settled(&healthy, SECOND), Some(Work::Done));
        let sick = Check::Health.settled(&running(Standing::Unhealthy), SECOND);
        assert!(matches!(sick, Some(Work::Failed(why)) if why.ends_with("no answer")));
        let none = Condition {
            running: true,
            ..Condition::default()
        };
        assert!(matches!(
            Check::Health.settled(&none, SECOND),
            Some(Work::Failed(_))
        ));
    }
}
