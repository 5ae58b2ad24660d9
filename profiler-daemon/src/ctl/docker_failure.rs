//! How a verb ends that the engine, or a trial on it, keeps from its work.

use super::exit::{ExitStatus, Failure};
use crate::{
    docker::{client::ClientError, lifecycle::LifecycleError},
    trial::TrialError,
};

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(ExitStatus::Unreachable, error.to_string())
    }
}

impl From<LifecycleError> for Failure {
    fn from(error: LifecycleError) -> Self {
        let status = match error {
            LifecycleError::Engine(_) | LifecycleError::Late { .. } => ExitStatus::Unreachable,
            LifecycleError::Missing { .. } => ExitStatus::NotFound,
            LifecycleError::Refused { .. } => ExitStatus::BadInput,
        };
        Self::new(status, error.to_string())
    }
}

impl From<TrialError> for Failure {
    fn from(error: TrialError) -> Self {
        let status = match error {
            TrialError::Engine(error) => return error.into(),
            TrialError::NoImage { .. } => ExitStatus::NotFound,
            TrialError::NotMade(_) => ExitStatus::BadInput,
            TrialError::Here(_) => ExitStatus::Executor,
            TrialError::Interrupted => ExitStatus::Command(130),
        };
        Self::new(status, error.to_string())
    }
}
