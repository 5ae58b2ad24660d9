//! How a container is at a moment: whether it runs, how it ended, whether it is healthy. Pure.

use bollard::models::{ContainerInspectResponse, HealthStatusEnum};

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// It runs, paused or not.
    pub running: bool,
    /// Its exit status, if it ran and ended: 128 and more for a signal.
    pub status: Option<i64>,
    /// What the engine says of an end that was not its program's.
    pub error: Option<String>,
    /// What its health check says; none if it has none.
    pub health: Option<Health>,
}

/// What a health check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The verdict.
    pub standing: Standing,
    /// How its last try ended, and what that wrote.
    pub last: Option<(i64, String)>,
}

/// The verdict of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// None yet.
    Starting,
    /// Good.
    Healthy,
    /// As often bad as it takes.
    Unhealthy,
}

impl Condition {
    /// Reads what the engine tells.
    #[must_use]
    pub fn read(answer: &ContainerInspectResponse) -> Self {
        let Some(state) = &answer.state else {
            return Self::default();
        };
        let running = state.running.unwrap_or_default();
        let health = state.health.as_ref().and_then(|health| {
            let standing = match health.status? {
                HealthStatusEnum::STARTING => Standing::Starting,
                HealthStatusEnum::HEALTHY => Standing::Healthy,
                HealthStatusEnum::UNHEALTHY => Standing::Unhealthy,
                HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => return None,
            };
            let last = health.log.as_ref().and_then(|log| log.last()).map(|last| {
                let wrote = last.output.clone().unwrap_or_default();
                (last.exit_code.unwrap_or_default(), wrote.trim().to_owned())
            });
            Some(Health { standing, last })
        });
        // An engine writes year 1 for what has not ended yet, and status 0.
        let ended = !running && state.started_at.as_deref().is_some_and(has_been);
        Self {
            running,
            status: state.exit_code.filter(|_| ended),
            error: state.error.clone().filter(|error| !error.is_empty()),
            health,
        }
    }
}

fn has_been(time: &str) -> bool {
    !time.is_empty() && !time.starts_with("0001-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(state: serde_json::Value) -> Condition {
        let answer = json!({"State": state});
        Condition::read(&serde_json::from_value(answer).expect("bollard reads it"))
    }

    #[test]
    fn a_container_runs_has_ended_or_was_never_started() {
        let runs =
            read(json!({"Running": true, "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z"}));
        assert!(runs.running && runs.status.is_none());
        let ended =
            read(json!({"Running": false, "ExitCode": 3, "StartedAt": "2026-01-01T00:00:00Z"}));
        assert_eq!(ended.status, Some(3));
        let made = read(
            json!({"Running": false, "ExitCode": 0, "StartedAt": "0001-01-01T00:00:00Z",
            "Error": "cannot"}),
        );
        assert_eq!((made.status, made.error.as_deref()), (None, Some("cannot")));
        assert_eq!(
            Condition::read(&ContainerInspectResponse::default()),
            Condition::default()
        );
    }

    #[test]
    fn the_last_try_of_a_health_check_is_told() {
        let sick = read(json!({"Running": true, "Health": {"Status": "unhealthy",
            "Log": [{"ExitCode": 0, "Output": "x"}, {"ExitCode": 1, "Output": "no\n"}]}}));
        let health = sick.health.expect("a health check");
        assert_eq!(health.standing, Standing::Unhealthy);
        assert_eq!(health.last, Some((1, "no".to_owned())));
        assert_eq!(read(json!({"Health": {"Status": "none"}})).health, None);
    }
}
