//! The command line of the verbs that make containers: which engine, and what of `docker run` the
//! container takes. Types only, and what they say in the words of `docker`.

use std::time::Duration;

use clap::Args;

use super::exit::{ExitStatus, Failure};
use crate::docker::{
    endpoint::{DEFAULT_ENDPOINT, Endpoint},
    fresh::Fresh,
};

const CONTAINER: &str = "The container, as docker run takes it";

/// Where Docker is.
#[derive(Clone, Debug, Default, Args)]
pub struct EngineArgs {
    /// Docker's socket
    #[arg(
        long,
        value_name = "URL",
        env = "DOCKER_HOST",
        hide_env_values = true,
        default_value = DEFAULT_ENDPOINT
    )]
    pub docker_host: String,
}

/// What a container is made from, beside image, profile and command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONTAINER)]
pub struct ContainerArgs {
    /// Execute this in place of the image's entrypoint
    #[arg(long, value_name = "WORD")]
    pub entrypoint: Option<String>,
    /// Set a variable of its environment
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Mount a volume or a folder of the host
    #[arg(short = 'V', long, value_name = "SOURCE:TARGET[:ro]")]
    pub volume: Vec<String>,
    /// Its network
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Let no program in it gain privileges by execve
    #[arg(long)]
    pub no_new_privileges: bool,
}

impl EngineArgs {
    /// The engine's socket.
    ///
    /// # Errors
    /// What was given is none.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Failure> {
        let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
        Endpoint::parse(&self.docker_host)
            .map_err(|error| bad(error.to_string()))?
            .ok_or_else(|| bad("containers take an engine: --docker-host none has none".to_owned()))
    }
}

impl ContainerArgs {
    /// Anything of it was given.
    pub(super) fn is_asked_for(&self) -> bool {
        let Self {
            entrypoint,
            env,
            volume,
            network,
            no_new_privileges,
        } = self;
        entrypoint.is_some()
            || !env.is_empty()
            || !volume.is_empty()
            || network.is_some()
            || *no_new_privileges
    }

    /// A container of an image, under no profile yet.
    pub(super) fn fresh(&self, image: &str, cap_add: &[String], cap_drop: &[String]) -> Fresh {
        Fresh {
            image: image.to_owned(),
            entrypoint: self.entrypoint.clone(),
            env: self.env.clone(),
            volumes: self.volume.clone(),
            network: self.network.clone(),
            cap_add: cap_add.to_vec(),
            cap_drop: cap_drop.to_vec(),
            no_new_privileges: self.no_new_privileges,
            ..Fresh::default()
        }
    }
}

/// Seconds on a command line, of which 0 would mean nothing.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("write a number of seconds, 1 or more".to_owned()),
    }
}
